"""Seam's webhooks: whether a delivery is Seam's, and what is in it.

Svix signs and delivers them: https://docs.svix.com/receiving/verifying-payloads/how
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Final

from django.conf import settings
from svix.webhooks import Webhook

from locks.models import Source
from locks.seam import Event
from locks.services import events, noise
from locks.services.errors import ServiceError

logger = logging.getLogger(__name__)

LARGEST: Final = 512 * 1024  # bytes of a delivery
_HEADERS: Final = ("svix-id", "svix-timestamp", "svix-signature")


class NotSeams(ServiceError):
    """A delivery that no secret of ours signed, or that is too old."""

    def __init__(self) -> None:
        super().__init__("The webhook is not signed as it should be, or too old.")


def take_delivery(body: bytes, headers: Mapping[str, str]) -> bool:
    """Verify a delivery and take its event; False where it was there already, or tells nothing.

    Raises NotSeams, counted as noise, where it is unsigned, forged, or more than 5 minutes old.
    """
    if not _is_signed(body, {name: headers.get(name, "") for name in _HEADERS}):
        noise.count("webhook.refused")
        raise NotSeams
    events.note_webhook()
    try:
        event = Event.from_json(json.loads(body, parse_constant=lambda _constant: None))
    except (ValueError, RecursionError):
        event = None
    return event is not None and events.take(event, source=Source.WEBHOOK)


def _is_signed(body: bytes, headers: dict[str, str]) -> bool:
    """Whether one of our secrets (two while one replaces the other) signed it lately."""
    for secret in settings.SEAM_WEBHOOK_SECRETS:
        try:
            Webhook(secret).verify(body, headers)
        except Exception as problem:
            # Its own error, or whatever odd headers and bodies make of its reading of them.
            logger.info("A webhook was refused: %s", type(problem).__name__)
        else:
            return True
    return False
