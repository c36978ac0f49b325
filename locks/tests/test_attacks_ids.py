"""Nobody reaches another building by a number in an address or in a form.

Every form that the people of North House are shown is sent, filled in, by everybody else.
"""

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from locks.models import AuditEvent, Building, Device, Press
from locks.services.tokens import issue_token
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import addresses, forms_of, rows
from locks.tests.factories import make_device

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database
OTHERS = ("stranger", "nobody", "other clerk", "other manager")


@pytest.mark.parametrize("insider", ["manager", "superuser"])
def test_a_form_of_this_building_does_nothing_in_another_persons_hand(
    cast, ids, insider: str
) -> None:
    """Its ids are North House's; what the sender may change is only about the sender."""
    forms = forms_of(cast[insider], ids)
    assert {form.action for form in forms} & {"/accounts/password_change/"}
    for name in OTHERS:
        client = cast[name]
        person = getattr(client, "person", None)
        before = rows(besides=person)
        for form in forms:
            if person:
                client.force_login(person)
            answer = client.post(form.action, form.filled())
            assert answer.status_code < 500, (name, form.action)
        after = rows(besides=person)
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        # An outsider's press is recorded, as refused.
        changed = {
            key for key in changed if key[0] != "press" or after[key]["verdict"] != "refused"
        }
        # A manager may enrol the PC at which they sit, and add to a list, for a building of theirs.
        theirs = (
            set(Building.objects.managed_by(person).values_list("pk", flat=True)) if person else ()
        )
        changed = {
            key
            for key in changed
            if key[0] not in ("sharedpc", "sharedpcvisit", "picklistentry")
            or not _is_of(after, key, theirs)
        }
        assert changed == set(), name


def _is_of(rows_after: Any, key: Any, buildings: Any) -> bool:
    row = rows_after[key]
    place = rows_after["sharedpc", row["pc_id"]] if key[0] == "sharedpcvisit" else row
    return place["building_id"] in buildings


def test_every_address_with_an_id_hides_the_objects_of_others(cast, ids) -> None:
    """As if there were none: 404 for clerk and manager of elsewhere, or what every id answers."""
    for path in addresses(ids).values():
        if not re.search(r"/[0-9]+/", path):
            continue
        for name in ("other clerk", "other manager"):
            for method in ("get", "post", "put", "delete"):
                answer = getattr(cast[name], method)(path)
                assert answer.status_code in {302, 403, 404, 405}, (name, method, path)
                if (
                    answer.status_code == 302
                ):  # the admin's old address; it tells nothing of the row
                    made_up = re.sub(r"/[0-9]+/", "/987654321/", path)
                    assert getattr(cast[name], method)(made_up).status_code == 302, path


LISTS = ("device", "review", "assignment", "user", "auditevent", "unlockrequest", "press")


@pytest.mark.parametrize("name", LISTS)
def test_an_action_on_rows_touches_no_row_of_others(cast, ids, name: str) -> None:
    """`_selected_action` with North House's ids, each action that the admin knows."""
    Device.objects.filter(pk=ids["device"]).update(seam_name="Another name at Seam")
    boss = cast["other manager"]
    before = rows(besides=boss.person)
    for action in ("take_over_name", "keep_label", "mark_reviewed", "delete_selected"):
        for index in ("0", "1", "-1", "x"):
            sent = {
                "action": action,
                "_selected_action": [str(ids[name]), "987654321", "x"],
                "index": index,
                "select_across": "1",
                "verdict": "fine",
                "post": "yes",
            }
            answer = boss.post(f"/admin/locks/{name}/", sent)
            assert answer.status_code < 500, (action, index)
    assert rows(besides=boss.person) == before


def test_a_filter_an_export_or_a_search_by_anothers_id_finds_nothing(cast, ids) -> None:
    boss, north = cast["other manager"], Building.objects.get(name="North House")
    make_device(Building.objects.get(name="South Tower"), label="South door")
    events = AuditEvent.objects.filter(chain__building=north)
    hashes = [event.hash for event in events]
    assert hashes
    chosen = {
        "building": north.pk,
        "door": ids["device"],
        "person": ids["user"],
        "request": ids["unlockrequest"],
    }
    for name, number in chosen.items():
        for form in ("ndjson", "csv"):
            answer = boss.post("/admin/locks/auditevent/export/", {"form": form, name: number})
            if answer.status_code == 200:
                told = b"".join(answer.streaming_content).decode()
                assert not [each for each in hashes if each in told], name
                assert "North House" not in told, name
        for model in LISTS:
            page = boss.get(f"/admin/locks/{model}/?{urlencode({name: number})}")
            if page.status_code == 200:
                assert "North House" not in page.content.decode(), (model, name)


def test_the_desk_named_by_anothers_building_or_door_is_not_found(cast, ids) -> None:
    for name in ("other clerk", "other manager", "nobody"):
        client = cast[name]
        assert client.get(f"/?building={ids['building']}").status_code == 404
        page = client.get(f"/?door={ids['doors']}").content.decode()
        assert "North House" not in page


def test_a_press_names_its_door_by_token_and_address_alike(cast, ids) -> None:
    """A clerk of both houses cannot carry the token of one door to another."""
    other = make_device(Building.objects.get(name="North House"), label="Side door")
    token = issue_token(person=cast["clerk"].person, device=other)
    cast["clerk"].post(f"/doors/{ids['doors']}/unlock/", {"token": token})
    assert Press.objects.latest("pk").code == "bad_token"
