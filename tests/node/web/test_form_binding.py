"""What was typed becomes values; what cannot be read says so at its input. Pure."""

import pytest

from referral_node.web.form_binding import (
    add_row,
    as_form,
    bind,
    compacted,
    date_problem,
    placed,
    real_instant,
    row_numbers,
)
from referral_node.web.pages.steps import BY_CODE
from referral_protocol.forms import FORMS, Field, FormProblem, Kind
from referral_ui.times import Place

LISBON = Place("Europe/Lisbon", "Lisbon")
UTRECHT = Place("Europe/Amsterdam", "Utrecht")
WHO = FORMS["referral"].section("who")
NEEDS = FORMS["referral"].section("needs")


def bound(typed: dict[str, list[str]], *keys: str) -> tuple[dict[str, object], list[str]]:
    fields = [WHO.field(key) for key in keys] if keys else WHO.fields
    found = bind(fields, typed, LISBON)
    return found.values, [f"{error.at}: {error.message}" for error in found.errors]


def test_text_is_tidied_in_the_value_only() -> None:
    typed = {"name": ["  Оксана\t Ткаченко "], "home_address": [" Street 1\r\nTown "]}
    values, errors = bound(typed, "name", "home_address")
    assert values == {"name": "Оксана Ткаченко", "home_address": "Street 1\nTown"}
    assert errors == []
    assert typed["name"] == ["  Оксана\t Ткаченко "]


def test_nothing_typed_is_nothing() -> None:
    assert bound({"name": [""], "gender": ["   "], "groups": [""]}) == ({}, [])
    assert bound({}) == ({}, [])


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        (("3", "5", "1992"), "1992-05-03"),
        (("03", "May", "1992"), "1992-05-03"),
        (("29", "2", "2024"), "2024-02-29"),
    ],
)
def test_a_date_in_three_parts(parts: tuple[str, str, str], value: str) -> None:
    keys = ("day", "month", "year")
    typed = {f"date_of_birth-{key}": [part] for key, part in zip(keys, parts, strict=True)}
    assert bound(typed, "date_of_birth") == ({"date_of_birth": value}, [])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (("30", "2", "1992"), "Date of birth: 30 February 1992 is not a date"),
        (("31", "April", "1992"), "Date of birth: 31 April 1992 is not a date"),
        (("29", "2", "2023"), "Date of birth: 29 February 2023 is not a date"),
        (("3", "13", "1992"), "Date of birth: enter day, month and year"),
        (("x", "5", "1992"), "Date of birth: enter day, month and year"),
        (("3", "", "1992"), "Date of birth: enter the month"),
        (("", "5", ""), "Date of birth: enter the day and the year"),
        (("3", "5", "0092"), "Date of birth: 92 cannot be the year"),
        (("3", "5", "\ufffd"), "Date of birth: enter day, month and year"),
    ],
)
def test_an_impossible_date_says_so(parts: tuple[str, str, str], words: str) -> None:
    keys = ("day", "month", "year")
    typed = {f"date_of_birth-{key}": [part] for key, part in zip(keys, parts, strict=True)}
    values, errors = bound(typed, "date_of_birth")
    assert values == {}
    assert len(errors) == 1
    assert words in errors[0]


def test_a_date_in_one_line() -> None:
    hearing = Field("on", Kind.DATE, "Date")
    for given in ("11 January 2027", "11.1.2027", "11/01/2027", "2027-01-11"):
        assert bind([hearing], {"on": [given]}, LISBON).values == {"on": "2027-01-11"}
    assert date_problem("30 February 2026") == "30 February 2026 is not a date"
    assert date_problem("2026-02-30") == "30 February 2026 is not a date"
    assert "enter day" in date_problem("soon")


def test_a_moment_is_read_by_the_typists_own_clock() -> None:
    assert real_instant("19 November 2026, 15:20", LISBON) == 1_795_101_600_000
    assert real_instant("19 November 2026, 16:20", UTRECHT) == 1_795_101_600_000
    assert real_instant("19.11.2026 15.20", LISBON) == 1_795_101_600_000
    # The summer hour that does not exist, and the one that comes twice, are still moments.
    assert real_instant("28 March 2027, 01:30", LISBON) is not None
    assert real_instant("31 October 2027, 01:30", LISBON) is not None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("30 February 2026, 15:20", "30 February 2026 is not a date"),
        ("19 November 2026, 25:20", "25:20 is not a time of day"),
        ("19 November 2026", "enter day, month, year and time"),
        ("15:20", "enter day, month, year and time"),
        ("yesterday 15:20", "enter day, month and year"),
        ("19 November 2026, 15:20\ufffd", "cannot be kept"),
    ],
)
def test_a_moment_that_cannot_be_read(given: str, words: str) -> None:
    field = Field("at", Kind.INSTANT, "When was it?")
    found = bind([field], {"at": [given]}, LISBON)
    assert found.values == {}
    assert [words in error.message for error in found.errors] == [True]
    assert "?:" not in found.errors[0].message


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("+31 30 000 01 42", "+31300000142"),
        ("0031 (0)30-000.01.42", "+31300000142"),
        ("\u202a+31 30 000 01 42\u202c", "+31300000142"),
    ],
)
def test_a_telephone_number_is_normalised(given: str, number: str) -> None:
    field = Field("tel", Kind.TELEPHONE, "Telephone")
    assert bind([field], {"tel": [given]}, LISBON).values == {"tel": number}


