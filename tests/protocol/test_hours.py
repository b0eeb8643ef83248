"""Weekly times: safe now, open now, and the days on which the clocks change."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol import examples, forms, profiles
from referral_protocol.hours import DAY, Verdict, closures, minutes, verdict, windows_of

WORK = {
    "days": ["mon", "tue", "wed", "thu", "fri"],
    "from": "09:00",
    "to": "11:30",
    "zone": "Europe/Amsterdam",
}
ALL_WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def at(text: str) -> int:
    """ms UTC of "2026-11-20 10:42" in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_the_story_friday_morning_is_safe_until_half_past_eleven() -> None:
    # Friday 20 November 2026, 10:42 in Utrecht.
    found = forms.safe_now([WORK], at("2026-11-20 09:42"))
    assert found == Verdict(True, at("2026-11-20 10:30"), None, None)


def test_the_story_friday_afternoon_waits_for_monday() -> None:
    found = forms.safe_now([WORK], at("2026-11-20 15:42"))
    assert found == Verdict(False, None, at("2026-11-23 08:00"), at("2026-11-23 10:30"))


def test_the_first_instant_is_safe_and_the_last_is_not() -> None:
    assert forms.safe_now([WORK], at("2026-11-20 08:00")).is_open
    assert not forms.safe_now([WORK], at("2026-11-20 08:00") - 1).is_open
    assert forms.safe_now([WORK], at("2026-11-20 10:30") - 1).is_open
    assert not forms.safe_now([WORK], at("2026-11-20 10:30")).is_open


def test_no_times_are_never_safe() -> None:
    assert forms.safe_now([], at("2026-11-20 09:42")) == Verdict(False, None, None, None)


def test_windows_that_touch_are_one_also_over_midnight() -> None:
    night = [
        {"days": ["fri"], "from": "22:00", "to": "24:00", "zone": "Europe/Lisbon"},
        {"days": ["sat"], "from": "00:00", "to": "06:00", "zone": "Europe/Lisbon"},
    ]
    found = forms.safe_now(night, at("2026-11-20 23:30"))
    assert found == Verdict(True, at("2026-11-21 06:00"), None, None)


def test_windows_of_two_zones_are_joined() -> None:
    both = [
        {"days": ["fri"], "from": "09:00", "to": "10:00", "zone": "Europe/Amsterdam"},
        {"days": ["fri"], "from": "09:00", "to": "10:00", "zone": "Europe/Lisbon"},
    ]
    assert forms.safe_now(both, at("2026-11-20 08:30")).until == at("2026-11-20 10:00")


def test_always_has_no_end() -> None:
    always = [{"days": ALL_WEEK, "from": "00:00", "to": "24:00", "zone": "Europe/Kyiv"}]
    assert forms.safe_now(always, at("2026-11-20 09:42")) == Verdict(True, None, None, None)


@pytest.mark.parametrize(
    "row",
    [
        {**WORK, "zone": "Europe/Atlantis"},
        {**WORK, "zone": "../../etc/passwd"},
        {**WORK, "zone": ""},
        {**WORK, "zone": 7},
        {**WORK, "from": "11:30", "to": "09:00"},
        {**WORK, "from": "9:00"},
        {**WORK, "from": "²²:00"},
        {**WORK, "to": "25:00"},
        {**WORK, "days": ["noday"]},
        {**WORK, "days": "mon"},
        {**WORK, "days": []},
        {},
        "not a row",
    ],
)
def test_in_doubt_it_is_not_safe(row: Any) -> None:
    assert forms.safe_now([row], at("2026-11-20 09:42")) == Verdict(False, None, None, None)


def test_clocks_forward_a_window_in_the_hour_that_is_not_there_never_opens() -> None:
    # Sunday 29 March 2026, Amsterdam: 02:00 becomes 03:00 (01:00 UTC).
    lost = [{"days": ["sun"], "from": "02:15", "to": "02:45", "zone": "Europe/Amsterdam"}]
    found = forms.safe_now(lost, at("2026-03-29 00:59"))
    assert found.next_start == at("2026-04-05 00:15")
    for minute in range(0, 180, 5):
        assert not forms.safe_now(lost, at("2026-03-29 00:00") + minute * 60_000).is_open


