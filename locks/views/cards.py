"""Door cards from rows alone: the answer to a press and a live refetch show the same."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from locks import words
from locks.models import (
    Action,
    Assignment,
    Attestation,
    Building,
    Device,
    Favourite,
    Press,
    Seen,
    Status,
    UnlockRequest,
    User,
    Verdict,
)
from locks.models.unlocks import DONE_STATUSES
from locks.services import limiting
from locks.services.attesting import is_in_doubt, is_of_now, newest_of
from locks.services.conditions import is_fresh
from locks.services.health import offline_since
from locks.services.look_alikes import Doubt, doubts_of, means_it
from locks.services.meeting import seen_as
from locks.services.proving_oneself import Proved
from locks.services.rights import (
    freeze_behind,
    obstacle,
    obstacle_in,
    overridable,
    unlocking_roles,
)
from locks.services.tokens import issue_token
from locks.services.weighing import unlocked_from_here
from locks.views.facts import Fact, facts_of, problems_of, why_not_remote
from locks.views.lock_offers import LockOffer, last_unlocks, offer_lock
from locks.views.locking_states import UnlockBefore
from locks.views.moments import last_moves, moved_at
from locks.views.past import NO_PAST, Past, pasts_of
from locks.views.states import (
    RECENT,
    State,
    clock,
    next_of,
    refusal_of,
    said,
    state_of,
    still_tells,
    verdict_of,
)

LatestProof = Callable[[], Proved | None]

# What the card offers.
PRESS, ASK, AGAIN, UNDER_WAY, OFF, NOTHING = "press", "ask", "again", "under_way", "off", ""


@dataclass(frozen=True)
class Card:
    """One door as one person sees it now."""

    device: Device
    building: Building
    facts: list[Fact]
    problems: list[Fact]
    state: State | None  # of the latest request
    request: int | None  # which one that is
    shown: str  # what is shown of it, for the question to post
    is_mine: bool  # it is the viewer's own, and under way or of late
    verdict: str  # of this person's latest press, where the state does not tell
    verdict_at: str
    refusal: words.Told | None  # where that press was refused
    is_of_before: bool  # the state is in no doubt, and was there before that press
    offer: str
    free_in: int | None  # seconds until a press that now comes too soon would not
    asks_proof: bool  # the door wants a fresh proof of who presses
    overridable: tuple[str, ...]  # what break-glass would go over, where it is allowed; sentences
    asks_about: int | None  # the request with an unknown outcome, where pressing again asks first
    asks_state: State | None  # of that request
    is_locking: bool  # what is under way is a press on Lock
    doubted: int | None  # the request of which somebody should say what they saw
    word: str  # what somebody did see
    is_seen: bool  # that is about the state above, as it is now
    next: tuple[str, ...]  # what to do after the outcome
    is_frozen: bool  # the door itself
    says_obstacle: bool  # it does, where no verdict above says the same
    obstacle: words.Told  # why there is nothing to press, and what to do instead
    token: str
    lock: LockOffer | None  # the Lock button, where there is one
    is_favourite: bool
    doubt: Doubt | None  # the door may be taken for another, and nothing typed says which
    found_by: str  # the search that says which one is meant, where it has to be said

    @property
    def tells_word(self) -> bool:
        """Whether what somebody saw stands with the outcome itself, as the last that is known of it."""
        return self.is_seen and self.state is not None and self.state.is_recent

    @property
    def refusal_next(self) -> tuple[str, ...]:
        return (str(self.refusal.next),) if self.refusal else ()

    @property
    def obstacle_next(self) -> tuple[str, ...]:
        return (str(self.obstacle.next),)

    @property
    def warnings(self) -> list[Fact]:
        """What somebody should know before they press."""
        return [*(fact for fact in self.facts if fact.tone in ("warn", "bad")), *self.problems]

    @property
    def warns_of_times(self) -> bool:
        return any(fact.is_dated for fact in self.warnings)

    @property
    def refused(self) -> bool:
        return self.refusal is not None

    @property
    def is_open(self) -> bool:
        return self.offer == UNDER_WAY

    @property
    def seen(self) -> list[tuple[str, Any]]:
        """What may be said of a request in doubt."""
        return [(each.value, each.label) for each in Seen]

    @property
    def spoken(self) -> str:
        """What a screen reader is told when it changes."""
        said, needs_help = [self.verdict], self.refused
        # What was there before a refused press was said then, and would sound as if it came of that.
        state = None if self.is_of_before else self.state
        if state and self.is_seen:  # its own advice is to look: someone has
            said.append(state.outcome_spoken)
        elif state and state.is_recent:
            said.append(state.spoken)
            needs_help |= state.needs_help
        if self.is_seen or (self.state and self.state.is_recent):
            said.append(self.word)
        if self.is_seen:
            said.extend(self.next)
        if needs_help and self.building.help_line:
            said.append(_("Help line: %(number)s") % {"number": self.building.help_line})
        return " ".join(filter(None, said))


def read_cards(
    viewer: User,
    devices: Sequence[Device],
    *,
    at: dt.datetime,
    roles: list[Assignment] | None = None,
    latest_proof: LatestProof | None = None,
    favourites: frozenset[int] | None = None,
    managed: Collection[int] | None = None,
    found_by: str = "",
) -> list[Card]:
    """The cards of doors that `viewer` may see, in their order; `devices` come with their building.

    `latest_proof` is asked only where a door wants one; `found_by` is what was typed to find them.

    A constant number of queries, however many doors; one less each with `roles`, `favourites` and `managed`.
    """
    roles = unlocking_roles(viewer, at=at) if roles is None else roles
    favourites = Favourite.objects.doors_of(viewer) if favourites is None else favourites
    if managed is None:
        managed = Building.objects.managed_by(viewer, at=at).values_list("pk", flat=True)
    newest = UnlockRequest.objects.newest_at([device.pk for device in devices])
    latest = {request.device_id: request for request in newest}
    presses = _own_presses(viewer, devices, at=at)
    pasts = pasts_of(devices)
    outages = offline_since(devices)
    unlocks = last_unlocks(latest)
    moments = moved_at((*latest.values(), *unlocks.values()))
    moves = last_moves(latest)
    from_here = unlocked_from_here(devices)
    doubted = {each.pk: each for each in (*latest.values(), *unlocks.values())}
    told = newest_of(doubted.values())
    free = limiting.doors_free_at([device.pk for device in devices], at=at)
    doubts = doubts_of(viewer, devices, at=at) if roles else {}
    wanted = latest_proof and any(device.step_up_minutes is not None for device in devices)
    proof = latest_proof() if latest_proof and wanted else None
    held = _held(viewer, at=at) if any(device.break_glass for device in devices) else frozenset()
    return [
        _card(
            device,
            seen=_Seen(
                viewer,
                roles,
                at,
                pasts.get(device.pk, NO_PAST),
                outages.get(device.pk),
                moments,
                moves.get(device.pk),
                device.pk in from_here,
                free.get(device.pk),
                proof,
                held,
                managed,
                told,
                device.pk in favourites,
                doubts.get(device.pk),
                found_by,
                unlocks.get(device.pk),
            ),
            latest=latest.get(device.pk),
            press=presses.get(device.pk),
        )
        for device in devices
        if device.building is not None
    ]


@dataclass(frozen=True)
class _Seen:
    viewer: User
    roles: list[Assignment]
    at: dt.datetime
    past: Past
    offline_since: dt.datetime | None
    moments: dict[int, dt.datetime]  # when locks moved of which that was learned late, by request
    moved: UnlockRequest | None  # the last that may have moved the lock
    from_here: bool  # a press of ours unlocked it, and it was not seen to lock
    free_at: dt.datetime | None  # of the door
    proof: Proved | None  # the viewer's latest
    held: frozenset[int]  # buildings where the viewer holds any role
    managed: Collection[int]  # buildings that the viewer manages
    words: dict[int, Attestation]  # by request
    is_favourite: bool
    doubt: Doubt | None
    found_by: str  # what was typed to find the door
    last_unlock: UnlockRequest | None  # of the door

    @property
    def unsettled(self) -> UnlockRequest | None:
        """The door's last unlock, where its outcome is unknown."""
        last = self.last_unlock
        return last if last is not None and last.status == Status.UNKNOWN else None