@pytest.mark.parametrize("given", ["030 000 01 42", "ask her", "+31", "+31 30 000 01 42 ext 5"])
def test_a_number_without_its_country_is_told(given: str) -> None:
    field = Field("tel", Kind.TELEPHONE, "Telephone")
    found = bind([field], {"tel": [given]}, LISBON)
    assert found.values == {}
    assert found.errors[0].message.startswith("Telephone: enter the number with its country")


def test_a_character_that_was_lost_stays_an_error_until_it_is_taken_out() -> None:
    values, errors = bound({"name": ["Oks\ufffdana"]}, "name")
    assert values == {}
    assert errors == [
        "name: This text holds a character that cannot be kept. It is shown as \ufffd: remove it,"
        " or type it again"
    ]


def test_groups_and_rows_know_where_they_came_from() -> None:
    typed = {
        "lives_in.country": ["NL"],
        "lives_in.place": ["Utrecht"],
        "nationality.0": ["UA"],
        "nationality.2": ["PL"],
        "nationality.1": [""],
    }
    found = bind(WHO.fields, typed, LISBON)
    assert found.values == {
        "lives_in": {"country": "NL", "place": "Utrecht"},
        "nationality": ["UA", "PL"],
    }
    assert found.name_of(("lives_in", "region")) == "lives_in.region"
    assert found.name_of(("nationality",)) == "nationality.0"


def test_an_empty_row_moves_no_other_ones_error() -> None:
    typed = {
        "needs.0.need": [""],
        "needs.0.note": [" "],
        "needs.4.need": ["emotional-support"],
        "needs.4.note": ["x"],
    }
    found = bind(NEEDS.fields, typed, LISBON)
    assert found.values == {"needs": [{"need": "emotional-support", "note": "x"}]}
    problem = FormProblem(("needs", "needs", 0, "need"), "twice", "The same need twice")
    assert [error.at for error in placed(found, [problem])] == ["needs.4.need"]


def test_what_a_select_proposes_makes_no_row() -> None:
    times = next(each for each in BY_CODE["safe_contact"].fields if each.key == "times")
    typed = {"times.0.days": ["mon-fri"], "times.0.zone": ["Europe/Lisbon"], "times.0.from": [""]}
    assert bind([times], typed, LISBON).values == {}
    typed["times.0.from"] = ["9"]
    assert bind([times], typed, LISBON).values == {
        "times": [{"days": "mon-fri", "from": "09:00", "zone": "Europe/Lisbon"}]
    }


def test_rows_are_added_taken_away_and_numbered_anew() -> None:
    typed = {"needs.0.need": ["a"], "needs.3.need": ["b"], "needs.3.note": ["n"], "other": ["x"]}
    more, number = add_row(typed, "needs", "need")
    assert number == 4
    assert more["needs.4.need"] == [""]
    assert compacted(more, ["needs"]) == {
        "needs.0.need": ["a"],
        "needs.1.need": ["b"],
        "needs.1.note": ["n"],
        "other": ["x"],
    }
    assert compacted(more, ["needs"], without="needs.0") == {
        "needs.0.need": ["b"],
        "needs.0.note": ["n"],
        "other": ["x"],
    }
    # Row 1 is not row 11.
    many = {f"needs.{number}.need": [str(number)] for number in range(12)}
    assert "11" in {v[0] for v in compacted(many, ["needs"], without="needs.1").values()}
    assert len(compacted(many, ["needs"], without="needs.1")) == 11


def test_a_first_row_that_was_never_drawn_is_counted() -> None:
    more, number = add_row({}, "needs", "need")
    assert number == 1
    assert row_numbers(more, "needs") == [0, 1]


def test_row_numbers_that_nobody_draws_are_left_out() -> None:
    typed = {name: ["x"] for name in ("needs.-1.need", "needs.x.need", "needs.99999.need")}
    assert row_numbers(typed, "needs") == []
    assert bind(NEEDS.fields, typed, LISBON).values == {}


def test_unknown_codes_go_through_to_be_refused_by_the_form() -> None:
    values, errors = bound({"role": ["king"], "groups": ["women", "kings"]}, "role", "groups")
    assert values == {"role": "king", "groups": ["women", "kings"]}
    assert errors == []


def test_the_page_says_each_error_once_in_its_own_order() -> None:
    typed = {"name": ["a"], "role": ["b"]}
    found = bind(
        [Field("role", Kind.TELEPHONE, "R"), Field("name", Kind.TELEPHONE, "N")], typed, LISBON
    )
    form = as_form(("name", "role"), typed, [*found.errors, *found.errors])
    assert [line.href for line in form.problems] == ["#name", "#role"]
    assert form.value("name") == "a"
