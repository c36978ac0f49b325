"""What the words of a search are looked up in, and PostgreSQL's index of them.

The index is over each event's detail, together with the number of its chain; migration 0006 makes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, BooleanField, F, Func, Q, QuerySet, Value
from django.db.models.functions import Cast

from locks.models import AuditChain, AuditDetail, UnlockRequest
from locks.models.audit import CHAIN_STRIDE

_PIECES = re.compile(r"\w{3,}")  # shorter ones the index does not know
MOST_PIECES = 8
MOST_NAMED = 50  # requests with one id of Seam's: one, unless somebody plays tricks


def spellings(term: str) -> set[str]:
    """`term` in the usual cases: SQLite's `icontains` knows those of ASCII letters alone."""
    return {term, term.lower(), term.upper(), term.title()}


def in_details(term: str, path: str = "") -> Q:
    """Details that hold `term`, as their JSON escapes it; `path` leads to them from other rows."""
    # The escapes of a letter's two cases have nothing in common: `icontains` would miss one.
    written = {json.dumps(spelling)[1:-1] for spelling in spellings(term)}
    found = Q()
    for each in {text.upper(): text for text in written}.values():
        found |= Q(**{f"{path}body__icontains": each})
    return found


def details_with(terms: Sequence[str], *, chains: Sequence[int] | None) -> QuerySet[AuditDetail]:
    """Details that hold all of `terms`, of these chains (None: of all), by the index of words.

    The index is asked for the rarest piece alone. Given all words, it would read the lists of the
    common ones, too, which takes forty times as long as looking at what the rare one found.
    """
    _rows, piece = min(rarest_piece(term, chains=chains) for term in terms)
    found: QuerySet[AuditDetail] = AuditDetail.objects.filter(
        among("event", _indexed(piece, chains).values("event"))
    )
    for term in terms:
        found = found.filter(in_details(term))
    return found


def rarest_piece(term: str, *, chains: Sequence[int] | None) -> tuple[int, str]:
    """The part of `term` that stands in the fewest details, after how many PostgreSQL expects.

    A guess from its statistics, that costs a millisecond.
    """
    pieces = _PIECES.findall(term)[:MOST_PIECES] or [term]
    return min((_expected(_indexed(piece, chains)), piece) for piece in pieces)


def _indexed(piece: str, chains: Sequence[int] | None) -> QuerySet[AuditDetail]:
    found: QuerySet[AuditDetail] = AuditDetail.objects.filter(in_details(piece))
    if chains is None:
        return found
    shift = CHAIN_STRIDE.bit_length() - 1
    # Of the index's own type: it serves no other.
    numbers = [Cast(Value(chain), BigIntegerField()) for chain in chains]
    return found.annotate(chain_number=F("event_id").bitrightshift(shift)).filter(
        chain_number__in=numbers
    )


def _expected(rows: QuerySet[Any]) -> int:
    (plan,) = json.loads(rows.order_by().explain(format="json"))
    return int(plan["Plan"]["Plan Rows"])


def among(column: str, rows: QuerySet[Any]) -> Func:
    """That `column` is one of `rows`, which PostgreSQL then reads first, and whole.

    As an ordinary subquery it may be tried row by row along the list instead: quick for a word that
    is everywhere, endless for one that is common in other buildings only.
    """
    return Func(
        F(column),
        ArraySubquery(rows),
        template="%(expressions)s)",
        arg_joiner=" = ANY (",
        output_field=BooleanField(),
    )


def named_by_seam(term: str, user: Any) -> list[int]:
    """Requests that `user` may review whose action attempt, or Seam's request, has this very id."""
    ids = Q(action_attempt_id=term) | Q(seam_request_id=term)
    found = UnlockRequest.objects.visible_to(user).filter(ids)
    return list(found.values_list("pk", flat=True)[:MOST_NAMED])


def chain_of(building: int | None) -> int:
    """The number of a building's chain (of the organisation's for None); 0 where there is none yet."""
    chains = AuditChain.objects.filter(building=building).values_list("pk", flat=True)
    return chains.first() or 0
