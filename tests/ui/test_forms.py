"""Forms: what was typed stays, errors stand at their fields, the summary follows the page."""

from datetime import date

import pytest

from referral_ui.formdata import CANNOT_KEEP, parse
from referral_ui.forms import Form, SummaryLine, parse_day


def test_what_was_typed_is_kept_exactly_right_or_wrong() -> None:
    typed = {"name": "  Оксана  ", "tel": "call me", "needs": ("a", "zzz")}
    form = Form(("name", "tel", "needs"), typed)
    assert form.text("name") == "Оксана"
    assert form.telephone("tel") is None
    assert form.choices("needs", ("a", "b")) == ()
    assert form.value("name") == "  Оксана  "
    assert form.value("tel") == "call me"
    assert form.values("needs") == ("a", "zzz")
    assert not form.valid


def test_summary_is_in_the_order_of_the_page_with_one_line_a_field() -> None:
    form = Form(("first", "second", "third"))
    form.wrong_because("", "The page had become old")
    form.wrong_because("third", "c")
    form.wrong_because("first", "a")
    form.wrong_because("first", "a again")
    form.wrong_because("second", "b", "second-to", "second-from")
    assert form.problems == [
        SummaryLine("a", "#first"),
        SummaryLine("b", "#second-to"),
        SummaryLine("c", "#third"),
        SummaryLine("The page had become old", None),
    ]
    assert form.error("first") == "a"
    assert form.wrong("second-from")
    assert not form.wrong("second")


def test_empty_is_an_error_only_where_it_must_not_be() -> None:
    form = Form(("a", "b"), {"a": " ", "b": ""})
    assert form.text("a") is None
    assert form.choice("b", ("x",)) is None
    assert form.day("c") is None
    assert form.clock("d") is None
    assert form.whole("e", 1, 9) is None
    assert form.telephone("f") is None
    assert form.choices("g", ("x",)) == ()
    assert form.valid
    assert form.text("a", missing="Type a name") is None
    assert form.error("a") == "Type a name"


def test_too_long_says_by_how_much_and_which_field() -> None:
    form = Form(("note",), {"note": "x" * 101})
    assert form.text("note", at_most=100, called="Note") is None
    assert form.error("note") == "Note: use at most 100 characters. You typed 101"
    assert Form(("note",), {"note": "x" * 100}).text("note", at_most=100) == "x" * 100


def test_codes_that_are_not_in_the_list_are_refused() -> None:
    form = Form(("state",), {"state": "<unknown>"})
    assert form.choice("state", ("open",)) is None
    assert not form.valid
    twice = Form(("state",), {"state": ("open", "closed")})
    assert twice.choice("state", ("open", "closed")) is None
    assert not twice.valid
    both = Form((), {"needs": ("b", "a")})
    assert both.choices("needs", ("a", "b", "c")) == ("a", "b")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        *(("9", "09:00"), ("9:05", "09:05"), ("09.30", "09:30"), ("0930", "09:30")),
        *(("23:59", "23:59"), ("24:00", "24:00"), ("00:00", "00:00"), ("7h15", "07:15")),
    ],
)
def test_times_of_day(typed: str, read: str) -> None:
    assert Form((), {"from": typed}).clock("from") == read


@pytest.mark.parametrize("typed", ["24:01", "25", "9:60", "9:5", "noon", "-1", "09:30:00", "٩"])
def test_no_times_of_day(typed: str) -> None:
    form = Form(("hours",), {"from": typed})
    assert form.clock("from", group="hours") is None
    assert form.problems[0].href == "#from"
    assert typed in form.problems[0].message


@pytest.mark.parametrize(
    "typed",
    [
        *("19 November 2026", "19 nov 2026", "19.11.2026", "19/11/2026", "19-11-2026"),
        *("2026-11-19", "19 11 2026", "19. 11. 2026"),
    ],
)
def test_days_as_people_write_them(typed: str) -> None:
    assert parse_day(typed) == date(2026, 11, 19)


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "31 February 2026",
            "29.2.2027",
            "19 ju 2026",
            "19 ma 2026",
            "November 2026",
            "11/19/2026",
        ),
        *("19 11 26", "0000-01-01", "19 Foo 2026", "", "１９.１１.２０２６"),
    ],
)
def test_days_that_are_none(typed: str) -> None:
    assert parse_day(typed) is None


def test_a_day_in_three_fields() -> None:
    whole = Form(("born",), {"born-day": "3", "born-month": "5", "born-year": "1992"})
    assert whole.day("born") == date(1992, 5, 3)
    part = Form(("born",), {"born-day": "3", "born-month": "", "born-year": " "})
    assert part.day("born") is None
    assert part.error("born") == "The date must have a month and a year"
    assert part.problems[0].href == "#born-month"
    assert part.wrong("born-year")
    assert not part.wrong("born-day")
    none = Form(("born",), {"born-day": "", "born-month": "", "born-year": ""})
    assert none.day("born") is None
    assert none.valid
    unreal = Form(("born",), {"born-day": "31", "born-month": "2", "born-year": "1992"})
    assert unreal.day("born", called="Date of birth") is None
    assert unreal.error("born") == "Date of birth: there is no such date: 31 2 1992"


def test_whole_numbers() -> None:
    assert Form((), {"n": "17"}).whole("n", 0, 99) == 17
    for typed in ("-1", "1.5", "100", "1e3", "9" * 400, "٣"):
        form = Form(("n",), {"n": typed})
        assert form.whole("n", 0, 99) is None
        assert not form.valid


def test_a_character_that_cannot_be_kept_becomes_an_error_of_its_field() -> None:
    form = Form(("name", "note"), parse(b"name=Ok%00sana&note=fine"))
    assert form.value("name") == "Ok\ufffdsana"
    assert form.value("note") == "fine"
    assert form.problems == [SummaryLine(CANNOT_KEEP, "#name")]
    assert not form.valid


def test_ids_carry_the_prefix() -> None:
    form = Form(("why",), prefix="decline-")
    form.wrong_because("why", "Say why")
    assert form.id("why") == "decline-why"
    assert form.problems[0].href == "#decline-why"
