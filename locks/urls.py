"""The app's own addresses, mounted at the root. `/live/` is raw ASGI, see accessdesk/asgi.py."""

from django.contrib.auth import views as auth
from django.urls import include, path

from locks.views import (
    accounts,
    attesting,
    desk,
    doors,
    factors,
    favourites,
    hand_overs,
    history,
    inviting,
    locking,
    pins,
    resetting,
    sessions,
    shared_pcs,
    single_sign_on,
    staying,
    webhooks,
)

# Of allauth's addresses those that are needed, under the names by which it looks for them.
second_factors = [
    path("", factors.Factors.as_view(), name="mfa_index"),
    path("sign-in/", factors.SecondStep.as_view(), name="mfa_authenticate"),
    path("code/", factors.CodeAgain.as_view(), name="mfa_reauthenticate"),
    path("app/add/", factors.AddApp.as_view(), name="mfa_activate_totp"),
    path("app/remove/", factors.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("recovery-codes/", factors.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path(
        "recovery-codes/new/",
        factors.NewRecoveryCodes.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path("passkeys/add/", factors.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("passkeys/use/", factors.PasskeyAgain.as_view(), name="mfa_reauthenticate_webauthn"),
    path("passkeys/<int:pk>/remove/", factors.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
]
identity = [
    path("", accounts.account, name="account"),
    path("login/", accounts.SignIn.as_view(), name="login"),
    path("login/", accounts.SignIn.as_view(), name="account_login"),
    path("logout/", accounts.SignOut.as_view(), name="logout"),
    path("password_change/", accounts.PasswordChange.as_view(), name="password_change"),
    path(
        "password_change/done/",
        auth.PasswordChangeDoneView.as_view(),
        name="password_change_done",
    ),
    path("password/again/", factors.PasswordAgain.as_view(), name="account_reauthenticate"),
    path("password/reset/", resetting.AskForReset.as_view(), name="password_reset"),
    path("password/reset/sent/", resetting.ResetAsked.as_view(), name="password_reset_done"),
    path("password/reset/done/", resetting.ResetDone.as_view(), name="password_reset_complete"),
    path(
        "password/reset/<uidb64>/<token>/",
        resetting.Reset.as_view(),
        name="password_reset_confirm",
    ),
    path("2fa/", include(second_factors)),
    path("sessions/", sessions.sessions, name="usersessions_list"),
    path("sessions/others/end/", sessions.end_others, name="end_other_sessions"),
    path("sessions/<int:session_id>/end/", sessions.end, name="end_session"),
    path("sso/", single_sign_on.begin, {"provider_id": "sso"}, name="openid_connect_login"),
    path("sso/back/", single_sign_on.back, {"provider_id": "sso"}, name="openid_connect_callback"),
]
urlpatterns = [
    path("", desk.desk, name="desk"),
    path("buildings/<int:building_id>/", desk.building, name="building"),
    path("doors/<int:device_id>/", doors.door, name="door"),
    path("doors/<int:device_id>/unlock/", doors.unlock_door, name="unlock_door"),
    path("doors/<int:device_id>/lock/", locking.lock_door, name="lock_door"),
    path("requests/<int:request_id>/attest/", attesting.attest_unlock, name="attest_unlock"),
    path("hand-over/<int:building_id>/", hand_overs.hand_over, name="hand_over"),
    path(
        "hand-over/<int:building_id>/take-over/", hand_overs.take_shift_over, name="take_shift_over"
    ),
    path("hand-over/<int:building_id>/follow-ups/", hand_overs.add_follow_up, name="add_follow_up"),
    path(
        "hand-over/<int:building_id>/<int:number>/",
        hand_overs.past_hand_over,
        name="past_hand_over",
    ),
    path("follow-ups/<int:follow_up_id>/close/", hand_overs.close_one, name="close_follow_up"),
    path("follow-ups/<int:follow_up_id>/note/", hand_overs.note_on_one, name="note_follow_up"),
    path("favourites/", favourites.favourites, name="favourites"),
    path("history/", history.history, name="history"),
    path("history/open/", history.still_open, name="still_open"),
    path("webhooks/seam/", webhooks.seam_webhook, name="seam_webhook"),
    path("accounts/invitation/", inviting.enter_code, name="enter_code"),
    path("accounts/invitation/open/", inviting.opened, name="opened_invitation"),
    path("accounts/invitation/<str:secret>/", inviting.open_link, name="open_invitation"),
    path("accounts/switch/", shared_pcs.switch, name="switch"),
    path("accounts/switch/<int:person_id>/", shared_pcs.switch_person, name="switch_to"),
    path("accounts/shared_pc/", shared_pcs.shared_pc_page, name="shared_pc"),
    path("accounts/pin/", pins.own_pin, name="pin"),
    path("accounts/session/", staying.session, name="session"),
    path("accounts/back/", staying.back, name="back"),
    path("accounts/full/", staying.full_sign_in, name="full_sign_in"),
    path("accounts/", include(identity)),
]