def _card(
    device: Device, *, seen: _Seen, latest: UnlockRequest | None, press: Press | None
) -> Card:
    building = device.building
    if building is None:
        raise ValueError("A door without a building is on no desk.")
    code = obstacle(device, roles=seen.roles, at=seen.at)
    if not code and seen.free_at is not None:
        code = "door_limit"
    closed = obstacle_in(building, roles=seen.roles, at=seen.at)  # said once, above the doors
    over: tuple[str, ...] = ()
    if device.break_glass and building.pk in seen.held and not (latest and latest.is_open):
        over = overridable(device, roles=seen.roles, at=seen.at)
    proves = not is_fresh(seen.proof, device=device, at=seen.at)
    is_open = latest is not None and latest.is_open
    is_named = (
        seen.doubt is None
        or seen.doubt.is_dispelled("", found_by=seen.found_by)
        or means_it(seen.viewer, None if is_open else seen.unsettled, at=seen.at)
    )
    asks = proves or not is_named
    offer = NOTHING if closed else _offer(device, code=code, latest=latest, asks=asks, seen=seen)
    verdict = ""
    if press is not None and still_tells(press, latest, code=code):
        verdict = verdict_of(press, viewer=seen.viewer)
    refused = bool(verdict) and press is not None and press.verdict == Verdict.REFUSED
    asked = seen.unsettled if offer != UNDER_WAY else None
    # What was seen is asked of unlocks, also of one that a lock came after.
    looked = latest if latest is None or latest.action == Action.UNLOCK else seen.unsettled
    word = seen.words.get(looked.pk) if looked else None
    is_seen = word is not None and looked is latest is not None and is_of_now(word, latest)
    state = _state(latest, seen) if latest else None
    why = why_not_remote(device) if code == "not_remote" else code
    return Card(
        device=device,
        building=building,
        facts=facts_of(
            device,
            latest=latest,
            moved=seen.moved,
            past=seen.past,
            offline_since=seen.offline_since,
            from_here=seen.from_here,
            at=seen.at,
        ),
        problems=problems_of(device, past=seen.past, obstacle=why, at=seen.at),
        state=state,
        request=latest.pk if latest else None,
        shown=seen_as(latest),
        is_mine=latest is not None and _is_own(latest, seen),
        verdict=verdict,
        verdict_at=clock(press.pressed_at, zone=building.zone, at=seen.at) if press else "",
        refusal=refusal_of(press) if refused and press else None,
        is_of_before=refused and latest is not None and _is_settled_before(latest, press),
        offer=offer,
        asks_proof=proves,
        overridable=tuple(str(_obstacle(each, device, seen)) for each in over),
        asks_about=asked.pk if asked else None,
        asks_state=state_of(asked, at=seen.at) if asked else None,
        is_locking=bool(latest and latest.is_open and latest.action == Action.LOCK),
        free_in=_seconds_until(seen) if code == "door_limit" else None,
        doubted=looked.pk if looked and _may_be_told(looked, seen) else None,
        word=said(word, zone=building.zone, at=seen.at),
        is_seen=is_seen,
        next=next_of(state, word if is_seen else None),
        is_frozen=code == "frozen_door",
        says_obstacle=offer == OFF and not (refused and press is not None and press.code == code),
        obstacle=_obstacle(why, device, seen),
        token=issue_token(person=seen.viewer, device=device) if offer == PRESS else "",
        is_favourite=seen.is_favourite,
        doubt=None if is_named else seen.doubt,
        found_by=seen.found_by if seen.doubt is not None and is_named else "",
        lock=offer_lock(seen.viewer, device, roles=seen.roles, latest=latest, at=seen.at),
    )


