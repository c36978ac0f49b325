"""Numbers of payment cards in what people type: the record is no place for them.

A card number has 13 to 19 digits, the last of which checks the others (ISO/IEC 7812, the Luhn formula).
One in ten other numbers of that length looks the same; its last four digits have to do, then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# Digits as cards, invoices and hasty hands group them.
_RUN: Final = re.compile(r"\d(?:[ ./-]?\d){12,}")
_GROUP: Final = re.compile(r"\d+")
_SHORTEST, _LONGEST = 13, 19
_LEFT: Final = 4  # digits that may stay


def holds_card_number(text: str) -> bool:
    """Whether some digits in `text` could be the number of a card."""
    return next(_found(text), None) is not None


def without_card_numbers(text: str) -> str:
    """`text` with each such number cut to its last four digits."""
    while place := next(_found(text), None):
        start, end = place
        last = "".join(filter(str.isdigit, text[start:end]))[-_LEFT:]
        text = f"{text[:start]}…{last}{text[end:]}"
    return text


def _found(text: str) -> Iterator[tuple[int, int]]:
    """Where such numbers begin and end: whole groups of digits that stand together."""
    for run in _RUN.finditer(text):
        groups = [each.span() for each in _GROUP.finditer(text, *run.span())]
        for first, (start, _end) in enumerate(groups):
            digits = ""
            for group in groups[first:]:
                digits += text[slice(*group)]
                if len(digits) > _LONGEST:
                    break
                if len(digits) >= _SHORTEST and _checks(digits):
                    yield start, group[1]


def _checks(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004  # the formula's own
    return total % 10 == 0