def test_clocks_back_a_window_in_the_hour_that_is_there_twice_is_the_narrow_reading() -> None:
    # Sunday 25 October 2026, Amsterdam: 03:00 becomes 02:00 (01:00 UTC).
    twice = [{"days": ["sun"], "from": "02:30", "to": "04:00", "zone": "Europe/Amsterdam"}]
    assert not forms.safe_now(twice, at("2026-10-25 00:45")).is_open  # the first 02:45
    assert forms.safe_now(twice, at("2026-10-25 01:45")).is_open  # the second 02:45
    assert forms.safe_now(twice, at("2026-10-25 02:59")).is_open
    assert not forms.safe_now(twice, at("2026-10-25 03:00")).is_open


def test_a_window_keeps_its_local_hours_over_the_change() -> None:
    before = forms.safe_now([WORK], at("2026-03-27 08:30"))  # Friday, UTC+1
    after = forms.safe_now([WORK], at("2026-03-30 07:30"))  # Monday, UTC+2
    assert (before.until, after.until) == (at("2026-03-27 10:30"), at("2026-03-30 09:30"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("00:00", 0), ("09:30", 570), ("24:00", 1440), ("24:01", None), ("9:30", None), (930, None)],
)
def test_minutes(text: Any, value: int | None) -> None:
    assert minutes(text) == value


def test_an_organisation_is_open_within_its_hours_and_not_on_its_holidays() -> None:
    utrecht = profiles.decode(profiles.encode(examples.UTRECHT)).organisation
    assert profiles.open_now(utrecht, at("2026-11-20 14:42")).until == at("2026-11-20 16:00")
    assert not profiles.open_now(utrecht, at("2026-11-21 12:30")).is_open  # Saturday, 13:30
    christmas = profiles.open_now(utrecht, at("2026-12-25 10:00"))
    assert christmas == Verdict(False, None, at("2026-12-28 08:00"), at("2026-12-28 16:00"))


def test_a_long_holiday_is_looked_over_and_an_endless_one_has_no_next() -> None:
    windows = windows_of([WORK])
    now = at("2026-07-01 12:00")
    summer = closures([{"from": "2026-07-01", "to": "2026-08-14"}])
    assert verdict(windows, now, summer).next_start == at("2026-08-17 07:00")
    ever = closures([{"from": "2026-07-01", "to": "2199-12-31"}])
    assert verdict(windows, now, ever) == Verdict(False, None, None, None)


def test_closures_that_are_no_dates_are_left_out() -> None:
    rows: list[Any] = [{"from": "2026-02-30"}, {"to": "2026-01-01"}, {"from": 7}, {}]
    assert closures(rows) == []


TIMES = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "days": st.lists(st.sampled_from(ALL_WEEK), max_size=4),
            "from": TIMES,
            "to": TIMES,
            "zone": st.sampled_from(
                ["Europe/Lisbon", "Europe/Kyiv", "Asia/Kathmandu", "Pacific/Apia", "Nowhere/Here"]
            ),
        }
    ),
    max_size=4,
)


@given(ROWS, st.integers(at("2026-01-01 00:00"), at("2027-01-01 00:00")))
def test_a_verdict_agrees_with_itself(rows: list[dict[str, Any]], now: int) -> None:
    found = forms.safe_now(rows, now)
    if found.is_open:
        assert found.next_start is None
        assert found.until is None or (
            found.until > now and not forms.safe_now(rows, found.until).is_open
        )
        assert found.until is None or forms.safe_now(rows, found.until - 1).is_open
    elif found.next_start is not None and found.next_end is not None:
        assert now < found.next_start < found.next_end
        assert forms.safe_now(rows, found.next_start).is_open
        assert not forms.safe_now(rows, found.next_start - 1).is_open
        assert not forms.safe_now(rows, (now + found.next_start) // 2).is_open


@given(ROWS, st.integers(0, 2**53 - 1))
def test_any_time_of_the_wire_has_a_verdict(rows: list[dict[str, Any]], now: int) -> None:
    found = forms.safe_now(rows, now)
    assert found.until is None or now < found.until <= now + 80 * DAY
