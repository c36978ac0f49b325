"""Reading a request's parameters, with Seam's words for what is wrong with them."""

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from .shapes import Json

DEFAULT_LIMIT: Final = 500
_NAMES: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "boolean"),  # before the numbers: a bool is an int
    ((int, float), "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


class ApiError(Exception):
    """An answer that is one of Seam's JSON errors. `extra` is added to `error`."""

    def __init__(self, status: int, code: str, message: str, extra: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra or {}
        self.headers: dict[str, str] = {}


def invalid(problem: str, *, name: str | None = None) -> ApiError:
    """The 400 `invalid_input` for one parameter (`ids.0`: the first of `ids`), or for
    the whole input where no `name` is given."""
    errors: Json = {"_errors": [problem]}
    for part in reversed(name.split(".") if name else []):
        errors = {"_errors": [], part: errors}
    if name is None:
        message = problem
    else:
        message = f"{name} is required" if problem == "Required" else f'{problem} for "{name}"'
    return ApiError(400, "invalid_input", message, {"validation_errors": errors})


def json_type(value: Any) -> str:
    """What JSON calls the type of a value."""
    return next((name for types, name in _NAMES if isinstance(value, types)), "null")


class Params:
    """The parameters of one request. Every reader raises ApiError for a value of a wrong type."""

    def __init__(self, values: Json) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """A string that has to be there."""
        if name not in self._values:
            raise invalid("Required", name=name)
        return self._string(self._values[name], name)

    def optional_text(self, name: str) -> str | None:
        """A string, or None if it is left out."""
        return self.text(name) if name in self._values else None

    def texts(self, name: str) -> list[str] | None:
        """A list of strings, or one string with commas as Seam's fake takes it, or None."""
        if name not in self._values:
            return None
        value = self._values[name]
        if isinstance(value, str):
            return value.split(",")
        if not isinstance(value, list):
            raise invalid(f"Expected array, received {json_type(value)}", name=name)
        return [self._string(each, f"{name}.{place}") for place, each in enumerate(value)]

    def limit(self) -> int:
        """How many rows a page has at most."""
        value = self._values.get("limit", DEFAULT_LIMIT)
        if isinstance(value, str) and value.isdecimal() and len(value) < 10:
            value = int(value)
        if json_type(value) != "number":
            raise invalid(f"Expected number, received {json_type(value)}", name="limit")
        if isinstance(value, float) and not value.is_integer():
            raise invalid("Expected integer, received float", name="limit")
        if value <= 0:
            raise invalid("Number must be greater than 0", name="limit")
        return int(value)

    def offset(self) -> int:
        """Where the page starts that `page_cursor` stands for."""
        cursor = self._values.get("page_cursor")
        if cursor is None:
            return 0
        text = self._string(cursor, "page_cursor")
        try:
            digits = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise invalid("Invalid base64", name="page_cursor") from None
        if not (digits.isdigit() and len(digits) < 10):
            raise invalid("Invalid cursor", name="page_cursor")
        return int(digits)

    def moment(self, name: str) -> datetime | None:
        """A point in time written in ISO 8601 (UTC where no offset is given), or None."""
        text = self.optional_text(name)
        return None if text is None else _moment(text, name)

    def moments(self, name: str) -> list[datetime] | None:
        """Two points in time, or None."""
        texts = self.texts(name)
        if texts is None:
            return None
        if len(texts) != 2:
            raise invalid("Array must contain exactly 2 element(s)", name=name)
        return [_moment(each, name) for each in texts]

    @staticmethod
    def _string(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise invalid(f"Expected string, received {json_type(value)}", name=name)
        return value


def page(rows: list[Json], params: Params, *, url: str) -> tuple[list[Json], Json]:
    """One page of `rows`, and Seam's `pagination` for it."""
    start, limit = params.offset(), params.limit()
    end = start + limit
    if end >= len(rows):
        no_more = {"has_next_page": False, "next_page_cursor": None, "next_page_url": None}
        return rows[start:], no_more
    cursor = base64.b64encode(str(end).encode()).decode()
    quoted = cursor.replace("=", "%3D")
    more = {
        "has_next_page": True,
        "next_page_cursor": cursor,
        "next_page_url": f"{url}?limit={limit}&page_cursor={quoted}",
    }
    return rows[start:end], more


def merged_query(pairs: Iterable[tuple[str, str]]) -> Json:
    """A query as parameters: a name that is repeated becomes a list."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in values.items()}


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("Must be parsable date string if defined", name=name) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
