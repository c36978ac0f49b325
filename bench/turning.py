"""Ask for pages of the history again and again, in one process; prints milliseconds as JSON.

Run by bench.history under the settings of the database that it has filled.
"""

import json
import os
import statistics
import time

import django

ROUNDS = 12
EVENTS, REQUESTS = "/admin/locks/auditevent/", "/admin/locks/unlockrequest/"


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "accessdesk.test_settings"
    django.setup()
    from django.test import Client

    from locks.models import UnlockRequest, User

    newest = UnlockRequest.objects.latest("requested_at")
    number = int(newest.pk * 0.574329)  # a number like any other
    deep = UnlockRequest.objects.get(pk=max(1, newest.pk // 10))
    day = f"{deep.requested_at:%Y-%m-%d}"
    place = f"{deep.requested_at:%Y-%m-%dT%H:%M:%S.%fZ}~{deep.pk}"
    pages = {
        "events, first page": EVENTS,
        "events of a door": f"{EVENTS}?door=601",
        "events of a person": f"{EVENTS}?person=43",
        "events of a person of another building": f"{EVENTS}?person=120",
        "events, search a booking": f"{EVENTS}?q=booking+{number}",
        "events, search a common word": f"{EVENTS}?q=courier",
        "events, search an attempt": f"{EVENTS}?q=attempt-{number}",
        "events of unknown outcomes": f"{EVENTS}?outcome=unknown",
        "events of a rare outcome": f"{EVENTS}?outcome=failed_may_act",
        "events of a kind": f"{EVENTS}?kind=unlock.unknown",
        "events, deep page": f"{EVENTS}?older={place}",
        "requests, first page": REQUESTS,
        "requests, unknown": f"{REQUESTS}?outcome=unknown",
        "requests, slow": f"{REQUESTS}?slow=yes",
        "requests, out of hours": f"{REQUESTS}?out_of_hours=yes",
        "requests, search a booking": f"{REQUESTS}?q=booking+{number}",
        "requests, search a common word": f"{REQUESTS}?q=courier",
        "requests, a day": f"{REQUESTS}?since={day}&until={day}",
        "requests, deep page": f"{REQUESTS}?older={place}",
        "one request's story": f"{REQUESTS}{number}/change/",
    }
    figures = {}
    for who, username in (("a manager", "clerk2"), ("a superuser", "clerk1")):
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(User.objects.get(username=username))
        for name, address in pages.items():
            if who == "a manager" and "story" in name:
                continue
            figures[f"{name}, {who}"] = _median(client, address)
    print(json.dumps(figures))


def _median(client: object, address: str) -> float:
    took = []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        answer = client.get(address)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code}")
    return statistics.median(took[1:])


if __name__ == "__main__":
    main()
