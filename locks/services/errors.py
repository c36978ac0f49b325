"""What services raise: each carries a sentence for people."""

from django.core.exceptions import BadRequest
from django.db import InterfaceError, InternalError, OperationalError

# The connection is of no use any more, and nothing of its transaction was kept. InternalError is
# what PostgreSQL says to a process that stood still in a transaction and was cut off.
DATABASE_GONE = (OperationalError, InterfaceError, InternalError)


class ServiceError(Exception):
    """The reason why a service did nothing, as a sentence."""


class BadInput(BadRequest):
    """What an address or a form says cannot be: answer 400 with this sentence."""


class DoorUnknown(ServiceError):
    """The door is not this person's to know: answer 404. The press is on the record."""

    def __init__(self) -> None:
        super().__init__("There is no such door.")


class NotAllowed(ServiceError):
    """The actor may not do this; says who can."""


class DatabaseLost(ServiceError):
    """The database went away during a press; the sentence says what is certain all the same."""


class AnswerNotRecorded(DatabaseLost):
    """A press was sent and the database went away before its outcome was recorded."""

    def __init__(self) -> None:
        super().__init__(
            "The press was sent, and what came of it could not be recorded: the database cannot be"
            " reached. Treat the door as unlocked until someone has looked."
        )


class NothingSent(DatabaseLost):
    """The database went away before a press was recorded, and so before anything was sent."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing was sent: the desk's database cannot be reached. Press again in a moment."
        )


class Sent(DatabaseLost):
    """A press was sent and recorded, and the database went away before its card could be shown."""

    def __init__(self) -> None:
        super().__init__(
            "The press was sent. What came of it cannot be shown now: the desk's database cannot be"
            " reached. Look at the door's card before you press again."
        )
