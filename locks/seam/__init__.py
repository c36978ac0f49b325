"""Seam's API on requests. Knows HTTP and Seam; nothing of Django, nor of the rest of the house."""

from locks.seam.client import SeamClient
from locks.seam.errors import (
    SeamError,
    SeamNotSent,
    SeamOutcomeUnknown,
    SeamRateLimited,
    SeamRejected,
    SeamTooLate,
    SeamUnauthorized,
    SeamUnreachable,
    SeamUnreadable,
)
from locks.seam.events import Event
from locks.seam.gate import SendBy
from locks.seam.resources import ActionAttempt, Lock, LockPage, Problem, Webhook, Workspace
from locks.seam.transport import Transport

__all__ = [
    "ActionAttempt",
    "Event",
    "Lock",
    "LockPage",
    "Problem",
    "SeamClient",
    "SeamError",
    "SeamNotSent",
    "SeamOutcomeUnknown",
    "SeamRateLimited",
    "SeamRejected",
    "SeamTooLate",
    "SeamUnauthorized",
    "SeamUnreachable",
    "SeamUnreadable",
    "SendBy",
    "Transport",
    "Webhook",
    "Workspace",
]
