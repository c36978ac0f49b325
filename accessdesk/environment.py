"""Typed reading of the environment: every value may also come from a file named by NAME_FILE.

A wrong value must stop the start with one clear line, never with a traceback that prints the environment.
"""

import base64
import ipaddress
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

Value = TypeVar("Value")


def stop(sentence: str) -> NoReturn:
    """End the start with one line on stderr and exit code 1."""
    raise SystemExit(f"accessdesk cannot start: {sentence}")


class Reader:
    """Reads values by name, with the file variant, trimmed; ends the start where one is wrong."""

    def __init__(self, env_file: Path) -> None:
        self._env = environ.FileAwareEnv()
        if env_file.is_file():
            self._env.read_env(str(env_file))  # never overrides the real environment

    def text(self, name: str, default: str = "") -> str:
        """The value without surrounding white space (files end with a newline); `default` if empty."""
        return self._read(name, lambda: self._env.str(name, default="")).strip() or default

    def flag(self, name: str, *, default: bool) -> bool:
        """True or False; anything but on/off, yes/no, true/false, 1/0 ends the start."""
        word = self.text(name).lower()
        if word in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
            return default if not word else word in {"1", "true", "yes", "on"}
        stop(f"{name} must be 1 or 0.")

    def seconds(self, name: str, *, default: float, least: float, most: float) -> float:
        """A number within bounds, fractions allowed."""
        raw = self.text(name) or str(default)
        try:
            value = float(raw)
        except ValueError:
            stop(f"{name} must be a number.")
        if not least <= value <= most:
            stop(f"{name} must lie between {least:g} and {most:g}.")
        return value

    def words(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """A list, separated by commas."""
        found = [word.strip() for word in self.text(name).split(",") if word.strip()]
        return found or list(default)

    def database(self, name: str, *, default: str) -> dict[str, object]:
        """Django's DATABASES entry for a database URL (SQLite or PostgreSQL)."""
        url = self.text(name) or default
        config = self._read(name, lambda: self._env.db_url_config(url))
        if config.get("ENGINE") not in {
            "django.db.backends.sqlite3",
            "django.db.backends.postgresql",
        }:
            stop(f"{name} must be a postgres:// or sqlite:/// address.")
        return dict(config)

    def email(self, name: str, *, default: str) -> dict[str, object]:
        """Django's EMAIL_* settings for an address such as smtp+tls://user:password@host:587."""
        url = self.text(name) or default
        config = self._read(name, lambda: self._env.email_url_config(url))
        if not config.get("EMAIL_BACKEND"):
            stop(f"{name} must be an address such as smtp+tls://user:password@host:587.")
        return dict(config)

    def _read(self, name: str, reading: Callable[[], Value]) -> Value:
        try:
            return reading()
        except OSError:
            stop(f"the file that {name}_FILE names cannot be read.")
        except (ImproperlyConfigured, ValueError, KeyError, UnicodeError):
            # The value itself may be a secret: it is not repeated.
            stop(f"{name} has a value that cannot be read.")


def is_loopback(host: str) -> bool:
    """Whether a host name or address, as it stands in ALLOWED_HOSTS, means this machine only."""
    bare = host.strip().strip("[]").lower()
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def checked_endpoint(url: str) -> str:
    """Seam's base address without a trailing slash: https, or http on loopback; ends the start otherwise."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        stop("SEAM_ENDPOINT is not an address.")
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not safe or not host:
        stop("SEAM_ENDPOINT must be an https:// address (http:// only on loopback).")
    if parts.username or parts.password or parts.query or parts.fragment:
        stop("SEAM_ENDPOINT must be a plain address, without user, password or query.")
    return url.rstrip("/")


def checked_provider(issuer: str, client: str, secret: str) -> tuple[str, str, str]:
    """OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET: all or none; the issuer https, or on loopback."""
    if not (issuer or client or secret):
        return "", "", ""
    if not (issuer and client and secret):
        stop("OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET belong together: set all or none.")
    try:
        parts = urlsplit(issuer)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    safe = host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    if not safe or parts.username or parts.password or parts.query or parts.fragment:
        stop("OIDC_ISSUER must be a plain https:// address (http:// only on loopback).")
    return issuer.rstrip("/"), client, secret


def checked_proxies(entries: list[str]) -> list[str]:
    """TRUSTED_PROXIES as addresses or networks; a name or `*` would let anyone choose their address."""
    for entry in entries:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            stop(
                "TRUSTED_PROXIES must list addresses or networks, such as 10.0.0.5 or 10.0.0.0/24."
            )
    return entries


def checked_webhook_secrets(secrets: list[str]) -> list[str]:
    """SEAM_WEBHOOK_SECRET: one secret of Svix's form, or two while one replaces the other."""
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not secret.startswith("whsec_") or len(key) < 16:
            stop("SEAM_WEBHOOK_SECRET must be a secret such as whsec_…, as Seam gave it.")
    if len(secrets) > 2:
        stop("SEAM_WEBHOOK_SECRET may hold two secrets at most.")
    return secrets


def checked_destination(entries: list[str]) -> list[str]:
    """AUDIT_CHECKPOINT_TO: mail addresses, or one https address (http on loopback only)."""
    if len(entries) == 1 and "://" in entries[0]:
        try:
            parts = urlsplit(entries[0])
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
            return entries
    elif all(re.fullmatch(r"[^\s@]+@[^\s@]+", entry) for entry in entries):
        return entries
    stop("AUDIT_CHECKPOINT_TO must be mail addresses, or one https:// address.")


def checked_desk_url(url: str, hosts: list[str], *, https: bool, port: str) -> str:
    """DESK_URL without a trailing slash; unset, the first name in ALLOWED_HOSTS beyond this machine.

    Without such a name, this machine at the port of `make run`.
    """
    if not url:
        names = [host.lstrip(".") for host in hosts if not is_loopback(host)]
        return f"https://{names[0]}" if https else f"http://127.0.0.1:{port}"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    plain = host and not (parts.username or parts.path.strip("/") or parts.query or parts.fragment)
    if not plain or parts.scheme not in ("https", "http"):
        stop("DESK_URL must be an address such as https://desk.example.com.")
    return url.rstrip("/")


def checked_signing_key(value: str) -> str:
    """AUDIT_SIGNING_KEY: 32 bytes in hexadecimal, as `manage.py make_signing_key` prints them; or empty."""
    if value and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        stop("AUDIT_SIGNING_KEY must be 64 hexadecimal digits (`manage.py make_signing_key`).")
    return value.lower()


def made_secret(path: Path) -> str:
    """The secret that `make run` made for this installation; empty where it made none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
