"""What people type, checked before a service sees it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from locks.models import Building, UnlockRequest, User
from locks.models.pick_lists import validate_printable


class UnlockForm(forms.Form):
    """A press: the button's token, the time since it came, and what a private door asks for.

    Nothing here refuses a press: the service does, so that the refusal is on the record. A field
    that cannot be read counts as left empty.
    """

    token = forms.CharField(max_length=500, widget=forms.HiddenInput)
    elapsed_wall = forms.FloatField(required=False)  # seconds, added by elapsed.js
    elapsed_mono = forms.FloatField(required=False)
    found_by = forms.CharField(max_length=200, required=False)  # the search that found the door
    named = forms.CharField(max_length=200, required=False)  # what was typed to say which door
    again = forms.IntegerField(required=False)  # the unlock request that was asked about
    shown = forms.CharField(max_length=60, required=False)  # what the question showed of the past
    asked = forms.BooleanField(required=False)  # the press comes from the confirmation
    break_glass = forms.BooleanField(required=False)  # press although something forbids it
    # Of the building's lists; a reason that is typed instead comes from scripts and older pages.
    reason_id = forms.IntegerField(label=_("Reason"), required=False)
    way_id = forms.IntegerField(required=False)
    way_before = forms.IntegerField(required=False)  # chosen already, as at the press before
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        error_messages={"max_length": _("At most 200 characters, please.")},
    )
    note = forms.CharField(
        label=_("Note"),
        max_length=200,
        required=False,
        validators=[validate_printable],
        error_messages={"max_length": _("At most 200 characters, please.")},
    )
    reference = forms.CharField(
        label=_("Reference"),
        max_length=40,
        required=False,
        validators=[validate_printable],
        error_messages={"max_length": _("At most 40 characters, please.")},
    )
    identified_by = forms.ChoiceField(
        label=_("How was the person identified?"),
        choices=UnlockRequest.Identified.choices,
        required=False,
    )

    proof_by = forms.CharField(max_length=20, required=False)
    # Never shown again, and kept nowhere.
    proof = forms.CharField(max_length=4000, required=False, strip=False)

    @property
    def elapsed(self) -> tuple[float, float] | None:
        """What the browser measured between getting the button and its press, in seconds."""
        self.is_valid()
        wall, mono = self.cleaned_data.get("elapsed_wall"), self.cleaned_data.get("elapsed_mono")
        return None if wall is None or mono is None else (wall, mono)

    @property
    def asked_about(self) -> int | None:
        """The unlock request with an unknown outcome that the person was asked about."""
        self.is_valid()
        return self.cleaned_data.get("again")

    @property
    def is_unfit(self) -> bool:
        """Whether note or reference holds what cannot be kept: to drop it would lose it silently."""
        self.is_valid()
        return not {"note", "reference"}.isdisjoint(self.errors)

    def number(self, name: str) -> int | None:
        """A number; None where there is none, or it could not be read."""
        self.is_valid()
        found: int | None = self.cleaned_data.get(name)
        return found

    def text(self, name: str) -> str:
        """A field's text; empty where it could not be read."""
        self.is_valid()
        return str(self.cleaned_data.get(name, ""))

    def ticked(self, name: str) -> bool:
        """Whether a yes-or-no field says yes."""
        self.is_valid()
        return self.cleaned_data.get(name) is True


def _pin_field(label: Any, *, autocomplete: str) -> forms.CharField:
    """Digits, hidden as they are typed; what they must be is the service's to say."""
    shown = {
        "inputmode": "numeric",
        "pattern": "[0-9]{4,8}",
        "maxlength": "8",
        "autocomplete": autocomplete,
    }
    return forms.CharField(
        label=label, max_length=8, strip=True, widget=forms.PasswordInput(attrs=shown)
    )


class PinForm(forms.Form):
    """A PIN, to take one's turn with."""

    pin = _pin_field(_("PIN"), autocomplete="off")


class OwnPinForm(forms.Form):
    """A new PIN of one's own, with the password as a fresh proof of who sets it."""

    password = forms.CharField(
        label=_("Your password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    pin = _pin_field(_("New PIN, 4 to 8 digits"), autocomplete="off")
    again = _pin_field(_("The same PIN again"), autocomplete="off")

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        if not person.has_usable_password():  # they sign in otherwise: the view asks how lately
            del self.fields["password"]

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not self.person.check_password(password):
            raise forms.ValidationError(_("This is not your password."), code="wrong")
        return password

    def clean(self) -> dict[str, Any]:
        pin, again = self.cleaned_data.get("pin"), self.cleaned_data.get("again")
        if pin and again and pin != again:
            self.add_error("again", _("The two PINs differ."))
        return self.cleaned_data


class EnrolForm(forms.Form):
    """What a shared PC is called, and whose it is."""

    name = forms.CharField(label=_("Name of this PC"), max_length=80)
    building = forms.ModelChoiceField(
        label=_("Building"), queryset=Building.objects.none(), empty_label=None
    )

    def __init__(self, *args: Any, buildings: QuerySet[Building], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["building"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = buildings
