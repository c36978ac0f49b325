"""A language that is none: every translated text in brackets, with other letters, a third longer.

What stands on a page without brackets was never translated; what does not fit was laid out for English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

# What a translator leaves as it is: placeholders, tags, entities.
_KEPT = re.compile(r"(%\([^)]+\)[-.0-9]*[a-z]|%[sd%]|\{[^}]*\}|<[^>]+>|&#?\w+;)")
_LETTERS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "áƀçđéƒǧħíĵķŀɱñóƥɋŕšţúṽŵẋýžÁɃÇĐÉƑǦĦÍĴĶĿṀÑÓƤɊŔŠŢÚṼŴẊÝŽ",
)
FORMAT_LETTERS = "format letters"  # of dates: they are put in order, not translated
BEGIN, END = "⟦", "⟧"


def pseudo(text: str) -> str:
    """The text in brackets, its letters changed, 35 % longer; placeholders and tags stay."""
    if not text.strip():
        return text
    parts = _KEPT.split(text)
    said = "".join(part if at % 2 else part.translate(_LETTERS) for at, part in enumerate(parts))
    extra = max(1, round(len(text) * 0.35))
    padding = (" óóóó" * (extra // 5 + 1))[:extra]
    return f"{BEGIN}{said}{padding}{END}"


class Pseudo:
    """Stands in for a language's catalogue in Django: knows every message."""

    def __init__(self, language: str) -> None:
        self._language = language

    def to_language(self) -> str:
        return self._language

    def gettext(self, message: str) -> str:
        context, _mark, text = message.rpartition("\x04")
        return text if context == FORMAT_LETTERS else pseudo(text)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)


class _Texts(HTMLParser):
    """What people read or hear of a page: its text, and the attributes that are text."""

    SAID = {"aria-label", "title", "placeholder", "alt", "data-spoken"}
    # Texts that scripts show.
    SAID |= {"data-texts", "data-counted", "data-waiting", "data-slow-big", "data-slow-rest"}
    SAID |= {"data-stayed"}
    UNSAID = {"script", "style", "code", "pre"}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unsaid = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.UNSAID:
            self._unsaid += 1
        named = {name: value or "" for name, value in attrs}
        said = {name for name in named if name in self.SAID or name.startswith("data-text-")}
        if tag == "input" and named.get("type") in {"submit", "button"}:
            said |= {"value"} & set(named)
        self.found += [named[name] for name in sorted(said)]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.UNSAID:
            self._unsaid -= 1

    def handle_data(self, data: str) -> None:
        if not self._unsaid:
            self.found.append(data)


def untranslated(html: str, data: Iterable[str]) -> list[str]:
    """Texts of a page with words outside the brackets that are none of `data` (names, codes)."""
    texts = _Texts()
    texts.feed(html)
    texts.close()
    # A sentence may be cut by tags within its brackets: so the page is read as one text.
    whole = re.sub(r"\s+", " ", "\n".join(texts.found))
    whole = _without_brackets(whole)
    names = "|".join(re.escape(each) for each in sorted(data, key=len, reverse=True))
    whole = re.sub(rf"(?<!\w)(?:{names}|[A-Z0-9]{{16,}}|[0-9a-f]{{64}})(?!\w)", " ", whole)
    found = [text.strip() for text in re.split(r"[|⟦⟧]+", whole)]
    return sorted({text for text in found if re.search(r"[A-Za-z]{2,}", text)})


def _without_brackets(text: str) -> str:
    """Innermost first: a translated text may hold another."""
    inner = re.compile(f"{BEGIN}[^{BEGIN}{END}]*{END}")
    while inner.search(text):
        text = inner.sub("|", text)
    return text
