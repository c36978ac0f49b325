"""What the simulated doors are called and how they behave."""

import math
from dataclasses import dataclass
from typing import Final, Literal

NEVER: Final = math.inf


@dataclass(frozen=True)
class Behaviour:
    """How a simulated door answers a command.

    delay: seconds until the action attempt resolves; `NEVER` leaves it pending for ever.
    confirms: `was_confirmed_by_device` of a success; None leaves the field out.
    error: (type, message) of the attempt's error; None for a door that does as it is told.
    answer: what the caller gets over HTTP. `hang_up` still moves the bolt; the two error pages
        do not reach the door at all, so that no attempt exists afterwards.
    online, remote: `properties.online` and `can_remotely_unlock`.
    hint: one sentence for people who try the demo.

    A door whose `lockable` is false (see DoorSpec) answers to locking with an error.
    """

    name: str
    hint: str
    delay: float = 0.8
    confirms: bool | None = True
    error: tuple[str, str] | None = None
    answer: Literal["attempt", "hang_up", "empty_503", "html_502"] = "attempt"
    online: bool = True
    remote: bool = True


@dataclass(frozen=True)
class DoorSpec:
    """One simulated door.

    `behaviour` is a key of `BEHAVIOURS`; `battery` a level between 0 and 1; `common` tells whoever
    seeds a demo that the door needs no confirmation, and `area` where in the building it is.
    `lockable`: whether it can be locked remotely, too, where it can be unlocked.
    """

    device_id: str
    name: str
    building: str
    area: str
    common: bool
    behaviour: str = "prompt"
    battery: float = 0.92
    lockable: bool = True


_BEHAVIOURS = (
    Behaviour("instant", "Unlocks within 0.1 s and confirms.", delay=0.08),
    Behaviour("prompt", "Unlocks within 1 s and confirms."),
    Behaviour("slow", "Takes 4 s, then confirms.", delay=4.0),
    Behaviour("unconfirmed", "Accepts, and says that it cannot confirm.", confirms=False),
    Behaviour("silent", "Accepts, and says nothing about confirmation.", confirms=None),
    Behaviour(
        "offline",
        "Is offline; a command fails.",
        delay=0.3,
        error=("device_disconnected", "The device is disconnected."),
        online=False,
        remote=False,
    ),
    Behaviour(
        "fails",
        "Fails after a second.",
        delay=1.0,
        error=("uncategorized_error", "The lock reported a failure and did not move."),
    ),
    Behaviour(
        "jammed",
        "Reports a jam after 2.5 s: the bolt may have moved.",
        delay=2.5,
        error=("lock_jammed", "The bolt is jammed."),
    ),
    Behaviour("never", "Takes the command and never says what became of it.", delay=NEVER),
    Behaviour(
        "hangs_up", "Closes the connection without an answer, and unlocks.", answer="hang_up"
    ),
    Behaviour("unavailable", "Answers 503 with an empty body.", answer="empty_503"),
    Behaviour("html_error", "Answers with a web page from a broken gateway.", answer="html_502"),
    Behaviour(
        "not_remote",
        "Cannot be unlocked remotely.",
        delay=0.3,
        error=("uncategorized_error", "Remote unlocking is not enabled at the gateway."),
        remote=False,
    ),
)
BEHAVIOURS: Final[dict[str, Behaviour]] = {each.name: each for each in _BEHAVIOURS}

_HARBOUR = "Harbour House"
_PARK = "Park Residence"

CATALOGUE: Final[tuple[DoorSpec, ...]] = (
    DoorSpec("harbour-main-entrance", "Main entrance", _HARBOUR, "Ground floor", True),
    DoorSpec("harbour-staff-entrance", "Staff entrance", _HARBOUR, "Ground floor", True, "slow"),
    DoorSpec(
        "harbour-parking-gate",
        "Parking gate",
        _HARBOUR,
        "Yard",
        True,
        "unconfirmed",
        lockable=False,
    ),
    DoorSpec("harbour-bike-cellar", "Bike cellar", _HARBOUR, "Basement", True, "never"),
    DoorSpec("harbour-loading-dock", "Loading dock", _HARBOUR, "Yard", True, "hangs_up"),
    DoorSpec("harbour-room-101", "Room 101", _HARBOUR, "First floor", False, "instant"),
    DoorSpec("harbour-room-102", "Room 102", _HARBOUR, "First floor", False, battery=0.14),
    DoorSpec("harbour-room-110", "Room 110", _HARBOUR, "First floor", False),
    DoorSpec("harbour-luggage-room", "Luggage room", _HARBOUR, "Ground floor", False, "offline"),
    DoorSpec("harbour-roof-door", "Roof door", _HARBOUR, "Fifth floor", False, "fails"),
    DoorSpec("park-front-door", "Front door", _PARK, "Ground floor", True, "instant"),
    DoorSpec("park-garden-gate", "Garden gate", _PARK, "Garden", True, "silent"),
    DoorSpec("park-garage", "Garage", _PARK, "Basement", True, "unavailable", lockable=False),
    DoorSpec("park-laundry", "Laundry", _PARK, "Basement", True, "html_error"),
    DoorSpec("park-apartment-1", "Apartment 1", _PARK, "First floor", False),
    DoorSpec("park-apartment-2", "Apartment 2", _PARK, "First floor", False, battery=0.04),
    DoorSpec("park-apartment-3", "Apartment 3", _PARK, "Second floor", False, "jammed"),
    DoorSpec("park-meter-room", "Meter room", _PARK, "Basement", False, "not_remote"),
)
