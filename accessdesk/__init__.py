"""The project: settings, URLs, and the entry points of the web, worker and beat processes."""

from accessdesk.celery import app as celery_app

__all__ = ["celery_app"]
