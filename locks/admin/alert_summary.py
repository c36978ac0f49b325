"""What is wrong now in a manager's buildings, in a few lines: the admin's first page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from locks.admin.shown import when_in_a_row
from locks.models import Alarm, Alert, AlertRoute, Building, User
from locks.services.telling_alerts import alerts_path, path_of

MOST_SHOWN: Final = 5  # of one kind; its list has all
GRAVE: Final = (Alarm.BROKEN, Alarm.OFFLINE, Alarm.SILENT)


@dataclass(frozen=True)
class Row:
    """One alert: where it leads, what it is about, and since when."""

    url: str
    text: str
    since: str


@dataclass(frozen=True)
class Group:
    """The open alerts of one kind."""

    label: str
    url: str
    grave: bool
    number: int
    rows: list[Row]

    @property
    def more(self) -> int:
        return self.number - len(self.rows)


@dataclass(frozen=True)
class Summary:
    """All that is open, by kind; and webhooks that do not deliver."""

    groups: list[Group]
    webhooks: list[tuple[int, str]]  # the building's id, and a sentence


def open_alerts(user: User) -> Summary:
    """The open alerts of the buildings that `user` manages now."""
    rows = Alert.objects.visible_to(user).open()
    numbers = dict(rows.order_by().values("kind").annotate(n=Count("pk")).values_list("kind", "n"))
    several = Building.objects.managed_by(user)[:2].count() > 1
    groups = [
        _group(kind, numbers[kind], rows.filter(kind=kind), several)
        for kind in Alarm
        if kind in numbers
    ]
    groups.sort(key=lambda group: not group.grave)
    return Summary(groups, list(_webhooks(user)))


def _group(kind: Alarm, number: int, rows: QuerySet[Alert], several: bool) -> Group:
    newest = rows.select_related("building", "person").order_by("-raised_at", "door_label", "pk")
    return Group(
        label=capfirst(str(kind.label)),
        url=alerts_path(kind=kind.value),
        grave=kind in GRAVE,
        number=number,
        rows=[_row(alert, several) for alert in newest[:MOST_SHOWN]],
    )


def _row(alert: Alert, several: bool) -> Row:
    about = alert.door_label or (str(alert.person) if alert.person else "")
    place = str(alert.building) if several or not about else ""
    text = " · ".join(filter(None, (about, place)))
    return Row(path_of(alert), text, when_in_a_row(alert.since, alert.building))


def _webhooks(user: User) -> list[tuple[int, str]]:
    managed = Building.objects.managed_by(user)
    troubled = AlertRoute.objects.filter(Q(failing_since__isnull=False), building__in=managed)
    said = []
    for route in troubled.select_related("building").order_by("building__name"):
        text = _("%(place)s: the webhook of alerts fails: %(why)s")
        if route.off_since:
            text = _(
                "%(place)s: the webhook of alerts failed for a day and is switched off: %(why)s"
            )
        said.append((route.building_id, text % {"place": route.building, "why": route.problem}))
    return said
