"""What Seam reports of a lock itself."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from locks.words.sentences import Sentence

_OFFLINE: Sentence = _("The lock is offline. Have it looked at.")
_PRIVACY: Sentence = _("Privacy mode is on: somebody inside wants to be left alone.")
_OFFICE: Sentence = _("Office mode is on: the lock may stay unlocked.")

# What Seam reports of a lock itself, by error or warning code; others show Seam's own message.
PROBLEMS: dict[str, Sentence] = {
    # Errors, as Seam calls them.
    "account_disconnected": _("The lock's account is disconnected at Seam. Tell a manager."),
    "august_lock_missing_bridge": _("The lock has no bridge to reach it through. Tell a manager."),
    "august_lock_not_authorized": _("Seam may not use this lock. Tell a manager."),
    "bridge_disconnected": _("The bridge to the locks is offline. Have it looked at."),
    "device_disconnected": _OFFLINE,
    "device_offline": _OFFLINE,
    "device_removed": _("The lock was removed at its maker's account. Tell a manager."),
    "empty_backup_access_code_pool": _("The lock has no spare codes left. Tell a manager."),
    "hub_disconnected": _("The lock's hub is offline. Have the hub looked at."),
    "lockly_missing_wifi_bridge": _("The lock has no Wi-Fi bridge. Tell a manager."),
    "missing_device_credentials": _("Seam lacks this lock's credentials. Tell a manager."),
    "salto_ks_subscription_limit_exceeded": _(
        "The site has more users than its subscription allows. Tell a manager."
    ),
    "subscription_required": _("The lock's maker asks for a subscription. Tell a manager."),
    "ttlock_lock_not_paired_to_gateway": _("The lock is paired with no gateway. Tell a manager."),
    # Warnings.
    "accessory_keypad_setup_required": _("The lock's keypad is not linked. Tell a manager."),
    "device_communication_degraded": _("The lock's connection is weak; it may be slow."),
    "device_has_flaky_connection": _("The lock's connection comes and goes; it may be slow."),
    "hub_required_for_additional_capabilities": _(
        "The lock needs a hub to be unlocked from here. Tell a manager."
    ),
    "keynest_unsupported_locker": _("This locker takes no codes. Tell a manager."),
    "lockly_time_zone_not_configured": _("The lock has no time zone set. Tell a manager."),
    "many_active_backup_codes": _("The lock has very many spare codes. Tell a manager."),
    "max_access_codes_reached": _("The lock takes no more codes. Tell a manager."),
    "partial_backup_access_code_pool": _("The lock is short of spare codes. Tell a manager."),
    "power_saving_mode": _("The lock saves power; it may be slow, or not answer."),
    "privacy_mode": _PRIVACY,
    "salto_ks_office_mode": _OFFICE,
    "salto_ks_privacy_mode": _PRIVACY,
    "salto_ks_subscription_limit_almost_reached": _(
        "The site has nearly as many users as its subscription allows. Tell a manager."
    ),
    "salto_office_mode": _OFFICE,
    "salto_privacy_mode": _PRIVACY,
    "scheduled_maintenance_window": _("The lock's maker is doing maintenance; a press may fail."),
    "third_party_integration_detected": _("Another system controls this lock, too."),
    "ttlock_lock_gateway_unlocking_not_enabled": _(
        "Remote unlocking is not enabled at the lock's gateway. Tell a manager."
    ),
    "ttlock_weak_gateway_signal": _("The lock's gateway gets a weak signal; it may be slow."),
    "two_n_device_missing_timezone": _("The lock has no time zone set. Tell a manager."),
    "ultraloq_time_zone_unknown": _("The lock has no time zone set. Tell a manager."),
    "unreliable_online_status": _("Whether this lock is online is not certain."),
    "wyze_device_missing_gateway": _("The lock has no gateway. Tell a manager."),
}

# They concern keypads and codes, not what is pressed here: said quietly, after all others.
ABOUT_CODES_ALONE = frozenset(
    {
        "accessory_keypad_setup_required",
        "empty_backup_access_code_pool",
        "keynest_unsupported_locker",
        "lockly_time_zone_not_configured",
        "many_active_backup_codes",
        "max_access_codes_reached",
        "partial_backup_access_code_pool",
        "salto_ks_subscription_limit_almost_reached",
        "salto_ks_subscription_limit_exceeded",
        "two_n_device_missing_timezone",
        "ultraloq_time_zone_unknown",
    }
)


def problem(code: str, message: str) -> str:
    """The sentence for an error or warning that Seam reports of a lock; else Seam's own message."""
    return str(PROBLEMS.get(code, "")) or message or code
