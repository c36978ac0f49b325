"""The lock's own word on a press that was settled late: when it moved, before a webhook tells."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable
from typing import Final

from locks.clients import impatient_client
from locks.models import SeamEvent, Source, UnlockRequest
from locks.seam import Event, SeamError
from locks.services import events
from locks.services.errors import DATABASE_GONE
from locks.services.weighing import CLOCKS_DIFFER, MOVED

logger = logging.getLogger(__name__)

READ_FOR: Final = 2.0  # seconds, of all at once: their reader has others to follow


def take_of(told: Iterable[Event], attempt_ids: Collection[str]) -> None:
    """Take those of Seam's events that are about these attempts.

    For who has settled them: an attempt has its owner by then, so that no move of the bolt is taken
    for a stranger's.
    """
    for event in told:
        if event.action_attempt_id in attempt_ids:
            events.take(event, source=Source.LIST)


def read_moves(requests: Iterable[UnlockRequest]) -> None:
    """Read and take what Seam's events say of requests that were just settled, as far as they can be
    read soon: a webhook or a catch-up brings the rest.
    """
    give_up = time.monotonic() + READ_FOR
    for request in requests:
        if time.monotonic() > give_up:
            return
        try:
            if not _is_told(request):
                take_of(_listed(request, give_up), (request.action_attempt_id,))
        except SeamError as error:
            logger.info("Unlock request %s: Seam's events cannot be read: %s", request.pk, error)
            return
        except DATABASE_GONE:
            raise  # the database is gone: for all of them
        except Exception:
            logger.exception("Unlock request %s: an event could not be taken.", request.pk)


def _is_told(request: UnlockRequest) -> bool:
    moves = SeamEvent.objects.filter(event_type=MOVED[request.action])
    return moves.filter(action_attempt_id=request.action_attempt_id).exists()


def _listed(request: UnlockRequest, give_up: float) -> Iterable[Event]:
    since, device_id = request.requested_at - CLOCKS_DIFFER, request.device.seam_device_id
    for event in impatient_client().list_events(since=since, device_id=device_id):
        if time.monotonic() > give_up:
            return
        yield event
