"""The app's own addresses, mounted at the root. `/live/` is raw ASGI, see accessdesk/asgi.py."""

from django.contrib.auth import views as auth
from django.urls import path

from locks.views import accounts, attesting, desk, doors, inviting, webhooks

urlpatterns = [
    path("", desk.desk, name="desk"),
    path("buildings/<int:building_id>/", desk.building, name="building"),
    path("doors/<int:device_id>/", doors.door, name="door"),
    path("doors/<int:device_id>/unlock/", doors.unlock_door, name="unlock_door"),
    path("requests/<int:request_id>/attest/", attesting.attest_unlock, name="attest_unlock"),
    path("history/", desk.history, name="history"),
    path("webhooks/seam/", webhooks.seam_webhook, name="seam_webhook"),
    path("accounts/login/", accounts.SignIn.as_view(), name="login"),
    path("accounts/logout/", accounts.SignOut.as_view(), name="logout"),
    path("accounts/password_change/", accounts.PasswordChange.as_view(), name="password_change"),
    path(
        "accounts/password_change/done/",
        auth.PasswordChangeDoneView.as_view(),
        name="password_change_done",
    ),
    path("accounts/invitation/", inviting.enter_code, name="enter_code"),
    path("accounts/invitation/open/", inviting.opened, name="opened_invitation"),
    path("accounts/invitation/<str:secret>/", inviting.open_link, name="open_invitation"),
]
