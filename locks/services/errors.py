"""What services raise: each carries a sentence for people."""


class ServiceError(Exception):
    """The reason why a service did nothing, as a sentence."""


class DoorUnknown(ServiceError):
    """The door is not this person's to know: answer 404. The press is on the record."""

    def __init__(self) -> None:
        super().__init__("There is no such door.")


class NotAllowed(ServiceError):
    """The actor may not do this; says who can."""


class AnswerNotRecorded(ServiceError):
    """A press was sent and the database went away before its outcome was recorded."""

    def __init__(self) -> None:
        super().__init__(
            "The press was sent, and what came of it could not be recorded: the database cannot be"
            " reached. Treat the door as unlocked until someone has looked."
        )
