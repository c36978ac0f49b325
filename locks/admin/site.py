"""The admin's site: whom it lets in, and which of Django's own addresses it does without."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from locks.admin.alert_summary import open_alerts
from locks.admin.scope import actor
from locks.admin.standing import standing
from locks.http import signed_in_by_pin
from locks.models import Building, Review, Rule

# Not needed, and each answers questions about rows: `r/` tells of any table whether an id exists.
LEFT_OUT = {"view_on_site", "autocomplete"}


class RecordsSite(admin.AdminSite):
    """For managers of a building now, and superusers; `is_staff` and groups decide nothing."""

    site_header = _("accessdesk records")
    site_title = _("accessdesk")
    index_title = _("Records and settings")

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the person manages a building now, and signed in fully, not by a PIN."""
        return self.manages(request) and not signed_in_by_pin(request)

    def manages(self, request: HttpRequest) -> bool:
        """Whether the person manages a building now; looked up once a request."""
        kept = vars(request)
        if "_may_enter_admin" not in kept:
            user = request.user
            # A superuser may come before the first building exists.
            kept["_may_enter_admin"] = user.is_active and (
                user.is_superuser or Building.objects.managed_by(user).exists()
            )
        return bool(kept["_may_enter_admin"])

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """As Django's, but who is signed in and may not enter gets 403, not a sign-in form.

        Who came by a PIN and manages a building is led to the full sign-in, and back.
        """
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                if not self.manages(request):
                    raise PermissionDenied
                return redirect_to_login(request.get_full_path(), reverse("full_sign_in"))
            return guarded(request, *args, **kwargs)

        return inner

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """As Django's, and on top the last nightly proof, open alerts, and what is open to review."""
        told = {
            "standing": standing(actor(request)),
            "alerts": open_alerts(actor(request)),
            "open_reviews": _open_reviews(request),
        }
        return super().index(request, {**told, **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in LEFT_OUT]

    @method_decorator([never_cache, login_not_required])
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one sign-in; it checks where `next` leads."""
        if request.user.is_authenticated and not self.manages(request):
            raise PermissionDenied
        after = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        return redirect_to_login(after, resolve_url("login"))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """There is one sign-out; it takes a POST, which 307 preserves."""
        return HttpResponseRedirect(reverse("logout"), preserve_request=True)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return HttpResponseRedirect(reverse("password_change"))

    password_change_done = password_change

    def get_log_entries(self, request: HttpRequest) -> QuerySet[LogEntry]:
        """None: the admin's own log is not the record, and nothing writes it."""
        return LogEntry.objects.none()


def _open_reviews(request: HttpRequest) -> list[tuple[Rule, int]]:
    """What is open in the person's review queue, by rule."""
    rows = Review.objects.visible_to(actor(request)).open().order_by().values("rule")
    items = dict(rows.annotate(items=Count("pk")).values_list("rule", "items"))
    return [(rule, items[rule]) for rule in Rule if rule in items]


site = RecordsSite(name="admin")
site.disable_action("delete_selected")
