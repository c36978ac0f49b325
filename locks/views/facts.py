"""What is known of a lock before a press: online, locked, battery, its past, and what Seam complains of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks import words
from locks.models import Action, Device, Status, UnlockRequest
from locks.models.places import problem_code
from locks.services.following import WATCH_UNKNOWN_FOR
from locks.services.rights import BLOCKING, cut_off
from locks.views.past import NO_PAST, Past
from locks.views.states import clock
from locks.words.numbers import percent

# What is older is dated. Beat has Seam's list read every five minutes: where all works, nothing is.
FRESH = dt.timedelta(minutes=10)
MOST_PROBLEMS = 4
OFFLINE_CODES = frozenset({"device_disconnected", "device_offline"})  # said by "Offline"
# Warnings of Seam's that say why a lock cannot be unlocked remotely: words.OBSTACLES.
NOT_REMOTE = {"ttlock_lock_gateway_unlocking_not_enabled": "gateway_off"}


@dataclass(frozen=True)
class Fact:
    """A few words with an icon; `tone` is `warn` or `bad` where a clerk should notice."""

    icon: str
    text: str
    tone: str = ""
    is_seams: bool = False  # its own words, which are English
    is_dated: bool = False  # it tells a time, on the building's clock


def facts_of(
    device: Device,
    *,
    latest: UnlockRequest | None,
    moved: UnlockRequest | None,
    at: dt.datetime,
    past: Past = NO_PAST,
    offline_since: dt.datetime | None = None,
    from_here: bool = False,
) -> list[Fact]:
    """Online, locked and battery, as far as Seam told, and how soon it answers.

    `moved` is the last request that may have moved it (moments.last_moves).
    `from_here`: a press of ours unlocked it, whose time is no secret at a private door.
    """
    locked = _locked(device, moved, at=at, from_here=from_here)
    known = [
        fact
        for fact in (_online(device, offline_since, at=at), locked, _battery(device))
        if fact is not None
    ]
    # "Unlocked since …" has its own time.
    told = _told_at(device, of_lock=locked is not None and device.unlocked_since is None)
    if known and told and at - told > FRESH:
        known.append(Fact("clock", _("last heard %(time)s") % {"time": _time(told, device, at)}))
    if past.answers and not (latest and latest.is_open):  # its headline says so
        known.append(Fact("waiting", past.answers))
    return known


def _told_at(device: Device, *, of_lock: bool) -> dt.datetime | None:
    """When the newest was told, or whether it is locked: no news of a battery makes that any newer."""
    # When somebody used a private door is for managers, in the log.
    moved = None if device.is_private else device.lock_told_at
    lock = max(filter(None, (device.synced_at, moved)), default=None)
    if of_lock and lock is not None:
        return lock
    return max(filter(None, (lock, device.health_told_at)), default=None)


def _time(moment: dt.datetime, device: Device, at: dt.datetime) -> str:
    """To the minute, on the building's clock."""
    zone = device.building.zone if device.building else dt.UTC
    return clock(moment, zone=zone, at=at, seconds=False)


def _online(device: Device, since: dt.datetime | None, *, at: dt.datetime) -> Fact:
    if device.online is None:
        return Fact("question", _("Not known whether it is online"))
    if device.online:
        return Fact("online", _("Online"))
    tone = "warn" if _may_answer(device, at) else "bad"
    seen = device.online_seen_at
    if since is not None:
        told = _("Offline since %(time)s") % {"time": _time(since, device, at)}
    elif seen is not None:  # no event told of it: it was found so when Seam's list was read
        told = _("Offline, last seen online %(time)s") % {"time": _time(seen, device, at)}
    else:
        told = _("Offline")
    return Fact("offline", told, tone, is_dated=since is not None or seen is not None)


def _may_answer(device: Device, at: dt.datetime) -> bool:
    return device.can_remotely_unlock and not any(cut_off(device, at))


