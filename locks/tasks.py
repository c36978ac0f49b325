"""Celery tasks: call one service, decide whether to come back. A message is a nudge; the rows know."""

import logging

from celery import shared_task

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True, expires=60)
def follow_attempts() -> None:
    """Follow the pending action attempts for at most 20 s, then hand over."""
    from locks.services import following

    if following.follow():
        following.nudge()


@shared_task(ignore_result=True, expires=5)
def sweep() -> None:
    """End what is past its bound; beat sends it every 5 s. Shows `/readyz` that a worker lives."""
    from locks.services import leases, sweeping

    leases.seen("worker")
    sweeping.sweep()


@shared_task(ignore_result=True, expires=300)
def sync_devices() -> None:
    """Read the locks from Seam, so that their health does not go stale; beat sends it every five minutes."""
    from locks.services import inventory
    from locks.services.errors import ServiceError

    try:
        inventory.sync_devices(by_schedule=True)
    except ServiceError as error:
        logger.warning("The doors were not read from Seam: %s", error)


@shared_task(ignore_result=True, expires=300)
def catch_up_events() -> None:
    """Read the events that no webhook brought; beat sends it every five minutes."""
    from locks.services import catching_up
    from locks.services.errors import ServiceError

    try:
        catching_up.catch_up_events()
    except ServiceError as error:
        logger.warning("Seam's events were not read: %s", error)


@shared_task(ignore_result=True, expires=3600)
def prove_record() -> None:
    """Walk the whole record and send a checkpoint away; beat sends it every night."""
    from locks.services import proving
    from locks.services.errors import ServiceError

    try:
        proving.prove_record()
    except ServiceError as error:
        logger.info("The record was not proven: %s", error)


@shared_task(ignore_result=True, expires=300)
def find_reviews() -> None:
    """Fill the review queue by its rules; beat sends it every five minutes."""
    from locks.services import finding_reviews
    from locks.services.errors import ServiceError

    try:
        finding_reviews.find_reviews()
    except ServiceError as error:
        logger.info("The review queue was not filled: %s", error)


@shared_task(ignore_result=True, expires=900)
def send_daily_reviews() -> None:
    """Send the daily mail to those who are due it; beat sends it every quarter of an hour."""
    from locks.services import daily_reviews

    daily_reviews.send_daily_reviews()


@shared_task(ignore_result=True, expires=15)
def alert() -> None:
    """Find alerts once a minute, and deliver what waits in the outbox; beat sends it every 15 s."""
    from locks.services import alerting

    alerting.run()
