"""The embedded broker: kombu's messages as files, each written and read whole.

kombu makes a message's file first and fills it then. A worker that looks in between takes an empty file and
ends for good (https://github.com/celery/kombu/issues/1551), and `make run` with it; so does one that finds
what a process left that was killed while it wrote. Nothing is lost with such a message but time: the rows are
the truth.
"""

import logging
import uuid
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Puts messages by renaming, and passes over what cannot be read."""

    def _put(  # type: ignore[override]  # the names in kombu's own two differ
        self, queue: str, payload: Any, **_options: Any
    ) -> None:
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        whole = Path(self.data_folder_out) / name
        part = whole.with_name(f"{name}.part")  # of no queue, by its name
        try:
            part.write_text(dumps(payload))
            part.rename(whole)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise ChannelError(f"Cannot add a message to {whole.parent}") from error

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The next message; raises Empty where there is none. It never waits."""
        while True:
            try:
                return super()._get(queue)
            except ValueError:  # its file is gone already
                log.warning("A message of %s could not be read, and was left out.", queue)

    def get_table(self, exchange: str) -> Any:
        """The queues of an exchange; none while another process is writing the first of them."""
        try:
            return super().get_table(exchange)
        except ValueError:
            return []

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        bound = (exchange, routing_key, pattern, queue)
        try:
            super()._queue_bind(*bound)
        except ValueError:
            # Another is writing it now, or did not live to end that. All bind the one queue there is.
            file = self._exchange_file(exchange)
            part = file.with_name(f"{file.name}.{uuid.uuid4()}.part")
            part.write_text(dumps([[routing_key or "", pattern or "", queue or ""]]))
            part.replace(file)


class Transport(filesystem.Transport):
    """`filesystem://`, with that channel."""

    Channel = Channel
