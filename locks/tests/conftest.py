"""The cast: two buildings, and one person for every way to stand to the first of them."""

from typing import Any

import pytest
from django.test import Client

from locks.models import Building, Role, User
from locks.tests.factories import grant, make_building, make_superuser, make_user


@pytest.fixture
def north(db: Any) -> Building:
    return make_building("North House", time_zone="Europe/Lisbon", help_line="north 100")


@pytest.fixture
def south(db: Any) -> Building:
    return make_building("South Tower", help_line="south 200")


@pytest.fixture
def clerk(north: Building) -> User:
    """Front desk of North House."""
    return _with_role("clerk", north, Role.FRONT_DESK)


@pytest.fixture
def viewer(north: Building) -> User:
    return _with_role("viewer", north, Role.VIEWER)


@pytest.fixture
def manager(north: Building) -> User:
    return _with_role("manager", north, Role.MANAGER)


@pytest.fixture
def outsider(south: Building) -> User:
    """Front desk of South Tower; a stranger to North House."""
    return _with_role("outsider", south, Role.FRONT_DESK)


@pytest.fixture
def superuser(db: Any) -> User:
    """Holds no role anywhere."""
    return make_superuser("superuser", name="Superuser")


@pytest.fixture
def manager_client(manager: User) -> Client:
    return signed_in(manager)


@pytest.fixture
def superuser_client(superuser: User) -> Client:
    return signed_in(superuser)


def signed_in(person: User) -> Client:
    """A browser in which `person` has signed in."""
    client = Client()
    client.force_login(person)
    return client


def _with_role(username: str, building: Building, role: str) -> User:
    person = make_user(username, name=username.title())
    grant(person, building, role)
    return person
