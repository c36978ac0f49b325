"""Who gets into the admin, by which doors, and for how long."""

import datetime as dt
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from locks.admin.site import site
from locks.models import Building, User
from locks.tests.conftest import signed_in

MODELS = sorted(model._meta.model_name for model in site._registry)
PAGES = [
    "/admin/",
    "/admin/locks/",
    "/admin/jsi18n/",
    "/admin/no/such/page/",
    "/admin/locks/device/sync/",
    "/admin/locks/user/1/password/",
    *[f"/admin/locks/{name}/" for name in MODELS],
    *[f"/admin/locks/{name}/add/" for name in MODELS],
    *[f"/admin/locks/{name}/1/{what}/" for name in MODELS for what in ("change", "history")],
    *[f"/admin/locks/{name}/1/delete/" for name in MODELS],
]


@pytest.mark.parametrize("who", ["clerk", "viewer", "outsider"])
def test_who_manages_nothing_gets_403_from_every_page(
    who: str, request: pytest.FixtureRequest
) -> None:
    client = signed_in(request.getfixturevalue(who))
    for page in [*PAGES, "/admin/login/", "/admin/password_change/"]:
        assert client.get(page).status_code == 403, page
        assert client.post(page).status_code == 403, page


def test_who_is_not_signed_in_is_sent_to_the_one_sign_in(client: Client, db: Any) -> None:
    for page in PAGES:
        answer = client.get(page, follow=True)
        last = urlsplit(answer.redirect_chain[-1][0])
        assert last.path == "/accounts/login/", page
        assert parse_qs(last.query)["next"] == [page]


def test_is_staff_alone_opens_nothing(clerk: User) -> None:
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    assert signed_in(clerk).get("/admin/").status_code == 403


def test_a_manager_and_a_superuser_get_in(manager_client: Client, superuser_client: Client) -> None:
    for client in (manager_client, superuser_client):
        assert client.get("/admin/").status_code == 200
        assert client.get("/admin/login/?next=/admin/locks/", follow=True).status_code == 200


def test_a_superuser_gets_in_before_the_first_building_exists(superuser_client: Client) -> None:
    assert not Building.objects.exists()
    assert superuser_client.get("/admin/locks/building/add/").status_code == 200


@pytest.mark.parametrize(
    "end",
    [
        {"revoked_at": timezone.now()},
        {"valid_until": timezone.now() - dt.timedelta(seconds=1)},
        {"valid_from": timezone.now() + dt.timedelta(days=1)},
    ],
    ids=["revoked", "over", "not begun"],
)
def test_a_role_that_is_not_in_force_shuts_the_admin_that_is_open(
    end: dict[str, Any], manager: User, manager_client: Client
) -> None:
    assert manager_client.get("/admin/locks/device/").status_code == 200
    manager.assignments.update(**end)
    assert manager_client.get("/admin/locks/device/").status_code == 403
    assert manager_client.post("/admin/locks/assignment/add/").status_code == 403


def test_the_sign_in_does_not_lead_off_this_site(client: Client, db: Any, manager: User) -> None:
    for wanted in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = client.get("/admin/login/", {"next": wanted})
        assert urlsplit(answer["Location"]).path == "/accounts/login/"
        assert not urlsplit(answer["Location"]).netloc
        landed = signed_in(manager).get(answer["Location"])
        assert "evil" not in landed["Location"]
        assert "javascript" not in landed["Location"]


def test_signing_out_of_the_admin_is_signing_out(manager_client: Client) -> None:
    manager_client.post("/admin/logout/", follow=True)
    assert manager_client.get("/admin/").status_code == 302


def test_the_password_is_changed_on_the_accounts_page(manager_client: Client) -> None:
    answer = manager_client.get("/admin/password_change/")
    assert answer["Location"] == "/accounts/password_change/"


@pytest.mark.parametrize("address", ["/admin/autocomplete/", "/admin/r/1/1/", "/admin/r/1/999/"])
def test_addresses_that_tell_of_any_row_do_not_exist(
    address: str, manager_client: Client, superuser_client: Client
) -> None:
    query = {"app_label": "locks", "model_name": "assignment", "field_name": "person", "term": ""}
    for client in (manager_client, superuser_client):
        assert client.get(address, query).status_code == 404


def test_groups_and_permissions_have_no_page(superuser_client: Client) -> None:
    for page in ("auth/group", "auth/permission", "sessions/session", "locks/auditchain"):
        assert superuser_client.get(f"/admin/{page}/").status_code == 404


def test_every_page_says_when_doors_are_simulated(manager_client: Client, settings: Any) -> None:
    settings.SEAM_SIMULATED = True
    assert "SIMULATED" in manager_client.get("/admin/locks/device/").content.decode()
    settings.SEAM_SIMULATED = False
    assert "SIMULATED" not in manager_client.get("/admin/locks/device/").content.decode()


def test_no_page_carries_inline_script_or_style(manager_client: Client, manager: User) -> None:
    role = manager.assignments.get().pk
    for page in ("/admin/", "/admin/locks/device/", f"/admin/locks/assignment/{role}/change/"):
        html = manager_client.get(page).content.decode()
        assert "<style" not in html
        assert " style=" not in html
        assert "<script>" not in html
