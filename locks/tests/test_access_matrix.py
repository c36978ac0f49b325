"""Every URL of the resolver, every way to stand to its building, GET and POST: decided here, row by row.

A new URL fails until it has a row. Columns, in order: a stranger who has not signed in; signed in without any role;
front desk, viewer and manager of the object's own building; front desk and manager of another building; superuser.
`in` sends to the sign-in, `go` redirects elsewhere. Posts are empty, signed in, with a valid CSRF token.
"""

import asyncio

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from locks.models import Alert, AuditEvent, Building, Device, PickListEntry, Role
from locks.services.alerting import find_alerts
from locks.services.follow_ups import add_note, open_follow_up
from locks.services.handing_over import take_over
from locks.services.inviting import invite_person
from locks.services.proving import prove_record
from locks.services.reviewing import flag_event
from locks.services.shared_pcs import enrol_pc
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.tests.consoles import change, open_consoles
from locks.tests.factories import grant, make_building, make_device, make_superuser, make_user

COLUMNS = (
    "stranger",
    "nobody",
    "clerk",
    "viewer",
    "manager",
    "other clerk",
    "other manager",
    "superuser",
)

# route: what GET answers each, what POST answers each
MATRIX = """
healthz                                                  | 200 200 200 200 200 200 200 200 | 405 405 405 405 405 405 405 405
readyz                                                   | 200 200 200 200 200 200 200 200 | 405 405 405 405 405 405 405 405
admin/                                                   |  go 403 403 403 200 403 200 200 |  go 403 403 403 200 403 200 200
admin/login/                                             |  in 403 403 403  in 403  in  in |  in 403 403 403  in 403  in  in
admin/logout/                                            |  go 403 403 403  go 403  go  go |  go 403 403 403  go 403  go  go
admin/password_change/                                   |  go 403 403 403  go 403  go  go |  go 403 403 403  go 403  go  go
admin/password_change/done/                              |  go 403 403 403  go 403  go  go |  go 403 403 403  go 403  go  go
admin/jsi18n/                                            |  go 403 403 403 200 403 200 200 |  go 403 403 403 405 403 405 405
admin/locks/building/<path:object_id>/health/            |  in 403 403 403 200 403 404 200 |  in 403 403 403 405 403 404 405
admin/locks/building/                                    |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/building/add/                                |  in 403 403 403 403 403 403 200 |  in 403 403 403 403 403 403 200
admin/locks/building/<path:object_id>/history/           |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/building/<path:object_id>/delete/            |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/building/<path:object_id>/change/            |  in 403 403 403 200 403 404 200 |  in 403 403 403  go 403 404 200
admin/locks/building/<path:object_id>/                   |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/device/sync/                                 |  in 403 403 403 403 403 403 405 |  in 403 403 403 403 403 403  go
admin/locks/device/<path:object_id>/unlocks/             |  in 403 403 403 200 403 404 200 |  in 403 403 403 405 403 404 405
admin/locks/device/                                      |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/device/add/                                  |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/device/<path:object_id>/history/             |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/device/<path:object_id>/delete/              |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/device/<path:object_id>/change/              |  in 403 403 403 200 403 404 200 |  in 403 403 403 200 403 404 200
admin/locks/device/<path:object_id>/                     |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/user/<path:object_id>/password/              |  in 403 403 403 403 403 403 200 |  in 403 403 403 403 403 403 200
admin/locks/user/<path:object_id>/reset/                 |  in 403 403 403 200 403 404 200 |  in 403 403 403 200 403 404 200
admin/locks/user/<path:object_id>/leave/                 |  in 403 403 403 200 403 404 200 |  in 403 403 403 200 403 404 200
admin/locks/user/<path:object_id>/unlocks/               |  in 403 403 403 200 403 404 200 |  in 403 403 403 405 403 404 405
admin/locks/user/                                        |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/user/add/                                    |  in 403 403 403 403 403 403 200 |  in 403 403 403 403 403 403 200
admin/locks/user/<path:object_id>/history/               |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/user/<path:object_id>/delete/                |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/user/<path:object_id>/change/                |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 200
admin/locks/user/<path:object_id>/                       |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/auditevent/                                  |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/auditevent/export/                           |  in 403 403 403 405 403 405 405 |  in 403 403 403 400 403 400 400
admin/locks/auditevent/add/                              |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/auditevent/<path:object_id>/history/         |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/auditevent/<path:object_id>/delete/          |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/auditevent/<path:object_id>/change/          |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 403
admin/locks/auditevent/<path:object_id>/                 |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/chainproof/                                  |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/chainproof/add/                              |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/chainproof/<path:object_id>/history/         |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/chainproof/<path:object_id>/delete/          |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/chainproof/<path:object_id>/change/          |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 403
admin/locks/chainproof/<path:object_id>/                 |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/review/daily-mail/                           |  in 403 403 403 200 403 200 200 |  in 403 403 403  go 403  go  go
admin/locks/review/flag/<int:event_id>/                  |  in 403 403 403 200 403 404 200 |  in 403 403 403 200 403 404 200
admin/locks/review/<path:object_id>/comment/             |  in 403 403 403 405 403 404 405 |  in 403 403 403  go 403 404  go
admin/locks/review/<path:object_id>/reviewed/            |  in 403 403 403 405 403 404 405 |  in 403 403 403  go 403 404  go
admin/locks/review/<path:object_id>/reopen/              |  in 403 403 403 405 403 404 405 |  in 403 403 403  go 403 404  go
admin/locks/review/                                      |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/review/add/                                  |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/review/<path:object_id>/history/             |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/review/<path:object_id>/delete/              |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/review/<path:object_id>/change/              |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 403
admin/locks/review/<path:object_id>/                     |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/invitation/<path:object_id>/withdraw/        |  in 403 403 403 405 403 404 405 |  in 403 403 403  go 403 404  go
admin/locks/invitation/                                  |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/invitation/add/                              |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/invitation/<path:object_id>/history/         |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/invitation/<path:object_id>/delete/          |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/invitation/<path:object_id>/change/          |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 403
admin/locks/invitation/<path:object_id>/                 |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/alert/settings/<int:building_id>/            |  in 403 403 403 200 403 404 200 |  in 403 403 403 400 403 404 400
admin/locks/alert/                                       |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/alert/add/                                   |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/alert/<path:object_id>/history/              |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/alert/<path:object_id>/delete/               |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/alert/<path:object_id>/change/               |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 403
admin/locks/alert/<path:object_id>/                      |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/assignment/                                  |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/assignment/add/                              |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/assignment/<path:object_id>/history/         |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/assignment/<path:object_id>/delete/          |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/assignment/<path:object_id>/change/          |  in 403 403 403 200 403 404 200 |  in 403 403 403  go 403 404  go
admin/locks/assignment/<path:object_id>/                 |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/unlockrequest/                               |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/unlockrequest/add/                           |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/unlockrequest/<path:object_id>/history/      |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/unlockrequest/<path:object_id>/delete/       |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/unlockrequest/<path:object_id>/change/       |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 403
admin/locks/unlockrequest/<path:object_id>/              |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/press/                                       |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/press/add/                                   |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/press/<path:object_id>/history/              |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/press/<path:object_id>/delete/               |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/press/<path:object_id>/change/               |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 403
admin/locks/press/<path:object_id>/                      |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/picklistentry/                               |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/picklistentry/add/                           |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/picklistentry/<path:object_id>/history/      |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/picklistentry/<path:object_id>/delete/       |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/picklistentry/<path:object_id>/change/       |  in 403 403 403 200 403 404 200 |  in 403 403 403 200 403 404 200
admin/locks/picklistentry/<path:object_id>/              |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/locks/sharedpc/                                    |  in 403 403 403 200 403 200 200 |  in 403 403 403 200 403 200 200
admin/locks/sharedpc/add/                                |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/sharedpc/<path:object_id>/history/           |  in 403 403 403  go 403 404  go |  in 403 403 403  go 403 404  go
admin/locks/sharedpc/<path:object_id>/delete/            |  in 403 403 403 403 403 403 403 |  in 403 403 403 403 403 403 403
admin/locks/sharedpc/<path:object_id>/change/            |  in 403 403 403 200 403 404 200 |  in 403 403 403 403 403 403 403
admin/locks/sharedpc/<path:object_id>/                   |  in 403 403 403  go 403  go  go |  in 403 403 403  go 403  go  go
admin/^(?P<app_label>locks)/$                            |  go 403 403 403 200 403 200 200 |  go 403 403 403 200 403 200 200
admin/(?P<url>.*)$                                       |  go 403 403 403 404 403 404 404 |  go 403 403 403 404 403 404 404
                                                         |  in 200 200 200 200 200 200 200 |  in 405 405 405 405 405 405 405
buildings/<int:building_id>/                             |  in 404 200 200 200 404 404 200 |  in 405 405 405 405 405 405 405
doors/<int:device_id>/                                   |  in 404 200 200 200 404 404 200 |  in 405 405 405 405 405 405 405
doors/<int:device_id>/lock/                              |  in 405 405 405 405 405 405 405 |  in 404  go  go  go 404 404  go
doors/<int:device_id>/unlock/                            |  in 405 405 405 405 405 405 405 |  in 404 200  go  go 404 404  go
webhooks/seam/                                           | 405 405 405 405 405 405 405 405 | 404 404 404 404 404 404 404 404
hand-over/<int:building_id>/                             |  in 404 200 200 200 404 404 200 |  in 405 405 405 405 405 405 405
hand-over/<int:building_id>/<int:number>/                |  in 404 200 200 200 404 404 200 |  in 405 405 405 405 405 405 405
hand-over/<int:building_id>/take-over/                   |  in 405 405 405 405 405 405 405 |  in 404  go 422 422 404 404 422
hand-over/<int:building_id>/follow-ups/                  |  in 405 405 405 405 405 405 405 |  in 404 422 422 422 404 404 422
follow-ups/<int:follow_up_id>/close/                     |  in 405 405 405 405 405 405 405 |  in 404  go  go  go 404 404  go
follow-ups/<int:follow_up_id>/note/                      |  in 405 405 405 405 405 405 405 |  in 404  go  go  go 404 404  go
requests/<int:request_id>/attest/                        |  in 405 405 405 405 405 405 405 |  in 404 400 400 400 404 404 400
favourites/                                              |  in 405 405 405 405 405 405 405 |  in 404 404 404 404 404 404 404
history/                                                 |  in 200 200 200 200 200 200 200 |  in 405 405 405 405 405 405 405
history/open/                                            |  in 200 200 200 200 200 200 200 |  in 405 405 405 405 405 405 405
accounts/invitation/                                     | 200 200 200 200 200 200 200 200 | 400 400 400 400 400 400 400 400
accounts/invitation/open/                                |  go  go  go  go  go  go  go  go |  go  go  go  go  go  go  go  go
accounts/invitation/<str:secret>/                        | 404 404 404 404 404 404 404 404 | 405 405 405 405 405 405 405 405
accounts/                                                |  in 200 200 200 200 200 200 200 |  in 405 405 405 405 405 405 405
accounts/password/again/                                 |  in 200 200 200 200 200 200 200 |  in 200 200 200 200 200 200 200
accounts/password/reset/                                 | 200 200 200 200 200 200 200 200 | 200 200 200 200 200 200 200 200
accounts/password/reset/sent/                            | 200 200 200 200 200 200 200 200 | 405 405 405 405 405 405 405 405
accounts/password/reset/done/                            | 200 200 200 200 200 200 200 200 | 405 405 405 405 405 405 405 405
accounts/password/reset/<uidb64>/<token>/                | 200 200 200 200 200 200 200 200 | 200 200 200 200 200 200 200 200
accounts/2fa/                                            |  in 200 200 200 200 200 200 200 |  in 405 405 405 405 405 405 405
accounts/2fa/sign-in/                                    |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/2fa/code/                                       |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/2fa/app/add/                                    |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/2fa/app/remove/                                 |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/2fa/recovery-codes/                             |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/2fa/recovery-codes/new/                         |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/2fa/passkeys/add/                               |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/2fa/passkeys/use/                               |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/2fa/passkeys/<int:pk>/remove/                   |  in  go  go  go  go  go  go  go |  in  go  go  go  go  go  go  go
accounts/sessions/                                       |  in 200 200 200 200 200 200 200 |  in 405 405 405 405 405 405 405
accounts/sessions/others/end/                            |  in 405 405 405 405 405 405 405 |  in  go  go  go  go  go  go  go
accounts/sessions/<int:session_id>/end/                  |  in 405 405 405 405 405 405 405 |  in 404 404 404 404 404 404 404
accounts/sso/                                            | 405 405 405 405 405 405 405 405 | 404 404 404 404 404 404 404 404
accounts/sso/back/                                       | 404 404 404 404 404 404 404 404 | 405 405 405 405 405 405 405 405
accounts/login/                                          | 200  go  go  go  go  go  go  go | 200  go  go  go  go  go  go  go
accounts/logout/                                         |  in 405 405 405 405 405 405 405 |  in  in  in  in  in  in  in  in
accounts/password_change/                                |  in 200 200 200 200 200 200 200 |  in 200 200 200 200 200 200 200
accounts/password_change/done/                           |  in 200 200 200 200 200 200 200 |  in 405 405 405 405 405 405 405
accounts/switch/                                         |  in  go  go  go  go  go  go  go |  go  go  go  go  go  go  go  go
accounts/switch/<int:person_id>/                         |  go  go  go  go  go  go  go  go |  go  go  go  go  go  go  go  go
accounts/shared_pc/                                      |  in 403 403 403 200 403 200 200 |  in 403 403 403 400 403 400 400
accounts/pin/                                            |  in 200 200 200 200 200 200 200 |  in 400 400 400 400 400 400 400
accounts/session/                                        | 200 200 200 200 200 200 200 200 | 200 200 200 200 200 200 200 200
accounts/back/                                           |  in  go  go  go  go  go  go  go | 405 405 405 405 405 405 405 405
accounts/full/                                           |  in  go  go  go  go  go  go  go |  in  in  in  in  in  in  in  in
"""
# `/live/`, which the resolver does not know: whose changes each hears (`-`: nobody's), or `gone`.
LIVE = "gone - north north north south south both"


