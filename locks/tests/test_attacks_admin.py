"""No address of the admin tells a manager, or makes a manager, more than its pages do."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.views.main import ORDER_VAR
from django.db import models

from locks.admin.site import site
from locks.models import User
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import rows

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database
HIDDEN = ("password", "is_superuser", "is_staff", "email", "last_login", "session_key", "secret")
KINDS = ("", "__startswith", "__gte", "__regex", "__isnull", "__in", "__exact")
MODELS = {model._meta.model_name: (model, admin) for model, admin in site._registry.items()}


def paths_to_people(model: type[models.Model]) -> list[str]:
    """The foreign keys of a model that lead to a person, the empty one for a person's own row."""
    found = [""] if model is User else []
    for field in model._meta.concrete_fields:
        if field.is_relation and field.related_model is User:
            found.append(f"{field.name}__")
    return found


@pytest.mark.parametrize("name", MODELS)
def test_no_query_finds_out_a_hidden_column(cast, ids, name: str) -> None:
    model, _admin = MODELS[name]
    lookups = [
        f"{path}{column}{kind}"
        for path in paths_to_people(model) or ["building__assignments__person__"]
        for column in HIDDEN[:3]
        for kind in KINDS[::2]
    ]
    for lookup in lookups:
        for who in ("manager", "superuser"):
            answer = cast[who].get(f"/admin/locks/{name}/", {lookup: "p"})
            assert answer.status_code == 400, lookup


@pytest.mark.parametrize("name", MODELS)
def test_no_order_and_no_search_looks_at_a_hidden_column(cast, ids, name: str) -> None:
    """Orders by number and by name change nothing that a page does not show; a hash is found by no search."""
    boss = cast["manager"]
    secret = cast["clerk"].person.password
    plain = _listed(boss, name, {})
    for order in ("99", "-99", "password", "-password", "0", "person__password", "1.99"):
        assert set(_listed(boss, name, {ORDER_VAR: order})) == set(plain), order
    _model, admin = MODELS[name]
    if admin.search_fields:
        for text in (secret, secret[:12], "password", "clerk@"):
            assert _listed(boss, name, {"q": text}) == [], text
    columns = {str(each) for each in admin.search_fields}
    assert not [each for each in columns if each.rpartition("__")[2] in HIDDEN]


def _listed(client: Any, name: str, query: dict[str, str]) -> list[Any]:
    answer = client.get(f"/admin/locks/{name}/", query, follow=True)
    return [row.pk for row in answer.context["cl"].result_list]


def test_pop_ups_and_other_fields_open_nothing(cast, ids) -> None:
    for name in MODELS:
        page = f"/admin/locks/{name}/{ids[name]}/change/"
        for who, status in (("manager", 200), ("other manager", 404), ("clerk", 403)):
            assert cast[who].get(f"{page}?_popup=1").status_code == status, name
        for field in ("password", "username", "person", "person__password", "hash", "name"):
            query = urlencode({"_to_field": field, "_popup": "1"})
            assert cast["manager"].get(f"{page}?{query}").status_code == 400, (name, field)


def test_no_address_that_django_knows_makes_a_manager_more(cast, ids) -> None:
    """Recover, save as new, continue, delete, a user's password and Django's own add pages."""
    before = rows(besides=cast["manager"].person)
    boss = cast["manager"]
    own = boss.person.pk
    privileges = {"is_superuser": "on", "is_staff": "on", "groups": "1", "user_permissions": "1"}
    for path in (
        f"/admin/locks/user/{own}/change/",
        f"/admin/locks/user/{own}/password/",
        f"/admin/locks/user/{ids['user']}/password/",
        f"/admin/locks/user/{own}/recover/",
        "/admin/locks/user/recover/",
        "/admin/locks/user/add/",
        f"/admin/locks/user/{own}/../../add/",
        "/admin/auth/user/add/",
        "/admin/auth/group/add/",
        f"/admin/locks/user/{own}/delete/",
    ):
        for button in ("_save", "_saveasnew", "_continue", "_addanother"):
            sent = {**privileges, "username": "x", "password1": "p", "password2": "p", button: "1"}
            assert boss.post(path, sent).status_code in {302, 403, 404}, path
    assert rows(besides=boss.person) == before
    person = User.objects.get(pk=own)
    assert not person.is_superuser
    assert not person.is_staff
