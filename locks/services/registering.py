"""Having Seam send its events here."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.translation import gettext as _

from locks.clients import seam_client
from locks.seam import SeamError, Webhook
from locks.services.errors import ServiceError
from locks.services.events import EVENT_TYPES

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def register_webhook(origin: str, *, again: bool = False) -> tuple[Webhook, bool]:
    """The webhook at Seam for the desk at `origin` (https://desk.example.com), and whether it is new.

    One that exists is returned as it is, unless `again`: a second one, with a secret of its own,
    while the secrets are changed. Raises ServiceError for an address that Seam could not or should
    not deliver to, and where Seam refuses or cannot be reached.
    """
    url = _address(origin)
    try:
        known = [webhook for webhook in seam_client().list_webhooks() if webhook.url == url]
        if known and not again:
            return known[0], False
        return seam_client().create_webhook(url=url, event_types=list(EVENT_TYPES)), True
    except SeamError as error:
        raise ServiceError(_("Seam did not register it: %(why)s") % {"why": error}) from error


def _address(origin: str) -> str:
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ServiceError(_("Give the desk's address, such as https://desk.example.com."))
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise ServiceError(_("Webhooks are delivered by https only."))
    return f"{parts.scheme}://{parts.netloc}{reverse('seam_webhook')}"
