"""How long a lock was offline, reckoned from what its events tell and from what they leave out."""

import datetime as dt
from typing import Any

import pytest

from locks.services.downtime import Downtime, Told, reckon

BEGIN = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
NOW = BEGIN + dt.timedelta(hours=100)


def hour(number: float) -> dt.datetime:
    return BEGIN + dt.timedelta(hours=number)


def offline(number: float) -> Told:
    return Told(hour(number), online=False)


def online(number: float) -> Told:
    return Told(hour(number), online=True)


def reckoned(*told: Told, now_online: bool | None = True) -> Downtime:
    return reckon(told, online=now_online, begin=BEGIN, now=NOW)


def hours(downtime: Downtime) -> tuple[float, float]:
    """Known, and possible beyond it."""
    an_hour = dt.timedelta(hours=1)
    return downtime.known / an_hour, downtime.possible / an_hour


@pytest.mark.parametrize(
    ("told", "now_online", "expected"),
    [
        pytest.param([], True, (0, 0), id="online now, and nothing was ever told"),
        pytest.param([offline(10), online(13)], True, (3, 0), id="one outage"),
        pytest.param(
            [offline(10), online(13), offline(20), online(20.5)], True, (3.5, 0), id="two outages"
        ),
        pytest.param([offline(90)], False, (10, 0), id="offline until now"),
        pytest.param([offline(90)], None, (10, 0), id="the last word stands where Seam is silent"),
        pytest.param([offline(-50), online(4)], True, (4, 0), id="offline as the period began"),
        pytest.param([offline(-50)], False, (100, 0), id="offline all the time"),
        pytest.param([online(-50)], True, (0, 0), id="online before, and now"),
        pytest.param([online(4)], True, (0, 4), id="came back from an outage that none told"),
        pytest.param([], False, (0, 100), id="offline now, since a time that none told"),
        pytest.param([online(60)], False, (0, 100), id="neither its begin nor the next was told"),
        pytest.param([offline(60)], True, (0, 40), id="came back at a time that none told"),
        pytest.param([online(-1), online(8)], True, (0, 8), id="went at a time that none told"),
        pytest.param(
            [offline(10), offline(20), online(25)], True, (5, 10), id="an end between went untold"
        ),
        pytest.param([offline(20), online(120)], False, (80, 0), id="a time ahead of now"),
    ],
)
def test_it_counts_what_is_told_and_what_may_have_been(
    told: list[Told], now_online: bool | None, expected: tuple[float, float]
) -> None:
    assert hours(reckoned(*told, now_online=now_online)) == pytest.approx(expected)


def test_it_says_since_when_a_lock_is_offline_even_where_that_was_before_the_period() -> None:
    assert reckoned(offline(-50), now_online=False).since == hour(-50)
    assert reckoned(offline(20), now_online=False).since == hour(20)
    assert reckoned(now_online=False).since is None
    assert reckoned(offline(20), online(30)).since is None


def test_it_is_silent_only_where_neither_events_nor_the_present_tell_anything() -> None:
    cases: list[tuple[list[Told], Any, bool]] = [
        ([], None, True),
        ([], True, False),
        ([offline(2)], None, False),
    ]
    for told, now_online, silent in cases:
        assert reckoned(*told, now_online=now_online).silent is silent
