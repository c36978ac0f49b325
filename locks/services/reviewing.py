"""What people do about the queue: flag an event, comment, mark reviewed, reopen.

Only managers of the building now, and superusers; nobody closes what they did themselves. The
record is never touched: all of it stands in tables of its own. Each raises NotAllowed or
ServiceError with a sentence, and changes nothing then.
"""

from __future__ import annotations

from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import AuditEvent, Press, Review, ReviewRemark, Rule, UnlockRequest, User
from locks.services.editing import require_manager, told_about
from locks.services.errors import NotAllowed, ServiceError
from locks.services.review_rules import series_of

LONGEST_REASON: Final = 500
LONGEST_COMMENT: Final = 2000
Act = ReviewRemark.Act


def flag_event(*, actor: User, event: AuditEvent, reason: str) -> Review:
    """Put an event into the queue by hand, and return its place there."""
    building = event.chain.building
    require_manager(actor, building)
    reason = _said(reason, LONGEST_REASON, _("Say why it should be reviewed."))
    try:
        with transaction.atomic():
            return Review.objects.create(
                event=event,
                rule=Rule.FLAGGED,
                building=building,
                at=event.at,
                flagged_by=actor,
                flagged_by_name=actor.get_full_name(),
                reason=reason,
            )
    except IntegrityError:
        if not Review.objects.filter(event=event, rule=Rule.FLAGGED).exists():
            raise
    raise ServiceError(_("It has been flagged already: comment on it there, or reopen it."))


def comment_on(*, actor: User, review: Review, text: str) -> ReviewRemark:
    """Say something about an item; it stays there under the name that `actor` has now."""
    require_manager(actor, review.building)
    text = _said(text, LONGEST_COMMENT, _("Write a comment first."))
    with transaction.atomic():
        return _remark(actor, review, Act.COMMENT, text)


def mark_reviewed(*, actor: User, review: Review, verdict: str) -> None:
    """Close an item with a verdict. Of two managers at once, one does; the other is told who."""
    require_manager(actor, review.building)
    verdict = _said(verdict, LONGEST_REASON, _("Write what the review came to."))
    if is_involved(actor, review):
        raise NotAllowed(
            _("You did this yourself, or it is about you: somebody else has to review it.")
        )
    with transaction.atomic():
        closed = Review.objects.filter(pk=review.pk, reviewed_at=None).update(
            reviewed_at=timezone.now(),
            reviewed_by=actor,
            reviewed_by_name=actor.get_full_name(),
            verdict=verdict,
        )
        if closed:
            _remark(actor, review, Act.REVIEWED, verdict)
    if not closed:
        raise ServiceError(_closed_already(review))


def reopen(*, actor: User, review: Review, reason: str = "") -> None:
    """Put a closed item back into the queue; its earlier verdict stays among the remarks."""
    require_manager(actor, review.building)
    with transaction.atomic():
        opened = Review.objects.filter(pk=review.pk, reviewed_at__isnull=False).update(
            reviewed_at=None, reviewed_by=None, reviewed_by_name="", verdict=""
        )
        if opened:
            _remark(actor, review, Act.REOPENED, reason.strip()[:LONGEST_COMMENT])
    if not opened:
        raise ServiceError(_("It is open already."))


def settle(review: Review, verdict: str) -> bool:
    """Close an item that settled by itself, unless somebody has said or decided something about it."""
    with transaction.atomic():
        untouched = Review.objects.filter(pk=review.pk, reviewed_at=None, remarked=0)
        if not untouched.update(reviewed_at=timezone.now(), verdict=verdict[:LONGEST_REASON]):
            return False
        ReviewRemark.objects.create(review=review, act=Act.SETTLED, text=verdict)
    return True


def is_involved(person: User, review: Review) -> bool:
    """Whether `person` did what is under review, had a part in it, or it is about them.

    Of a series each event counts; of an unlock each press, joined ones, too. A few queries.
    """
    events = series_of(review)
    if events.filter(actor=person).exists() or any(_about(events, person)):
        return True
    requests = events.exclude(request=None).values("request")
    pressed = Press.objects.filter(request__in=requests, person=person)
    asked = UnlockRequest.objects.filter(pk__in=requests, requested_by=person)
    return pressed.exists() or asked.exists()


def _about(events: QuerySet[AuditEvent], person: User) -> list[bool]:
    """Whether each event is about `person`: a role granted to them, a refused sign-in of theirs."""
    named = events.filter(told_about(person.pk)).select_related("detail")
    return [event.detail.content.get("subject_id") == person.pk for event in named]


def _remark(actor: User, review: Review, act: str, text: str) -> ReviewRemark:
    """Write a remark down. The counter is the item's lock, too: it holds off a settling meanwhile."""
    Review.objects.filter(pk=review.pk).update(remarked=F("remarked") + 1)
    return ReviewRemark.objects.create(
        review=review, act=act, author=actor, author_name=actor.get_full_name(), text=text
    )


def _said(text: str, longest: int, otherwise: str) -> str:
    text = text.replace("\0", "").strip()
    if not text:
        raise ServiceError(otherwise)
    return text[:longest]


def _closed_already(review: Review) -> str:
    now = Review.objects.get(pk=review.pk)
    if not now.reviewed_by_name:
        return _("It has settled by itself meanwhile.")
    return _("%(name)s has reviewed it already.") % {"name": now.reviewed_by_name}
