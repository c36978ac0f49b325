"""A press of Unlock or Lock: recorded first, sent at most once, never late, and its answer recorded.

One road for both buttons. Transaction, call, transaction: no transaction is open while Seam is called.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from dataclasses import replace

from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from locks.clients import seam_client
from locks.models import Action, Device, Press, Status, UnlockRequest, User, Verdict
from locks.seam import ActionAttempt, SeamError, SendBy
from locks.services import following, limiting, look_alikes, weighing
from locks.services.answers import Answer, from_attempt, from_error, settle
from locks.services.audit import record
from locks.services.breaking_glass import break_glass
from locks.services.conditions import lacking
from locks.services.errors import DATABASE_GONE, AnswerNotRecorded, DoorUnknown, NothingSent, Sent
from locks.services.kinds import kind_of
from locks.services.meeting import (
    asks_again,
    crossed_by,
    is_news,
    is_overdue,
    just_ended,
    unsettled_at,
)
from locks.services.presses import Pressed, PressForm, PressResult
from locks.services.proving_oneself import NotProved, Proved
from locks.services.reconnecting import drop_dead_connections
from locks.services.refusing import refuse
from locks.services.rights import breakable, freeze_behind, why_not, why_not_lock
from locks.services.tokens import BadToken, PressToken, age_of_press, read_token

logger = logging.getLogger(__name__)

CONFLICTS = ("40P01", "40001")  # PostgreSQL: deadlock detected, serialization failure
RECORD_WITHIN = 5.0  # seconds that a dropped database gets before an answer is left to the sweep


class _Overtaken(Exception):
    """The right ended between the look at it and the writing of the press."""


def request_unlock(
    *, actor: User, device: Device, form: PressForm, proof: Proved | NotProved | None = None
) -> PressResult:
    """Unlock `device` once for `actor`, or say why not; every outcome is a row.

    `proof` is the actor's latest, or the failed try that came with this press; another's counts for none.

    Raises DoorUnknown where the door is not the actor's to know (recorded all the same), and where the
    database goes away NothingSent, AnswerNotRecorded or Sent, whichever is true. Returns when Seam has
    answered, at the latest at the request's `call_deadline`.
    """
    if isinstance(proof, Proved) and proof.person_id != actor.pk:
        proof = None
    return _request(Action.UNLOCK, actor, device, form, proof)


def request_lock(*, actor: User, device: Device, form: PressForm) -> PressResult:
    """Lock `device` once for `actor`, or say why not, as request_unlock() does.

    It asks for no reason and no proof, and weekly hours and a freeze do not stand in its way.
    """
    return _request(Action.LOCK, actor, device, form, None)


def _request(
    action: Action, actor: User, device: Device, form: PressForm, proof: Proved | NotProved | None
) -> PressResult:
    # Both clocks once, before all else: a process that stands still from here on is late all the same.
    now, steady = time.time(), time.monotonic()
    try:
        token = read_token(form.token, person=actor, device=device, action=action)
        age = age_of_press(token, form.elapsed, now=now)
    except BadToken:
        token, age = None, 0.0
    at = dt.datetime.fromtimestamp(now, dt.UTC)
    pressed = Pressed(actor, device, form, token, at, age, action, proof)
    send_by = SendBy(wall=now + pressed.left, monotonic=steady + pressed.left)
    try:
        result = _take(pressed)
    except DATABASE_GONE as gone:
        raise NothingSent from gone
    press = result.press
    if press.code == "not_yours":
        raise DoorUnknown
    if press.verdict == Verdict.SENT and press.request and not result.repeated:
        _let_go_of_the_database()
        answer = replace(_send(press.request, send_by), call_ended_at=timezone.now())
        _record_patiently(press.request, answer)
        _reread(press.request)
    return result


def _let_go_of_the_database() -> None:
    """Back to the pool while Seam is waited for: stuck presses must not keep others from the database."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()


def _reread(request: UnlockRequest) -> None:
    try:
        request.refresh_from_db()
    except DATABASE_GONE as gone:
        raise Sent from gone


def _take(pressed: Pressed) -> PressResult:
    """Transaction 1, until it finds its place: the constraints decide who of two came first."""
    for _round in range(5):
        try:
            with transaction.atomic(durable=True):
                result = _decide(pressed)
        except _Overtaken:
            continue  # nothing of it was kept; the next look refuses it, and says why
        except IntegrityError:
            continue  # the same token, or another press on this door, was first: look again
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") not in CONFLICTS:
                raise
            continue  # the database chose us to give way; nothing of it was kept
        if result is not None:
            return result
        following.end_overdue()
    raise OperationalError("A press found no place among others five times.")


