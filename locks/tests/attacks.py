"""What an attacker finds: every address, page and form, discovered, so that a new one is attacked, too."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

from django.apps import apps
from django.db.models import Model
from django.test import Client

from locks.models import User
from locks.tests import test_access_matrix as matrix

# Tables that every request may write: who is there, what was refused, and how often.
UNASKED = {
    *("session", "usersession", "noise", "lease", "auditchain", "auditevent", "auditdetail"),
    "throttle",  # counts what anybody tries
}
Rows = dict[tuple[str, Any], dict[str, Any]]


@dataclass
class Form:
    """A form as a page shows it."""

    page: str
    action: str  # the path it is sent to
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)  # of selects and radio buttons
    kinds: dict[str, str] = field(default_factory=dict)

    def filled(self, text: str = "attack") -> dict[str, str]:
        """As a person would send it, who types into what is empty and takes the last choice."""
        sent = dict(self.fields)
        for name, offered in self.choices.items():
            sent[name] = next((value for value in reversed(offered) if value), "")
        for name, kind in self.kinds.items():
            if kind in {"checkbox", "submit"}:
                continue
            if not sent.get(name) and kind in {"text", "password", "textarea", "search"}:
                sent[name] = text
        sent.pop("csrfmiddlewaretoken", None)
        return sent


class Page(HTMLParser):
    """A page's elements with their attributes, and its forms."""

    def __init__(self, address: str, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.address = address
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.texts: list[str] = []
        self._form: Form | None = None
        self._select = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.elements.append((tag, named))
        if tag == "form":
            self._begin(named)
        elif self._form is not None:
            self._field(self._form, tag, named)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def _begin(self, attrs: Mapping[str, str]) -> None:
        action = urljoin(self.address, attrs.get("action") or self.address)
        self._form = Form(self.address, action, attrs.get("method", "get").lower())
        self.forms.append(self._form)

    def _field(self, form: Form, tag: str, attrs: Mapping[str, str]) -> None:
        name, kind = attrs.get("name", ""), attrs.get("type", "text")
        if tag == "option" and self._select:
            form.choices[self._select].append(attrs.get("value", ""))
            if "selected" in attrs:
                form.fields[self._select] = attrs.get("value", "")
        if not name or tag not in {"input", "select", "textarea", "button"}:
            return
        form.kinds[name] = {"select": "select", "textarea": "textarea", "button": "submit"}.get(
            tag, kind
        )
        if tag == "select":
            self._select = name
            form.choices[name] = []
        elif kind == "radio":
            form.choices.setdefault(name, []).append(attrs.get("value", ""))
        elif kind not in {"checkbox", "submit", "image"} or "checked" in attrs:
            form.fields[name] = attrs.get("value", "on" if kind == "checkbox" else "")


def addresses(ids: Mapping[str, int]) -> dict[str, str]:
    """The path of each route of the resolver, with North House's ids in it; signing out comes last."""
    paths = {route: matrix.path_of(route, ids) for route in matrix.routes()}
    return dict(sorted(paths.items(), key=lambda each: "logout" in each[0]))


def pages_of(client: Client, ids: Mapping[str, int]) -> Iterator[tuple[str, Any]]:
    """What each address answers to a GET of this person."""
    for path in addresses(ids).values():
        yield path, client.get(path)


def forms_of(client: Client, ids: Mapping[str, int]) -> list[Form]:
    """Each form that is sent by POST and that this person is shown, once."""
    found: dict[tuple[str, tuple[str, ...]], Form] = {}
    for path, answer in pages_of(client, ids):
        if answer.status_code == 200 and "html" in answer.headers.get("Content-Type", ""):
            for form in Page(path, answer.content.decode()).forms:
                if form.method == "post" and "logout" not in form.action:
                    found.setdefault((form.action, tuple(sorted(form.kinds))), form)
    return list(found.values())


def rows(*, besides: User | None = None) -> Rows:
    """All that the database holds, but for what any request may write, and `besides`'s own."""
    held: Rows = {}
    for model in apps.get_models():
        name = model._meta.model_name or ""
        if name in UNASKED or not model._meta.managed or model._meta.app_label == "contenttypes":
            continue
        for row in model._default_manager.all():
            if besides is None or not _is_own(row, besides):
                held[name, row.pk] = {
                    each.attname: getattr(row, each.attname)
                    for each in model._meta.concrete_fields
                    if each.attname != "last_login"
                }
    return held


def _is_own(row: Model, person: User) -> bool:
    """Whether a row is about `person` alone: no role is, for others gave it."""
    if row == person:
        return True
    if row._meta.model_name == "assignment":
        return False
    return person.pk in (getattr(row, "person_id", None), getattr(row, "user_id", None))


def written(value: Any) -> str:
    """A value of a column as text, to look for something in it."""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return value if isinstance(value, str) else json.dumps(value, default=str)


def sign_in(client: Client, username: str, password: str, **extra: Any) -> Any:
    """Fill in the sign-in as it stands there and send it; what it answers."""
    address = "/accounts/login/"
    page = Page(address, client.get(address).content.decode())
    form = next(form for form in page.forms if "password" in form.kinds.values())
    sent = dict(form.fields)
    for name, kind in form.kinds.items():
        if kind in {"text", "password"}:
            sent[name] = username if kind == "text" else password
    return client.post(form.action, {**sent, **extra})
