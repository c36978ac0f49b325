"""Real servers for the tests, each on a free port of loopback and in a folder of its own.

Every class is a context manager; leaving it ends the server and removes its folder.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.parse import urlsplit

import psycopg
import redis

from tools import parts
from tools.processes import Process, free_port, wait_for


class Server:
    """A program that listens on `port`, with start, stop, and freeze as the tests need them."""

    name = ""
    stop_signal = signal.SIGTERM
    account = ""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"accessdesk-{self.name}-"))
        self._process: Process | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it (again, on the same port) and wait until it answers."""
        env = {**os.environ, "PORT": str(self.port)}
        self._process = Process(
            self.name, self.command(), env=env, cwd=self.folder, account=self.account
        )
        try:
            wait_for(self._is_up_or_dead, seconds=20, what=f"{self.name} answers")
        except TimeoutError as late:
            raise RuntimeError(f"{late}\n{self._process.output()}") from None

    def stop(self) -> None:
        """End it; nothing happens when it is stopped."""
        if self._process is not None:
            self._process.stop(10, ask=self.stop_signal)
            self._process = None

    def freeze(self) -> None:
        """Stop its clock: connections are accepted by the kernel and never answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def command(self) -> Sequence[str | Path]:
        """What to start."""
        raise NotImplementedError

    def is_up(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    def _is_up_or_dead(self) -> bool:
        if self._process is not None and self._process.exit_code is not None:
            raise RuntimeError(f"{self.name} ended at once:\n{self._process.output()}")
        return self.is_up()

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running.")
        self._process.send(number)


def new_database(url: str) -> str:
    """The URL of a new, empty database on the PostgreSQL server of `url`."""
    name = f"accessdesk_{secrets.token_hex(6)}"
    server = urlsplit(url)._replace(path="/postgres").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return urlsplit(url)._replace(path=f"/{name}").geturl()


class PostgresServer(Server):
    """PostgreSQL, without the care for power cuts that tests do not need.

    `url` names its first database; `new_database()` makes another and gives its URL.
    """

    name = "postgresql"
    stop_signal = signal.SIGQUIT  # its data is thrown away

    def __init__(self) -> None:
        folder = parts.postgres_folder()
        if folder is None:
            raise RuntimeError(f"PostgreSQL 15 or newer is missing: {parts.HOW_TO_GET}.")
        super().__init__()
        self._programs = folder
        self._data = self.folder / "data"
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self.account = "postgres"
            shutil.chown(self.folder, "postgres")

    @property
    def url(self) -> str:
        return self._url("postgres")

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        return new_database(self.url)

    def start(self) -> None:
        if not self._data.exists():
            command: list[str | Path] = [self._programs / "initdb", "-D", self._data]
            command += [
                "-U",
                "accessdesk",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ]
            subprocess.run(
                command, check=True, capture_output=True, cwd="/", user=self.account or None
            )
        super().start()

    def command(self) -> Sequence[str | Path]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 200,
        }
        settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        return [self._programs / "postgres", "-D", self._data, *settings]

    def is_up(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url, connect_timeout=2).close()
            return True
        return False

    def _url(self, database: str) -> str:
        return f"postgres://accessdesk@127.0.0.1:{self.port}/{database}"


class RedisServer(Server):
    """Redis or Valkey; `url` is a CELERY_BROKER_URL. It forgets everything when it stops."""

    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str | Path]:
        program = parts.find(parts.REDIS)
        if program is None:
            raise RuntimeError(f"Redis or Valkey is missing: {parts.HOW_TO_GET}.")
        options = f"--bind 127.0.0.1 --port {self.port} --appendonly no --dir {self.folder}"
        return [program, *options.split(), "--save", ""]

    def is_up(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False


class FakeSeam(Server):
    """Seam's published fake, unmodified, with its default seed. State is fresh after each start."""

    name = "fake-seam"
    api_key = "seam_apikey1_token"
    workspace_id = "seed_workspace_1"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str | Path]:
        package = parts.FAKE_SEAM / "node_modules" / "@seamapi" / "fake-seam-connect"
        program, script = shutil.which("node"), package / "dist" / "server.js"
        if program is None or not script.is_file():
            raise RuntimeError(f"Node or Seam's fake is missing: {parts.HOW_TO_GET}.")
        return [program, script, "--seed"]

    def is_up(self) -> bool:
        with contextlib.suppress(URLError, OSError):
            return self._get("/health").get("ok") is True
        return False

    def call(self, path: str, **body: object) -> dict[str, object]:
        """POST to one of its routes with the seeded key; the JSON that it answers."""
        request = urllib.request.Request(
            self.endpoint + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.api_key}"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return dict(json.load(answer))

    def update_action_attempt(self, action_attempt_id: str, **changes: object) -> None:
        """Turn an attempt: status="pending", or status="error", error={"type", "message"}."""
        self.call("/_fake/update_action_attempt", action_attempt_id=action_attempt_id, **changes)

    def simulate_outage(self, *routes: str) -> None:
        """Let exactly `routes` answer an empty 503 from now on; none named: the outage is over."""
        self.call(
            "/_fake/simulate_workspace_outage", workspace_id=self.workspace_id, routes=list(routes)
        )

    def _get(self, path: str) -> dict[str, object]:
        with urllib.request.urlopen(self.endpoint + path, timeout=5) as answer:
            return dict(json.load(answer))


class OpenIdProvider(Server):
    """A real OpenID Connect provider (oidc-provider) that knows one client: us at `redirect_uri`."""

    name = "oidc-provider"
    client_id, client_secret = "accessdesk", "a-secret-of-the-provider"

    def __init__(self, redirect_uri: str) -> None:
        super().__init__()
        self.redirect_uri = redirect_uri

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str | Path]:
        program, script = shutil.which("node"), parts.OIDC_PROVIDER / "provider.mjs"
        if program is None or not (parts.OIDC_PROVIDER / "node_modules").is_dir():
            raise RuntimeError(f"Node or oidc-provider is missing: {parts.HOW_TO_GET}.")
        client = (self.client_id, self.client_secret, self.redirect_uri)
        return [program, script, str(self.port), *client]

    def is_up(self) -> bool:
        with contextlib.suppress(URLError, OSError):
            address = f"{self.issuer}/.well-known/openid-configuration"
            with urllib.request.urlopen(address, timeout=5) as answer:
                return bool(json.load(answer)["issuer"] == self.issuer)
        return False
