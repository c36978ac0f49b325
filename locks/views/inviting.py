"""One-time links and printed codes, as the person sees them who got one: no account needed.

The secret is in the address of the first page only, which hands it on to the session (as its hash)
and leads to another address; it stays in no history of where the person went next.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import BaseUserCreationForm, SetPasswordMixin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from locks.http import OPENED, signed_in_by_pin, vouched_for
from locks.models import Invitation, PasswordReset, User, lacking_second_factor
from locks.services import inviting, one_time
from locks.services.errors import ServiceError
from locks.services.resetting import use_reset
from locks.views.requests import client_address

_STATUS = {one_time.NoSuchWay: 404, one_time.WayClosed: 410, one_time.TooManyMisses: 429}


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=60,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )


class NewAccountForm(BaseUserCreationForm):
    """Username and password of somebody new. The service looks whether the name is taken."""

    class Meta:
        model = User
        fields = ("username",)

    def __init__(self, *args: Any, settled: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plainly(self)
        self.fields["username"].label = _("User name")
        self.fields["username"].help_text = _("Letters, digits and . _ - + @")
        if settled:
            del self.fields["username"]

    def validate_unique(self) -> None: ...


class NewPasswordForm(SetPasswordMixin, forms.Form):
    password1, password2 = SetPasswordMixin.create_password_fields()

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        self.person = person
        super().__init__(*args, **kwargs)
        _plainly(self)

    def clean(self) -> dict[str, Any]:
        self.validate_passwords()
        self.validate_password_for_user(self.person, "password2")
        return super().clean() or self.cleaned_data


def _plainly(form: forms.BaseForm) -> None:
    """Say what the second field for the password is in fewer words."""
    form.fields["password2"].label = _("The same password again")
    form.fields["password2"].help_text = ""


@login_not_required
@require_safe
def open_link(request: HttpRequest, secret: str) -> HttpResponse:
    """A link that was mailed or shown. Looking uses nothing up: mail programs look, too."""
    try:
        way = one_time.find_way(secret, address=client_address(request))
    except one_time.TooManyMisses:
        # There it is told. Told here, this address, which may be a good one, would be logged.
        return redirect("enter_code")
    except ServiceError as refusal:
        return _refused(request, refusal)
    request.session[OPENED] = way.secret_hash
    return redirect("opened_invitation")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
def enter_code(request: HttpRequest) -> HttpResponse:
    """A code from paper, typed in."""
    form = CodeForm(_posted(request))
    try:
        one_time.require_patience(client_address(request))
    except one_time.TooManyMisses as refusal:
        return _refused(request, refusal)
    if request.method != "POST":
        return _code_page(request, form, 200)
    if not form.is_valid():
        return _code_page(request, form, 400)
    try:
        way = one_time.find_way(form.cleaned_data["code"], address=client_address(request))
    except ServiceError as refusal:
        form.add_error("code", str(refusal))
        return _code_page(request, form, _STATUS[type(refusal)])
    request.session[OPENED] = way.secret_hash
    return redirect("opened_invitation")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password1", "password2")
def opened(request: HttpRequest) -> HttpResponse:
    """What the link or code leads to: an account of one's own, a role, or a new password."""
    way = one_time.way_of(str(request.session.get(OPENED, "")))
    if way is None:
        return redirect("enter_code")
    try:
        one_time.require_open(way)
        if isinstance(way, PasswordReset):
            return _new_password(request, way)
        if isinstance(request.user, User):
            # A role is more than a PIN, or a password that lacks its second factor, may take.
            if signed_in_by_pin(request):
                return redirect(f"{reverse('full_sign_in')}?next={request.path}")
            if lacking_second_factor([request.user.pk]) and not vouched_for(request.session):
                return redirect("mfa_index")
            return _take_role(request, way, request.user)
        return _new_account(request, way)
    except ServiceError as refusal:
        request.session.pop(OPENED, None)
        return _refused(request, refusal)


def _new_account(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    settled = inviting.settled_username(invitation)
    suggested = {"username": invitation.username} if invitation.username else {}
    newcomer = User(name=invitation.name, email=invitation.email)
    form = NewAccountForm(_posted(request), instance=newcomer, initial=suggested, settled=settled)
    if request.method == "POST" and form.is_valid():
        guesser = f"invitation {invitation.pk}"  # so that nobody tries out who has an account
        one_time.require_patience(guesser)
        try:
            person = inviting.accept_with_new_account(
                invitation=invitation,
                username=form.cleaned_data.get("username", ""),
                password=form.cleaned_data["password1"],
            )
        except ValidationError as problem:
            one_time.count_miss(guesser)
            _add_to(form, problem)
        else:
            return _done(request, person, _("Your account is ready"))
    back = urlencode({REDIRECT_FIELD_NAME: request.path})
    context = {
        "invitation": invitation,
        "form": form,
        "settled": settled,
        "sign_in": f"{resolve_url(settings.LOGIN_URL)}?{back}",
    }
    return _page(request, "account", context, failed=request.method == "POST")


def _take_role(request: HttpRequest, invitation: Invitation, person: User) -> HttpResponse:
    """For who has an account. An empty post takes nothing."""
    problem = ""
    if request.method == "POST" and request.POST.get("take") == "yes":
        try:
            inviting.accept_with_account(invitation=invitation, person=person)
        except ValidationError as refusal:
            problem = " ".join(refusal.messages)
        else:
            request.session.pop(OPENED, None)
            return redirect("desk")
    context = {"invitation": invitation, "problem": problem}
    return _page(request, "role", context, failed=request.method == "POST")


def _new_password(request: HttpRequest, reset: PasswordReset) -> HttpResponse:
    form = NewPasswordForm(reset.person, _posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            person = use_reset(reset=reset, password=form.cleaned_data["password1"])
        except ValidationError as problem:
            _add_to(form, problem)
        else:
            return _done(request, person, _("Your password is changed"))
    context = {"reset": reset, "form": form}
    return _page(request, "password", context, failed=request.method == "POST")


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _add_to(form: forms.BaseForm, problem: ValidationError) -> None:
    """Show what a service refused beside the fields that it is about."""
    told = problem.message_dict if hasattr(problem, "error_dict") else {"": problem.messages}
    for name, messages in told.items():
        form.add_error(name if name in form.fields else None, messages)


def _done(request: HttpRequest, person: User, title: str) -> HttpResponse:
    """Nobody is signed in by a link: what follows is the sign-in, with all that it asks for."""
    request.session.pop(OPENED, None)
    context = {"person": person, "heading": title, "sign_in": resolve_url("desk")}
    return render(request, "locks/invitation/done.html", context)


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], *, failed: bool
) -> HttpResponse:
    status = 400 if failed else 200
    return render(request, f"locks/invitation/{name}.html", context, status=status)


def _code_page(request: HttpRequest, form: CodeForm, status: int) -> HttpResponse:
    return render(request, "locks/invitation/code.html", {"form": form}, status=status)


def _refused(request: HttpRequest, refusal: ServiceError) -> HttpResponse:
    status = _STATUS.get(type(refusal), 403)
    context = {"sentence": str(refusal), "status": status}
    return render(request, "locks/invitation/refused.html", context, status=status)
