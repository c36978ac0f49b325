"""Models by subject. Reads are QuerySet methods here; writes that touch two models are services."""

from locks.models.alerts import Alarm, Alert, AlertMute, AlertRoute, AlertSetting, Notice
from locks.models.attestations import Attestation, Seen
from locks.models.audit import AuditChain, AuditDetail, AuditEvent, Kind
from locks.models.events import EventsRead, Noise, SeamEvent, Source
from locks.models.factors import SECOND_FACTORS, lacking_second_factor
from locks.models.favourites import MOST_FAVOURITES, Favourite
from locks.models.hand_overs import FollowUp, FollowUpNote, HandOver
from locks.models.inviting import Invitation, PasswordReset
from locks.models.people import Assignment, Role, User
from locks.models.pick_lists import PickList, PickListEntry
from locks.models.places import Building, Device, Workspace, reality
from locks.models.presses import Press, Verdict
from locks.models.proofs import ChainProof, Proof
from locks.models.reviews import DailyReviewMail, Review, ReviewRemark, Rule
from locks.models.shared_pcs import Pin, SharedPC, SharedPCVisit
from locks.models.throttles import Throttle
from locks.models.unlocks import Action, Lease, Status, UnlockRequest

__all__ = [
    "MOST_FAVOURITES",
    "SECOND_FACTORS",
    "Action",
    "Alarm",
    "Alert",
    "AlertMute",
    "AlertRoute",
    "AlertSetting",
    "Assignment",
    "Attestation",
    "AuditChain",
    "AuditDetail",
    "AuditEvent",
    "Building",
    "ChainProof",
    "DailyReviewMail",
    "Device",
    "EventsRead",
    "FollowUp",
    "FollowUpNote",
    "HandOver",
    "Favourite",
    "Invitation",
    "Kind",
    "Lease",
    "Noise",
    "PasswordReset",
    "PickList",
    "PickListEntry",
    "Notice",
    "Pin",
    "Press",
    "Proof",
    "Review",
    "ReviewRemark",
    "Role",
    "Rule",
    "SeamEvent",
    "Seen",
    "SharedPC",
    "SharedPCVisit",
    "Source",
    "Status",
    "Throttle",
    "UnlockRequest",
    "User",
    "Verdict",
    "Workspace",
    "lacking_second_factor",
    "reality",
]
