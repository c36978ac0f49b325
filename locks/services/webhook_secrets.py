"""What signs a building's webhook: made from SECRET_KEY and the row's nonce, so that none is stored.

Another SECRET_KEY makes other secrets: managers then have to hand out new ones.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets

from django.utils.crypto import salted_hmac

from locks.models import AlertRoute

BOTH_SIGN_FOR = dt.timedelta(hours=24)


def new_nonce() -> str:
    """What makes a new secret of it."""
    return secrets.token_hex(16)


def secret_of(route: AlertRoute) -> str:
    """The secret that is in use now, as receivers keep it: whsec_…"""
    return _secret(route, route.nonce)


def in_use(route: AlertRoute, *, now: dt.datetime) -> list[str]:
    """The secrets that sign now, the newest first: two for a day after one was replaced."""
    found = [secret_of(route)]
    if route.former_nonce and route.renewed_at and now - route.renewed_at < BOTH_SIGN_FOR:
        found.append(_secret(route, route.former_nonce))
    return found


def _secret(route: AlertRoute, nonce: str) -> str:
    made = salted_hmac("locks.alert_webhook", f"{route.building_id}:{nonce}", algorithm="sha256")
    return "whsec_" + base64.b64encode(made.digest()).decode()
