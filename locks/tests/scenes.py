"""All scenes by kind, each kind with rows of its own; a kind is as much as one process looks at in a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.cache import cache
from django.db import connections
from django.test import Client

from locks.models import Building, User
from locks.tests import gallery, gallery_card, gallery_desk
from locks.tests.gallery import Scene


def _lists(cast: dict[str, Client], ids: dict[str, int]) -> list[Scene]:
    return [each for each in gallery.pages(cast, ids) if re.match(r"/admin/\D*$", each.path)]


def _records(cast: dict[str, Client], ids: dict[str, int]) -> list[Scene]:
    return [each for each in gallery.pages(cast, ids) if re.match(r"/admin/\D*\d", each.path)]


def _pages(cast: dict[str, Client], ids: dict[str, int]) -> list[Scene]:
    return [each for each in gallery.pages(cast, ids) if not each.path.startswith("/admin/")]


def _accounts(_cast: Any, _ids: Any) -> Iterator[Scene]:
    cache.clear()  # a code is good once, and these people may have used theirs in a test before
    north, superuser = Building.objects.get(name="North House"), User.objects.get(is_superuser=True)
    return gallery.of_accounts(superuser, north)


def _apart(kind: str, cast: dict[str, Client], ids: dict[str, int]) -> list[Scene]:
    """Made in a thread of its own: Django's client does not run where a browser does."""
    ours = connections["default"]

    def make() -> list[Scene]:
        connections["default"] = ours
        return list(KINDS[kind](cast, ids))

    ours.inc_thread_sharing()
    with ThreadPoolExecutor(max_workers=1) as thread:
        made = thread.submit(make).result()
    ours.dec_thread_sharing()
    return made


KINDS: dict[str, Callable[[dict[str, Client], dict[str, int]], Iterator[Scene] | list[Scene]]] = {
    "lists": _lists,
    "records": _records,
    "pages": _pages,
    "errors": gallery.errors,
    "accounts": _accounts,
    "desk": lambda _cast, _ids: gallery.of_the_desk(),
    "card": lambda _cast, _ids: gallery_card.of_the_card(),
    "finding": lambda _cast, _ids: gallery_desk.of_finding(),
    "locking": lambda _cast, _ids: gallery_desk.of_locking(),
    "log": lambda _cast, _ids: gallery_desk.of_the_log(),
    "hand-over": lambda _cast, _ids: gallery_desk.of_handing_over(),
}


def scenes_of(cast: dict[str, Client], ids: dict[str, int], *kinds: str) -> list[Scene]:
    """The scenes of these kinds, or all."""
    return [scene for kind in kinds or KINDS for scene in _apart(kind, cast, ids)]
