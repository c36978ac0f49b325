"""What people read about a refusal or a failure: one table each, keyed by code.

Each entry says what happened and what to do next. One file per subject; all are used as `words.…`.
"""

from locks.words.failures import (
    FAILURES,
    FAILURES_IN_SHORT,
    INFERRED,
    LOOK_AT_THE_DOOR,
    MAY_STILL_ACT,
    NOTHING_LISTED,
    NOTHING_MOVED,
    SEAMS_ERRORS,
    TREAT_AS_UNLOCKED,
    contradicted,
    failed,
    failure,
    failure_in_short,
    may_still_act,
    seams_error,
)
from locks.words.locking import (
    LOCK_FAILURES,
    LOCK_INFERRED,
    LOCK_REFUSALS,
    LOCK_SEAMS_ERRORS,
    LOOK_WHETHER_LOCKED,
    NO_LOCKING_LISTED,
    UNLOCK_IN_DOUBT,
    lock_contradicted,
)
from locks.words.moves import MOVES, move
from locks.words.problems import ABOUT_CODES_ALONE, PROBLEMS, problem
from locks.words.refusals import (
    FROZEN,
    OBSTACLES,
    OVERRIDDEN,
    REFUSALS,
    REFUSALS_IN_SHORT,
    THAWS,
    obstacle,
    obstructed,
    overridden,
    refusal,
    refusal_in_short,
    refused,
)
from locks.words.sentences import IF_STILL_LOCKED
from locks.words.told import NOTHING, Told
from locks.words.waiting import try_again

__all__ = (
    "lock_contradicted",
    "UNLOCK_IN_DOUBT",
    "NO_LOCKING_LISTED",
    "LOOK_WHETHER_LOCKED",
    "LOCK_SEAMS_ERRORS",
    "LOCK_REFUSALS",
    "LOCK_INFERRED",
    "LOCK_FAILURES",
    "ABOUT_CODES_ALONE",
    "FAILURES",
    "FAILURES_IN_SHORT",
    "FROZEN",
    "IF_STILL_LOCKED",
    "INFERRED",
    "LOOK_AT_THE_DOOR",
    "MAY_STILL_ACT",
    "MOVES",
    "NOTHING",
    "NOTHING_LISTED",
    "NOTHING_MOVED",
    "OBSTACLES",
    "OVERRIDDEN",
    "PROBLEMS",
    "REFUSALS",
    "REFUSALS_IN_SHORT",
    "SEAMS_ERRORS",
    "THAWS",
    "TREAT_AS_UNLOCKED",
    "Told",
    "contradicted",
    "failed",
    "failure",
    "failure_in_short",
    "may_still_act",
    "move",
    "obstacle",
    "obstructed",
    "overridden",
    "problem",
    "refusal",
    "refusal_in_short",
    "refused",
    "seams_error",
    "try_again",
)
