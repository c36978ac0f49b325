"""Which alerts a building has, who gets them, and its webhook. Every change is on the building's record.

Managers of the building and superusers may; others get NotAllowed. ValidationError says what cannot be.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import (
    Alarm,
    AlertMute,
    AlertRoute,
    AlertSetting,
    Building,
    Kind,
    Notice,
    User,
)
from locks.services import webhook_secrets
from locks.services.audit import record
from locks.services.editing import require_manager
from locks.services.errors import NotAllowed
from locks.services.posting import problem_with

TEST_EVERY: Final = dt.timedelta(minutes=1)
LEAST, MINUTES = range(2, 1001), range(1, 1441)  # what may be set


@dataclass(frozen=True)
class Choice:
    """How a building wants one kind of alert. `least` and `minutes` are None where the kind has none."""

    on: bool = True
    mail: bool = True
    least: int | None = None
    minutes: int | None = None


USUAL: Final[Mapping[str, Choice]] = {
    Alarm.OFFLINE: Choice(minutes=10),
    Alarm.BATTERY: Choice(),
    Alarm.FAILURES: Choice(least=3, minutes=60),
    Alarm.BURST: Choice(least=10, minutes=10),
    Alarm.OFF_HOURS: Choice(on=False),  # daily bread where the desk is staffed at night
    Alarm.SILENT: Choice(minutes=15),
    Alarm.BROKEN: Choice(),
}


def choices_of(building: Building) -> dict[str, Choice]:
    """How `building` wants each kind."""
    return all_choices([building.pk])[building.pk]


def all_choices(building_ids: Iterable[int] | None = None) -> dict[int, dict[str, Choice]]:
    """The same for these buildings (all by default), by id. Two queries."""
    if building_ids is None:
        building_ids = Building.objects.order_by().values_list("pk", flat=True)
    chosen: dict[int, dict[str, Choice]] = {pk: dict(USUAL) for pk in building_ids}
    for row in AlertSetting.objects.filter(building__in=chosen):
        usual = USUAL[row.kind]
        chosen[row.building_id][row.kind] = Choice(
            on=row.on,
            mail=row.mail,
            least=usual.least and (row.least or usual.least),
            minutes=usual.minutes and (row.minutes or usual.minutes),
        )
    return chosen


@transaction.atomic
def change_alerts(
    *, actor: User, building: Building, choices: Mapping[str, Choice], names_people: bool
) -> None:
    """Set how `building` wants each kind in `choices`, and whether mails and webhook name people."""
    require_manager(actor, building)
    Building.objects.select_for_update(no_key=True).get(pk=building.pk)
    before, changed = choices_of(building), dict[str, Any]()
    for kind, choice in choices.items():
        _require_sensible(choice, USUAL[kind])
        if choice == before[kind]:
            continue
        AlertSetting.objects.update_or_create(building=building, kind=kind, defaults=asdict(choice))
        old, new = asdict(before[kind]), asdict(choice)
        changed |= {f"{kind}.{n}": [old[n], new[n]] for n in new if old[n] != new[n]}
    route = _route(building)
    if route.names_people != names_people:
        changed["names_people"] = [route.names_people, names_people]
        AlertRoute.objects.filter(pk=route.pk).update(names_people=names_people)
    if changed:
        record(Kind.ALERTS_CHANGED, building=building, actor=actor, changed=changed)


def _require_sensible(choice: Choice, usual: Choice) -> None:
    for value, meant, allowed in (
        (choice.least, usual.least, LEAST),
        (choice.minutes, usual.minutes, MINUTES),
    ):
        if (value is None) != (meant is None) or (value is not None and value not in allowed):
            bounds = {"least": allowed[0], "most": allowed[-1]}
            raise ValidationError(_("A number from %(least)d to %(most)d is needed.") % bounds)


def mute(*, person: User, building: Building, muted: bool) -> None:
    """A person's own wish to get no mail of this building's alerts, or to get it again."""
    if muted:
        AlertMute.objects.get_or_create(person=person, building=building)
    else:
        AlertMute.objects.filter(person=person, building=building).delete()


def is_muted(person: User, building: Building) -> bool:
    """Whether the person wants no mail of this building's alerts."""
    return AlertMute.objects.filter(person=person, building=building).exists()


# --- The webhook ------------------------------------------------------------------------------


@transaction.atomic
def set_webhook(*, actor: User, building: Building, url: str) -> str:
    """Have alerts posted to `url`, too, from now on; one that was switched off goes on, too.

    Returns its secret where it is a new one, to be shown once; else "". Only the address's server is
    recorded: what stands behind it may be a password of its own.
    """
    require_manager(actor, building)
    url = url.strip()
    if sentence := problem_with(url, loopback=settings.SEAM_SIMULATED):
        raise ValidationError(sentence)
    route = _route(building)
    before, is_new = _server(route.url), not route.nonce
    route.url, route.off_since, route.failing_since, route.problem = url, None, None, ""
    if is_new:
        route.nonce = webhook_secrets.new_nonce()
    route.save()
    told = [before, _server(url)]
    record(Kind.ALERTS_CHANGED, building=building, actor=actor, changed={"webhook": told})
    return webhook_secrets.secret_of(route) if is_new else ""


@transaction.atomic
def renew_secret(*, actor: User, building: Building) -> str:
    """A new secret for the webhook, to be shown once. The one before it signs for another day."""
    require_manager(actor, building)
    route = _route(building)
    if not route.url:
        raise ValidationError(_("This building has no webhook."))
    route.former_nonce, route.nonce = route.nonce, webhook_secrets.new_nonce()
    route.renewed_at = timezone.now()
    route.save()
    record(Kind.ALERTS_CHANGED, building=building, actor=actor, webhook="new secret")
    return webhook_secrets.secret_of(route)


@transaction.atomic
def remove_webhook(*, actor: User, building: Building) -> None:
    """Have no alerts posted any more; its secret is gone, too."""
    require_manager(actor, building)
    route = _route(building)
    if not route.url:
        return
    before = _server(route.url)
    fresh = AlertRoute(pk=route.pk, building=building, names_people=route.names_people)
    fresh.save()
    waiting = Notice.objects.waiting().filter(building=building, channel=Notice.Channel.WEBHOOK)
    waiting.delete()
    record(Kind.ALERTS_CHANGED, building=building, actor=actor, changed={"webhook": [before, None]})


def route_of(building: Building) -> AlertRoute:
    """How its alerts leave beside the mails; an empty row, not saved, where nothing was set."""
    found = AlertRoute.objects.filter(building=building).first()
    return found or AlertRoute(building=building)


def require_test_due(building: Building, now: dt.datetime) -> None:
    """Raise NotAllowed where a test alert of the building was asked for a moment ago."""
    recent = Notice.objects.filter(building=building, what=Notice.What.TEST)
    if recent.filter(made_at__gt=now - TEST_EVERY).exists():
        raise NotAllowed(_("A test alert was sent a moment ago. Try again in a minute."))


def _route(building: Building) -> AlertRoute:
    """Its row, held until commit."""
    AlertRoute.objects.get_or_create(building=building)
    return AlertRoute.objects.select_for_update().get(building=building)


def _server(url: str) -> str | None:
    return urlsplit(url).netloc or None
