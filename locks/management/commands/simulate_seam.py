"""`manage.py simulate_seam`: the simulator as a process of its own."""

import argparse
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.simulator import Simulator


class Command(BaseCommand):
    help = (
        "Serve a simulated Seam API with two buildings of doors, on a loopback address, until "
        "Ctrl-C or SIGTERM. No real door moves. Exit codes: 0 stopped, 1 the port cannot be had, "
        "2 a wrong option."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="a loopback address (%(default)s)")
        parser.add_argument(
            "--port", type=_port, default=8001, help="0 takes a free one (%(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        stop = threading.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: stop.set())
        try:
            simulator = Simulator(api_key=settings.SEAM_API_KEY, host=host, port=port)
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from None
        except OSError as error:
            reason = f"Cannot listen on {host} port {port}: {error.strerror or error}."
            raise CommandError(reason, returncode=1) from None
        with simulator:
            self.stdout.write(f"Simulated Seam at {simulator.endpoint} (no real door moves)")
            self.stdout.flush()
            stop.wait()


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
