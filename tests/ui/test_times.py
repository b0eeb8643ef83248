"""Times: mine first, the other place by its name, and days that both calendars agree on."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_ui.times import DAY, HOUR, MINUTE, Place, Times, at, hours_in, lower

LISBON = Place("Europe/Lisbon", "Lisbon")
UTRECHT = Place("Europe/Amsterdam", "Utrecht")
BRUSSELS = Place("Europe/Brussels", "Brussels")
TBILISI = Place("Asia/Tbilisi", "Tbilisi")
KATHMANDU = Place("Asia/Kathmandu", "Kathmandu")
FRIDAY = date(2026, 11, 20)
NOW = at(FRIDAY, "10:42", UTRECHT)
TIMES = Times(NOW, UTRECHT)


def on(day: int, time: str, month: int = 11, place: Place = UTRECHT) -> int:
    return at(date(2026, month, day), time, place)


def test_the_drawn_times() -> None:
    assert str(TIMES.moment(on(20, "17:05"), LISBON)) == "Today 17:05 (16:05 in Lisbon)"
    assert str(TIMES.moment(on(19, "17:05"), LISBON)) == "Yesterday 17:05 (16:05 in Lisbon)"
    assert str(TIMES.moment(on(18, "17:00"))) == "Wed 18 Nov, 17:00"
    assert str(TIMES.moment(on(21, "12:00"))) == "Sat 21 Nov, 12:00"
    assert str(TIMES.moment(on(2, "17:00", 12))) == "Wed 2 Dec, 17:00"
    assert TIMES.day(on(26, "09:00")) == "Thu 26 Nov"
    assert TIMES.day(on(20, "23:59")) == "Today"
    by = lower(TIMES.moment(on(20, "17:05"), LISBON, comma=True))
    assert f"Answer by {by}" == "Answer by today, 17:05 (16:05 in Lisbon)"
    assert str(lower(TIMES.moment(on(18, "17:00")))) == "Wed 18 Nov, 17:00"
    tomorrow = TIMES.moment(on(21, "16:05"), tomorrow=True, comma=True)
    assert str(lower(tomorrow)) == "tomorrow, 16:05"
    assert str(TIMES.record(on(19, "15:20"), LISBON)) == "19 November 2026, 15:20 (14:20 in Lisbon)"
    meeting = TIMES.appointment(on(23, "09:30"), LISBON)
    assert str(meeting) == "Monday 23 November 2026, 09:30 (08:30 in Lisbon)"
    assert str(TIMES.clock(on(20, "17:00"), LISBON)) == "17:00 (16:00 in Lisbon)"
    safe = TIMES.span(on(23, "09:00"), on(23, "11:30"), LISBON)
    assert str(safe) == "Monday 23 November, 09:00–11:30 (08:00–10:30 in Lisbon)"


def test_html_puts_the_other_place_in_brackets_quietly_and_escapes_it() -> None:
    odd = Place("Europe/Lisbon", "<Lisbon>")
    html = TIMES.moment(on(20, "17:05"), odd).__html__()
    assert html == 'Today 17:05 <span class="quiet">(16:05 in &lt;Lisbon&gt;)</span>'


def test_the_other_place_names_its_day_where_it_differs_and_vanishes_where_it_agrees() -> None:
    late = on(19, "23:30")
    assert str(TIMES.moment(late, TBILISI)) == "Yesterday 23:30 (Fri 20 Nov, 02:30 in Tbilisi)"
    assert str(TIMES.moment(late, BRUSSELS)) == "Yesterday 23:30"
    span = TIMES.span(on(23, "22:00"), on(23, "23:00"), TBILISI)
    assert str(span) == "Monday 23 November, 22:00–23:00 (Tue 24 Nov, 01:00–02:00 in Tbilisi)"


def test_today_is_the_readers_day() -> None:
    # 23:30 in Lisbon on Friday is already Saturday in Utrecht.
    moment = at(FRIDAY, "23:30", LISBON)
    assert str(Times(moment, LISBON).moment(moment)) == "Today 23:30"
    assert str(Times(NOW, UTRECHT).moment(moment)) == "Sat 21 Nov, 00:30"


def test_distances() -> None:
    assert TIMES.distance(on(20, "17:05")) == "in 6 h 23 min"
    assert TIMES.distance(on(20, "20:10")) == "in 9 h 28 min"
    assert TIMES.distance(on(18, "17:00")) == "2 days late"
    assert TIMES.distance(on(19, "16:00")) == "18 h 42 min late"
    assert TIMES.distance(NOW + 23 * MINUTE) == "in 23 min"
    assert TIMES.distance(NOW + 2 * HOUR) == "in 2 h"
    assert TIMES.distance(NOW) == "in less than 1 min"
    assert TIMES.distance(NOW - 1) == "less than 1 min late"
    assert TIMES.distance(NOW + DAY) == "in 1 day"
    assert TIMES.distance(NOW + DAY - 1) == "in 23 h 59 min"
    assert TIMES.ago(on(6, "09:00")) == "14 days ago"


def test_a_day_of_another_year_far_away_gets_its_year() -> None:
    assert TIMES.short_day(date(2025, 11, 20)) == "Thu 20 Nov 2025"
    assert TIMES.short_day(date(2027, 1, 2)) == "Sat 2 Jan"
    assert TIMES.short_day(date(2026, 5, 4)) == "Mon 4 May"


def test_offsets_in_words() -> None:
    assert TIMES.offset(LISBON) == "1 hour behind you"
    assert TIMES.offset(TBILISI) == "3 hours ahead of you"
    assert TIMES.offset(BRUSSELS) == "your time"
    assert Times(NOW, TBILISI).offset(KATHMANDU) == "1 h 45 min ahead of you"


def test_daily_hours_in_another_place() -> None:
    assert hours_in(FRIDAY, "09:00", "11:30", UTRECHT, LISBON) == ("08:00", "10:30", 0)
    assert hours_in(FRIDAY, "00:30", "24:00", UTRECHT, LISBON) == ("23:30", "23:00", -1)
    assert hours_in(FRIDAY, "22:00", "23:00", UTRECHT, TBILISI) == ("01:00", "02:00", 1)
    assert hours_in(FRIDAY, "10:00", "24:00", UTRECHT, UTRECHT) == ("10:00", "24:00", 0)


def test_between_two_changes_of_the_clocks_the_real_distance_counts() -> None:
    # New York leaves summer time a week after Utrecht.
    new_york = Place("America/New_York", "New York")
    assert hours_in(date(2026, 10, 23), "15:00", "16:00", UTRECHT, new_york)[0] == "09:00"
    assert hours_in(date(2026, 10, 28), "15:00", "16:00", UTRECHT, new_york)[0] == "10:00"
    assert hours_in(date(2026, 11, 4), "15:00", "16:00", UTRECHT, new_york)[0] == "09:00"


def test_other_languages_use_their_names_and_our_digits() -> None:
    assert str(Times(NOW, UTRECHT, "nl").moment(on(18, "17:00"))) == "wo 18 nov, 17:00"
    arabic = str(Times(NOW, UTRECHT, "ar").moment(on(18, "17:00")))
    assert "18" in arabic
    assert "17:00" in arabic
    assert not set(arabic) & set("٠١٢٣٤٥٦٧٨٩")


@given(
    st.integers(min_value=0, max_value=4_102_444_800_000),
    st.sampled_from([LISBON, UTRECHT, TBILISI, KATHMANDU]),
)
def test_every_time_reads_as_its_own_wall_clock(moment: int, place: Place) -> None:
    shown = Times(NOW, place).record(moment).mine
    local = place.local(moment)
    assert shown.endswith(f"{local.year}, {local.hour:02}:{local.minute:02}")


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc/passwd"])
def test_an_unknown_zone_is_an_error(zone: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        Place(zone, "?").local(NOW)
