"""What happened to a chain where it no longer fits: put in, removed, moved, and what explains it.

Asked only about the first event that does not fit, so that a question may read a whole chain.
"""

from __future__ import annotations

import datetime as dt

from locks.models import AuditChain, AuditEvent, Kind


def computed_hash(event: AuditEvent) -> str:
    """Its hash as its columns say; "" where one holds what none can."""
    try:
        return event.computed_hash()
    except (AttributeError, TypeError, ValueError):
        return ""  # SQLite lets a column hold what its type cannot, such as a time that is none


def why_not_continuing(event: AuditEvent, last_hash: str) -> str:
    """Why `event`, which names another hash than `last_hash` as the one before, stands where it does."""
    if computed_hash(_with_previous(event, last_hash)) == event.hash:
        return "the event was changed: it names another hash before it than it did"
    of_chain = AuditEvent.objects.filter(chain=event.chain)
    if computed_hash(event) != event.hash:
        # Not as it was written: then where its neighbours stand tells more than what it says.
        rightly = of_chain.filter(previous_hash=last_hash).exclude(pk=event.pk)
        if place := rightly.values_list("sequence", flat=True).first():
            return (
                f"the event was moved or put in here: the one that belongs here stands at {place}"
            )
    before = of_chain.filter(hash=event.previous_hash).values_list("sequence", flat=True).first()
    if before is None:
        return "the event before it was removed or replaced, or this one was put in here"
    if before > event.sequence:
        return f"the event was moved: it continues event {before}"
    return f"an event was put in between: it continues event {before}"


def _with_previous(event: AuditEvent, previous: str) -> AuditEvent:
    values = {field.attname: getattr(event, field.attname) for field in event._meta.concrete_fields}
    copy = AuditEvent(**{**values, "previous_hash": previous})
    copy.chain = event.chain
    return copy


def explained_by_restore(chain: AuditChain, up_to: int) -> str:
    """`; …` with the recorded restore that may explain why events up to `up_to` are gone, or ""."""
    restored = AuditEvent.objects.filter(chain=chain, kind=Kind.RESTORED, sequence__lte=up_to)
    event = restored.order_by("-sequence").first()
    return f"; event {event.sequence} tells of a restore at {_time(event.at)}" if event else ""


def lost_in_restore(key: str) -> str:
    """`; …` with the restore on the organisation's chain that tells of the loss of chain `key`, or ""."""
    restored = AuditEvent.objects.filter(chain__building=None, kind=Kind.RESTORED)
    for event in restored.select_related("detail").order_by("-sequence"):
        lost = event.told().get("lost_chains")
        if isinstance(lost, dict) and key in lost:
            told = f"event {event.sequence} of the organisation tells of a restore"
            return f"; {told} at {_time(event.at)}"
    return ""


def _time(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
