"""The nightly proof: the whole record walked, the result kept for managers, a checkpoint sent away."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterable
from typing import Final

import requests
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Building, ChainProof, Proof
from locks.services import leases
from locks.services.checkpoints import Checkpoint, make_checkpoint, read_checkpoint
from locks.services.errors import ServiceError
from locks.services.verifying import ChainReport, verify_chains

logger = logging.getLogger(__name__)

LEASE: Final = "prove_record"
LEASE_LENGTH: Final = dt.timedelta(hours=1)
KEPT_FOR: Final = dt.timedelta(days=400)
ANSWER_WITHIN: Final = (5.0, 10.0)  # seconds to connect, and between two bytes of the answer


def prove_record() -> Proof:
    """Walk every chain, keep what was found, and send a checkpoint to AUDIT_CHECKPOINT_TO.

    Each chain must still hold the checkpoint of the last proof that found all whole: a chain that was
    rewritten since is found even where nobody compares what was sent. Raises ServiceError while
    another process does it. A checkpoint that could not be sent is noted on the proof; it is made
    all the same.
    """
    if leases.acquire(LEASE, length=LEASE_LENGTH) is None:
        raise ServiceError(_("The record is being proven already."))
    try:
        begun = timezone.now()
        reports = list(verify_chains(checkpoint=_last_whole()))
        proof = _keep(begun, reports)
        _send(proof, reports)
        Proof.objects.filter(at__lt=begun - KEPT_FOR).delete()
        return proof
    finally:
        leases.drop(LEASE)


def _last_whole() -> Checkpoint | None:
    """The checkpoint of the last proof that found every chain whole, as far as it can be believed."""
    proofs = Proof.objects.filter(whole=True).exclude(checkpoint="")
    text = proofs.values_list("checkpoint", flat=True).first()
    if text is None:
        return None
    try:
        return read_checkpoint(text)
    except ServiceError as refusal:  # another key is in use now, or somebody changed it
        logger.warning("The last proof's checkpoint is not compared: %s", refusal)
        return None


def _keep(begun: dt.datetime, reports: Iterable[ChainReport]) -> Proof:
    with transaction.atomic():
        proof = Proof.objects.create(
            at=begun,
            took=timezone.now() - begun,
            whole=all(report.is_whole for report in reports),
            sound=all(report.is_sound for report in reports),
            checkpoint=make_checkpoint(),
        )
        known = set(Building.objects.values_list("pk", flat=True))
        ChainProof.objects.bulk_create(_row(proof, report, known) for report in reports)
    if not proof.sound:
        logger.critical("The record is not as it should be: run manage.py verify_audit.")
    return proof


def _row(proof: Proof, report: ChainReport, buildings: Collection[int]) -> ChainProof:
    return ChainProof(
        proof=proof,
        key=report.key[:40],
        # A chain that somebody gave to a building that is none still gets its row.
        building_id=report.building if report.building in buildings else None,
        whole=report.is_whole,
        sound=report.is_sound,
        events=report.events,
        length=report.length,
        head=report.head[:64],
        sequence=report.broken.sequence if report.broken else None,
        why=report.broken.why[:200] if report.broken else "",
        flags=[{"sequence": flag.sequence, "why": flag.why} for flag in report.flags],
    )


def _send(proof: Proof, reports: Iterable[ChainReport]) -> None:
    where = settings.AUDIT_CHECKPOINT_TO
    if not where:
        return
    try:
        if where[0].startswith("http"):
            _post(where[0], proof.checkpoint)
        else:
            _mail(where, proof, reports)
    except Exception as error:
        # A mail server's or a receiver's trouble is no reason to lose the proof.
        proof.problem = type(error).__name__[:200]
        logger.error("The checkpoint could not be sent: %s", proof.problem)
    else:
        proof.sent_to = ", ".join(where)[:500]
    proof.save(update_fields=["problem", "sent_to"])


def _post(url: str, checkpoint: str) -> None:
    response = requests.post(
        url,
        data=checkpoint.encode(),
        headers={"Content-Type": "application/json"},
        timeout=ANSWER_WITHIN,
        allow_redirects=False,
        stream=True,  # what it answers is of no interest, however long
    )
    with response:
        if response.status_code not in (200, 201, 202, 204):
            raise requests.HTTPError(f"HTTP {response.status_code}")


def _mail(to: list[str], proof: Proof, reports: Iterable[ChainReport]) -> None:
    """Heads and numbers only: no name of a person or a door leaves by mail."""
    day = f"{proof.at:%Y-%m-%d}"
    if proof.sound:
        subject = _("Record whole, checkpoint of %(day)s") % {"day": day}
    else:
        subject = _("RECORD NOT AS IT SHOULD BE, %(day)s") % {"day": day}
    lines = [_line(report) for report in reports]
    keep = _("Keep this mail: it shows a later rewriting. To check: save the attachment, then")
    command = f"manage.py verify_audit --checkpoint checkpoint-{day}.json"
    body = "\n".join([*lines, "", keep, command, ""])
    mail = EmailMessage(f"[accessdesk] {subject}", body, to=to)
    mail.attach(f"checkpoint-{day}.json", proof.checkpoint + "\n", "application/json")
    mail.send()


def _line(report: ChainReport) -> str:
    if report.broken:
        return f"BROKEN  {report.key}  {report.broken.sequence}: {report.broken.why}"
    word = "whole " if report.is_sound else "ODD   "
    return f"{word}  {report.key}  {report.length} events  head {report.head}"
