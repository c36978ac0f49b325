"""One door: its confirmation, and the press."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from locks.forms import UnlockForm
from locks.models import Device, Press, Verdict
from locks.services.conditions import is_made_for
from locks.services.errors import DoorUnknown
from locks.services.pick_lists import Lists, lists_of
from locks.services.presses import PressForm, PressResult
from locks.services.proving_oneself import (
    PASSKEY,
    WAYS,
    NotProved,
    Proved,
    begin_passkey,
    prove,
    ways_of,
)
from locks.services.tokens import issue_token
from locks.services.unlocking import request_unlock
from locks.views.answering import answer
from locks.views.asking import Question, question, said
from locks.views.cards import AGAIN, ASK, PRESS, UNDER_WAY, Card, read_cards
from locks.views.proving import latest, note
from locks.views.requests import DeskRequest, client_address
from locks.views.states import verdict_of

# Refused as it was made, not for good: asked again with what was typed kept.
PROOFS = (
    "needs_proof",
    "wrong_proof",
    "proof_later",
    "pin_unusable",
    "break_needs_reason",
    "break_needs_proof",
)
WORDS = ("which_door", "wrong_door", "needs_reason", "needs_note", "card_number", "unfit_words")
# These need the confirmation; the others only a fresh button, which the card has.
NEED_CONFIRMATION = ("ask_again", "news", *WORDS, *PROOFS)
REPEATABLE = ("too_late", "bad_token", *NEED_CONFIRMATION)


@require_GET
def door(request: DeskRequest, device_id: int) -> HttpResponse:
    """The confirmation of one door: a dialog's content for htmx, a page otherwise.

    With `?break_glass=1` that of breaking glass there, where it is allowed and something forbids the press.
    """
    visible = Device.objects.on_the_desk().visible_to(request.user).select_related("building")
    device = get_object_or_404(visible, pk=device_id)
    breaking = request.GET.get("break_glass") == "1"
    form = UnlockForm({"found_by": request.GET.get("found_by", "")})
    return _confirmation(request, device, form, breaking=breaking)


@require_POST
@sensitive_post_parameters("proof", "reason", "note", "reference")
def unlock_door(request: DeskRequest, device_id: int) -> HttpResponse:
    """Press the button of one door. 200 with its card also where it was not unlocked.

    The door is loaded unscoped only to be handed to the service, which records an outsider's press.
    """
    device = get_object_or_404(Device.objects.select_related("building"), pk=device_id)
    form = UnlockForm(request.POST)
    # The button of a common door's card asks nothing.
    is_asked = device.is_private or form.ticked("asked")
    lists = lists_of(device.building) if is_asked else Lists([], [])
    try:
        result = request_unlock(
            actor=request.user,
            device=device,
            form=_press(form, lists, client_address(request)),
            proof=_proof(request, device, form),
        )
    except DoorUnknown:
        raise Http404 from None
    # What an error page says from here on must not be that nothing was sent.
    request.pressed = result.was_sent  # type: ignore[attr-defined]
    if device.building is None:
        raise Http404
    if _is_asked_again(request, form, result):
        breaking = form.ticked("break_glass")
        return _confirmation(request, device, form, breaking=breaking, press=result.press)
    return answer(request, device, result, found_by=form.text("found_by"))


def _proof(request: DeskRequest, device: Device, form: UnlockForm) -> Proved | NotProved | None:
    """The proof that came with the press, else the session's latest.

    Nobody tries secrets at a door that is not theirs to know.
    """
    secret = form.text("proof")
    door_id = device.pk if form.ticked("break_glass") else None
    if not secret or not Device.objects.visible_to(request.user).filter(pk=device.pk).exists():
        asked = device.step_up_minutes is not None or form.ticked("break_glass")
        return latest(request, breaking=door_id) if asked else None
    try:
        proved = prove(
            person=request.user,
            method=form.text("proof_by"),
            secret=secret,
            address=client_address(request),
            door_id=door_id,
        )
    except NotProved as wrong:
        return wrong
    note(request, proved)
    return proved


def _is_asked_again(request: DeskRequest, form: UnlockForm, result: PressResult) -> bool:
    """Whether the answer is the question once more, with what was typed and a fresh button."""
    press = result.press
    if press.verdict != Verdict.REFUSED or press.code not in REPEATABLE or result.repeated:
        return False
    # The card of the desk has a fresh button of its own; a plain page would hold an old one.
    return not request.htmx or form.ticked("asked") or press.code in NEED_CONFIRMATION


def _press(form: UnlockForm, lists: Lists, address: str) -> PressForm:
    return PressForm(
        token=form.text("token"),
        elapsed=form.elapsed,
        **said(form, lists),
        found_by=form.text("found_by"),
        named=form.text("named"),
        break_glass=form.ticked("break_glass"),
        again=form.asked_about,
        shown=form.text("shown"),
        address=address,
    )


def _confirmation(
    request: DeskRequest,
    device: Device,
    form: UnlockForm,
    *,
    breaking: bool = False,
    press: Press | None = None,
) -> HttpResponse:
    """The question before a press, with a fresh token and what was typed."""
    card = _card(request, device, form)
    breaking = breaking and bool(card.overridable)
    asks_proof = _asks_for_break(request, device) if breaking else card.asks_proof
    context: dict[str, Any] = {
        "card": card,
        "form": form,
        "verdict": verdict_of(press, viewer=request.user) if press else "",
        "again": card.offer == AGAIN
        or (breaking and card.asks_about is not None)
        or (press is not None and press.code == "ask_again"),
        "is_news": press is not None and press.code == "news",
        "breaking": breaking,
        "may_press": breaking or card.offer in (PRESS, ASK, AGAIN, UNDER_WAY),
        "question": question(request, device, form) if device.is_private or breaking else None,
        "asks_proof": asks_proof,
        "proof_failed": press is not None and press.code in PROOFS and asks_proof,
        **(_ways(request, form) if asks_proof else {}),
        "token": issue_token(person=request.user, device=device),
    }
    context["focus"] = _focus(context)
    if not request.htmx:
        return render(request, "locks/confirm.html", context)
    response = render(request, "locks/_confirm.html", context)
    return reswap(retarget(response, "#confirm-body"), "innerHTML")


def _focus(context: dict[str, Any]) -> str:
    """Where the keyboard begins: at what is still open, else at the button."""
    asked: Question | None = context["question"]
    if context["proof_failed"]:
        return "proof"
    doubt = None if context["breaking"] else context["card"].doubt
    if doubt and not doubt.is_dispelled(context["form"].text("named")):
        return "named"
    if asked and (field := asked.first_open(context["form"])):
        return field
    return "proof" if context["asks_proof"] else "press"


def _card(request: DeskRequest, device: Device, form: UnlockForm) -> Card:
    return read_cards(
        request.user,
        [device],
        at=timezone.now(),
        latest_proof=partial(latest, request),
        found_by=form.text("found_by"),
    )[0]


def _asks_for_break(request: DeskRequest, device: Device) -> bool:
    """Whether breaking glass here still wants its own proof."""
    proved, at = latest(request, breaking=device.pk), timezone.now()
    return not is_made_for(proved, device=device, person=request.user, at=at)


def _ways(request: DeskRequest, form: UnlockForm) -> dict[str, Any]:
    """How the person can prove who they are: what they can type, and what their passkey is asked for.

    Of what can be typed: name, way, and whether it is the one chosen.
    """
    names = ways_of(request.user)
    typed = [name for name in names if name != PASSKEY]
    wanted = form.data.get("proof_by")
    chosen = wanted if wanted in typed else next(iter(typed), "")
    return {
        "can_prove": bool(names),
        "ways": [(name, WAYS[name], name == chosen) for name in typed],
        "passkey": begin_passkey(request.user) if PASSKEY in names else "",
    }
