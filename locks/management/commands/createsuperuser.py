"""`manage.py createsuperuser`: Django's, with the strongest grant on the record."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import UserManager

from locks.models import User
from locks.services.staffing import add_superuser


class _Recording(UserManager[User]):
    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> User:
        return add_superuser(username=username, email=email or "", password=password, **fields)


class _People:
    """The account model as Django's command uses it; new accounts go through the service."""

    def __init__(self) -> None:
        self._default_manager = _Recording()
        self._default_manager.model = User

    def __call__(self, **fields: Any) -> User:
        return User(**fields)

    def __getattr__(self, name: str) -> Any:
        return getattr(User, name)


class Command(createsuperuser.Command):
    help = "Make an account of an administrator; the record says so, in the same transaction."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.UserModel = _People()  # type: ignore[assignment]
