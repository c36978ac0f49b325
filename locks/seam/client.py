"""Seam's API, as far as accessdesk uses it: typed calls, one tree of errors, nothing done twice."""

from __future__ import annotations

import time

from locks.seam.answers import facts_of, refusal_of
from locks.seam.errors import SeamOutcomeUnknown, SeamRateLimited, SeamUnreachable
from locks.seam.gate import SendBy
from locks.seam.reading import FIRST_PAUSE, LONGEST_PAUSE, SeamReader, encode, unreadable
from locks.seam.resources import ActionAttempt, ActionType, Webhook, identifier, mapping
from locks.seam.transport import NoAnswer, Order

LIMITED_TRIES, LIMITED_PAUSE = 3, 1.0


class SeamClient(SeamReader):
    """Seam at `endpoint` (https, or http on loopback) for the workspace of `api_key`.

    `answer_timeout` bounds the wait for a command's answer once it was sent, `read_timeout` a
    reading call with its repetitions; both in seconds. Safe to share between threads; clients of a
    process share their connections unless given a `transport`. Raises ValueError for an endpoint
    or a key that cannot be used. Reads raise SeamRejected (and its kinds), SeamUnreachable or
    SeamUnreadable.
    """

    def unlock_door(self, device_id: str, *, send_by: SendBy) -> ActionAttempt:
        """Ask Seam to unlock (POST /locks/unlock_door): the attempt, pending or ended.

        No byte leaves after `send_by`. Repeated before `send_by` where nothing of the call before
        can have taken effect: no connection was made, or (three times at most, a second or what
        Seam says between them) Seam answered 429. Raises SeamNotSent,
        SeamRejected, or SeamOutcomeUnknown (then the lock may have moved, or may yet).
        """
        return self._command("/locks/unlock_door", "UNLOCK_DOOR", device_id, send_by)

    def lock_door(self, device_id: str, *, send_by: SendBy) -> ActionAttempt:
        """Ask Seam to lock (POST /locks/lock_door), under the terms of unlock_door()."""
        return self._command("/locks/lock_door", "LOCK_DOOR", device_id, send_by)

    def _command(
        self, path: str, action_type: ActionType, device_id: str, send_by: SendBy
    ) -> ActionAttempt:
        pause, limited = FIRST_PAUSE, 0
        while True:
            refused: SeamUnreachable | SeamRateLimited
            try:
                return self._command_once(path, action_type, device_id, send_by)
            except SeamUnreachable as error:
                refused, wait, again = error, pause, not error.lasting
            except SeamRateLimited as error:
                limited += 1
                wait = max(pause, LIMITED_PAUSE if error.retry_after is None else error.retry_after)
                refused, again = error, limited <= LIMITED_TRIES
            if not again or wait >= send_by.remaining():
                raise refused
            time.sleep(wait)
            if (
                send_by.passed()
            ):  # the machine slept for longer: what happened says more than "late"
                raise refused
            pause = min(pause * 2, LONGEST_PAUSE)

    def create_webhook(self, *, url: str, event_types: list[str]) -> Webhook:
        """Have Seam send its events to `url` (POST /webhooks/create). Tried like a read.

        A repeated call can leave two webhooks, each with a secret of its own: list_webhooks() shows them.
        """
        body = {"url": url, "event_types": event_types}
        data, request_id = self._read("/webhooks/create", body, end_by=self._end())
        webhook = Webhook.from_json(data.get("webhook"))
        if webhook is None:
            raise unreadable(request_id)
        return webhook

    def _command_once(
        self, path: str, action_type: ActionType, device_id: str, send_by: SendBy
    ) -> ActionAttempt:
        order = Order(
            url=f"{self._endpoint}{path}",
            body=encode({"device_id": device_id}),
            secret=self._secret,
            send_by=send_by,
            answer_timeout=self._answer_timeout,
        )
        try:
            answer = self._transport.post(order)
        except NoAnswer as silence:
            raise SeamOutcomeUnknown(
                f"It was sent, but {silence.reason}.",
                status=silence.status,
                request_id=silence.request_id,
            ) from None
        facts = facts_of(answer)
        found = mapping(facts.data).get("action_attempt")
        # An attempt beside an error: one of the two is not true, so neither proves anything.
        if found is None and (refusal := refusal_of(answer, facts)):
            raise refusal
        attempt = ActionAttempt.from_json(found, request_id=facts.request_id)
        sound = answer.status == 200 and not mapping(facts.data).get("error")
        if sound and attempt and attempt.action_type == action_type:
            return attempt
        raise SeamOutcomeUnknown(
            facts.message or "It was sent, but Seam's answer cannot be relied on.",
            action_attempt_id=identifier(mapping(found).get("action_attempt_id")),
            **facts.for_error(),
        )
