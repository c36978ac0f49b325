"""Seam's JSON shapes, as its OpenAPI description and its published fake have them."""

from datetime import UTC, datetime
from typing import Any, Final

from .catalogue import Behaviour, DoorSpec

Json = dict[str, Any]

WORKSPACE_ID: Final = "simulated_workspace"
ACCOUNT_ID: Final = "simulated_connected_account"
THERMOSTAT_ID: Final = "harbour-lobby-thermostat"


def timestamp(seconds: float) -> str:
    """Write a Unix time as Seam does: ISO 8601 in UTC with milliseconds and a Z."""
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def workspace_json(created_at: str) -> Json:
    """The one workspace, a sandbox, so that nobody takes its doors for real ones."""
    return {
        "workspace_id": WORKSPACE_ID,
        "name": "Simulated workspace",
        "publishable_key": "seam_pk_simulated",
        "created_at": created_at,
        "is_sandbox": True,
        "is_suspended": False,
        "is_publishable_key_auth_enabled": False,
        "connect_partner_name": None,
        "company_name": "Simulated",
        "connect_webview_customization": {},
    }


def lock_json(spec: DoorSpec, behaviour: Behaviour, *, locked: bool, created_at: str) -> Json:
    """A lock. `locked` is left out while it is offline, as Seam does."""
    properties: Json = {
        "name": spec.name,
        "appearance": {"name": spec.name},
        "online": behaviour.online,
        "manufacturer": "simulated",
        "model": {"display_name": "Simulated lock", "manufacturer_display_name": "Simulated"},
        "battery": {"level": spec.battery, "status": _battery_status(spec.battery)},
        "battery_level": spec.battery,
        "currently_triggering_noise_threshold_ids": [],
    }
    if behaviour.online:
        properties["locked"] = locked
    return {
        **_device(spec.device_id, spec.name, "smartthings_lock", created_at=created_at),
        "capabilities_supported": ["lock"],
        "properties": properties,
        "errors": _errors(behaviour, created_at),
        "warnings": _warnings(behaviour, created_at),
        "location": {"location_name": spec.building},
        "custom_metadata": {
            "building": spec.building,
            "area": spec.area,
            "access": "common" if spec.common else "private",
        },
        "can_remotely_lock": behaviour.remote and spec.lockable,
        "can_remotely_unlock": behaviour.remote,
    }


def thermostat_json(created_at: str) -> Json:
    """A device that is no lock, so that a reader of `/devices/list` has something to leave out."""
    name = "Lobby thermostat"
    return {
        **_device(THERMOSTAT_ID, name, "ecobee_thermostat", created_at=created_at),
        "capabilities_supported": ["thermostat"],
        "properties": {
            "name": name,
            "appearance": {"name": name},
            "online": True,
            "manufacturer": "simulated",
            "model": {"display_name": "Simulated thermostat"},
            "temperature_celsius": 21.0,
        },
        "errors": [],
        "warnings": [],
        "custom_metadata": {},
    }


def _device(device_id: str, name: str, device_type: str, *, created_at: str) -> Json:
    return {
        "device_id": device_id,
        "device_type": device_type,
        "display_name": name,
        "is_managed": True,
        "connected_account_id": ACCOUNT_ID,
        "workspace_id": WORKSPACE_ID,
        "created_at": created_at,
        "space_ids": [],
    }


def _battery_status(level: float) -> str:
    for bound, status in ((0.05, "critical"), (0.2, "low"), (0.9, "good")):
        if level <= bound:
            return status
    return "full"


def _errors(behaviour: Behaviour, created_at: str) -> list[Json]:
    if behaviour.online:
        return []
    return [
        {
            "error_code": "device_disconnected",
            "message": "The device is disconnected.",
            "is_device_error": True,
            "created_at": created_at,
        }
    ]


def _warnings(behaviour: Behaviour, created_at: str) -> list[Json]:
    if behaviour.remote or not behaviour.online:
        return []
    return [
        {
            "warning_code": "ttlock_lock_gateway_unlocking_not_enabled",
            "message": "Remote unlocking is not enabled at the gateway.",
            "created_at": created_at,
        }
    ]
