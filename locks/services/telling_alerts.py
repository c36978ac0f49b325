"""How alerts read: gathered into one mail a kind and run, and one call of the webhook each, up to a bound.

Neither names a person unless the building's managers chose so, nor holds a reason that somebody gave.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks.models import Alarm, Alert, AlertMute, AlertRoute, Building, Notice, User, reality
from locks.services.alert_settings import Choice, require_test_due, route_of
from locks.services.editing import require_manager
from locks.services.telling import desk_link, local_time, mail_to, managers_of, one_line
from locks.words.numbers import percent

MOST_LINES: Final = 100  # alerts named in one mail
MOST_CALLS: Final = 20  # calls of a webhook at once; one more tells how many others there are
# What people did is not made good by its end: only the record and the webhook tell that it is over.
NO_MAIL_WHEN_OVER: Final = (Alarm.OFF_HOURS, Alarm.BURST)
EVENTS: Final = {
    Notice.What.RAISED: "alert.raised",
    Notice.What.OVER: "alert.over",
    Notice.What.TEST: "alert.test",
}
Alerts = Sequence[Alert]


def tell(
    building: Building,
    kind: str,
    choice: Choice,
    *,
    raised: Alerts,
    still: Alerts,
    over: Alerts,
    now: dt.datetime,
) -> None:
    """Put what is to be told into the outbox, in the transaction of the alerts themselves."""
    route = AlertRoute.objects.filter(building=building).first() or AlertRoute(building=building)
    # What has no good end (switched off, the door has left) is on the page and on the record.
    good = [alert for alert in over if alert.ending == Alert.Ending.OVER]
    if choice.mail:
        to = None
        told = [(Notice.What.RAISED, raised), (Notice.What.REMINDER, still)]
        if kind not in NO_MAIL_WHEN_OVER:
            told.append((Notice.What.OVER, good))
        for what, alerts in told:
            if alerts:
                to = _who_wants_mail(building) if to is None else to
                lines = _lines(alerts, what, choice, names=route.names_people)
                mail_to(to, building, heading(kind, alerts, what), lines, what=what, now=now)
    if route.is_open:
        for what, alerts in ((Notice.What.RAISED, raised), (Notice.What.OVER, over)):
            _call_webhook(route, kind, what, alerts, now)


def _who_wants_mail(building: Building) -> list[User]:
    muted = AlertMute.objects.filter(building=building).values_list("person", flat=True)
    return managers_of(building, but=set(muted))


# --- Mail -------------------------------------------------------------------------------------


def heading(kind: str, alerts: Alerts, what: str) -> str:
    """One line for one alert or for many of a kind."""
    if what == Notice.What.OVER:
        return _heading_over(kind, alerts)
    number, name = len(alerts), _door(alerts[0])
    headings: Mapping[str, Callable[[], str]] = {
        Alarm.OFF_HOURS: lambda: ngettext(
            "private door unlocked within quiet hours: %(name)s",
            "%(n)d private doors unlocked within quiet hours",
            number,
        ),
        Alarm.FAILURES: lambda: ngettext(
            "unlocks fail again and again: %(name)s",
            "unlocks fail again and again at %(n)d doors",
            number,
        ),
        Alarm.BURST: lambda: ngettext(
            "many doors unlocked by one person",
            "many doors unlocked by each of %(n)d people",
            number,
        ),
        Alarm.OFFLINE: lambda: ngettext("lock offline: %(name)s", "%(n)d locks offline", number),
        Alarm.BATTERY: lambda: ngettext(
            "battery low: %(name)s", "battery low in %(n)d locks", number
        ),
        Alarm.SILENT: lambda: _("Seam's webhooks do not arrive"),
        Alarm.BROKEN: lambda: _("RECORD NOT WHOLE"),
    }
    text = headings[kind]() % {"n": number, "name": name}
    return _("still: %(what)s") % {"what": text} if what == Notice.What.REMINDER else text


def _heading_over(kind: str, alerts: Alerts) -> str:
    number, name = len(alerts), _door(alerts[0])
    headings: Mapping[str, Callable[[], str]] = {
        Alarm.FAILURES: lambda: ngettext(
            "unlocks no longer fail: %(name)s", "unlocks no longer fail at %(n)d doors", number
        ),
        Alarm.OFFLINE: lambda: ngettext(
            "lock back online: %(name)s", "%(n)d locks back online", number
        ),
        Alarm.BATTERY: lambda: ngettext(
            "battery is well again: %(name)s", "battery is well again in %(n)d locks", number
        ),
        Alarm.SILENT: lambda: _("Seam's webhooks arrive again"),
        Alarm.BROKEN: lambda: _("record whole again"),
    }
    return headings[kind]() % {"n": number, "name": name}


def _lines(alerts: Alerts, what: str, choice: Choice, *, names: bool) -> list[str]:
    lines: list[str] = []
    for alert in alerts[:MOST_LINES]:
        lines += [sentence(alert, choice, names=names), f"    {desk_link(path_of(alert))}"]
    if (more := len(alerts) - MOST_LINES) > 0:
        lines.append(ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more})
    where = {"building": alerts[0].building_id}
    page = reverse("admin:locks_alert_settings", args=(alerts[0].building_id,))
    return [
        *lines,
        "",
        _("All open alerts: %(link)s") % {"link": desk_link(alerts_path(**where))},
        _("Which alerts you get: %(link)s") % {"link": desk_link(page)},
    ]


def sentence(alert: Alert, choice: Choice, *, names: bool) -> str:
    """What is, or was, wrong, in one line."""
    place, said = alert.building, {"door": _door(alert), "n": alert.count}
    said |= {"since": local_time(alert.since, place), "last": local_time(alert.last_at, place)}
    said |= {"minutes": choice.minutes or 0, "charge": _charge(alert)}
    sentences = {
        Alarm.OFF_HOURS: _("%(door)s: unlocked within quiet hours, %(n)d times, last at %(last)s"),
        Alarm.FAILURES: _("%(door)s: %(n)d unlocks failed or stayed unknown, last at %(last)s"),
        Alarm.BURST: _("%(n)d unlocks at several doors, since %(since)s"),
        Alarm.OFFLINE: _("%(door)s: offline since %(since)s"),
        Alarm.BATTERY: _("%(door)s: battery %(charge)s"),
        Alarm.SILENT: _(
            "Since %(since)s no webhook of Seam's has arrived, though there was something to tell."
            " What happens at the doors is known up to five minutes late."
        ),
        Alarm.BROKEN: _("The nightly proof of %(since)s did not find the record whole."),
    }
    text = sentences[Alarm(alert.kind)] % said
    if names and alert.person:
        text = f"{text} · {one_line(alert.person.get_full_name())}"
    if alert.closed_at and alert.calm_since:
        text += _(" · over since %(at)s") % {"at": local_time(alert.calm_since, place)}
    return text


def _door(alert: Alert) -> str:
    return one_line(alert.door_label)


def _charge(alert: Alert) -> str:
    door = alert.device
    if door is None or (door.battery_level is None and not door.battery_status):
        return ""
    share = door.battery_percent
    level = "" if share is None else percent(share)
    return f"{level} {door.battery_status}".strip()


# --- Where it leads ---------------------------------------------------------------------------


def alerts_path(**filters: Any) -> str:
    """The list of alerts in the admin."""
    return f"{reverse('admin:locks_alert_changelist')}?{urlencode(filters)}"


def path_of(alert: Alert) -> str:
    """The page in the admin that shows what an alert is about: the door, or the history, filtered."""
    place: dict[str, Any] = {"building": alert.building_id}
    door = {"door": alert.device_id}
    unlocks = reverse("admin:locks_unlockrequest_changelist")
    if alert.kind == Alarm.BURST:
        return f"{unlocks}?{urlencode({**place, 'person': alert.person_id})}"
    if alert.kind == Alarm.OFF_HOURS:
        return f"{unlocks}?{urlencode({**place, **door, 'out_of_hours': 'yes'})}"
    if alert.kind == Alarm.FAILURES:
        return f"{unlocks}?{urlencode({**place, **door})}"
    if alert.kind == Alarm.BROKEN:
        return f"{reverse('admin:locks_chainproof_changelist')}?{urlencode(place)}"
    # A door that has left is no page of this building's any more.
    if alert.device and alert.device.building_id == alert.building_id:
        return reverse("admin:locks_device_change", args=(alert.device_id,))
    return alerts_path(**place, kind=alert.kind)


# --- Webhook ----------------------------------------------------------------------------------


def _call_webhook(
    route: AlertRoute, kind: str, what: Notice.What, alerts: Alerts, now: dt.datetime
) -> None:
    calls = [
        webhook_notice(route, what, _data(route, alert), now, alert=alert)
        for alert in alerts[:MOST_CALLS]
    ]
    if (more := len(alerts) - MOST_CALLS) > 0:
        data = {"kind": kind, "more": more, "link": desk_link(_all_of(route, kind))}
        calls.append(webhook_notice(route, what, data, now, event=f"{EVENTS[what]}.more"))
    Notice.objects.bulk_create(calls)


def _all_of(route: AlertRoute, kind: str) -> str:
    return alerts_path(building=route.building_id, kind=kind)


def webhook_notice(
    route: AlertRoute,
    what: Notice.What,
    data: Mapping[str, Any],
    now: dt.datetime,
    *,
    alert: Alert | None = None,
    event: str = "",
) -> Notice:
    """A call of the building's webhook, not saved. docs/alerts.md describes the body."""
    building = route.building
    payload = {
        "type": event or EVENTS[what],
        "timestamp": _iso(now),
        "data": {
            "building": {"id": building.pk, "name": building.name},
            "doors": reality() or "real",
            **data,
        },
    }
    return Notice(
        building=building,
        channel=Notice.Channel.WEBHOOK,
        what=what,
        alert=alert,
        body=json.dumps(payload, separators=(",", ":")),
        made_at=now,
        next_try_at=now,
    )