def routes(resolver: URLResolver | None = None, prefix: str = "") -> list[str]:
    """Every route that the resolver knows, as text."""
    found: list[str] = []
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        found += [route] if isinstance(entry, URLPattern) else routes(entry, route)
    return found


def decisions() -> dict[str, tuple[list[str], list[str]]]:
    rows = {}
    for line in filter(None, MATRIX.strip().splitlines()):
        route, get, post = (part.strip() for part in line.split("|"))
        rows[route] = (get.split(), post.split())
    return rows


@pytest.fixture
def cast(db) -> dict[str, Client]:
    north, south = make_building("North House"), make_building("South Tower")
    people = {
        "nobody": make_user(),
        "clerk": make_user(),
        "viewer": make_user(),
        "manager": make_user(),
        "other clerk": make_user(),
        "other manager": make_user(),
        "superuser": make_superuser(),
    }
    grant(people["clerk"], north)
    grant(people["viewer"], north, Role.VIEWER)
    grant(people["manager"], north, Role.MANAGER)
    grant(people["other clerk"], south)
    grant(people["other manager"], south, Role.MANAGER)
    clients = {"stranger": Client()}
    for name, person in people.items():
        clients[name] = Client()
        clients[name].person = person
        clients[name].force_login(person)
    return clients


@pytest.fixture
def ids(cast, simulator) -> dict[str, int]:
    """One object of North House for each kind of page."""
    from locks.models import Assignment, User

    north = Building.objects.get(name="North House")
    clerk = User.objects.get(assignments__building=north, assignments__role=Role.FRONT_DESK)
    door = make_device(north, seam_device_id="harbour-main-entrance")
    form = PressForm(token=issue_token(person=clerk, device=door))
    press = request_unlock(actor=clerk, device=door, form=form).press
    prove_record()
    superuser = User.objects.get(is_superuser=True)
    now = timezone.now()
    left = open_follow_up(actor=clerk, building=north, text="Fetch the parcel", door=door, at=now)
    add_note(actor=clerk, follow_up=left, text="It comes at nine", at=now)
    take_over(actor=clerk, building=north, after=0, note="Quiet night", at=now)
    review = flag_event(actor=superuser, event=AuditEvent.objects.earliest("id"), reason="odd")
    invited = invite_person(actor=superuser, building=north, role=Role.VIEWER, name="New")
    return {
        "building": north.pk,
        "buildings": north.pk,
        "hand-over": north.pk,
        "follow-ups": left.pk,
        "device": door.pk,
        "doors": door.pk,
        "user": clerk.pk,
        "invitation": invited.way.pk,
        "assignment": Assignment.objects.get(person=clerk).pk,
        "auditevent": AuditEvent.objects.earliest("id").pk,
        "chainproof": north.proofs.get().pk,
        "unlockrequest": press.request_id,
        "requests": press.request_id,
        "press": press.pk,
        "review": review.pk,
        "alert": raised_alert(door).pk,
        "picklistentry": PickListEntry.objects.create(
            building=north, kind="reason", text="Lift alarm"
        ).pk,
        "sharedpc": enrol_pc(actor=superuser, building=north, name="Front desk")[0].pk,
    }


