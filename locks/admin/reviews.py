"""The review queue: what managers look at, item by item or several at once.

Reading is the record's; what people do goes through services.reviewing, which decides.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.utils import unquote
from django.db.models import Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from locks.admin.base import ReadOnly
from locks.admin.filters import ByBuilding, ByChoice, OneOf
from locks.admin.history import MOST_WORDS
from locks.admin.scope import actor, scope
from locks.admin.searching import in_details
from locks.admin.shown import NONE, detail_of, name_of, outcome_of, table, when
from locks.admin.site import site
from locks.models import AuditEvent, Building, Review, Rule
from locks.services import daily_reviews, reviewing
from locks.services.errors import ServiceError
from locks.services.review_rules import series_of

LONGEST_SEARCH = 200  # characters
MOST_SHOWN = 50  # events of a series, and refusals of a bulk action
LEAVES = {"comment": reviewing.LONGEST_COMMENT, "reason": reviewing.LONGEST_REASON}


class BulkForm(ActionForm):
    """The one verdict for all that are selected."""

    verdict = forms.CharField(
        label=gettext_lazy("Verdict:"), required=False, max_length=reviewing.LONGEST_REASON
    )


class ByRule(ByChoice):
    title = gettext_lazy("why")
    parameter_name = "rule"
    choices_of = Rule
    path = "rule"


class ByState(OneOf):
    """Open items unless another state is asked for."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("reviewed", _("reviewed")), ("all", _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # A page of one item and its history are looked up without the list's parameters.
        if self.value() is None:
            return queryset.filter(reviewed_at=None)
        return super().queryset(request, queryset)

    def narrow(self, value: str) -> Q:
        return Q() if value == "all" else Q(reviewed_at__isnull=False)

    def choices(self, changelist: Any) -> Iterator[Any]:
        for number, choice in enumerate(super().choices(changelist)):
            yield choice if number else {**choice, "display": _("open")}


