"""What a person proves themselves with: an authenticator app, computed from RFC 6238 alone; and a passkey
for pages that show one, which opens nothing."""

import base64
import hashlib
import hmac
import re
import struct
import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from locks.models import User
from locks.tests.factories import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_of(secret: str = SECRET, *, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def give_app(person: User, secret: str = SECRET) -> Authenticator:
    """An authenticator app, set up before; with recovery codes."""
    RecoveryCodes.activate(person)
    return TOTP.activate(person, secret).instance


def give_passkey(person: User, name: str = "Key") -> Authenticator:
    """A passkey as a browser would have registered it; nobody has its private half."""
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT
    key = ES256({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)})
    key_data = AttestedCredentialData.create(bytes(16), b"key", key)
    site = hashlib.sha256(b"localhost").digest()
    told = AuthenticatorData.create(site, flags, 0, key_data)
    origin = CollectedClientData.create("webauthn.create", bytes(32), "http://localhost")
    made = {
        "id": websafe_encode(b"key"),
        "rawId": websafe_encode(b"key"),
        "type": "public-key",
        "response": {
            "clientDataJSON": websafe_encode(origin),
            "attestationObject": websafe_encode(AttestationObject.create("none", told, {})),
        },
    }
    return WebAuthn.add(person, name, made).instance


def recovery_codes_of(person: User) -> list[str]:
    return Authenticator.objects.get(user=person, type="recovery_codes").wrap().generate_codes()


def sign_in(person: User, code: str = "", **options: Any) -> Client:
    """A browser in which `person` signs in with the password, and with a code where one is given."""
    client = Client(**options)
    client.post("/accounts/login/", {"username": person.username, "password": PASSWORD})
    if code:
        client.post("/accounts/2fa/sign-in/", {"code": code})
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/history/").status_code == 200


def time_passes(client: Client, *, minutes: int) -> None:
    """All proofs of the browser's session are so much older."""
    session = client.session
    for proof in session["account_authentication_methods"]:
        proof["at"] -= minutes * 60
    session.save()


def said(answer: Any) -> str:
    """The sentence on the page."""
    found = re.search(r"data-sentence.*?<span>(.*?)</span>", answer.content.decode(), re.DOTALL)
    return found[1] if found else ""
