"""Files that are named on a command line."""

from pathlib import Path

from django.core.management.base import CommandError

from locks.services.checkpoints import LONGEST, Checkpoint, read_checkpoint
from locks.services.errors import ServiceError


def checkpoint_in(path: Path | None, *, trusted: str) -> Checkpoint | None:
    """The checkpoint in a file, or None for no file.

    Ends the command with exit code 2 where the file cannot be read, 1 where it is not believed.
    """
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST).decode()
    except (OSError, ValueError):
        raise CommandError(f"{path} cannot be read.", returncode=2) from None
    try:
        return read_checkpoint(text, trusted=trusted)
    except ServiceError as refusal:
        raise CommandError(f"{path}: {refusal}", returncode=1) from None
