"""Weekly hours on the building's clock, on nights when the clock is changed, too."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from locks.models import Assignment, Building

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]


def within(zone: str, hours: str, utc: str, days: list[int] | None = None) -> bool:
    """Whether a role with these hours lets unlock at a moment of UTC."""
    begin, end = hours.split("-")
    period = {"days": days or EVERY_DAY, "from": begin, "until": end}
    role = Assignment(building=Building(time_zone=zone), weekly_hours=[period])
    return role.within_hours(dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("utc", "inside"),
    [
        ("2026-06-05 20:59", False),  # Friday, 21:59 in Lisbon
        ("2026-06-05 21:00", True),
        ("2026-06-06 04:59", True),  # Saturday, begun on Friday
        ("2026-06-06 05:00", False),
        ("2026-06-06 21:30", False),  # Saturday's own
        ("2026-06-05 03:00", False),  # Friday morning, begun on Thursday
    ],
)
def test_a_period_across_midnight_belongs_to_the_day_on_which_it_begins(
    utc: str, inside: bool
) -> None:
    assert within("Europe/Lisbon", "22:00-06:00", utc, [5]) is inside


def test_a_period_from_a_time_to_the_same_is_a_whole_day() -> None:
    for hour in range(24):
        moment = f"2026-06-0{5 + (hour + 8) // 24} {(hour + 8) % 24:02}:00"
        assert within("UTC", "08:00-08:00", moment, [5])
    assert not within("UTC", "08:00-08:00", "2026-06-06 08:00", [5])


# Each zone with the night on which its clock is set forward, and the last moment of UTC before that.
FORWARD = [
    ("Europe/Lisbon", "2026-03-29 00:59", "01", "00:59"),  # 01:00 becomes 02:00
    ("America/New_York", "2026-03-08 06:59", "02", "01:59"),  # 02:00 becomes 03:00
    ("Australia/Lord_Howe", "2026-10-03 15:29", "02", "01:59"),  # 02:00 becomes 02:30
    ("America/Santiago", "2026-09-06 03:59", "00", "23:59"),  # 00:00 becomes 01:00
]


@pytest.mark.parametrize(("zone", "before", "hour", "wall"), FORWARD)
def test_where_the_clock_is_set_forward_a_night_goes_on(
    zone: str, before: str, hour: str, wall: str
) -> None:
    last = dt.datetime.fromisoformat(before)
    assert f"{last.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)):%H:%M}" == wall
    after = str(last + dt.timedelta(minutes=1))
    for moment in (before, after):
        assert within(zone, "22:00-06:00", moment)
    # A beginning in what is left out: from the moment that the clock jumps over it. So an end.
    assert not within(zone, f"{hour}:15-06:00", before)
    assert within(zone, f"{hour}:15-06:00", str(last + dt.timedelta(minutes=31)))
    assert within(zone, f"22:00-{hour}:15", before)
    assert not within(zone, f"22:00-{hour}:15", str(last + dt.timedelta(minutes=31)))


@pytest.mark.parametrize(("zone", "before", "hour", "wall"), FORWARD)
def test_what_lies_in_a_skipped_hour_does_not_happen(
    zone: str, before: str, hour: str, wall: str
) -> None:
    last = dt.datetime.fromisoformat(before)
    for minute in range(-70, 80):
        moment = str(last + dt.timedelta(minutes=minute))
        assert not within(zone, f"{hour}:10-{hour}:20", moment), moment


# The same for the night on which it is set back; `hour` comes twice, the second time at `again`.
BACK = [
    ("Europe/Lisbon", "2026-10-25 00:00", "2026-10-25 01:00", 60),
    ("America/New_York", "2026-11-01 05:00", "2026-11-01 06:00", 60),
    ("Australia/Lord_Howe", "2026-04-04 14:30", "2026-04-04 15:00", 30),
    ("America/Santiago", "2026-04-05 02:00", "2026-04-05 03:00", 60),
]


@pytest.mark.parametrize(("zone", "first", "again", "length"), BACK)
def test_where_the_clock_is_set_back_a_period_is_one_stretch(
    zone: str, first: str, again: str, length: int
) -> None:
    """Never out and in again: from the first time of its beginning to the last time of its end."""
    one, two = (dt.datetime.fromisoformat(each) for each in (first, again))
    begins = one.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone))
    assert begins.time() == two.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).time()
    middle = f"{begins + dt.timedelta(minutes=length // 2):%H:%M}"
    half = dt.timedelta(minutes=length // 2)
    minute = dt.timedelta(minutes=1)
    # A shift that begins in the repeated hour, and one that ends in it.
    for hours, begin, end in (
        (f"{middle}-12:00", one + half, None),
        (f"18:00-{middle}", None, two + half),
        ("18:00-12:00", None, None),
    ):
        for step in range(-30, 2 * length + 30):
            moment = one + step * minute
            inside = (begin is None or moment >= begin) and (end is None or moment < end)
            assert within(zone, hours, str(moment)) is inside, (hours, str(moment))


def test_a_role_without_hours_lets_unlock_at_any_time() -> None:
    role = Assignment(building=Building(time_zone="Europe/Lisbon"), weekly_hours=[])
    assert role.within_hours(dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC))
