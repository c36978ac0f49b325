"""Events as Seam tells of them, and deliveries as Svix signs them."""

import base64
import datetime as dt
import itertools
import json
from typing import Any

from django.test import Client
from django.utils import timezone
from svix.webhooks import Webhook

from locks.models import Device, Source
from locks.seam import Event
from locks.services import events

SECRET = "whsec_" + base64.b64encode(b"one secret of the webhook").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of the webhook").decode()
PATH = "/webhooks/seam/"
_numbers = itertools.count(1)


def event_json(event_type: str, device: Device | None = None, **values: Any) -> dict[str, Any]:
    """An event of Seam's; what is not given is usual."""
    at = values.pop("at", timezone.now()).isoformat()
    told: dict[str, Any] = {
        "event_id": f"event-{next(_numbers)}",
        "event_type": event_type,
        "workspace_id": "",
        "occurred_at": at,
        "created_at": at,
    }
    if device is not None:
        told["device_id"] = device.seam_device_id
    return told | values


def tell(event_type: str, device: Device | None = None, **values: Any) -> bool:
    """Take such an event, as the receiver does once its signature was checked."""
    event = Event.from_json(event_json(event_type, device, **values))
    assert event is not None
    return events.take(event, source=Source.WEBHOOK)


def signed(
    body: str, *, secret: str = SECRET, age: dt.timedelta = dt.timedelta(), id_: str = "msg_1"
) -> dict[str, str]:
    """The headers of a delivery."""
    at = timezone.now() - age
    return {
        "svix-id": id_,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(id_, at, body),
    }


def deliver(client: Client, content: Any, **how: Any) -> int:
    """Post a delivery; the status of the answer."""
    body = content if isinstance(content, str) else json.dumps(content)
    response = client.post(
        PATH, data=body, content_type="application/json", headers=signed(body, **how)
    )
    return response.status_code
