"""Pages of a long list by place instead of by number: deep ones as fast as the first, nothing counted.

A place is the time and id of a row. What is written while somebody turns pages moves no row from one
page to another: none is skipped, none comes twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.contrib.admin.views.main import ChangeList
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from locks.admin.searching import among
from locks.models.audit import timestamp
from locks.services.errors import BadInput

OLDER, NEWER = "older", "newer"  # parameters: the page on that side of a place
# The nearest rows, in which words are looked for before they are in all. The index is quick for words of a
# few buildings that are not among the first; over all buildings it has more to read.
WINDOWS = (1_000, 10_000)


@dataclass(frozen=True, order=True)
class Place:
    """Where a row stands in a list that is ordered by a time, and by id where times are the same."""

    at: dt.datetime
    pk: int

    @classmethod
    def read(cls, text: str) -> Place:
        """The place that an address names. Raises BadInput."""
        try:
            at, pk = text.split("~")
            place = cls(dt.datetime.fromisoformat(at), int(pk))
            if place.at.tzinfo is None or not 0 <= place.pk < 2**63:
                raise ValueError
            return cls(place.at.astimezone(dt.UTC), place.pk)
        except (ValueError, OverflowError):
            raise BadInput(_("This is no place in the list.")) from None

    def __str__(self) -> str:
        return f"{timestamp(self.at)}~{self.pk}"


@dataclass(frozen=True)
class Page:
    """Rows, newest first, and whether there are more on either side."""

    rows: list[Any]
    has_newer: bool = False
    has_older: bool = False


class Search(Protocol):
    """Narrows rows to what words find; `is_narrow` where they are those of a few buildings.

    `is_rare` where the index finds so few that looking at the newest rows first is a detour.
    """

    @property
    def is_narrow(self) -> bool: ...

    @property
    def is_rare(self) -> bool: ...

    def plain(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """By looking at each row."""

    def by_index(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """By PostgreSQL's index of words."""


