"""Quiet hours by the clock on the wall: past midnight, and when clocks are put forward or back."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from referral_node.exchange.notices.quiet import QuietHours

MINUTE = 60_000
NIGHT = QuietHours(time(21), time(7), "Europe/Lisbon")


def at(text: str, zone: str = "Europe/Lisbon", fold: int = 0) -> int:
    wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(wall.timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "quiet"),
    [
        ("2026-11-19T20:59", False),
        ("2026-11-19T21:00", True),
        ("2026-11-20T00:00", True),
        ("2026-11-20T06:59", True),
        ("2026-11-20T07:00", False),
    ],
)
def test_a_night_goes_past_midnight(now: str, quiet: bool) -> None:
    assert NIGHT.quiet(at(now)) is quiet
    assert NIGHT.over(at(now)) == (at("2026-11-20T07:00") if quiet else at(now))


def test_the_night_of_the_last_sunday_of_march_is_an_hour_shorter() -> None:
    begins = at("2027-03-27T21:00")
    assert NIGHT.over(begins) == at("2027-03-28T07:00")
    assert NIGHT.over(begins) - begins == 9 * 60 * MINUTE
    autumn = at("2026-10-24T21:00")
    assert NIGHT.over(autumn) - autumn == 11 * 60 * MINUTE


def test_an_end_that_the_clock_jumps_over_is_the_jump() -> None:
    jump = QuietHours(time(23), time(2, 30), "Europe/Berlin")
    spring = at("2027-03-28T01:59", "Europe/Berlin")
    assert jump.quiet(spring)
    end = jump.over(spring)
    assert datetime.fromtimestamp(end / 1000, UTC).isoformat() == "2027-03-28T01:00:00+00:00"


def test_an_end_that_comes_twice_ends_it_twice() -> None:
    twice = QuietHours(time(23), time(2, 30), "Europe/Berlin")
    first = at("2026-10-25T02:30", "Europe/Berlin", fold=0)
    again = at("2026-10-25T02:00", "Europe/Berlin", fold=1)
    assert twice.over(at("2026-10-25T01:00", "Europe/Berlin")) == first
    assert not twice.quiet(first)
    assert twice.quiet(again)
    assert twice.over(again) == at("2026-10-25T02:30", "Europe/Berlin", fold=1)


@example(at("2027-03-28T00:30", "Europe/Berlin"), time(23), time(2, 30), "Europe/Berlin")
@given(
    st.integers(at("2026-01-01T00:00"), at("2027-12-31T00:00")),
    st.times(),
    st.times(),
    st.sampled_from(["Europe/Lisbon", "Europe/Kyiv", "America/St_Johns", "UTC", "Asia/Kathmandu"]),
)
def test_it_is_over_at_the_first_moment_that_is_not_quiet(
    now: int, start: time, end: time, zone: str
) -> None:
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    if start == end:
        return
    hours = QuietHours(start, end, zone)
    over = hours.over(now)
    assert now <= over <= now + 49 * 60 * MINUTE
    assert not hours.quiet(over)
    # Nothing before it would have done.
    step = max((over - now) // 200, 1)
    assert all(hours.quiet(moment) for moment in range(now, over, step))
    assert over == now or hours.quiet(over - 1)
