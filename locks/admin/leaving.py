"""On a person's page: somebody forgot their password, somebody leaves. Decided by the services."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locks.admin.base import Reviewed
from locks.admin.inviting import handed_page
from locks.admin.scope import actor
from locks.models import User
from locks.services import leaving, resetting
from locks.services.errors import NotAllowed, ServiceError


class ResetForm(forms.Form):
    factors = forms.ChoiceField(
        label=gettext_lazy("Second factors"),
        widget=forms.RadioSelect,
        choices=(
            ("keep", gettext_lazy("Keep them: the person still has their phone or key")),
            ("drop", gettext_lazy("Remove them, too: the person has lost them")),
        ),
        help_text=gettext_lazy(
            "Who removes them should know who is asking: after that the link alone lets somebody in."
        ),
    )


class StaffingPages(Reviewed):
    """Adds both pages to the admin of people, for those whom the services let."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/reset/", wrap(self.reset_view), name="locks_user_reset"),
            path("<path:object_id>/leave/", wrap(self.leave_view), name="locks_user_leave"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offers what its person may do."""
        if person := kwargs.get("obj"):
            context["may_reset"] = not resetting.why_no_reset(actor=actor(request), person=person)
            context["may_leave"] = self._what_would_end(request, person) is not None
        return super().render_change_form(request, context, *args, **kwargs)

    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a way to a new password for somebody, and show it once."""
        person = self._person(request, object_id)
        if why := resetting.why_no_reset(actor=actor(request), person=person):
            return self._back(request, person, NotAllowed(why))
        form = ResetForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            drop = form.cleaned_data["factors"] == "drop"
            try:
                handed = resetting.give_reset(
                    actor=actor(request), person=person, drop_factors=drop
                )
            except ServiceError as refusal:
                return self._back(request, person, refusal)
            back = reverse("admin:locks_user_change", args=(person.pk,))
            title = _("Hand over this way to a new password")
            told = {"title": title, "back": back, "back_name": str(person), "person": person}
            place = resetting.places_of(person)[0]
            return handed_page(self, request, handed, place, **told)
        fields = AdminForm(form, [(None, {"fields": list(form.fields)})], {})  # type: ignore[arg-type]
        return self._page(request, person, "reset", _("Way to a new password"), adminform=fields)

    def leave_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask once, then end all that the person may here. An empty post only asks."""
        person = self._person(request, object_id)
        try:
            left = leaving.what_would_end(actor=actor(request), person=person)
            if request.method == "POST" and request.POST.get("leave") == "yes":
                left = leaving.end_work(actor=actor(request), person=person)
                told = _("%(person)s no longer works here: roles ended: %(roles)d.")
                done = told % {"person": person, "roles": len(left.roles)}
                self.message_user(request, done, messages.SUCCESS)
                return self._to(person)
        except (ServiceError, ValidationError) as refusal:
            return self._back(request, person, refusal)
        return self._page(request, person, "leave", _("Somebody leaves"), left=left)

    def _what_would_end(self, request: HttpRequest, person: User) -> leaving.Left | None:
        try:
            return leaving.what_would_end(actor=actor(request), person=person)
        except NotAllowed:
            return None

    def _person(self, request: HttpRequest, object_id: str) -> User:
        person: User | None = self.get_object(request, unquote(object_id))
        if person is None:
            raise Http404
        return person

    def _page(
        self, request: HttpRequest, person: User, name: str, title: str, **context: Any
    ) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": str(person),
            "original": person,
            "opts": self.opts,
            "media": self.media,
            **context,
        }
        return TemplateResponse(request, f"admin/locks/user/{name}.html", shown)

    def _to(self, person: User) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:locks_user_change", args=(person.pk,)))

    def _back(
        self, request: HttpRequest, person: User, refusal: ServiceError | ValidationError
    ) -> HttpResponse:
        self.tell(request, refusal)
        return self._to(person)
