"""The app's own addresses, mounted at the root. `/live/` is raw ASGI, see accessdesk/asgi.py."""

from django.contrib.auth import views as auth
from django.urls import path

from locks.views import accounts, desk, doors, pins, shared_pcs, staying, webhooks

urlpatterns = [
    path("", desk.desk, name="desk"),
    path("buildings/<int:building_id>/", desk.building, name="building"),
    path("doors/<int:device_id>/", doors.door, name="door"),
    path("doors/<int:device_id>/unlock/", doors.unlock_door, name="unlock_door"),
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
    path("accounts/switch/", shared_pcs.switch, name="switch"),
    path("accounts/switch/<int:person_id>/", shared_pcs.switch_person, name="switch_to"),
    path("accounts/shared_pc/", shared_pcs.shared_pc_page, name="shared_pc"),
    path("accounts/pin/", pins.own_pin, name="pin"),
    path("accounts/session/", staying.session, name="session"),
    path("accounts/back/", staying.back, name="back"),
    path("accounts/full/", staying.full_sign_in, name="full_sign_in"),
]
