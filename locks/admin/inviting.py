"""Invitations: made by form, shown once, withdrawn; by services.inviting."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.admin.base import Reviewed
from locks.admin.filters import ByBuilding, OneOf
from locks.admin.hours import written
from locks.admin.roles import TermsForm
from locks.admin.scope import actor, scope
from locks.admin.shown import NONE, when
from locks.admin.site import site
from locks.models import Building, Invitation
from locks.services import inviting
from locks.services.errors import ServiceError
from locks.services.staffing import Terms

_TERMS = ("valid_from", "valid_until", "weekly_hours")
_ASKED = ("name", "username", "email", "building", "role", *_TERMS)
STATES = {
    "open": _("open"),
    "used": _("accepted"),
    "withdrawn": _("withdrawn"),
    "expired": _("run out"),
}


class InviteForm(TermsForm):
    """Whom to invite to which role. Nothing here looks whether anybody has an account."""

    email = forms.EmailField(
        label=_("E-mail address"),
        required=False,
        widget=forms.EmailInput(attrs={"class": "vTextField"}),
        help_text=_("The link goes there, too. Empty: you hand it over yourself."),
    )
    revoke = None  # type: ignore[assignment]  # Django's way to leave out an inherited field

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        end = cleaned.get("valid_until")
        if end is not None and cleaned.get("building") and end <= timezone.now():
            self.add_error("valid_until", _("The end lies in the past."))
        return cleaned


class ByState(OneOf):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return list(STATES.items())

    def narrow(self, value: str) -> Q:
        unused = Q(used_at=None, withdrawn_at=None)
        return {
            "open": unused & Q(expires_at__gt=timezone.now()),
            "used": ~Q(used_at=None),
            "withdrawn": ~Q(withdrawn_at=None),
            "expired": unused & Q(expires_at__lte=timezone.now()),
        }[value]


def handed_page(
    model_admin: Any,
    request: HttpRequest,
    handed: inviting.Handed,
    building: Building | None,
    **context: Any,
) -> HttpResponse:
    """The page that shows a secret, this once: it is in no address, so that a reload asks first.

    Until when it works is told on the clock of `building`.
    """
    zone = (building or Building()).zone  # without a building: UTC
    shown = {
        "until": f"{handed.way.expires_at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}",
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "handed": handed,
        **context,
    }
    return TemplateResponse(request, "admin/locks/handed.html", shown)


@admin.register(Invitation, site=site)
class InvitationAdmin(Reviewed):
    list_display = ("name", "role", "building", "state_now", "made", "open_until")
    list_filter = (ByBuilding, ByState)
    list_select_related = ("building", "made_by", "accepted_by", "withdrawn_by")
    ordering = ("-made_at", "-pk")
    sortable_by = ()
    search_fields = ("name", "username")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return _ASKED
        told = ("state_now", "made", "open_until", "accepted", "withdrawn")
        return ("name", "username", "email", "building", "role", "begins", "ends", "hours", *told)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        if obj is None:
            kw["form"] = InviteForm
        return super().get_form(request, obj, change=change, **kw)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The only building, where there is one: nothing of the address."""
        own = list(scope(Building, request.user)[:2])
        return {"building": own[0].pk, "role": "front_desk"} if len(own) == 1 else {}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        names = ("name", "username", "email", "building", "role")
        given = {name: form.cleaned_data[name] for name in names}
        handed = inviting.invite_person(actor=actor(request), terms=form.terms(Terms()), **given)
        obj.pk, obj.handed = handed.way.pk, handed

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        back = reverse("admin:locks_invitation_changelist")
        title = _("Hand over this invitation")
        told = {"title": title, "back": back, "back_name": _("Invitations")}
        building, way = obj.building, obj.handed.way
        return handed_page(self, request, obj.handed, building, invitation=way, **told)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Its template has one button: what that makes is shown once, on the page that follows."""
        if kwargs.get("obj") is None:
            context["title"] = _("Invite somebody")
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.withdraw_view)
        page = path("<path:object_id>/withdraw/", view, name="locks_invitation_withdraw")
        return [page, *super().get_urls()]

    def withdraw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take an invitation back before it is accepted."""
        invitation = self.get_object(request, unquote(object_id))
        if invitation is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            inviting.withdraw_invitation(actor=actor(request), invitation=invitation)
        except (ServiceError, ValidationError) as refusal:
            self.tell(request, refusal)
        else:
            done = _("The invitation is withdrawn: its link and code lead nowhere.")
            self.message_user(request, done, messages.SUCCESS)
        page = reverse("admin:locks_invitation_change", args=(invitation.pk,))
        return HttpResponseRedirect(page)

    def record_filter(self, obj: Invitation) -> dict[str, Any]:
        return {"building": obj.building_id, "q": obj.name}

    @admin.display(description=_("state"))
    def state_now(self, invitation: Invitation) -> Any:
        return STATES[invitation.state]

    @admin.display(description=_("invited"))
    def made(self, invitation: Invitation) -> str:
        return f"{self._clock(invitation, invitation.made_at)} · {invitation.made_by}"

    @admin.display(description=_("can be accepted until"))
    def open_until(self, invitation: Invitation) -> str:
        return self._clock(invitation, invitation.expires_at)

    @admin.display(description=_("accepted"))
    def accepted(self, invitation: Invitation) -> str:
        at, who = invitation.used_at, invitation.accepted_by
        return f"{self._clock(invitation, at)} · {who}" if at else NONE

    @admin.display(description=_("withdrawn"))
    def withdrawn(self, invitation: Invitation) -> str:
        at, who = invitation.withdrawn_at, invitation.withdrawn_by
        return f"{self._clock(invitation, at)} · {who}" if at else NONE

    @admin.display(description=_("from"))
    def begins(self, invitation: Invitation) -> str:
        return when(invitation.valid_from, invitation.building)

    @admin.display(description=_("until"))
    def ends(self, invitation: Invitation) -> str:
        return when(invitation.valid_until, invitation.building)

    @admin.display(description=_("weekly hours"))
    def hours(self, invitation: Invitation) -> str:
        return written(invitation.weekly_hours) or NONE

    def _clock(self, invitation: Invitation, at: Any) -> str:
        return f"{at.astimezone(invitation.building.zone):%Y-%m-%d %H:%M %Z}"