@dataclass(frozen=True)
class Words:
    """The search of a list."""

    admin: Any
    request: HttpRequest
    query: str

    @property
    def is_narrow(self) -> bool:
        return self.admin.chains_of(self.request) is not None

    @property
    def is_rare(self) -> bool:
        return bool(self.admin.is_rare(self.request, self.query))

    def plain(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        found: QuerySet[Any] = self.admin.get_search_results(self.request, rows, self.query)[0]
        return found

    def by_index(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        found: QuerySet[Any] = self.admin.found_by_index(self.request, rows, self.query)
        return found


class Pages:
    """A list in `parts`, none of which shares a row with another, ordered by the column `time`.

    Parts let each be read along an index of its own (a building's events, say) where one index
    over all of them would lead past the rows of everybody else. `search` narrows a part to what
    words find.
    """

    def __init__(
        self,
        parts: Sequence[QuerySet[Any]],
        *,
        time: str,
        size: int,
        search: Search | None = None,
    ) -> None:
        self._parts, self._time, self._size, self._search = parts, time, size, search

    def place_of(self, row: Model) -> Place:
        """Where `row` stands."""
        return Place(getattr(row, self._time), row.pk)

    def first(self) -> Page:
        """The newest rows."""
        rows = self._read(None, older=True)
        return Page(rows[: self._size], has_older=len(rows) > self._size)

    def older(self, place: Place) -> Page:
        """The rows right before `place` in time."""
        rows = self._read(place, older=True)
        return Page(rows[: self._size], has_newer=True, has_older=len(rows) > self._size)

    def newer(self, place: Place) -> Page:
        """The rows right after `place` in time; the first page where they do not fill one."""
        rows = self._read(place, older=False)
        if len(rows) < self._size:
            return self.first()
        return Page(rows[: self._size][::-1], has_newer=len(rows) > self._size, has_older=True)

    def beside(self, place: Place) -> tuple[Any, Any]:
        """The next newer row and the next older one; None where there is none."""
        newer, older = (self._read(place, older=side, most=1) for side in (False, True))
        return next(iter(newer), None), next(iter(older), None)

    def _read(self, place: Place | None, *, older: bool, most: int = 0) -> list[Any]:
        """Rows from `place` on, away from it, one more than a page has (or `most`)."""
        most = most or self._size + 1
        order = [f"{'-' if older else ''}{column}" for column in (self._time, "pk")]
        beyond = Q() if place is None else self._beyond(place, older=older)
        found: list[Any] = []
        for part in self._parts:
            there = part.filter(beyond).order_by(*order)
            found += self._searched(there, most) if self._search else there[:most]
        return sorted(found, key=self.place_of, reverse=older)[:most]

    def _searched(self, there: QuerySet[Any], most: int) -> Sequence[Any]:
        """What words find, nearest first.

        Common words are found among the nearest rows, rare ones by PostgreSQL's index of words. Left
        to itself it takes the wrong way where a word is common elsewhere and rare here.
        """
        search: Any = self._search
        if connection.vendor != "postgresql":
            return list(search.plain(there)[:most])
        windows = () if search.is_rare else WINDOWS[: 1 if search.is_narrow else None]
        for window in windows:
            near = there.order_by().filter(among("pk", there.values("pk")[:window]))
            found = list(search.plain(near).order_by(*there.query.order_by)[:most])
            if len(found) == most:
                return found
        return list(search.by_index(there)[:most])

    def _beyond(self, place: Place, *, older: bool) -> Q:
        side = "lt" if older else "gt"
        beside = Q(**{f"{self._time}__{side}": place.at}) | Q(**{f"pk__{side}": place.pk})
        # The time's own bound is what an index is entered by.
        return Q(**{f"{self._time}__{side}e": place.at}) & beside


class PagedList(ChangeList):
    """Django's list of rows, paged by place. Its admin names `time_column` and `parts_of()`."""

    page: Page

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """As Django's, without the fields that a form sent empty."""
        empty = {name: None for name, value in self.params.items() if not value}
        return str(super().get_query_string({**empty, **(new_params or {})}, remove))

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        chosen: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in chosen.items() if name not in (OLDER, NEWER)}

    def pages(self, request: HttpRequest) -> Pages:
        """What was chosen, in pages."""
        admin: Any = self.model_admin
        query, search, chosen = self.query, None, self.queryset
        if query and admin.search_fields:
            search, self.query = Words(admin, request, query), ""
            chosen, self.query = self.get_queryset(request), query
        parts = admin.parts_of(request, chosen)
        return Pages(parts, time=admin.time_column, size=self.list_per_page, search=search)

    def get_results(self, request: HttpRequest) -> None:
        pages, asked = self.pages(request), self.params
        self._place_of = pages.place_of
        if OLDER in asked:
            self.page = pages.older(Place.read(asked[OLDER]))
        elif NEWER in asked:
            self.page = pages.newer(Place.read(asked[NEWER]))
        else:
            self.page = pages.first()
        self.result_list: Any = self.page.rows
        self.result_count = len(self.page.rows)
        self.full_result_count = None
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = False

    @property
    def newer_link(self) -> str:
        """The address of the page with newer rows; empty where there is none."""
        return self._beside(NEWER, 0) if self.page.has_newer and self.page.rows else ""

    @property
    def older_link(self) -> str:
        """The address of the page with older rows; empty where there is none."""
        return self._beside(OLDER, -1) if self.page.has_older and self.page.rows else ""

    @property
    def newest_link(self) -> str:
        """The address of the first page of what was chosen."""
        return str(self.get_query_string({OLDER: None, NEWER: None}))

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """The filters and the search of this page, as they stand in its address."""
        left_out = (OLDER, NEWER)
        return sorted((k, v) for k, v in self.params.items() if k not in left_out and v)

    def _beside(self, side: str, index: int) -> str:
        place = str(self._place_of(self.page.rows[index]))
        return str(self.get_query_string({OLDER: None, NEWER: None, side: place}))
