"""Models by subject. Reads are QuerySet methods here; writes that touch two models are services."""

from locks.models.audit import AuditChain, AuditDetail, AuditEvent, Kind
from locks.models.events import EventsRead, Noise, SeamEvent, Source
from locks.models.notices import Notice
from locks.models.people import Assignment, Role, User
from locks.models.places import Building, Device, Workspace, reality
from locks.models.proofs import ChainProof, Proof
from locks.models.reviews import DailyReviewMail, Review, ReviewRemark, Rule
from locks.models.tries import ProofTry
from locks.models.unlocks import Lease, Press, Status, UnlockRequest, Verdict

__all__ = [
    "Assignment",
    "AuditChain",
    "AuditDetail",
    "AuditEvent",
    "Building",
    "ChainProof",
    "DailyReviewMail",
    "Device",
    "EventsRead",
    "Kind",
    "Lease",
    "Noise",
    "Notice",
    "Press",
    "Proof",
    "ProofTry",
    "Review",
    "ReviewRemark",
    "Role",
    "Rule",
    "SeamEvent",
    "Source",
    "Status",
    "UnlockRequest",
    "User",
    "Verdict",
    "Workspace",
    "reality",
]
