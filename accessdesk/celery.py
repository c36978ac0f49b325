"""The Celery application: `celery -A accessdesk worker` and `celery -A accessdesk beat`."""

import os
from pathlib import Path

from celery import Celery
from celery.signals import worker_init, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accessdesk.settings")

app = Celery("accessdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_configure.connect
def make_broker_folders(sender: Celery, **_kwargs: object) -> None:
    """The embedded broker needs its folders, private to this account, before the first message."""
    from django.conf import settings

    options = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    for name in ("data_folder_in", "control_folder"):
        if name in options:
            Path(options[name]).mkdir(mode=0o700, parents=True, exist_ok=True)


@worker_init.connect
def refuse_an_unsafe_start(**_kwargs: object) -> None:
    """A worker writes the record: it does not run where the record is unguarded."""
    from locks.startup import problem

    if sentence := problem():
        raise SystemExit(f"accessdesk cannot start: {sentence}")


@worker_shutting_down.connect
def let_go_of_what_is_followed(**_kwargs: object) -> None:
    """A task that follows attempts would keep the worker for 20 s; another worker goes on."""
    from locks.services import following

    following.ending.set()