def _data(route: AlertRoute, alert: Alert) -> dict[str, Any]:
    person = alert.person if route.names_people else None
    door = {"id": alert.device_id, "name": alert.door_label} if alert.device_id else None
    return {
        "alert": alert.pk,
        "kind": alert.kind,
        "door": door,
        "person": {"id": person.pk, "name": person.get_full_name()} if person else None,
        "since": _iso(alert.since),
        "last": _iso(alert.last_at),
        "times": alert.count,
        "over_since": _iso(alert.calm_since) if alert.closed_at and alert.calm_since else None,
        "ending": alert.ending or None,
        "link": desk_link(path_of(alert)),
    }


def _iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- To try it --------------------------------------------------------------------------------


@transaction.atomic
def send_test(*, actor: User, building: Building, now: dt.datetime | None = None) -> list[str]:
    """Put a test alert into the outbox: a mail to `actor`, and a call of the webhook.

    Returns the channels it takes, none where there is neither an address nor a webhook. Raises
    NotAllowed to who does not manage the building, and where another was sent a moment ago.
    """
    require_manager(actor, building)
    now = now or timezone.now()
    Building.objects.select_for_update(no_key=True).get(pk=building.pk)
    require_test_due(building, now)
    channels: list[str] = []
    what = Notice.What.TEST
    if actor.email:
        said = _("This is only a test: nothing is wrong. So would an alert reach you.")
        mail_to([actor], building, _("test alert"), [said], what=what, now=now)
        channels.append(Notice.Channel.MAIL)
    route = route_of(building)
    if route.is_open:
        data = {"link": desk_link(alerts_path(building=building.pk))}
        webhook_notice(route, what, data, now).save()
        channels.append(Notice.Channel.WEBHOOK)
    return channels
