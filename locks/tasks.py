"""Celery tasks: call one service, decide whether to come back. A message is a nudge; the rows know."""

from celery import shared_task


@shared_task(ignore_result=True, expires=60)
def follow_attempts() -> None:
    """Follow the pending action attempts for at most 20 s, then hand over."""
    from locks.services import following

    if following.follow():
        following.nudge()


@shared_task(ignore_result=True, expires=5)
def sweep() -> None:
    """End what is past its bound; beat sends it every 5 s. Shows `/readyz` that a worker lives."""
    from locks.services import following, leases

    leases.seen("worker")
    following.sweep()
