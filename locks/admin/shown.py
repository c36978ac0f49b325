"""How times and recorded details read in the admin."""

import datetime as dt
import json
import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from locks import words
from locks.models import AuditEvent, Building, Status, UnlockRequest
from locks.models.audit import PREFIXES

NONE = "–"
_ACTIONS = {prefix: action for action, prefix in PREFIXES.items()}
_LABELS: dict[str, str | Promise] = {
    "action_attempt_id": _("action attempt at Seam"),
    "building": _("building"),
    "door": _("door"),
    "person": _("person"),
    "username": _("user name"),
    "reason": _("reason"),
    "role": _("role"),
    "address": _("client address"),
    "age_ms": _("age of the press, ms"),
    "checkpoint_made_at": _("checkpoint made at"),
    "code": _("because"),
    "confirmed_by_device": _("confirmed by the lock"),
    "identified_as": _("identified as"),
    "identified_by": _("identified by"),
    "reference": _("reference number"),
    "differs": _("not the chain that the checkpoint knows"),
    "error_type": _("Seam's error"),
    "had": _("events at the checkpoint"),
    "has": _("events left by the restore"),
    "lost": _("events lost"),
    "lost_chains": _("buildings lost, and their events"),
    "http_status": _("HTTP status"),
    "message": _("Seam's words"),
    "out_of_hours": _("out of hours"),
    "pc": _("shared PC"),
    "overridden": _("break-glass over"),
    "proved": _("proved who they are by"),
    "proved_seconds_before": _("proved so many seconds before"),
    "way_carried_over": _("way of identifying carried over from the press before"),
    "pressed_again": _("pressed after an unlock of unknown outcome"),
    "retry_at": _("may be pressed again at"),
    "validation_errors": _("Seam's validation errors"),
    "ended": _("roles that ended"),
    "given_by": _("link given by"),
    "invited_by": _("invited by"),
    "proved_by": _("proved by"),
    "reality": _("doors"),
    "result": _("Seam's result"),
    "seconds_after": _("seconds after the press"),
    "seam_request_id": _("Seam request id"),
    "second_factors_too": _("second factors are removed, too"),
    "self_grant": _("decided on their own role"),
    "subject": _("about"),
    "subject_id": _("about, id"),
    "subject_username": _("about, username"),
    "valid_from": _("from"),
    "valid_until": _("until"),
}


def when(moment: dt.datetime | None, building: Building | None) -> SafeString | str:
    """A time on the building's wall clock and, below it, in UTC."""
    if moment is None:
        return NONE
    utc = f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
    zone = building.zone if building else zoneinfo.ZoneInfo("UTC")
    if zone.key == "UTC":
        return utc
    return format_html("{} {}<br>{}", f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}", zone.key, utc)


def when_in_a_row(moment: dt.datetime | None, building: Building | None) -> SafeString | str:
    """A time on the building's wall clock, on one line; its page has UTC, too."""
    if moment is None:
        return NONE
    local = moment.astimezone(building.zone if building else dt.UTC)
    return format_html(
        '<span class="moment">{} <span class="zone">{}</span></span>',
        f"{local:%Y-%m-%d %H:%M:%S}",
        f"{local:%Z}",
    )


def detail_of(event: AuditEvent | None) -> dict[str, Any]:
    """What an event keeps beside the chain; empty once a retention run has removed it."""
    return event.told() if event is not None else {}


def name_of(detail: Mapping[str, Any]) -> str:
    """Who did it, by name and username as they were."""
    name, username = detail.get("person"), detail.get("username")
    return f"{name} ({username})" if name and name != username else str(name or NONE)


def outcome_of(event: AuditEvent) -> str:
    """What happened, with status and confirmation as one value where it tells of an outcome."""
    detail = detail_of(event)
    prefix, _dot, happened = event.kind.partition(".")
    if prefix not in _ACTIONS or happened not in Status.values or happened == Status.PENDING:
        return event.get_kind_display()
    told = UnlockRequest(
        action=_ACTIONS[prefix],
        status=happened,
        confirmed_by_device=detail.get("confirmed_by_device"),
    )
    told.inferred = bool(detail.get("inferred"))
    told.may_still_act = words.may_still_act(
        str(detail.get("code", "")), str(detail.get("error_type", ""))
    )
    return str(told.outcome.label)


def table(rows: Iterable[tuple[Any, Any]]) -> SafeString:
    """Two columns; everything in them is escaped."""
    return format_html(
        "<table>{}</table>", format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", rows)
    )


def detail_table(detail: Mapping[str, Any]) -> SafeString | str:
    """All that an event keeps, whatever it is, for reading."""
    if not detail:
        return str(_("Removed by a recorded retention run, or never kept."))
    return table(labelled(key, value) for key, value in detail.items())


def labelled(key: str, value: Any) -> tuple[str, str]:
    """One thing that an event keeps, named for people."""
    told = in_seams_words(_value(value)) if key == "message" else _value(value)
    return str(_LABELS.get(key, key.replace("_", " "))), told


def in_seams_words(message: str) -> SafeString | str:
    """What Seam said, marked as the English that it is, for who has pages read aloud."""
    return message and format_html('<span lang="en">{}</span>', message)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
