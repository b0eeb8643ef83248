"""A content as rows to read: everything that is in it, in words, whoever reads it. Pure."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from markupsafe import escape

from referral_node.web import reading, reading_rows
from referral_node.web.reading_rows import Reader, Reading
from referral_protocol import codes, forms
from referral_protocol.examples import (
    SENT,
    accepted,
    first_message,
    meeting_fixed,
    outcome,
    referral,
    withdrawal,
)
from referral_protocol.forms import FORMS, Field, Kind
from referral_ui.times import Place, Times

LISBON = Place("Europe/Lisbon", "Lisbon")
UTRECHT = Place("Europe/Amsterdam", "Utrecht")
BODY, _ = forms.body(referral(b"x" * 16))


def sender() -> Reader:
    return Reader(Times(SENT, LISBON), True, "Oksana", {UTRECHT.zone: UTRECHT})


def receiver() -> Reader:
    return Reader(Times(SENT, UTRECHT), False, "Oksana", {LISBON.zone: LISBON})


def rows(read: tuple[Reading, ...]) -> dict[str, str]:
    """Term to value, without markup."""
    return {
        escape(fact.term).striptags(): escape(fact.value).striptags()
        for part in read
        for fact in part.facts
    }


def everything(read: tuple[Reading, ...]) -> str:
    return " ".join(
        [part.title for part in read]
        + [escape(fact.term).striptags() + " " for part in read for fact in part.facts]
        + [escape(fact.value).striptags() for part in read for fact in part.facts]
        + [told.text for part in read for told in part.told]
    )


def test_the_story_as_its_sender_reads_it() -> None:
    read = reading.read(BODY, sender())
    assert [part.code for part in read] == [
        *("who", "safe_contact", "happened", "needs", "risk", "communication"),
        *("consent", "answer", "about"),
    ]
    said = rows(read)
    assert said["Name"].startswith("Оксана Ткаченко, Oksana Tkachenko. Name to use: Oksana.")
    assert said["Born"] == "3 May 1992 (34), woman. Victim."
    assert said["Lives in"] == "Utrecht, NL-UT, Netherlands. Nationality: Ukraine."
    assert said["Your case number"] == "PT-2026-0419. Came to you from: hospital."
    assert said["Telephone call"] == (
        "+31 30 000 01 42, “At her work (library desk)”, Monday to Friday, 08:00–10:30"
        " (09:00–11:30 in Utrecht)"
    )
    assert said["Not safe"] == "Voicemail, text message, e-mail, letter."
    assert said["Watched?"].startswith("The telephone")
    assert said["Say you are"] == "“Anna from the library”. Code word: “Blue notebook”."
    assert said["Checked with Oksana"].startswith("19 November 2026, 15:20 (16:20 in Utrecht)")
    assert said["Crime"].startswith("Serious assault, by a partner. Domestic. Lisbon, PT-11,")
    assert said["Emotional support"] == "“Sleeps badly, afraid to go home. Three talks in Lisbon.”"
    assert said["Level"].startswith("High The threat goes on.")
    assert said["Languages"] == "Ukrainian, some English. Interpreter: Ukrainian, a woman."
    assert said["For"].endswith("Until 19 May 2027.")
    assert said["Withheld: medical report"] == "Oksana did not agree."


def test_the_receiver_reads_the_same_by_another_clock() -> None:
    said = rows(reading.read(BODY, receiver()))
    assert said["Their case number"] == "PT-2026-0419. Came to them from: hospital."
    assert "Your case number" not in said
    assert "Monday to Friday, 09:00–11:30" in said["Telephone call"]
    assert "in Utrecht" not in said["Telephone call"]
    assert said["Given"].startswith("19 November 2026, 16:15 (15:15 in Lisbon)")


def filled(field: Field, seed: str) -> Any:
    """A right value for any field, unmistakable where it is free text."""
    match field.kind:
        case Kind.GROUP:
            return {inner.key: filled(inner, f"{seed}{inner.key}") for inner in field.fields}
        case Kind.GROUPS:
            return [
                {inner.key: filled(inner, f"{seed}{n}{inner.key}") for inner in field.fields}
                for n in range(2)
            ]
        case Kind.CODE:
            return list(codes.listed(field.codes))[-1]
        case Kind.CODES:
            return list(codes.listed(field.codes))[-2:]
        case Kind.DATE:
            return "2026-03-04"
        case Kind.TIME:
            return "07:08"
        case Kind.END_TIME:
            return "19:20"
        case Kind.INSTANT:
            return SENT
        case Kind.ZONE:
            return "Europe/Kyiv"
        case Kind.TELEPHONE | Kind.HELPLINE:
            return "+31300000999"
        case Kind.E_MAIL:
            return f"{re.sub('[^a-z]', '', seed)}@example.org"
        case Kind.COUNTRY:
            return "NL"
        case Kind.COUNTRIES:
            return ["PT", "UA"]
        case Kind.REGION:
            return "NL-UT"
        case Kind.LANGUAGE:
            return "pt"
        case Kind.LANGUAGES:
            return ["uk", "nl"]
        case Kind.BOOLEAN:
            return True
        case Kind.NUMBER:
            return 12
        case Kind.HASH:
            return b"h" * 32
        case Kind.MEMBER:
            return b"m" * 16
        case Kind.BYTES:
            return b"b" * 20
        case _:
            return f"typed {seed} here"


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str) and value.startswith("typed "):
        yield value


@pytest.mark.parametrize("code", [code for code in FORMS if code not in ("unreadable", "return")])
def test_nothing_that_was_written_is_left_out(code: str) -> None:
    form = FORMS[code]
    content = {field.key: filled(field, f"{field.key}-") for field in form.all_fields()}
    content["form"] = code
    said = everything(reading.read(content, sender()))
    missing = [text for text in texts(content) if text not in said]
    assert missing == []


@pytest.mark.parametrize("section", FORMS["referral"].sections, ids=lambda s: s.code)
def test_every_single_field_is_read_by_itself(section: forms.Section) -> None:
    """A value that stands alone must not depend on another one to be shown."""
    for field in section.fields:
        value = filled(field, f"{field.key}-")
        content = {"form": "referral", section.code: {field.key: value}}
        read = reading.read(content, sender())
        said = everything(read)
        assert said, field.key
        assert [text for text in texts(value) if text not in said] == [], field.key
        if field.kind is Kind.CODE and field.key not in ("ground",):
            labels = [codes.label(field.codes, value), value]
            label = codes.label(field.codes, value).casefold()
            shown = said.casefold()
            assert label in shown or field.codes in ("answers", "safe-answers", "grounds"), labels
        if field.kind is Kind.CODES:
            for each in value:
                assert codes.label(field.codes, each).casefold() in said.casefold(), field.key


def test_unknown_codes_and_fields_of_a_later_version_are_shown() -> None:
    content = {
        "form": "referral",
        "new_part": {"deep": ["later"]},
        "who": {"name": "O", "role": "heir", "shoe_size": 41, "lives_in": {"planet": "Mars"}},
        "safe_contact": {
            "ways": [{"way": "pigeon", "answer": "perhaps", "value": "coo", "ring": "blue"}]
        },
        "risk": {"threat": "maybe", "level": "extreme"},
        "happened": {"crime": "9999", "relation": "ghost"},
    }
    said = everything(reading.read(content, receiver()))
    for words in (
        *("later", "heir (unknown code)", "41", "Mars", "pigeon (unknown code)", "perhaps"),
        *("coo", "blue", "maybe", "extreme (unknown code)", "9999 (unknown code)", "ghost"),
        *("shoe_size (unknown field)", "planet"),
    ):
        assert words.casefold() in said.casefold(), words


def test_odd_values_in_place_of_the_right_ones_are_shown_too() -> None:
    """A reader refuses such bodies before; here they must not bring the page down."""
    content: dict[str, Any] = {
        "form": "referral",
        "who": {"name": ["list"], "lives_in": "nowhere", "date_of_birth": "someday", "groups": 3},
        "safe_contact": {"ways": "all", "checked_at": 10**17},
        "needs": {"needs": ["just text"]},
        "consent": {"given_at": -5, "withheld": {"part": "x"}},
        "answer": {"contact": [1, 2]},
    }
    said = everything(reading.read(content, sender()))
    for words in ("list", "nowhere", "someday", "3", "all", "just text", str(10**17)):
        assert words in said, words


def test_what_somebody_wrote_never_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\" onload='x' {{ 7*7 }}"
    form = FORMS["referral"]

    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: poisoned(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [poisoned(inner) for inner in value]
        return evil if isinstance(value, str) else value

    content = poisoned({field.key: filled(field, "x") for field in form.all_fields()})
    content["form"] = "referral"
    content[evil] = evil
    content["who"][evil] = evil
    html = "".join(
        str(escape(piece))
        for part in reading.read(content, receiver())
        for fact in part.facts
        for piece in (fact.term, fact.value)
    )
    assert "<script" not in html
    assert "onload='x'" not in html
    assert html.count("&lt;script&gt;alert(1)") > 20


def test_names_in_several_scripts_are_isolated_and_tagged() -> None:
    content = {
        "form": "referral",
        "who": {"name": "ليلى حداد", "name_latin": "Layla Haddad", "name_to_use": "ليلى"},
        "consent": {"given_to": "Оксана", "recipient_name": "Підтримка Поруч"},
    }
    read = reading.read(content, sender())
    name = str(escape(read[0].facts[0].value))
    assert '<bdi lang="ar">ليلى حداد</bdi>' in name
    assert '<bdi lang="ar">ليلى</bdi>' in name


def test_lines_of_a_text_are_kept_and_its_direction_is_its_own() -> None:
    shown = reading_rows.quote("שלום לך\n2 & 3")
    assert str(shown) == '<bdi lang="he">“שלום לך<br>2 &amp; 3”</bdi>'


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (["mon", "tue", "wed", "thu", "fri"], "Monday to Friday"),
        (["sat", "sun"], "Saturday and Sunday"),
        (["sun", "mon"], "Monday and Sunday"),
        (["mon", "wed", "fri"], "Monday, Wednesday and Friday"),
        (["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "every day"),
        (["mon", "feast"], "Monday and feast (unknown code)"),
        ([], ""),
    ],
)
def test_days(days: list[str], words: str) -> None:
    assert reading_rows.days(days) == words


def test_a_time_of_the_week_that_falls_on_another_day_here_says_so() -> None:
    row = {"days": ["mon"], "from": "00:30", "to": "05:00", "zone": "Asia/Tokyo"}
    shown = escape(reading_rows.weekly(row, sender())).striptags()
    assert shown == "Monday, 15:30–20:00, the day before (00:30–05:00 in Tokyo)"
    unknown = {"days": ["mon"], "from": "09:00", "to": "10:00", "zone": "Mars/Base"}
    assert "Mars/Base" in escape(reading_rows.weekly(unknown, sender())).striptags()


def test_messages_read_as_well_as_referrals() -> None:
    meeting = meeting_fixed(SENT, SENT + 4 * 86_400_000)
    for content in (accepted(), first_message(), meeting, outcome(), withdrawal()):
        said = everything(reading.read(content, sender()))
        assert content["author"]["name"] in said
    assert reading.read({"form": "from-the-future", "x": "y"}, sender())[0].code == "unknown"


def test_a_whole_day_is_one_in_every_zone() -> None:
    reader = Reader(Times(SENT, LISBON), True, "Oksana", {UTRECHT.zone: UTRECHT})
    row = {"from": "00:00", "to": "24:00", "zone": UTRECHT.zone}
    week = list(codes.listed("weekdays"))
    assert reading_rows.weekly({**row, "days": week}, reader) == "at any time"
    assert str(reading_rows.weekly({**row, "days": week[:1]}, reader)).endswith("all day")
