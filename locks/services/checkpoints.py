"""Checkpoints: what every chain's end was at a moment, signed, to be kept away from this machine.

Whoever can write the database can rewrite a chain to its end. A checkpoint from before shows it.
The text's format is described in docs/record.md. Ed25519: RFC 8032.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import AuditChain, Building
from locks.models.audit import timestamp
from locks.services.errors import BadInput, ServiceError

FORMAT = 1
LONGEST = 4 * 1024 * 1024  # bytes of a checkpoint: some ten thousand buildings
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Point:
    """The end of one chain: the number of its last event, and that event's hash."""

    length: int
    head: str


@dataclass(frozen=True)
class Checkpoint:
    """The ends of chains by key, when they were read, and the public key that signed it (or "")."""

    made_at: dt.datetime
    points: Mapping[str, Point]
    key: str = ""


def make_checkpoint(*, chains: Iterable[AuditChain] | None = None) -> str:
    """The ends of all chains (or only of `chains`) as signed text, one line of JSON.

    Unsigned where AUDIT_SIGNING_KEY is not set: then it proves what whoever keeps it can be
    trusted for. A chain whose row tells no end (somebody wrote to it) is left out.
    """
    rows = AuditChain.objects.order_by("pk")
    if chains is not None:
        rows = rows.filter(pk__in=[chain.pk for chain in chains])
    ends = rows.values_list("key", "length", "head")
    content: dict[str, Any] = {
        "chains": [
            {"chain": key, "head": head, "length": length}
            for key, length, head in ends
            if isinstance(key, str) and is_end(length, head)
        ],
        "checkpoint": FORMAT,
        "key": public_key() or None,
        "made_at": timestamp(timezone.now()),
    }
    content["signature"] = sign(canonical(content)) or None
    return canonical(content).decode()


def is_end(length: object, head: object) -> bool:
    """Whether a chain can end so. SQLite lets a column hold what its type cannot."""
    counted = type(length) is int and length >= 0
    return counted and isinstance(head, str) and _HASH.fullmatch(head) is not None


def read_checkpoint(text: str, *, trusted: str = "") -> Checkpoint:
    """The checkpoint that `text` holds, once its signature was checked.

    `trusted` is the public key to believe, in hexadecimal; by default that of AUDIT_SIGNING_KEY.
    Raises ServiceError where the text is no checkpoint, is not signed although a key is known, was
    signed by another key, or was changed since.
    """
    try:
        content = json.loads(text)
        signature = content.pop("signature")
        checkpoint = _read(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ServiceError(_("This is not a checkpoint of the record.")) from None
    trusted = (trusted or public_key()).lower()
    if trusted or signature is not None:
        require_signature(canonical(content), signature, checkpoint.key, trusted)
    return checkpoint


def from_paper(*, building: Building, events: str, head: str) -> Checkpoint:
    """What a printed hand-over sheet says of a building's record, as somebody typed it.

    Not signed: it proves what the paper can be trusted for. Capitals and spaces within the hash do
    not matter. Raises BadInput where that is no number of events, or no whole hash.
    """
    written = "".join(head.split()).lower()
    if not re.fullmatch(r"[0-9]{1,12}", events) or not int(events):
        raise BadInput(_("How many events the record had is a number."))
    if not _HASH.fullmatch(written):
        raise BadInput(_("The hash of the last event has 64 digits, each 0 to 9 or a to f."))
    points = {f"building-{building.pk}": Point(int(events), written)}
    return Checkpoint(made_at=timezone.now(), points=points)


def _read(content: dict[str, Any]) -> Checkpoint:
    if content["checkpoint"] != FORMAT:
        raise ValueError
    points = {}
    for entry in content["chains"]:
        key, length, head = entry["chain"], entry["length"], entry["head"]
        if not isinstance(key, str) or not is_end(length, head):
            raise ValueError
        points[key] = Point(length, head)
    made_at = dt.datetime.fromisoformat(content["made_at"])
    signer = content["key"]
    if not isinstance(signer, str | None):
        raise ValueError
    return Checkpoint(made_at=made_at, points=points, key=signer or "")


def require_signature(message: bytes, signature: object, key: str, trusted: str = "") -> None:
    """Raise ServiceError unless `key` signed `message`, and is the one that is `trusted` (if any)."""
    if not isinstance(signature, str):
        raise ServiceError(_("The checkpoint is not signed."))
    if trusted and key != trusted:
        raise ServiceError(_("The checkpoint was signed by another key."))
    try:
        verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        verifier.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        raise ServiceError(_("The checkpoint was changed since it was signed.")) from None


def canonical(content: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: JSON, keys sorted, no spaces, ASCII (RFC 8785)."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")


def sign(message: bytes) -> str:
    """The signature in hexadecimal; empty where there is no key."""
    if not settings.AUDIT_SIGNING_KEY:
        return ""
    return _private(settings.AUDIT_SIGNING_KEY).sign(message).hex()


def public_key(private: str = "") -> str:
    """The public half of AUDIT_SIGNING_KEY (or of `private`) in hexadecimal; empty for none."""
    private = private or settings.AUDIT_SIGNING_KEY
    if not private:
        return ""
    public = _private(private).public_key()
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _private(key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