def _may_be_told(latest: UnlockRequest, seen: _Seen) -> bool:
    held = any(role.building_id == latest.building_id for role in seen.roles)
    return held and is_in_doubt(latest, at=seen.at)


def _state(latest: UnlockRequest, seen: _Seen) -> State:
    before, moments = None, seen.moments
    if latest.action == Action.LOCK and seen.last_unlock is not None:
        before = UnlockBefore(seen.last_unlock, moments.get(seen.last_unlock.pk))
    moved = moments.get(latest.pk)
    return state_of(latest, at=seen.at, past=seen.past, moved_at=moved, before=before)


def _obstacle(code: str, device: Device, seen: _Seen) -> words.Told:
    building, frozen = device.building, freeze_behind(code, device)
    if building is None:
        return words.NOTHING
    return words.obstructed(
        code,
        building=building.name,
        reason=frozen.frozen_reason if frozen else "",
        when=clock(frozen.frozen_until if frozen else seen.free_at, zone=building.zone, at=seen.at),
        managing=building.pk in seen.managed,
    )


def _held(viewer: User, *, at: dt.datetime) -> frozenset[int]:
    roles = Assignment.objects.in_force(at=at).filter(person=viewer)
    return frozenset(roles.values_list("building_id", flat=True))


def _seconds_until(seen: _Seen) -> int | None:
    if seen.free_at is None:
        return None
    return max(1, math.ceil((seen.free_at - seen.at).total_seconds()))


def _offer(
    device: Device, *, code: str, latest: UnlockRequest | None, asks: bool, seen: _Seen
) -> str:
    if latest is not None and latest.is_open:
        return UNDER_WAY
    if code:
        return OFF
    if seen.unsettled is not None:
        return AGAIN
    return ASK if device.is_private or asks else PRESS


def _is_settled_before(latest: UnlockRequest, press: Press | None) -> bool:
    if press is None or latest.ended_at is None or latest.contradicted_at is not None:
        return False
    return latest.status in DONE_STATUSES and latest.ended_at <= press.pressed_at


def _is_own(latest: UnlockRequest, seen: _Seen) -> bool:
    is_late = latest.requested_at > seen.at - RECENT
    return latest.requested_by_id == seen.viewer.pk and (latest.is_open or is_late)


def _own_presses(viewer: User, devices: Iterable[Device], *, at: dt.datetime) -> dict[int, Press]:
    """The viewer's newest press on each door within the last two minutes, by door. One query."""
    recent = Press.objects.filter(
        person=viewer,
        device__in=[device.pk for device in devices],
        building=F("device__building"),
        pressed_at__gt=at - RECENT,
    )
    ordered = recent.select_related("building", "request")
    return {press.device_id: press for press in ordered.order_by("pressed_at", "pk")}