def _locked(
    device: Device, moved: UnlockRequest | None, *, at: dt.datetime, from_here: bool
) -> Fact | None:
    """Locked or not; left out where a later press may have changed it."""
    if device.unlocked_since is not None and device.building is not None:
        since = _time(device.unlocked_since, device, at)
        text = _("Unlocked since %(time)s, not seen to lock") % {"time": since}
        # When somebody used their code there is for managers, in the log.
        if device.is_private and not from_here:
            return Fact("unlock", _("Unlocked, not seen to lock"), "warn")
        return Fact("unlock", text, "warn", is_dated=True)
    if device.locked is None or not device.online:
        return None
    told = max(filter(None, (device.synced_at, device.lock_told_at)), default=None)
    if moved is not None and (told is None or _may_have_moved_since(told, device, moved)):
        return None
    if not device.locked:
        return Fact("unlock", _("Unlocked"), "warn")
    heard = _told_at(device, of_lock=True)
    if heard is None or moved is None or not _may_still_move(moved, at):
        return Fact("lock", _("Locked"))
    return Fact("lock", _("Locked, last heard %(time)s") % {"time": _time(heard, device, at)})


def _may_still_move(moved: UnlockRequest, at: dt.datetime) -> bool:
    """Whether its outcome is unknown, and looked for: what was heard of the lock since may be over."""
    return moved.status == Status.UNKNOWN and at - moved.requested_at < WATCH_UNKNOWN_FOR


def _may_have_moved_since(told: dt.datetime, device: Device, moved: UnlockRequest) -> bool:
    """Whether that press may have moved the lock after it was told of.

    Of an unknown outcome: until the time was up in which it was waited for. A press on Lock makes
    no lock unlocked, whenever it acts.
    """
    if moved.is_open:
        return True
    end = moved.ended_at or moved.resolve_by
    if moved.action == Action.LOCK and device.locked:
        end = moved.requested_at
    return told < max(filter(None, (moved.requested_at, end, moved.contradicted_at)))


def _battery(device: Device) -> Fact | None:
    whole = device.battery_percent
    if whole is None and not device.battery_status:
        return None
    share = "" if whole is None else percent(whole)
    if device.charge == "critical":
        return Fact("battery-low", _("Battery nearly empty %(level)s") % {"level": share}, "bad")
    if device.charge == "low":
        return Fact("battery-low", _("Battery low %(level)s") % {"level": share}, "warn")
    if not share:
        return Fact("battery", _("Battery fine"))
    # Its picture says so to those who see it.
    named = _('<span class="unseen">Battery</span> {level}')
    return Fact("battery", format_html(named, level=share))


def why_not_remote(device: Device) -> str:
    """The code (see words.OBSTACLES) of why a lock cannot be unlocked remotely, as far as Seam says.

    Of one that none of Seam's errors blocks.
    """
    codes = {problem_code(entry) for entry in _listed(device.warnings)}
    why = next((why for code, why in NOT_REMOTE.items() if code in codes), "not_remote")
    return "offline" if why == "not_remote" and device.online is False else why


def problems_of(
    device: Device, *, at: dt.datetime, past: Past = NO_PAST, obstacle: str = ""
) -> list[Fact]:
    """What makes a press doubtful: Seam's errors and warnings in plain words, and the lock's past.

    Not again what the obstacle of that code says.
    """
    said = {code for code, why in {**NOT_REMOTE, **BLOCKING}.items() if why == obstacle}
    found = []
    if device.online is False:
        said |= OFFLINE_CODES
        if _may_answer(device, at):
            found.append(Fact("warning", _("Said to be offline: it may not answer."), "warn"))
    found += _complaints(device.errors, Fact("cross", "", "bad"), said=said)
    found += _complaints(device.warnings, Fact("warning", "", "warn"), said=said)
    found.sort(key=lambda fact: not fact.tone)
    doubts = [Fact("half-check", past.confirms, "half")] if past.confirms else []
    return [*found[:MOST_PROBLEMS], *_left_out(len(found) - MOST_PROBLEMS), *doubts]


def _left_out(count: int) -> list[Fact]:
    if count <= 0:
        return []
    told = ngettext("and %(count)d more problem", "and %(count)d more problems", count)
    return [Fact("warning", told % {"count": count})]


def _complaints(entries: Any, look: Fact, *, said: set[str]) -> Iterator[Fact]:
    for entry in _listed(entries):
        code = problem_code(entry)
        if code in said:
            continue
        if sentence := words.problem(code, str(entry.get("message") or "")):
            tone = "" if code in words.ABOUT_CODES_ALONE else look.tone
            yield Fact(look.icon, sentence, tone, is_seams=code not in words.PROBLEMS)


def _listed(entries: Any) -> list[dict[str, Any]]:
    """Of stored JSON that came from elsewhere: what does not look like a problem is passed over."""
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict)]
