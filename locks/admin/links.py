"""Addresses of the history, filtered: the names of its filters stand here alone."""

import datetime as dt
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from locks.models import Action


def requests_url(**filters: Any) -> str:
    """The unlock requests of `building`, `door`, `outcome`, `code`, `slow`, `since`, `until` and so on.

    Dates are days of the building's calendar, both inclusive; what is None is left out.
    """
    return _filtered("admin:locks_unlockrequest_changelist", filters)


def unlocks_url(**filters: Any) -> str:
    """The same without the presses on Lock, as figures count them."""
    return requests_url(**filters, action=Action.UNLOCK.value)


def events_url(**filters: Any) -> str:
    """The events of `building`, `door`, `kind`, `since`, `until`, as `requests_url`."""
    return _filtered("admin:locks_auditevent_changelist", filters)


def doors_url(**filters: Any) -> str:
    """The doors of `building`, in a `state`."""
    return _filtered("admin:locks_device_changelist", filters)


def _filtered(name: str, filters: dict[str, Any]) -> str:
    given = {key: _written(value) for key, value in filters.items() if value is not None}
    return f"{reverse(name)}?{urlencode(given)}" if given else reverse(name)


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)
