"""The health of locks as a test reads it: from the service, and from the page."""

from typing import Any

from django.test import Client
from django.utils import timezone

from locks.models import Building, Device
from locks.services.health import LockHealth, Period, read_health


def health_of(door: Device, *, days: int = 30) -> LockHealth:
    door.refresh_from_db()
    period = Period.of(door.building, days=days, now=timezone.now())
    return next(each for each in read_health(door.building, period).locks if each.device == door)


def page_of(client: Client, building: Building, **query: Any) -> Any:
    return client.get(f"/admin/locks/building/{building.pk}/health/", query)


def row_of(client: Client, door: Device, **query: Any) -> Any:
    rows = page_of(client, door.building, **query).context["rows"]
    return next(row for row in rows if row.label == door.label)


def labels(response: Any) -> list[str]:
    return [row.label for row in response.context["rows"]]
