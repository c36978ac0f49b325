"""One HTTPS POST to an address that a person typed in, and never to one within our own network.

The name is resolved once, every address that it has is checked, and the connection goes to one of just
these: what the name says a moment later does not matter. No redirect is followed, nothing of the answer but
its status is read, and no proxy of the environment is asked.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _
from requests.utils import DEFAULT_CA_BUNDLE_PATH

CONNECT_WITHIN: Final = 5.0  # seconds, for each address
ANSWER_WITHIN: Final = 10.0  # from the connection on, whatever drips in
MOST_ADDRESSES: Final = 3
LONGEST_URL: Final = 500
# IPv6 addresses that stand for one of IPv4 behind a translator: RFC 6052.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotDelivered(Exception):
    """Why a POST did not succeed, in a few words for a manager; nothing of the answer's own text."""


def problem_with(url: str, *, loopback: bool) -> str:
    """Why `url` cannot be posted to, as a sentence; "" where it can, as far as it can be told by reading.

    `loopback`: this machine itself is allowed, without TLS, too.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
        host.encode("idna")
    except (ValueError, UnicodeError):
        return _("This is not an address.")
    if not host or len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        return _("This is not an address.")
    literal = _literal(host)
    local = loopback and (host == "localhost" or (literal is not None and literal.is_loopback))
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        return _("The address must begin with https://.")
    if parts.username is not None or parts.password is not None or "#" in url:
        return _("The address must not hold a user, a password or a fragment.")
    if literal is not None and not _allowed(literal, loopback=loopback):
        return _("The address lies within a network of its own: only public ones are called.")
    return ""


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    loopback: bool = False,
    ca_file: str | None = None,
) -> int:
    """The status of the answer, 200 to 299. Raises NotDelivered."""
    if sentence := problem_with(url, loopback=loopback):
        raise NotDelivered(sentence)
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = checked_addresses(parts.hostname or "", port, loopback=loopback)
    context = None
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
    connection = _Pinned(parts.hostname or "", port, addresses, context)
    try:
        status = _ask(connection, parts, body, headers)
    except ssl.SSLCertVerificationError:
        raise NotDelivered(_("Its certificate is not trusted.")) from None
    except (OSError, http.client.HTTPException, ValueError):
        late = connection.cut_off
        raise NotDelivered(_("It was too slow.") if late else _("No connection.")) from None
    finally:
        connection.end()
    if not 200 <= status <= 299:
        raise NotDelivered(f"HTTP {status}")
    return status


def checked_addresses(host: str, port: int, *, loopback: bool) -> list[Any]:
    """What the name resolves to, as getaddrinfo() tells it. Raises NotDelivered.

    One address that is not allowed spoils them all: a name that points to both is up to no good.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotDelivered(_("The name of its server is not known.")) from None
    for *_rest, where in found:
        literal = _literal(str(where[0]))
        if literal is None or not _allowed(literal, loopback=loopback):
            raise NotDelivered(_("Its name leads into a network of its own: it was not called."))
    return found[:MOST_ADDRESSES]


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _allowed(address: Address, *, loopback: bool) -> bool:
    """Whether it is public, and what it carries inside, too; or this machine where that is allowed."""
    inner: list[Address | None] = []
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if any(each is not None and not _allowed(each, loopback=False) for each in inner):
        return False
    if address.is_loopback:
        return loopback
    return address.is_global and not (address.is_multicast or address.is_reserved)


class _Pinned(http.client.HTTPConnection):
    """A connection to one of the addresses that were checked, whatever the name says by now."""

    def __init__(
        self, host: str, port: int, addresses: list[Any], context: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port, timeout=CONNECT_WITHIN)
        if context is not None:
            self.default_port = 443  # so that the Host header is as it should be
        self._addresses, self._context = addresses, context
        self._timer = threading.Timer(ANSWER_WITHIN, self._cut)
        self._timer.daemon = True
        self.cut_off = False

    def connect(self) -> None:
        problem: OSError = OSError("no address")
        for family, kind, protocol, _name, where in self._addresses:
            raw = socket.socket(family, kind, protocol)
            raw.settimeout(CONNECT_WITHIN)
            try:
                raw.connect(where)
                break
            except OSError as error:
                raw.close()
                problem = error
        else:
            raise problem
        self.sock = raw
        self._timer.start()  # a time-out holds for one read: who drips would keep us for hours
        raw.settimeout(ANSWER_WITHIN)
        if self._context is not None:
            self.sock = self._context.wrap_socket(raw, server_hostname=self.host)

    def end(self) -> None:
        self._timer.cancel()
        self.close()

    def _cut(self) -> None:
        self.cut_off = True
        sock = self.sock
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _ask(connection: _Pinned, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    if not target.startswith("/"):
        target = f"/{target}"
    try:
        connection.request("POST", target, body, {**headers, "Connection": "close"})
        return connection.getresponse().status
    except TimeoutError:
        connection.cut_off = True
        raise
