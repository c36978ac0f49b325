"""How times are written, in Django's format letters: each language gives them its own order.

To the second on a 24-hour clock, as a record needs it; the day where it is not today's.
"""

import datetime as dt

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

# Translators: format letters of Django's date filter. Keep the letters, and put them in your order.
TIME = pgettext_lazy("format letters", "H:i:s")
TIME_TO_THE_MINUTE = pgettext_lazy("format letters", "H:i")
WEEKDAY_TO_THE_MINUTE = pgettext_lazy("format letters", "D H:i")
WEEKDAY_AND_TIME = pgettext_lazy("format letters", "D H:i:s")
DATE_AND_TIME = pgettext_lazy("format letters", "j M Y, H:i")
ON_PAPER = pgettext_lazy("format letters", "D j M Y, H:i")
DAY = pgettext_lazy("format letters", "j M")
DATE = pgettext_lazy("format letters", "j M Y")
DAY_AND_TIME = pgettext_lazy("format letters", "j M H:i")


def written(local: dt.date, form: str | Promise) -> str:
    """A day, or a time that is on its building's clock already."""
    return date_format(local, str(form))
