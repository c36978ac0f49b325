"""What is known of a lock before a press: online, locked, battery, and what Seam complains of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from locks import words
from locks.models import Action, Device, Status, UnlockRequest
from locks.views.states import clock

FRESH = dt.timedelta(minutes=10)
MOST_PROBLEMS = 4
OFFLINE_CODES = frozenset({"device_disconnected", "device_offline"})  # said by "Offline"


@dataclass(frozen=True)
class Fact:
    """A few words with an icon; `tone` is `warn` or `bad` where a clerk should notice."""

    icon: str
    text: str
    tone: str = ""


def facts_of(device: Device, *, latest: UnlockRequest | None, at: dt.datetime) -> list[Fact]:
    """Online, locked and battery, as far as Seam told."""
    facts = [_online(device), _locked(device, latest, at=at), _battery(device)]
    known = [fact for fact in facts if fact is not None]
    if known and device.building and device.synced_at and at - device.synced_at > FRESH:
        since = clock(device.synced_at, zone=device.building.zone, at=at).rpartition(":")[0]
        known.append(Fact("clock", _("as of %(time)s") % {"time": since}))
    return known


def _online(device: Device) -> Fact | None:
    if device.online is None:
        return None
    if device.online:
        return Fact("online", _("Online"))
    return Fact("offline", _("Offline"), "warn" if device.can_remotely_unlock else "bad")


def _locked(device: Device, latest: UnlockRequest | None, *, at: dt.datetime) -> Fact | None:
    """Locked or not; left out where a later press may have changed it."""
    if device.unlocked_since is not None and device.building is not None:
        since = clock(device.unlocked_since, zone=device.building.zone, at=at).rpartition(":")[0]
        text = _("Unlocked since %(time)s, not seen to lock") % {"time": since}
        if device.is_private:  # when somebody used their code there is for managers, in the log
            text = _("Unlocked, not seen to lock")
        return Fact("unlock", text, "warn")
    if device.locked is None or not device.online:
        return None
    # A locking that failed says nothing of the unlock before it.
    moved = latest.requested_at if latest and _may_have_moved(latest) else None
    told = max(filter(None, (device.synced_at, device.lock_told_at)), default=None)
    if moved is not None and (told is None or told < moved):
        return None
    return Fact("lock", _("Locked")) if device.locked else Fact("unlock", _("Unlocked"), "warn")


def _may_have_moved(request: UnlockRequest) -> bool:
    return request.status != Status.FAILED or request.action == Action.LOCK


def _battery(device: Device) -> Fact | None:
    level, status = device.battery_level, device.battery_status
    if level is None and not status:
        return None
    percent = "" if level is None else f"{level * 100:.0f} %"
    if device.charge == "critical":
        return Fact("battery-low", _("Battery nearly empty %(level)s") % {"level": percent}, "bad")
    if device.charge == "low":
        return Fact("battery-low", _("Battery low %(level)s") % {"level": percent}, "warn")
    return Fact("battery", percent or _("Battery fine"))


def problems_of(device: Device) -> list[Fact]:
    """Seam's errors and warnings about the lock, in plain words where the code is known."""
    said = OFFLINE_CODES if device.online is False else frozenset()
    found = []
    if device.online is False and device.can_remotely_unlock:
        found.append(Fact("warning", _("Said to be offline: it may not answer."), "warn"))
    found += [Fact("cross", text, "bad") for text in _sentences(device.errors, said=said)]
    found += [Fact("warning", text, "warn") for text in _sentences(device.warnings, said=said)]
    return found[:MOST_PROBLEMS]


def _sentences(entries: Any, *, said: frozenset[str]) -> Iterator[str]:
    """Of stored JSON that came from elsewhere: what does not look like a problem is passed over."""
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        codes = (entry.get(key) for key in ("code", "error_code", "warning_code"))
        code = next((str(code) for code in codes if code), "")
        if code in said:
            continue
        if sentence := words.problem(code, str(entry.get("message") or "")):
            yield sentence
