"""Probes: `/healthz` says that the process lives, `/readyz` that presses would be recorded and followed."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from locks.http import signed_in_by_pin, vouched_for
from locks.models import Lease, lacking_second_factor
from locks.startup import problem


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers; touches nothing else."""
    return HttpResponse("yes\n", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 `yes`, 200 `degraded` (no worker lately: each web process follows by itself), or 503 `no`.

    Superusers read the reasons, as JSON: `ready`, `problem` (a sentence, or empty) and
    `worker_seen_seconds_ago` (null for never), as far as the session can still be read.
    """
    reason = problem()
    age = None if reason else worker_age()
    fresh = age is not None and age < Lease.WORKER_SILENT_AFTER
    word = "no" if reason else "yes" if fresh else "degraded"
    status = 503 if reason else 200
    if _may_read_why(request):
        seen = None if age is None else round(age.total_seconds(), 1)
        told = {"ready": word, "problem": reason, "worker_seen_seconds_ago": seen}
        return JsonResponse(told, status=status)
    return HttpResponse(f"{word}\n", content_type="text/plain", status=status)


def _may_read_why(request: HttpRequest) -> bool:
    try:
        user = request.user
        if not (user.is_authenticated and user.is_superuser) or signed_in_by_pin(request):
            return False
        return vouched_for(request.session) or not lacking_second_factor([user.pk])
    except (DatabaseError, InterfaceError):
        return False


def worker_age() -> dt.timedelta | None:
    """How long ago a worker last ran; None for never, and where the database cannot say."""
    try:
        return Lease.worker_age()
    except (DatabaseError, InterfaceError):
        return None
