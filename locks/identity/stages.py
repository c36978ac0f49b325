"""The steps between the first proof and being signed in."""

from __future__ import annotations

from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest

from locks.http import vouched_for


class SecondFactorStage(AuthenticateStage):
    """Asks for the second factor, unless the single sign-on says that it has asked for one."""

    def _should_handle(self, request: HttpRequest) -> bool:
        if super()._should_handle(request):
            return not vouched_for(_as_signed_in(request, self.login.user))
        return False


def _as_signed_in(request: HttpRequest, user: object) -> dict[str, object]:
    """The session as it will be once the person is signed in."""
    return {**request.session, "_auth_user_id": str(getattr(user, "pk", ""))}
