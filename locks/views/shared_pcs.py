"""Taking turns on a PC: "Not you? Switch", and enrolling a PC on which a PIN suffices for it."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from locks.forms import EnrolForm, PinForm
from locks.http import begins_by_pin, shared_pc
from locks.models import Building, SharedPC, SharedPCVisit, User
from locks.services.errors import NotAllowed, ServiceError
from locks.services.proving_oneself import PIN, Proved
from locks.services.shared_pcs import enrol_pc, remove_pc, switch_to
from locks.views.proving import note
from locks.views.requests import DeskRequest, SeeOther, client_address
from locks.views.returning import place_for, sign_in_for, unsent
from locks.views.staying import sign_out

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@login_not_required
@require_http_methods(["GET", "POST"])
def switch(request: HttpRequest) -> HttpResponse:
    """A POST ends the session at once. Then who may take their turn here; elsewhere the sign-in."""
    wanted = _wanted(request)
    if request.method == "POST":
        sign_out(request)
        is_ones_own = wanted.startswith(
            "/accounts/"
        )  # a page about oneself is no place to go on at
        return SeeOther(_with_next(resolve_url("switch"), "" if is_ones_own else wanted))
    if isinstance(request.user, User):
        return HttpResponseRedirect(place_for(request.user, wanted))
    if (pc := shared_pc(request)) is None:
        return HttpResponseRedirect(sign_in_for(wanted))
    context = {
        "pc": pc,
        "people": SharedPCVisit.objects.people_at(pc, at=timezone.now()),
        "next": wanted,
        "sign_in": sign_in_for(wanted),
        "sentence": unsent(wanted),
    }
    return render(request, "locks/switch.html", context)


@sensitive_post_parameters("pin")
@login_not_required
@require_http_methods(["GET", "POST"])
def switch_person(request: HttpRequest, person_id: int) -> HttpResponse:
    """One of those who may take their turn here, asked for their PIN."""
    wanted = _wanted(request)
    if isinstance(request.user, User):
        return HttpResponseRedirect(place_for(request.user, wanted))
    pc = shared_pc(request)
    people = SharedPCVisit.objects.people_at(pc, at=timezone.now()) if pc else []
    person = next((each for each in people if each.pk == person_id), None)
    if pc is None or person is None:
        return HttpResponseRedirect(_with_next(resolve_url("switch"), wanted))
    problem = _problem_with(request, pc, person) if request.method == "POST" else ""
    if request.method == "GET" or problem:
        return _ask_for_pin(request, person, wanted, problem)
    request.session.flush()  # of what somebody else may have begun here nothing goes on
    begins_by_pin(request, pc)
    login(request, person, backend=_BACKEND)
    if not SharedPC.objects.in_use().filter(pk=pc.pk).exists():  # removed a moment ago
        sign_out(request)
        return SeeOther(sign_in_for(wanted))
    UserSession.objects.create_from_request(request)  # on the list of one's sessions, too
    note(request, Proved(person.pk, PIN, timezone.now()))
    request.session.modified = True  # its cookie has still to go out
    return _with_cookie(
        SeeOther(place_for(person, wanted, by_pin=True)),
        request.COOKIES[settings.SHARED_PC_COOKIE_NAME],
    )


@sensitive_variables("form")
def _problem_with(request: HttpRequest, pc: SharedPC, person: User) -> str:
    """Why the PIN did not open a session, as a sentence; empty where one may begin now."""
    form = PinForm(request.POST)
    wrong = _("That PIN did not work. Try again, or sign in with your password.")
    if not form.is_valid():
        return wrong
    try:
        is_right = switch_to(
            pc=pc,
            person=person,
            pin=form.cleaned_data["pin"],
            at=timezone.now(),
            address=client_address(request),
        )
    except ServiceError as refusal:
        return str(refusal)
    return "" if is_right else wrong


def _ask_for_pin(request: HttpRequest, person: User, wanted: str, problem: str) -> HttpResponse:
    context = {
        "person": person,
        "problem": problem,
        "next": wanted,
        "others": _with_next(resolve_url("switch"), wanted),
        "sign_in": sign_in_for(wanted),
    }
    return render(request, "locks/switch_pin.html", context, status=403 if problem else 200)


@require_http_methods(["GET", "POST"])
def shared_pc_page(request: DeskRequest) -> HttpResponse:
    """Managers make the PC at which they sit a shared one of a building of theirs, and undo it."""
    buildings = Building.objects.managed_by(request.user)
    if not buildings.exists():
        raise PermissionDenied
    pc = shared_pc(request)
    is_theirs = pc is not None and buildings.filter(pk=pc.building_id).exists()
    form = EnrolForm(request.POST if request.method == "POST" else None, buildings=buildings)
    if request.method == "POST":
        if pc is None:
            answer = _enrolled(request, form)
        elif is_theirs and "remove" in request.POST:
            remove_pc(actor=request.user, pc=pc)
            answer = SeeOther(request.path)
            answer.delete_cookie(settings.SHARED_PC_COOKIE_NAME)
        else:
            answer = SeeOther(request.path)
        if answer is not None:
            return answer
    context: dict[str, Any] = {"pc": pc, "is_theirs": is_theirs, "form": form}
    status = 400 if form.errors else 200
    return render(request, "locks/shared_pc.html", context, status=status)


def _enrolled(request: DeskRequest, form: EnrolForm) -> HttpResponse | None:
    """The answer with the PC's cookie; None where the form has to be filled in otherwise."""
    if not form.is_valid():
        return None
    building, name = form.cleaned_data["building"], form.cleaned_data["name"]
    try:
        _pc, token = enrol_pc(actor=request.user, building=building, name=name)
    except NotAllowed:
        raise Http404 from None
    except ValidationError as problem:
        form.add_error("name", ValidationError(problem.messages))
        return None
    return _with_cookie(SeeOther(request.path), token)


def _with_cookie(response: HttpResponse, token: str) -> HttpResponse:
    response.set_cookie(
        settings.SHARED_PC_COOKIE_NAME,
        token,
        max_age=settings.SHARED_PC_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _wanted(request: HttpRequest) -> str:
    given = request.POST if request.method == "POST" else request.GET
    return given.get(REDIRECT_FIELD_NAME, "")[:1000]


def _with_next(url: str, wanted: str) -> str:
    return f"{url}?{urlencode({REDIRECT_FIELD_NAME: wanted})}" if wanted else url