@admin.register(Review, site=site)
class ReviewAdmin(ReadOnly):
    actions = ("mark_reviewed",)
    action_form = BulkForm
    fields = (
        "why_here",
        "state",
        "at_both",
        "place",
        "door",
        "who",
        "happened",
        "now",
        "then_said",
        "events_shown",
    )
    list_filter = (ByState, ByBuilding, ByRule)
    list_select_related = ("building", "event__detail", "event__request", "event__chain__building")
    sortable_by = ("moment",)
    search_fields = ("reason",)
    search_help_text = gettext_lazy("A name as it was, a door, a reason.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without a column that would say the same in every row."""
        several = scope(Building, request.user)[:2].count() > 1
        columns = ("moment", "why_here", "door", "who", "happened", "age")
        state = () if request.GET.get("state") is None else ("state",)
        return (*columns, *state, *(("place",) if several else ()))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # Each word is a condition of its own on the same rows: nothing of it may hold another query.
        for term in search_term[:LONGEST_SEARCH].split()[:MOST_WORDS]:
            told = in_details(term, "event__detail__")
            queryset = queryset.filter(told | Q(reason__icontains=term))
        return queryset, False

    def get_urls(self) -> list[Any]:
        def view(name: str, route: str, answer: Callable[..., HttpResponse]) -> Any:
            return path(route, self.admin_site.admin_view(answer), name=f"locks_review_{name}")

        return [
            view("mail", "daily-mail/", self.mail_view),
            view("flag", "flag/<int:event_id>/", self.flag_view),
            view("comment", "<path:object_id>/comment/", self.comment_view),
            view("reviewed", "<path:object_id>/reviewed/", self.reviewed_view),
            view("reopen", "<path:object_id>/reopen/", self.reopen_view),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Review queue")})

    # --- What people do -----------------------------------------------------------------------

    def comment_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a comment."""
        return self._do(request, object_id, reviewing.comment_on, "text", _("Commented."))

    def reviewed_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close the item."""
        return self._do(request, object_id, reviewing.mark_reviewed, "verdict", _("Reviewed."))

    def reopen_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put the item back into the queue."""
        return self._do(request, object_id, reviewing.reopen, "reason", _("Open again."))

    def _do(
        self, request: HttpRequest, object_id: str, act: Any, word: str, done: str
    ) -> HttpResponse:
        review = self.get_object(request, unquote(object_id))
        if review is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        text = request.POST.get("text", "")
        try:
            act(actor=actor(request), review=review, **{word: text})
        except ServiceError as refusal:
            self.tell(request, refusal)
        else:
            self.message_user(request, done, messages.SUCCESS)
        kept = f"?{request.GET.urlencode()}" if request.GET else ""
        page = reverse("admin:locks_review_change", args=(review.pk,))
        return HttpResponseRedirect(page + kept)

    @admin.action(description=gettext_lazy("Mark reviewed"))
    def mark_reviewed(self, request: HttpRequest, reviews: QuerySet[Review]) -> None:
        verdict = request.POST.get("verdict", "").strip()
        if not verdict:
            self.message_user(request, _("Write the verdict beside the action."), messages.ERROR)
            return
        done, left = 0, []
        for review in reviews:
            try:
                reviewing.mark_reviewed(actor=actor(request), review=review, verdict=verdict)
                done += 1
            except ServiceError as refusal:
                left.append(f"{self.named(review)}: {refusal}")
        if done:
            told = ngettext("%d item reviewed.", "%d items reviewed.", done) % done
            self.message_user(request, told, messages.SUCCESS)
        for sentence in left[:MOST_SHOWN]:
            told = _("Left out: %(what)s") % {"what": sentence}
            self.message_user(request, told, messages.WARNING)

    def named(self, review: Review) -> str:
        """An item in one line, to tell it from others."""
        return f"{review} · {self.door(review)} · {self.moment(review)}"

    def flag_view(self, request: HttpRequest, event_id: int) -> HttpResponse:
        """Put an event of the record into the queue, with a reason."""
        events = scope(AuditEvent, request.user).select_related("detail", "chain__building")
        event = events.filter(pk=event_id).first()
        if event is None:
            raise Http404
        text = request.POST.get("text", "")
        if request.method == "POST":
            try:
                review = reviewing.flag_event(actor=actor(request), event=event, reason=text)
            except ServiceError as refusal:
                self.tell(request, refusal)
            else:
                self.message_user(request, _("It is in the review queue."), messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:locks_review_change", args=(review.pk,)))
        shown = Review(event=event, at=event.at, building=event.chain.building)
        rows = [
            (_("what happened"), self.happened(shown)),
            (_("when"), self.at_both(shown)),
            (_("door"), self.door(shown)),
            (_("person"), self.who(shown)),
        ]
        queued = event.reviews.order_by("pk")
        told = {"rows": rows, "event": event, "queued": queued, "text": text, "leaves": LEAVES}
        return self._page(request, "flag", _("Flag for review"), **told)

    def mail_view(self, request: HttpRequest) -> HttpResponse:
        """The person's own daily mail: on or off."""
        person = actor(request)
        if request.method == "POST":
            wanted = request.POST.get("wanted") == "on"
            daily_reviews.want_daily_mail(person=person, wanted=wanted)
            said = _("You get a daily mail.") if wanted else _("You get no daily mail.")
            self.message_user(request, said, messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:locks_review_mail"))
        wanted = daily_reviews.wants_daily_mail(person)
        begins = f"{daily_reviews.SEND_FROM:%H:%M}"
        return self._page(request, "daily_mail", _("My daily mail"), wanted=wanted, begins=begins)

    # --- What people read ---------------------------------------------------------------------

    def _page(self, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
        site = self.admin_site.each_context(request)
        shown = {**site, "title": title, "opts": self.opts, "media": self.media, **context}
        return TemplateResponse(request, f"admin/locks/review/{name}.html", shown)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs["obj"]
        context["remarks"] = [
            (remark, when(remark.at, obj.building)) for remark in obj.remarks.order_by("at", "pk")
        ]
        context["involved"] = obj.is_open and reviewing.is_involved(actor(request), obj)
        context |= {"leaves": LEAVES, "title": _("Review")}
        return super().render_change_form(request, context, *args, **kwargs)

    def record_filter(self, obj: Review) -> dict[str, Any]:
        if obj.event.request_id:
            return {"request": obj.event.request_id}
        return {"building": obj.building_id or "organisation"}

    @admin.display(description=gettext_lazy("when"), ordering="at")
    def moment(self, review: Review) -> str:
        """On the building's wall clock; its page has UTC, too."""
        return f"{review.at.astimezone(_zone(review)):%Y-%m-%d %H:%M %Z}"

    @admin.display(description=gettext_lazy("when"))
    def at_both(self, review: Review) -> str:
        return when(review.at, review.building)

    @admin.display(description=gettext_lazy("why it is here"))
    def why_here(self, review: Review) -> str:
        why = review.get_rule_display()
        if review.times > 1:
            return _("%(why)s (%(times)d times)") % {"why": why, "times": review.times}
        if review.flagged_by_name:
            said = {"why": why, "name": review.flagged_by_name, "reason": review.reason}
            return _("%(why)s by %(name)s: %(reason)s") % said
        return why

    @admin.display(description=gettext_lazy("building"))
    def place(self, review: Review) -> str:
        return str(review.building or NONE)

    @admin.display(description=gettext_lazy("door"))
    def door(self, review: Review) -> str:
        return str(detail_of(review.event).get("door") or NONE)

    @admin.display(description=gettext_lazy("person"))
    def who(self, review: Review) -> str:
        detail = detail_of(review.event)
        about, name = detail.get("subject"), name_of(detail)
        return f"{name} → {about}" if about and about != detail.get("person") else name

    @admin.display(description=gettext_lazy("what happened"))
    def happened(self, review: Review) -> str:
        return outcome_of(review.event)

    @admin.display(description=gettext_lazy("outcome now"))
    def now(self, review: Review) -> str:
        request = review.event.request
        return request.outcome_label if request else NONE

    @admin.display(description=gettext_lazy("reason given then"))
    def then_said(self, review: Review) -> str:
        return str(detail_of(review.event).get("reason") or NONE)

    @admin.display(description=gettext_lazy("state"))
    def state(self, review: Review) -> str:
        if review.is_open:
            return _("open")
        if not review.reviewed_by_name:
            return review.verdict
        return _("reviewed by %(name)s") % {"name": review.reviewed_by_name}

    @admin.display(description=gettext_lazy("age"))
    def age(self, review: Review) -> str:
        return timesince(review.at, depth=1)

    @admin.display(description=gettext_lazy("on the record"))
    def events_shown(self, review: Review) -> str:
        events = series_of(review).select_related("detail")[:MOST_SHOWN]
        return table((when(event.at, review.building), _linked(event)) for event in events)


def _zone(review: Review) -> dt.tzinfo:
    return review.building.zone if review.building else dt.UTC


def _linked(event: AuditEvent) -> str:
    """An event by name, with the way to its page and to that of its unlock request."""
    detail = detail_of(event)
    words = " · ".join(filter(None, (str(detail.get("door") or ""), name_of(detail))))
    url = reverse("admin:locks_auditevent_change", args=(event.pk,))
    told = format_html('<a href="{}">{}</a> · {}', url, outcome_of(event), words)
    if event.request_id is None:
        return told
    url = reverse("admin:locks_unlockrequest_change", args=(event.request_id,))
    return format_html('{} · <a href="{}">#{}</a>', told, url, event.request_id)
