"""What people type, checked before a service sees it."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from locks.models import UnlockRequest


class UnlockForm(forms.Form):
    """A press: the button's token, the time since it came, and what a private door asks for.

    Nothing here refuses a press: the service does, so that the refusal is on the record. A field
    that cannot be read counts as left empty.
    """

    token = forms.CharField(max_length=500, widget=forms.HiddenInput)
    elapsed_wall = forms.FloatField(required=False)  # seconds, added by desk.js
    elapsed_mono = forms.FloatField(required=False)
    again = forms.IntegerField(required=False)  # the unlock request that was asked about
    asked = forms.BooleanField(required=False)  # the press comes from the confirmation
    break_glass = forms.BooleanField(required=False)  # press although something forbids it
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        error_messages={"max_length": _("At most 200 characters, please.")},
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

    def text(self, name: str) -> str:
        """A field's text; empty where it could not be read."""
        self.is_valid()
        return str(self.cleaned_data.get(name, ""))

    def ticked(self, name: str) -> bool:
        """Whether a yes-or-no field says yes."""
        self.is_valid()
        return self.cleaned_data.get(name) is True
