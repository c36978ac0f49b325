"""What managers look at afterwards: Review, its remarks, and who wants a daily mail of it.

Beside the record, which is never touched: a Review points at an event and holds no name of a door or
of whom it is about, so that what a retention run removes is gone from here, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.audit import AuditEvent
from locks.models.people import User
from locks.models.places import Building

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class Rule(models.TextChoices):
    """Why something is in the queue. services.review_rules says when; docs/review.md explains."""

    UNKNOWN = "unknown", _("outcome still unknown")
    CONTRADICTED = "contradicted", _("Seam said otherwise later")
    UNCONFIRMED = "unconfirmed", _("not confirmed by a lock that usually confirms")
    OUT_OF_HOURS = "out_of_hours", _("within quiet hours")
    FAILURES = "failures", _("one door failed again and again")
    BURST = "burst", _("many doors by one person within minutes")
    PRIVATE_AGAIN = "private_again", _("one private door again and again by one person")
    ELSEWHERE = "elsewhere", _("unlocked remotely, not from here")
    SELF_GRANT = "self_grant", _("role granted to oneself")
    BROKE_GLASS = "broke_glass", _("break-glass unlock")
    FLAGGED = "flagged", _("flagged by hand")


class ReviewQuerySet(models.QuerySet["Review"]):
    def visible_to(self, user: User | AnonymousUser) -> ReviewQuerySet:
        """Those of the buildings that `user` manages now; all for a superuser."""
        if user.is_authenticated and user.is_active and user.is_superuser:
            return self.all()
        return self.filter(building_id__in=Building.objects.managed_by(user).values("pk"))

    def open(self) -> ReviewQuerySet:
        """Those that nobody has reviewed yet."""
        return self.filter(reviewed_at=None)


class Review(models.Model):
    """One event in the queue, for one reason; or a series of which it is the last, since `since`.

    Open until `reviewed_at`. Written by services.reviewing and services.finding_reviews alone.
    """

    event = models.ForeignKey(AuditEvent, on_delete=models.PROTECT, related_name="reviews")
    rule = models.CharField(_("why"), max_length=20, choices=Rule)
    # Of the event's chain; none for the organisation's, which superusers review.
    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, null=True, related_name="reviews", db_index=False
    )
    at = models.DateTimeField(_("when"))  # the event's own time
    since = models.DateTimeField(null=True)  # of a series: its first event
    times = models.PositiveIntegerField(default=1)  # of a series: how many
    subject = models.CharField(max_length=80, blank=True)  # of a series: whose, in ids
    found_at = models.DateTimeField(_("in the queue since"), default=timezone.now)
    flagged_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="reviews_flagged"
    )
    flagged_by_name = models.CharField(_("flagged by"), max_length=150, blank=True)  # as it was
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True)
    # None, with an empty name: it settled by itself.
    reviewed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="reviews_closed"
    )
    reviewed_by_name = models.CharField(_("reviewed by"), max_length=150, blank=True)  # as it was
    verdict = models.CharField(_("verdict"), max_length=500, blank=True)
    # How many remarks people have made: what somebody spoke about does not close itself.
    remarked = models.PositiveIntegerField(default=0)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-pk")
        verbose_name = _("item to review")
        verbose_name_plural = _("items to review")
        constraints = (
            models.UniqueConstraint(
                fields=("event", "rule"), name="locks_review_once_an_event_and_rule"
            ),
            models.CheckConstraint(
                condition=Q(rule__in=Rule.values), name="locks_review_known_rule"
            ),
            models.CheckConstraint(
                condition=Q(rule=Rule.FLAGGED, flagged_by__isnull=False) & ~Q(reason="")
                | ~Q(rule=Rule.FLAGGED) & Q(flagged_by__isnull=True, reason=""),
                name="locks_review_flagged_by_somebody_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_at__isnull=False) & ~Q(verdict="")
                | Q(reviewed_at__isnull=True, reviewed_by__isnull=True, verdict=""),
                name="locks_review_closed_with_a_verdict",
            ),
        )
        indexes = (
            models.Index(fields=("-at", "-id"), name="locks_review_at"),
            models.Index(fields=("building", "-at", "-id"), name="locks_review_of_building"),
            # The queue, its counts and the daily mail.
            models.Index(
                fields=("building", "rule", "-at", "-id"),
                condition=Q(reviewed_at__isnull=True),
                name="locks_review_open",
            ),
            # Whether a series is in the queue already.
            models.Index(fields=("rule", "at"), name="locks_review_of_rule"),
        )

    def __str__(self) -> str:
        return f"#{self.pk}: {self.get_rule_display()}"

    @property
    def is_open(self) -> bool:
        return self.reviewed_at is None


class ReviewRemark(models.Model):
    """What somebody said or did about a Review, in order. Never changed, never removed."""

    class Act(models.TextChoices):
        COMMENT = "comment", _("commented")
        REVIEWED = "reviewed", _("marked reviewed")
        REOPENED = "reopened", _("reopened")
        SETTLED = "settled", _("settled by itself")

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="remarks")
    act = models.CharField(max_length=10, choices=Act, default=Act.COMMENT)
    author = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="review_remarks"
    )
    author_name = models.CharField(max_length=150, blank=True)  # as it was
    at = models.DateTimeField(default=timezone.now)
    text = models.TextField(max_length=2000, blank=True)

    class Meta:
        ordering = ("at", "pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(author__isnull=False) | Q(act="settled"),
                name="locks_reviewremark_has_an_author",
            ),
        )

    def __str__(self) -> str:
        return f"{self.author_name} {self.get_act_display()}"


class DailyReviewMail(models.Model):
    """Who wants the daily mail about the queue, and for which day they last got it.

    A row of its own, so that two beats decide by one compare-and-set who sends it.
    """

    person = models.OneToOneField(
        User, on_delete=models.PROTECT, primary_key=True, related_name="daily_review_mail"
    )
    wanted = models.BooleanField(default=False)
    last_day = models.DateField(null=True)  # on the wall clock of the person's first building

    def __str__(self) -> str:
        return f"{self.person}: {self.wanted}"
