"""The steps between the first proof and being signed in."""

from __future__ import annotations

from typing import Any

from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from locks.http import vouched_for

MARK = "password_mark"  # with the sign-in that is under way, in its session


class SecondFactorStage(AuthenticateStage):
    """Asks for the second factor, unless the single sign-on says that it has asked for one.

    Where the password was changed meanwhile, the sign-in begins anew: the first proof was of before.
    """

    def handle(self) -> tuple[Any, bool]:
        self.state[MARK] = self._password_mark()
        answer: tuple[Any, bool] = super().handle()
        return answer

    def exit(self) -> HttpResponse:
        before = self.state.get(MARK, "")
        done = super().exit if constant_time_compare(before, self._password_mark()) else self.abort
        answer: HttpResponse = done()
        return answer

    def _password_mark(self) -> str:
        return str(self.login.user.get_session_auth_hash())

    def _should_handle(self, request: HttpRequest) -> bool:
        if super()._should_handle(request):
            return not vouched_for(_as_signed_in(request, self.login.user))
        return False


def _as_signed_in(request: HttpRequest, user: object) -> dict[str, object]:
    """The session as it will be once the person is signed in."""
    return {**request.session, "_auth_user_id": str(getattr(user, "pk", ""))}
