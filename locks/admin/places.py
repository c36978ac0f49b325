"""Buildings and doors. Writes go through services.places and freezing, which decide and record."""

import datetime as dt
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from locks.admin.filters import ByBuilding, OneOf
from locks.admin.health import HealthPage
from locks.admin.hours import WallClockField
from locks.admin.scope import actor
from locks.admin.shown import NONE, when
from locks.admin.site import site
from locks.admin.who_can import WhoCanUnlockADoor
from locks.models import Building, Device
from locks.services import freezing, inventory, places
from locks.services.errors import ServiceError
from locks.words.numbers import percent

Fieldsets = Any
FREEZE = ("frozen", "frozen_reason", "frozen_until")


def changed(form: forms.ModelForm, names: frozenset[str]) -> dict[str, Any]:
    """The values of the fields among `names` that the person changed."""
    return {name: form.cleaned_data[name] for name in form.changed_data if name in names}


class FreezeForm(forms.ModelForm):
    """What can be frozen, with the end of the freeze on the wall clock of its building."""

    frozen_until = WallClockField(
        label=_("End of the freeze"),
        required=False,
        show_hidden_initial=True,
        help_text=_("On the building's wall clock. Empty: until a manager lifts it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.frozen_until:
            local = self.instance.frozen_until.astimezone(self._zone)
            self.initial["frozen_until"] = local.replace(tzinfo=None)

    @property
    def _zone(self) -> dt.tzinfo:
        """Of the building itself, or of the door's; UTC for a door without one."""
        place = self.instance if isinstance(self.instance, Building) else self.instance.building
        return place.zone if place else dt.UTC

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("frozen"):
            cleaned["frozen_until"] = None
        elif end := cleaned.get("frozen_until"):
            cleaned["frozen_until"] = end.replace(tzinfo=self._zone)
            if "frozen_until" in self.changed_data and cleaned["frozen_until"] <= timezone.now():
                self.add_error("frozen_until", _("The end of a freeze must lie in the future."))
        return cleaned

    def freeze(self, freeze: Any, release: Any) -> None:
        """Call the one or the other service where the person changed something of the freeze.

        What they left as it was is as it is now: their page may have been open for long.
        """
        changed = {name for name in self.changed_data if name in FREEZE}
        if "frozen" in changed and not self.cleaned_data["frozen"]:
            release()
        elif changed and self.cleaned_data["frozen"]:
            now = type(self.instance).objects.get(pk=self.instance.pk)
            reason, until = (
                self.cleaned_data[name] if name in changed else getattr(now, name)
                for name in ("frozen_reason", "frozen_until")
            )
            freeze(reason=reason, until=until)


@admin.register(Building, site=site)
class BuildingAdmin(HealthPage):
    form = FreezeForm
    fields = (
        "name",
        "time_zone",
        "help_line",
        "quiet_from",
        "quiet_until",
        *FREEZE,
    )
    fields_of_a_new_one = ("name", "time_zone", "help_line")
    list_display = ("name", "lock_health", "help_line", "time_zone", "frozen")
    sortable_by = ("name",)
    search_fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fields if obj else self.fields_of_a_new_one

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return () if request.user.is_superuser else ("name", "time_zone")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            given = {name: form.cleaned_data[name] for name in self.fields_of_a_new_one}
            obj.pk = places.add_building(actor=actor(request), **given).pk
            return
        if settings := changed(form, places.BUILDING_FIELDS):
            places.change_building(actor=actor(request), building=obj, changes=settings)
        of_it = {"actor": actor(request), "building": obj}
        form.freeze(
            partial(freezing.freeze_building, **of_it), partial(freezing.release_building, **of_it)
        )

    def record_filter(self, obj: Building) -> dict[str, Any]:
        return {"building": obj.pk}


class ByState(OneOf):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        states = [
            ("renamed", _("renamed at Seam")),
            ("offline", _("offline")),
            ("gone", _("gone from Seam")),
            ("frozen", _("frozen")),
        ]
        return [*states, ("unassigned", _("unassigned"))] if request.user.is_superuser else states

    def narrow(self, value: str) -> Q:
        return {
            "renamed": ~Q(seam_name=F("reviewed_seam_name")),
            "offline": Q(online=False),
            "frozen": Q(frozen=True),
            "gone": Q(gone_at__isnull=False),
            "unassigned": Q(building=None),
        }[value]


@admin.register(Device, site=site)
class DeviceAdmin(WhoCanUnlockADoor):
    form = FreezeForm
    actions = ("take_over_name", "keep_label")
    told_by_seam = (
        "seam_name",
        "seam_device_id",
        "manufacturer",
        "model",
        "online",
        "locked",
        "battery",
        "can_remotely_unlock",
        "can_remotely_lock",
        "errors",
        "warnings",
        "told_at",
        "gone_since",
    )
    fieldsets = (
        (None, {"fields": ("building", "label", "area", "nickname", "access")}),
        (_("Before a press"), {"fields": ("step_up_minutes", "break_glass")}),
        (_("Freeze"), {"fields": FREEZE}),
        (_("As Seam tells"), {"fields": told_by_seam}),
    )
    list_display = (
        "label",
        "building",
        "area",
        "access",
        "frozen",
        "online",
        "can_remotely_unlock",
        "battery",
        "new_name",
    )
    list_filter = (ByBuilding, ByState)
    list_select_related = ("building",)
    sortable_by = ("label", "area", "access", "online")
    search_fields = ("label", "nickname", "area", "seam_name", "seam_device_id")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        place = () if request.user.is_superuser else ("building",)
        return (*place, *self.told_by_seam)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if "building" in form.changed_data:
            target = form.cleaned_data["building"]
            places.assign_door(actor=actor(request), device=obj, building=target)
        if settings := changed(form, places.DOOR_FIELDS):
            places.change_door(actor=actor(request), device=obj, changes=settings)
        of_it = {"actor": actor(request), "device": obj}
        form.freeze(partial(freezing.freeze_door, **of_it), partial(freezing.release_door, **of_it))

    def record_filter(self, obj: Device) -> dict[str, Any]:
        return {"door": obj.pk}

    @admin.action(description=_("Call these doors as Seam does now"))
    def take_over_name(self, request: HttpRequest, doors: QuerySet[Device]) -> None:
        self._for_each(request, doors, places.accept_seam_name)

    @admin.action(description=_("Keep the labels of these doors"))
    def keep_label(self, request: HttpRequest, doors: QuerySet[Device]) -> None:
        self._for_each(request, doors, places.dismiss_seam_name)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.sync_view)
        return [path("sync/", view, name="locks_device_sync"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"may_sync": actor(request).is_superuser})

    def sync_view(self, request: HttpRequest) -> HttpResponse:
        """Read the doors from Seam. Not an action on rows: the first time there are none."""
        if not actor(request).is_superuser:
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            report = inventory.sync_devices(actor=actor(request))
        except ServiceError as refusal:
            self.tell(request, refusal)
        else:
            told = _(
                "Seam lists %(listed)d doors: %(added)d new, %(renamed)d renamed, %(gone)d gone"
            )
            self.message_user(request, f"{told % report.as_dict()}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:locks_device_changelist"))

    def _for_each(self, request: HttpRequest, doors: QuerySet[Device], decide: Any) -> None:
        """Decide on the doors with another name at Seam; the others are left as they are."""
        renamed = [door for door in doors if door.offers_new_name]
        try:
            for door in renamed:
                decide(actor=actor(request), device=door)
        except ServiceError as refusal:
            self.tell(request, refusal)
            return
        count = len(renamed)
        done = ngettext("%d door decided on.", "%d doors decided on.", count) % count
        self.message_user(request, done, messages.SUCCESS)

    @admin.display(description=_("new name at Seam"))
    def new_name(self, door: Device) -> str:
        return door.seam_name if door.offers_new_name else ""

    @admin.display(description=_("battery"))
    def battery(self, door: Device) -> str:
        share = door.battery_percent
        level = NONE if share is None else percent(share)
        return f"{level} {door.battery_status}".strip()

    @admin.display(description=_("last told by Seam"))
    def told_at(self, door: Device) -> str:
        return when(door.synced_at, door.building)

    @admin.display(description=_("gone from Seam since"))
    def gone_since(self, door: Device) -> str:
        return when(door.gone_at, door.building)