def raised_alert(door: Device) -> Alert:
    """An alert about a door's battery."""
    Device.objects.filter(pk=door.pk).update(battery_status="low")
    find_alerts()
    return Alert.objects.get(device=door)


def _signs_out(route: str) -> bool:
    return "logout" in route or route in ("accounts/switch/", "accounts/full/")


def path_of(route: str, ids: dict[str, int]) -> str:
    """The route with the ids of North House's objects in it."""
    kind = next((part for part in route.split("/") if part in ids), "")
    route = route.replace("<int:event_id>", str(ids["auditevent"]))
    for placeholder in ("<int:pk>", "<int:session_id>"):  # nobody's
        route = route.replace(placeholder, "0")
    route = route.replace("<int:number>", "1")  # a building's first
    route = route.replace("<uidb64>/<token>", "MQ/no-such-token")
    route = route.replace("alert/settings/<int:building_id>", f"alert/settings/{ids['building']}")
    for placeholder in (
        "<path:object_id>",
        "<int:building_id>",
        "<int:device_id>",
        "<int:request_id>",
        "<int:person_id>",
        "<int:follow_up_id>",
    ):
        route = route.replace(placeholder, str(ids.get(kind, 1)))
    route = route.replace("<str:secret>", "ABCD-EFGH-JKMN-PQRS")
    route = route.replace("^(?P<app_label>locks)/$", "locks/")
    return "/" + route.replace("(?P<url>.*)$", "no/such/page/")


