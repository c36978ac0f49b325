"""What Seam reports of a lock itself."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from locks.words.sentences import Sentence

# What Seam reports of a lock itself, by error or warning code; others show Seam's own message.
PROBLEMS: dict[str, Sentence] = {
    "account_disconnected": _("The lock's account is disconnected at Seam. Tell a manager."),
    "device_disconnected": _("The lock is offline. Have it looked at."),
    "device_offline": _("The lock is offline. Have it looked at."),
    "device_removed": _("The lock was removed at its maker's account. Tell a manager."),
    "hub_disconnected": _("The lock's hub is offline. Have the hub looked at."),
    "empty_backup_access_code_pool": _("The lock has no spare codes left. Tell a manager."),
    "missing_device_credentials": _("Seam lacks this lock's credentials. Tell a manager."),
    "subscription_required": _("The lock's maker asks for a subscription. Tell a manager."),
    "device_has_flaky_connection": _("The lock's connection comes and goes; it may be slow."),
    "device_communication_degraded": _("The lock's connection is weak; it may be slow."),
    "unreliable_online_status": _("Whether this lock is online is not certain."),
    "privacy_mode": _("Privacy mode is on: somebody inside wants to be left alone."),
    "salto_privacy_mode": _("Privacy mode is on: somebody inside wants to be left alone."),
    "salto_ks_privacy_mode": _("Privacy mode is on: somebody inside wants to be left alone."),
    "salto_office_mode": _("Office mode is on: the lock may stay unlocked."),
    "salto_ks_office_mode": _("Office mode is on: the lock may stay unlocked."),
    "ttlock_lock_gateway_unlocking_not_enabled": _(
        "Remote unlocking is not enabled at the lock's gateway. Tell a manager."
    ),
    "ttlock_weak_gateway_signal": _("The lock's gateway hears it badly; it may be slow."),
    "wyze_device_missing_gateway": _("The lock has no gateway. Tell a manager."),
    "scheduled_maintenance_window": _("The lock's maker is at maintenance work; it may fail."),
}


def problem(code: str, message: str) -> str:
    """The sentence for an error or warning that Seam reports of a lock; else Seam's own message."""
    return str(PROBLEMS.get(code, "")) or message or code
