"""Times as people type them on a command line."""

import datetime as dt
from argparse import ArgumentTypeError

from django.utils import timezone


def moment(text: str) -> dt.datetime:
    """A time in ISO 8601; a day begins at midnight, and no zone means the server's own."""
    try:
        read = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("write a time such as 2026-03-01T02:00+01:00") from None
    return read if read.tzinfo else timezone.make_aware(read)
