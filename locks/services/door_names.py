"""What a door is called, as people type it: folded, cut into words, and its number."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters that Unicode does not take apart, and that keyboards elsewhere lack.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_SIGNS = frozenset({"no", "nr", "number"})  # "№" and "nº" fold to the first
_KEPT = 16_384  # names, so that a search reads each once


@lru_cache(maxsize=_KEPT)
def fold(text: str) -> str:
    """The text without case, accents and needless spaces: `Überseestraße` as `uberseestrasse`."""
    apart = unicodedata.normalize("NFKD", text.casefold()).casefold()  # "№" is "No" apart
    plain = "".join(each for each in apart if not unicodedata.combining(each))
    return " ".join(plain.translate(_PLAIN).split())


@lru_cache(maxsize=_KEPT)
def words_of(text: str) -> tuple[str, ...]:
    """Its words, folded: `Room 2.104, east` as `room`, `2`, `104`, `east`."""
    return tuple(re.findall(r"[^\W_]+", fold(text)))


@lru_cache(maxsize=_KEPT)
def joined_of(text: str) -> tuple[str, ...]:
    """Its words that something stands within, without that: `Room 2.104, Wi-Fi` as `2104`, `wifi`."""
    joined = (bare(each) for each in fold(text).split())
    return tuple(each for each in joined if each and each not in words_of(text))


@lru_cache(maxsize=_KEPT)
def parts_of(word: str) -> tuple[str, ...]:
    """The runs of letters and of digits in a word of both (`r112`: `r`, `112`); empty for others."""
    parts = tuple(re.findall(r"\d+|[^\W\d_]+", word))
    return parts if len(parts) > 1 else ()


@lru_cache(maxsize=_KEPT)
def number_of(label: str) -> str:
    """What a door's label numbers it by (`Room 112`: `112`, `Suite 12A`: `12a`); empty for no number."""
    numbered = [word for word in fold(label).split() if re.search(r"\d", word)]
    return bare(numbered[-1]) if numbered else ""


def unsigned(words: tuple[str, ...]) -> tuple[str, ...]:
    """Without what says that a number follows: `no`, `112` as `112`, and `no112`, too."""
    apart = [each for word in words for each in (_signed(word) or (word,))]
    numbered = zip(apart, (*apart[1:], ""), strict=False)
    return tuple(word for word, then in numbered if word not in _SIGNS or not then[:1].isdecimal())


def _signed(word: str) -> tuple[str, ...]:
    parts = parts_of(word)
    return parts if parts[:1] and parts[0] in _SIGNS else ()


def names(typed: str, label: str) -> bool:
    """Whether what was typed is the door's number, or its whole label in any order of words."""
    words = words_of(typed)
    if not words:
        return False
    number = number_of(label)
    is_number = bool(number) and number in ("".join(words), "".join(unsigned(words)))
    return is_number or sorted(words) == sorted(words_of(label))


def bare(text: str) -> str:
    """Without what stands around and between letters and digits: `#2.104` as `2104`."""
    return "".join(re.findall(r"[^\W_]", text))
