"""What the lists of the history share: pages by place, one bar of filters, and the way to the next row."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.db import OperationalError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from locks.admin.base import ReadOnly
from locks.admin.filters import number_in
from locks.admin.paging import PagedList
from locks.admin.scope import actor
from locks.admin.searching import chain_of, details_with, named_by_seam, rarest_piece
from locks.models import AuditDetail, Building
from locks.services.errors import BadInput

# With more buildings than that a list is read along one index for all: each is then no small part.
MOST_PARTS = 20
MOST_WORDS = 10  # of a search; each is a condition of its own
LONGEST_SEARCH = 200  # characters
RARE = 2_000  # details: quicker found by the index of words than among the newest rows
CANCELLED = "57014"  # PostgreSQL's code of a question that took longer than it may
# Filters that choose rows by an index of their own, so that no part by building is needed.
NARROW = ("building", "door", "request")


class History(ReadOnly):
    """A list that may have millions of rows, newest first, and the page of one of them."""

    change_list_template = "admin/locks/history_list.html"
    change_form_template = "admin/locks/history_row.html"
    time_column = ""
    one_detail_each = False  # whether a row has one detail, which must hold all words of a search
    sortable_by = ()
    list_per_page = 50

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PagedList

    def get_ordering(self, request: HttpRequest) -> Any:
        return (f"-{self.time_column}", "-pk")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in {
            name for each in self.get_list_filter(request) for name in _parameters(each)
        }

    def parts_of(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[QuerySet[Any]]:
        """The list, a building at a time where its person manages few, else as one."""
        if actor(request).is_superuser or any(request.GET.get(name) for name in NARROW):
            return [queryset]
        managed = list(Building.objects.managed_by(request.user)[: MOST_PARTS + 1])
        if not 1 < len(managed) <= MOST_PARTS:
            return [queryset]
        return [self.part_of(queryset, building) for building in managed]

    def part_of(self, queryset: QuerySet[Any], building: Building) -> QuerySet[Any]:
        """The rows of one building."""
        return queryset.filter(building=building)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for term in words_of(search_term) if self.search_fields else ():
            queryset = queryset.filter(self.found_by(term, request.user))
        return queryset, False

    def found_by(self, term: str, user: Any) -> Q:
        """The rows that one word of a search finds, among those that `user` may review."""
        raise NotImplementedError

    def found_by_index(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> QuerySet[Any]:
        """As get_search_results(), for words that are rare here: by PostgreSQL's index of them."""
        words = []
        for term in words_of(search_term):
            if named_by_seam(term, request.user):
                queryset = queryset.filter(self.found_by(term, request.user))
            else:
                words.append(term)
        if not words:
            return queryset
        chains = self.chains_of(request)
        if self.one_detail_each:
            return queryset.filter(self.told_in(details_with(words, chains=chains)))
        # Each word may stand in another event: the rarest finds the rows, which are few, and the
        # others are looked for in the events of these.
        rarest, *others = sorted(words, key=lambda word: rarest_piece(word, chains=chains))
        queryset = queryset.filter(self.told_in(details_with([rarest], chains=chains)))
        for word in others:
            queryset = queryset.filter(self.tells(word))
        return queryset

    def is_rare(self, request: HttpRequest, search_term: str) -> bool:
        """Whether the index of words is the quickest way to what they find, as far as one can guess."""
        words = words_of(search_term)
        chains = self.chains_of(request)
        return any(
            named_by_seam(word, request.user) or rarest_piece(word, chains=chains)[0] <= RARE
            for word in words
        )

    def tells(self, term: str) -> Any:
        """The condition for rows one of whose events tells `term`, looked at row by row."""
        raise NotImplementedError

    def told_in(self, details: QuerySet[AuditDetail]) -> Any:
        """The condition for rows that these details tell of."""
        raise NotImplementedError

    def chains_of(self, request: HttpRequest) -> list[int] | None:
        """The chains that the list is about; None for all."""
        place = number_in(request, "building")
        if place is not None:
            return [chain_of(place)]
        if actor(request).is_superuser:
            return None
        return [chain_of(each.pk) for each in Building.objects.managed_by(request.user)]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"beside": self._beside(request), **(extra_context or {})}
        try:
            return super().changelist_view(request, context)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != CANCELLED:
                raise
            # Words that are common each, and together nowhere: no index serves that.
            told = _(
                "This takes too long. Choose a building, a door or some days, or a rarer word."
            )
            raise BadInput(told) from error

    def _beside(self, request: HttpRequest) -> list[tuple[str, str]]:
        """The other lists of the history, by name, with as much of the choice as they know."""
        found = []
        for each in self.admin_site._registry.values():
            if not isinstance(each, History) or each is self:
                continue
            known = [
                (name, str(value))
                for name, value in request.GET.items()
                if value
                and (
                    name == SEARCH_VAR
                    and each.search_fields
                    or each.lookup_allowed(name, str(value), request)
                )
            ]
            address = reverse(f"admin:{each.opts.app_label}_{each.opts.model_name}_changelist")
            name = str(each.opts.verbose_name_plural)
            found.append((name, f"{address}?{urlencode(sorted(known))}"))
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {**self.way_on(request, object_id), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def way_on(self, request: HttpRequest, object_id: str) -> dict[str, str]:
        """Addresses of the next newer and the next older row of the list from which one came."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            return {}
        kept = request.GET.get("_changelist_filters", "")
        listed = copy.copy(request)
        listed.GET = QueryDict(kept)
        changes: Any = self.get_changelist_instance(listed)
        pages = changes.pages(listed)
        newer, older = pages.beside(pages.place_of(row))
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        ways = {"list": f"{reverse(f'{name}_changelist')}?{kept}"}
        for side, found in (("newer", newer), ("older", older)):
            if found is not None:
                query = urlencode({"_changelist_filters": kept}) if kept else ""
                ways[side] = f"{reverse(f'{name}_change', args=(found.pk,))}?{query}"
        return {f"{side}_way": way for side, way in ways.items()}


def words_of(search: str) -> list[str]:
    """The words that are looked for. Raises BadInput where they are too many to look for all."""
    words = search.split()
    if len(search) > LONGEST_SEARCH or len(words) > MOST_WORDS:
        told = _("A search takes %(words)d words and %(letters)d letters at most.")
        raise BadInput(told % {"words": MOST_WORDS, "letters": LONGEST_SEARCH})
    return words


def _parameters(each: Any) -> tuple[str, ...]:
    return getattr(each, "parameter_names", ()) or (each.parameter_name,)
