"""Log lines that nobody can forge: what came from outside begins no line of its own."""

import logging
import unicodedata
from typing import Any

# Characters that end a line, move the cursor, colour it, or turn the direction of the text.
_ODD = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_INSET = "    | "  # before each line of a traceback


class OneLine(logging.Formatter):
    """Writes each message on one line, odd characters spelt out; a traceback's lines are set in."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        return spelt_out(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return _set_in(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _set_in(super().formatStack(stack_info))


class NoTraceOfRefusals(logging.Filter):
    """Leaves out where in the code a request was turned away: a stranger's thousand would fill the disk."""

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 500)
        if record.name.startswith("django.security.") or status < 500:
            record.exc_info = record.exc_text = None
        return True


def spelt_out(text: str) -> str:
    """`text` with control characters, line ends and direction marks as `\\x0a` or `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelt(each) if unicodedata.category(each) in _ODD else each for each in text)


def _spelt(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _set_in(text: str) -> str:
    return "\n".join(_INSET + spelt_out(line) for line in text.split("\n"))
