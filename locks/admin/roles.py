"""Roles: granted to a person named by exact username, changed, revoked, by services.staffing."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from locks.admin.base import Reviewed
from locks.admin.filters import ByBuilding, ByChoice, ByPerson, OneOf
from locks.admin.hours import WallClockField, WeeklyHoursField, example, written
from locks.admin.scope import actor
from locks.admin.shown import NONE, when
from locks.admin.site import site
from locks.models import Assignment, Role, User
from locks.services import staffing
from locks.services.staffing import Terms

_TERMS = ("valid_from", "valid_until", "weekly_hours")
_CLOCK = _("On the building's wall clock. Empty: no limit.")


class TermsForm(forms.ModelForm):
    """Dates and hours of a role, read on the wall clock of its building."""

    valid_from = WallClockField(
        label=_("From"), required=False, help_text=_CLOCK, show_hidden_initial=True
    )
    valid_until = WallClockField(
        label=_("Until"), required=False, help_text=_CLOCK, show_hidden_initial=True
    )
    weekly_hours = WeeklyHoursField(
        label=_("Weekly hours"),
        required=False,
        show_hidden_initial=True,
        help_text=format_lazy(_("Unlocking only then, such as: {hours}"), hours=example),
    )
    revoke = forms.BooleanField(
        label=_("Revoke"), required=False, help_text=_("Take the role away now, for good.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name in ("valid_from", "valid_until"):
                if moment := getattr(self.instance, name):
                    zone = self.instance.building.zone
                    self.initial[name] = moment.astimezone(zone).replace(tzinfo=None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        building = cleaned.get("building") if self.instance.pk is None else self.instance.building
        # Without a building the form is refused; what is checked besides needs a zone all the same.
        zone = building.zone if building is not None else dt.UTC
        for name in ("valid_from", "valid_until"):
            if cleaned.get(name) is not None:
                cleaned[name] = cleaned[name].replace(tzinfo=zone)
        return cleaned

    def terms(self, held: Terms) -> Terms:
        """`held` with what was changed in this form."""
        given = {
            name: self.cleaned_data[name] if name in self.changed_data else getattr(held, name)
            for name in _TERMS
        }
        return Terms(**given)


class GrantForm(TermsForm):
    username = forms.CharField(
        label=_("Username"), max_length=150, help_text=_("Exactly, of an active account.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        # Looked up last: a form with another mistake must not tell which usernames exist.
        if not self.errors:
            person = User.objects.filter(username=cleaned["username"], is_active=True).first()
            if person is None:
                self.add_error("username", _("There is no active account with this username."))
            else:
                self.instance.person = person
        return cleaned


class HoldsRole(ByChoice):
    title = _("role")
    parameter_name = "role"
    choices_of = Role
    path = "role"


class ByState(OneOf):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("held", _("not revoked")), ("over", _("over")), ("revoked", _("revoked"))]

    def narrow(self, value: str) -> Q:
        held = Q(revoked_at=None)
        return {
            "held": held,
            "over": held & Q(valid_until__lte=timezone.now()),
            "revoked": ~held,
        }[value]


@admin.register(Assignment, site=site)
class AssignmentAdmin(Reviewed):
    told = ("granted", "revoked")
    list_display = ("person", "role", "building", "begins", "ends", "hours", "state", "granted")
    list_filter = (ByBuilding, ByPerson, HoldsRole, ByState)
    list_select_related = ("person", "building", "granted_by", "revoked_by")
    ordering = ("building__name", "person__name", "role", "pk")
    sortable_by = ("person", "role")
    search_fields = ("person__name", "person__username")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return self.has_view_permission(request)
        mine = obj.person_id == request.user.pk and not request.user.is_superuser
        return self.has_view_permission(request) and obj.revoked_at is None and not mine

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ("username", "building", "role", *_TERMS)
        if self.has_change_permission(request, obj):
            return ("person", "building", "role", *_TERMS, "revoke", *self.told)
        return ("person", "building", "role", "begins", "ends", "hours", *self.told)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("person", "building", "role", *self.told) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        kw["form"] = TermsForm if obj else GrantForm
        return super().get_form(request, obj, change=change, **kw)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            given = {name: form.cleaned_data[name] for name in ("building", "role")}
            obj.pk = staffing.grant_role(
                actor=actor(request), person=obj.person, terms=form.terms(Terms()), **given
            ).pk
        elif form.cleaned_data["revoke"]:
            staffing.revoke_role(actor=actor(request), assignment=obj)
        else:
            held = Terms.of(Assignment.objects.get(pk=obj.pk))
            staffing.change_role(actor=actor(request), assignment=obj, terms=form.terms(held))

    def record_filter(self, obj: Assignment) -> dict[str, Any]:
        return {"person": obj.person_id, "building": obj.building_id}

    @admin.display(description=_("from"))
    def begins(self, role: Assignment) -> str:
        return when(role.valid_from, role.building)

    @admin.display(description=_("until"))
    def ends(self, role: Assignment) -> str:
        return when(role.valid_until, role.building)

    @admin.display(description=_("weekly hours"))
    def hours(self, role: Assignment) -> str:
        return written(role.weekly_hours) or NONE

    @admin.display(description=_("state"))
    def state(self, role: Assignment) -> str:
        now = timezone.now()
        if role.revoked_at is not None:
            return str(_("revoked"))
        if role.valid_until is not None and role.valid_until <= now:
            return str(_("over"))
        if role.valid_from is not None and role.valid_from > now:
            return str(_("not begun"))
        return str(_("in force") if role.person.is_active else _("account closed"))

    @admin.display(description=_("granted"))
    def granted(self, role: Assignment) -> str:
        return f"{role.granted_at:%Y-%m-%d %H:%M} UTC · {role.granted_by or NONE}"

    @admin.display(description=_("revoked"))
    def revoked(self, role: Assignment) -> str:
        if role.revoked_at is None:
            return NONE
        return f"{role.revoked_at:%Y-%m-%d %H:%M} UTC · {role.revoked_by or NONE}"
