"""Where Seam delivers its events."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from locks.services.errors import DATABASE_GONE
from locks.services.reconnecting import drop_dead_connections
from locks.services.webhooks import LARGEST, NotSeams, take_delivery


@csrf_exempt  # signed by Seam instead
@login_not_required
@require_POST
def seam_webhook(request: HttpRequest) -> HttpResponse:
    """204 for what Seam signed, new or known; 400 for anything else; 503 has it delivered again.

    404 where no SEAM_WEBHOOK_SECRET is set. Asks nothing of Seam, so that it answers at once.
    """
    if not settings.SEAM_WEBHOOK_SECRETS:
        raise Http404
    try:
        if int(request.headers.get("Content-Length") or 0) > LARGEST:
            return _said("The body is too large.", 413)
        body = request.read(LARGEST + 1)
        if len(body) > LARGEST:
            return _said("The body is too large.", 413)
        take_delivery(body, request.headers)
    except NotSeams as refusal:
        return _said(str(refusal), 400)
    except (ValueError, RequestDataTooBig, UnreadablePostError):
        return _said("The request cannot be read.", 400)
    except DATABASE_GONE:
        drop_dead_connections()
        return _said("The database cannot be reached.", 503)
    return HttpResponse(status=204)


def _said(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