def answer_of(client: Client, path: str, method: str) -> str:
    response = client.get(path) if method == "get" else client.post(path)
    location = response.headers.get("Location", "")
    if response.status_code in {301, 302, 303, 307}:
        return "in" if location.startswith("/accounts/login/") else "go"
    return str(response.status_code)


def test_every_url_has_a_decision() -> None:
    assert set(routes()) == set(decisions())


@pytest.mark.parametrize("method", ["get", "post"])
def test_it_answers_each_person_as_decided(cast, ids, method: str) -> None:
    found = {}
    rows = decisions()
    for route in sorted(rows, key=lambda each: _signs_out(each)):  # signing out comes last
        path = path_of(route, ids)
        found[route] = [answer_of(cast[name], path, method) for name in COLUMNS]
        if _signs_out(route):
            for name in COLUMNS[1:]:
                cast[name].force_login(cast[name].person)
    assert found == {route: decided[method == "post"] for route, decided in rows.items()}


@pytest.mark.django_db(transaction=True)
def test_the_stream_tells_each_person_as_decided(cast) -> None:
    houses = list(Building.objects.order_by("name"))  # North House, South Tower
    north, south = (f"building-{house.pk}" for house in houses)
    meant = {"gone": {"gone"}, "-": set(), "north": {north}, "south": {south}}
    meant["both"] = {north, south}
    rights = {name: meant[word] for name, word in zip(COLUMNS, LIVE.split(), strict=True)}
    keys = {name: client.session.session_key or "" for name, client in cast.items()}

    async def hear() -> dict[str, set[str]]:
        async with open_consoles(**keys) as consoles:
            # Twice: whoever was wrongly told of the first is heard of by the second.
            for round_number in (1, 2):
                await change(*houses)
                for name, console in consoles.items():
                    for event in rights[name]:
                        await console.hears(event, times=1 if event == "gone" else round_number)
            return {name: set(console.names) - {"beat"} for name, console in consoles.items()}

    assert asyncio.run(hear()) == rights


def test_a_role_that_ended_answers_like_none(cast, ids) -> None:
    """Revoked while signed in: everything of the building is as for somebody without a role."""
    from locks.models import Assignment

    Assignment.objects.update(revoked_at=timezone.now())
    for route, (get, post) in decisions().items():
        path = path_of(route, ids)
        if _signs_out(route):
            continue
        for name in ("clerk", "viewer", "manager"):
            assert answer_of(cast[name], path, "get") == get[1], (name, path)
            assert answer_of(cast[name], path, "post") == post[1], (name, path)


def test_an_outsiders_press_is_recorded_before_the_404(cast, ids) -> None:
    cast["other clerk"].post(f"/doors/{ids['doors']}/unlock/")
    assert AuditEvent.objects.filter(kind="unlock.refused").count() == 1
