"""What the last nightly proof says of a manager's buildings, in a few lines: the admin's first page."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Building, ChainProof, Proof, User

OVERDUE: Final = dt.timedelta(hours=36)  # one night was left out, and the next is late
NIGHT_ENDS: Final = 8  # o'clock
MOST_LINES: Final = 20  # of one kind; the page of the proofs has all


@dataclass(frozen=True)
class Line:
    """A sentence and how loud it is: `level` is a class of the admin's own messages."""

    level: Literal["success", "warning", "error"]
    text: str


def standing(user: User) -> list[Line]:
    """The last proof as far as it concerns buildings that `user` manages now, the worst first."""
    now, proof = timezone.now(), Proof.objects.first()
    if proof is None:
        return [Line("warning", _("The record has not been proven yet: no nightly proof has run."))]
    rows = ChainProof.objects.filter(proof=proof).visible_to(user)
    managed = Building.objects.managed_by(user)
    lines = [
        *_overdue(proof, now, _zone(managed)),
        *_broken(rows),
        *_not_found(managed, proof),
        *_odd(rows),
        *_not_yet(managed),
        *_not_sent(proof),
    ]
    if rows.filter(whole=True).exists() and not any(line.level == "error" for line in lines):
        lines.append(Line("success", _whole(rows, proof, now, _zone(managed))))
    return lines


def _overdue(proof: Proof, now: dt.datetime, zone: zoneinfo.ZoneInfo) -> Iterator[Line]:
    if now - proof.at > OVERDUE:
        told = _("NO PROOF FOR %(hours)d HOURS: the record was last proven at %(when)s.")
        hours = int((now - proof.at).total_seconds() // 3600)
        yield Line("error", told % {"hours": hours, "when": _clock(proof.at, zone)})


def _broken(rows: QuerySet[ChainProof]) -> Iterator[Line]:
    for row in rows.filter(whole=False).select_related("building")[:MOST_LINES]:
        place = row.building or row.key
        told = _("RECORD BROKEN: %(place)s, event %(number)d: %(why)s")
        if not row.sequence:
            told = _("RECORD BROKEN: %(place)s: %(why)s")
        yield Line("error", told % {"place": place, "number": row.sequence or 0, "why": row.why})


def _not_found(managed: QuerySet[Building], proof: Proof) -> Iterator[Line]:
    """Buildings that an earlier proof knows: whoever takes a whole chain away leaves no broken one."""
    known = managed.filter(proofs__proof__at__lt=proof.at).exclude(proofs__proof=proof)
    for building in known.distinct()[:MOST_LINES]:
        told = _("RECORD NOT FOUND: %(place)s has none any more.")
        yield Line("error", told % {"place": building})


def _odd(rows: QuerySet[ChainProof]) -> Iterator[Line]:
    odd = rows.filter(whole=True, sound=False).select_related("building")
    for row in odd[:MOST_LINES]:
        told = _("%(place)s: the record is whole; times in it are odd.")
        yield Line("warning", told % {"place": row.building or row.key})


def _not_yet(managed: QuerySet[Building]) -> Iterator[Line]:
    for building in managed.filter(proofs=None)[:MOST_LINES]:
        told = _("%(place)s: not proven yet, the next nightly proof will be the first.")
        yield Line("warning", told % {"place": building})


def _not_sent(proof: Proof) -> Iterator[Line]:
    if proof.problem:
        yield Line("warning", _("The checkpoint could not be sent away; it is kept here only."))


def _whole(
    rows: QuerySet[ChainProof], proof: Proof, now: dt.datetime, zone: zoneinfo.ZoneInfo
) -> str:
    told = _("Record proven: whole. %(when)s, events checked: %(events)d.")
    by_night = timezone.localtime(proof.at).hour < NIGHT_ENDS
    if by_night and now - proof.at < dt.timedelta(hours=24):
        told = _("Record proven last night: whole. %(when)s, events checked: %(events)d.")
    return told % {"when": _clock(proof.at, zone), **rows.aggregate(events=Sum("events"))}


def _zone(managed: QuerySet[Building]) -> zoneinfo.ZoneInfo:
    """The one wall clock of all their buildings; UTC where there are several."""
    found = managed.order_by().values_list("time_zone", flat=True).distinct()[:2]
    return Building(time_zone=found[0] if len(found) == 1 else "UTC").zone


def _clock(at: dt.datetime, zone: zoneinfo.ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