def _decide(pressed: Pressed) -> PressResult | None:
    """Refuse, join, or open a request, in one transaction; None where an overdue one stands in the way."""
    # Held until commit: of two presses on one door the second decides after the first has opened or
    # ended its request, whichever the constraints can no longer tell apart.
    device = (
        Device.objects.select_for_update(of=("self",), no_key=True)
        .select_related("building")
        .get(pk=pressed.device.pk)
    )
    pressed = replace(pressed, device=device)
    forbidden = _forbidden(pressed)
    overridden: tuple[str, ...] = ()
    if forbidden and pressed.form.break_glass and pressed.action == Action.UNLOCK:
        overridden = breakable(person=pressed.actor, device=device, at=pressed.at)
    forbidden = "" if overridden else forbidden
    pressed = replace(pressed, overridden=overridden)
    earlier = _earlier(pressed.token) if pressed.token else None
    if earlier and forbidden == "not_yours":
        pressed = replace(pressed, token=None)  # its nonce is on an earlier row already
    elif earlier:
        return PressResult(earlier, repeated=True)
    # What happened while the door was another building's is not for the people of this one.
    here = device.unlock_requests.filter(building=device.building)
    latest = here.order_by("-requested_at", "-pk").first()
    under_way = here.open().first()
    unsettled = None if under_way else unsettled_at(here, latest)
    code = forbidden or lacking(pressed)
    if not code and unsettled and asks_again(pressed, unsettled):
        code = "ask_again"
    # Who pressed this door a moment ago, and knows not what came of it, means it; and glass is not
    # broken slowly.
    is_meant = look_alikes.means_it(pressed.actor, unsettled, at=pressed.at)
    is_asked = pressed.action == Action.UNLOCK and not is_meant and not pressed.overridden
    if not code and is_asked and (doubt := look_alikes.doubt_left(pressed)):
        code = "wrong_door" if doubt.is_contradicted(pressed.form.named) else "which_door"
    if code:
        return PressResult(_refuse(pressed, code))
    if under_way and is_overdue(under_way, pressed.at):
        return None
    if crossed := crossed_by(under_way or latest, pressed):
        return PressResult(_refuse(pressed, crossed))
    if joined := under_way or just_ended(latest, pressed):
        return PressResult(_join(pressed, joined))
    if is_news(latest, pressed):
        return PressResult(_refuse(pressed, "news"))
    if too_soon := _too_soon(pressed):
        return PressResult(too_soon)
    press = _open(pressed, again=unsettled is not None)
    if not _still_may(pressed):
        raise _Overtaken
    return PressResult(press)


def _forbidden(pressed: Pressed) -> str:
    ask = why_not_lock if pressed.action == Action.LOCK else why_not
    return ask(person=pressed.actor, device=pressed.device, at=pressed.at)


def _still_may(pressed: Pressed) -> bool:
    """The right once more, while this press holds the building's chain.

    Whoever freezes or takes a role away writes on that chain, too: what they committed before is seen
    here, and what comes later finds this press on the record before it.
    """
    person, at = pressed.actor, pressed.at
    device = Device.objects.select_related("building").get(pk=pressed.device.pk)
    if pressed.overridden:
        return breakable(person=person, device=device, at=at) == pressed.overridden
    return not _forbidden(replace(pressed, device=device))


def _too_soon(pressed: Pressed) -> Press | None:
    """The refusal of a press beyond what a door, or a person's hands, do in a minute; None for the rest."""
    if again := limiting.door_free_at(pressed.device, at=pressed.at, action=pressed.action):
        return _refuse(pressed, "door_limit", retry_at=again)
    if again := limiting.person_free_at(pressed.actor, at=pressed.at):
        return _refuse(pressed, "person_limit", retry_at=again)
    return None


def _refuse(pressed: Pressed, code: str, *, retry_at: dt.datetime | None = None) -> Press:
    return refuse(
        actor=pressed.actor,
        device=pressed.device,
        code=code,
        action=pressed.action,
        nonce=pressed.token.nonce if pressed.token else None,
        address=pressed.form.address,
        retry_at=retry_at or _not_before(pressed, code),
    )


def _not_before(pressed: Pressed, code: str) -> dt.datetime | None:
    """When a press that is refused by `code` would not be, where that is known."""
    if isinstance(pressed.proof, NotProved) and code == pressed.proof.code:
        return pressed.proof.retry_at
    frozen = freeze_behind(code, pressed.device)
    return frozen.frozen_until if frozen else None


def _earlier(token: PressToken) -> Press | None:
    return Press.objects.select_related("request").filter(nonce=token.nonce).first()


