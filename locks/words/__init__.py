"""What people read about a refusal or a failure: one table each, keyed by code.

Each sentence says what happened and what to do next. One file per subject; all are used as `words.…`.
"""

from locks.words.failures import (
    FAILURES,
    FAILURES_IN_SHORT,
    INFERRED,
    NOTHING_LISTED,
    NOTHING_MOVED,
    SEAMS_ERRORS,
    contradiction,
    failure,
    failure_in_short,
    may_still_act,
    seams_error,
)
from locks.words.moves import MOVES, move
from locks.words.problems import PROBLEMS, problem
from locks.words.refusals import (
    FROZEN,
    OBSTACLES,
    OVERRIDDEN,
    REFUSALS,
    THAWS,
    obstacle,
    overridden,
    refusal,
)
from locks.words.waiting import try_again

__all__ = (
    "FAILURES",
    "FAILURES_IN_SHORT",
    "FROZEN",
    "INFERRED",
    "MOVES",
    "NOTHING_LISTED",
    "NOTHING_MOVED",
    "OBSTACLES",
    "OVERRIDDEN",
    "PROBLEMS",
    "REFUSALS",
    "SEAMS_ERRORS",
    "THAWS",
    "contradiction",
    "failure",
    "failure_in_short",
    "may_still_act",
    "move",
    "obstacle",
    "overridden",
    "problem",
    "refusal",
    "seams_error",
    "try_again",
)
