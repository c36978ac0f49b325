"""Models by subject. Reads are QuerySet methods here; writes that touch two models are services."""

from locks.models.audit import AuditChain, AuditDetail, AuditEvent, Kind
from locks.models.people import Assignment, Role, User
from locks.models.places import Building, Device, Workspace, reality
from locks.models.unlocks import Lease, Press, Status, UnlockRequest, Verdict

__all__ = [
    "Assignment",
    "AuditChain",
    "AuditDetail",
    "AuditEvent",
    "Building",
    "Device",
    "Kind",
    "Lease",
    "Press",
    "Role",
    "Status",
    "UnlockRequest",
    "User",
    "Verdict",
    "Workspace",
    "reality",
]
