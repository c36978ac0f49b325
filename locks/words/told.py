"""What somebody is told: what happened, and what to do next. Both, always."""

from __future__ import annotations

from dataclasses import dataclass

from locks.words.sentences import Sentence


@dataclass(frozen=True)
class Told:
    """Two sentences with placeholders: {building}, {reason}, {when}."""

    happened: Sentence
    next: Sentence

    def filled(self, *, building: str = "", reason: str = "", when: str = "") -> Told:
        """With the placeholders filled; what people typed ends like a sentence, too."""
        if reason and not reason.endswith((".", "!", "?", "…")):
            reason += "."
        values = {"building": building, "reason": reason, "when": when}
        return Told(str(self.happened).format(**values), str(self.next).format(**values))

    def __str__(self) -> str:
        """Both, one after the other."""
        return " ".join(filter(None, (str(self.happened), str(self.next))))


NOTHING = Told("", "")
