"""Numbers as people read them: each language has its own decimal sign and percent."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.formats import number_format
from django.utils.translation import gettext as _


def tenths(number: float) -> str:
    """With one decimal."""
    return str(number_format(round(number, 1), 1))


def percent(whole: int) -> str:
    """Such as 98 %."""
    return _("%(share)d %%") % {"share": whole}


def counted(text: Callable[[int], str], most: int) -> str:
    """What a script says of 0 to `most`, as `text` tells it of each, with `{count}` for the number.

    Between bars: which form each number takes, then the forms. So every language's plurals are right.
    """
    texts = [text(number) for number in range(most + 1)]
    forms = list(dict.fromkeys(texts))
    return "|".join(["".join(str(forms.index(each)) for each in texts), *forms])