def _join(pressed: Pressed, request: UnlockRequest) -> Press:
    """A press that another one stands for; who joins the same request again is not written again."""
    joined_before = request.presses.filter(person=pressed.actor, verdict=Verdict.JOINED).exists()
    press = _press(pressed, verdict=Verdict.JOINED, request=request)
    if joined_before:
        return press
    record(
        kind_of(pressed.action, "joined"),
        building=pressed.device.building,
        actor=pressed.actor,
        device=pressed.device,
        request=request,
        address=pressed.form.address,
        **pressed.form.said,
        overridden=list(pressed.overridden),
    )
    return press


def _open(pressed: Pressed, *, again: bool) -> Press:
    send_by = pressed.at + dt.timedelta(seconds=pressed.left)
    call_deadline = send_by + dt.timedelta(seconds=settings.UNLOCK_ANSWER_TIMEOUT)
    resolve_by = pressed.at + dt.timedelta(seconds=settings.UNLOCK_RESOLVE_TIMEOUT)
    if pressed.device.building is None:
        raise AssertionError("rights lets nobody press a door without a building.")
    unlocks = pressed.action == Action.UNLOCK
    request = UnlockRequest.objects.create(
        action=pressed.action,
        device=pressed.device,
        building=pressed.device.building,
        requested_by=pressed.actor,
        door_label=pressed.device.label,
        person_name=pressed.actor.get_full_name(),
        requested_at=pressed.at,
        send_by=send_by,
        call_deadline=call_deadline,
        resolve_by=max(resolve_by, call_deadline),
        **pressed.form.said,
        way_carried_over=pressed.form.way_carried_over,
        pressed_again=again,
        # Quiet hours are of interest where somebody is let in.
        out_of_hours=unlocks and pressed.device.building.is_quiet(pressed.at),
        overridden=",".join(pressed.overridden),
    )
    press = _press(pressed, verdict=Verdict.SENT, request=request)
    record(
        kind_of(pressed.action, "requested"),
        building=pressed.device.building,
        actor=pressed.actor,
        device=pressed.device,
        request=request,
        **pressed.form.said,
        way_carried_over=pressed.form.way_carried_over or None,
        pressed_again=again or None,
        out_of_hours=request.out_of_hours or None,
        address=pressed.form.address,
        age_ms=round(pressed.age * 1000),
        **pressed.proof_told,
    )
    if pressed.overridden:
        break_glass(pressed, request)
    return press


def _press(pressed: Pressed, *, verdict: Verdict, request: UnlockRequest) -> Press:
    if pressed.token is None:
        raise AssertionError("lacking() refuses a press without a token.")
    return Press.objects.add(
        person=pressed.actor,
        device=pressed.device,
        action=pressed.action,
        nonce=pressed.token.nonce,
        pressed_at=pressed.at,
        verdict=verdict,
        request=request,
    )


def _send(request: UnlockRequest, send_by: SendBy) -> Answer:
    """The one call. Whatever goes wrong is an answer: `unknown` unless nothing can have moved."""
    try:
        return from_attempt(_call(request, send_by))
    except SeamError as error:
        return from_error(error)
    except Exception:
        logger.exception("Unlock request %s: the call to Seam broke.", request.pk)
        return Answer(Status.UNKNOWN, code="no_answer")


def _call(request: UnlockRequest, send_by: SendBy) -> ActionAttempt:
    client = seam_client()
    call = client.lock_door if request.action == Action.LOCK else client.unlock_door
    return call(request.device.seam_device_id, send_by=send_by)


def _record_patiently(request: UnlockRequest, answer: Answer) -> None:
    """Transaction 2; if the database drops, again on a fresh connection for a few seconds.

    Then the answer is lost, and the sweep ends the request as `unknown`: honest, if poorer.
    """
    give_up = time.monotonic() + RECORD_WITHIN
    while True:
        began = time.monotonic()  # who was held up for long in one attempt has another
        try:
            record_answer(request, answer)
            return
        except DATABASE_GONE as gone:
            if began >= give_up:
                logger.critical(
                    "Unlock request %s: Seam answered %s (attempt %s), and the database was gone.",
                    request.pk,
                    answer.status,
                    answer.attempt_id or "-",
                )
                raise AnswerNotRecorded from gone
            connection.close()
            drop_dead_connections()
            time.sleep(0.2)


def record_answer(request: UnlockRequest, answer: Answer) -> None:
    """Put Seam's answer to the one call on the row and the record, and have the attempt followed."""
    if not settle(request, answer, frm=(Status.SENDING, Status.UNKNOWN)):
        weighing.weigh_answer(request, answer)
    if answer.attempt_id and answer.status in (Status.PENDING, Status.UNKNOWN):
        following.nudge()
