"""The eight steps as pages: every field is asked, every problem has its input. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from referral_inputs import SAFE_CONTACT, WHO, as_lists, typed
from referral_node.exchange import Draft
from referral_node.web.pages.at_hand import AtHand, person_of
from referral_node.web.pages.draft_content import Desk, Recipient, Written, answer_by, understand
from referral_node.web.pages.layout import Step
from referral_node.web.pages.step_page import Shown, build
from referral_node.web.pages.step_view import About, View, order, plain, views
from referral_node.web.pages.steps import BY_CODE, DAY_SETS, STEPS, VALUES, WAYS, way_input
from referral_protocol import codes, forms
from referral_protocol.examples import SENT, referral
from referral_protocol.forms import FORMS, Kind
from referral_ui.times import Place, Times

LISBON = Place("Europe/Lisbon", "Lisbon")
UTRECHT = Place("Europe/Amsterdam", "Utrecht")
DESK = Desk(LISBON, SENT, {"name": "Inês Carvalhal", "role": "point-of-contact"})
TO = Recipient(b"x" * 16, "Steunpunt Dom", UTRECHT)


def story() -> Draft:
    return Draft(
        b"d" * 16,
        typed=typed(),
        recipient=TO.id,
        version=3,
        saved_at=SENT,
    )


def understood(draft: Draft, recipient: Recipient | None = TO) -> Written:
    return understand(draft, Desk(DESK.here, DESK.now, DESK.author, recipient))


def changed(step: str, **inputs: str | list[str]) -> Written:
    draft = story()
    kept = {**draft.typed, step: draft.typed[step] | as_lists(inputs)}
    return understood(msgspec.structs.replace(draft, typed=kept))


def said(written: Written, step: str) -> list[str]:
    return [problem.error.message for problem in written.of(step)]


def test_the_story_typed_is_the_story_sent() -> None:
    written = understood(story())
    assert written.problems == ()
    wanted = referral(TO.id)
    body, head = forms.body(written.content)
    expected, expected_head = forms.body(wanted)
    assert head.priority == expected_head.priority
    assert head.respond_by == answer_by("immediate", SENT)
    for section in ("needs", "communication"):
        assert body[section] == expected[section]
    assert body["safe_contact"]["ways"][0] == expected["safe_contact"]["ways"][0] | {
        "value": "+31300000142"
    }
    assert "home_address" not in body["who"]
    assert "respond_by" not in body["answer"]
    assert {row["part"] for row in body["consent"]["withheld"]} == {
        "medical-report",
        "home-address",
    }
    assert forms.validate(forms.decode(forms.encode(body))) == []


def names_of(fields: tuple[forms.Field, ...], prefix: str = "") -> Iterator[str]:
    for field in fields:
        if field.kind is Kind.GROUP:
            yield from names_of(field.fields, f"{prefix}{field.key}.")
        elif field.kind is Kind.GROUPS:
            yield from names_of(field.fields, f"{prefix}{field.key}.0.")
        elif field.kind in (Kind.LANGUAGES, Kind.COUNTRIES):
            yield f"{prefix}{field.key}.0"
        else:
            yield prefix + field.key


@pytest.mark.parametrize("step", BY_CODE.values(), ids=lambda step: step.code)
def test_every_field_of_a_section_is_asked(step: Step) -> None:
    asked = set(order(views(step, {}, About())))
    by_hand = {"recipient", "recipient_name"} if step.code == "consent" else set()
    wanted = set(names_of(step.fields)) - by_hand
    assert wanted <= asked
    # What the safe contact page binds in its own way leads to every field of the form's list.
    if step.code == "safe_contact":
        assert set(WAYS) == set(codes.listed("safe-ways"))
        assert {way_input(way) for way in WAYS} <= asked
    else:
        section = FORMS["referral"].section(step.code)
        assert {field.key for field in section.fields} <= {field.key for field in step.fields}


def all_views(drawn: tuple[View, ...]) -> Iterator[View]:
    for view in drawn:
        yield view
        yield from all_views(view.inner)


@pytest.mark.parametrize("step", BY_CODE.values(), ids=lambda step: step.code)
def test_no_list_is_empty_and_no_label_is_missing(step: Step) -> None:
    for view in all_views(views(step, {}, About(lists={"zones": (), "draft-needs": ()}))):
        if view.kind in ("select", "radios", "checkboxes") and view.name not in ("needs",):
            assert view.choices or "zone" in view.name, view.name
        if view.kind in ("line", "text", "select", "radios", "checkboxes", "date", "telephone"):
            assert plain(view.label).strip(), view.name
            assert "{" not in plain(view.label) + plain(view.hint)


def test_labels_name_the_person_and_escape_the_name() -> None:
    drawn = views(BY_CODE["safe_contact"], {}, About(person="<b>Oksana</b>"))
    labels = [str(view.label) for view in all_views(drawn)]
    assert any("last check this with &lt;b&gt;Oksana&lt;/b&gt;" in label for label in labels)
    assert not any("<b>" in label for label in labels)


def hand(draft: Draft) -> AtHand:
    written = understood(draft, None)
    return AtHand(draft, DESK, written, person_of(written.content), None)


@pytest.mark.parametrize("step", BY_CODE.values(), ids=lambda step: step.code)
def test_every_problem_points_to_an_input_of_the_page(step: Step) -> None:
    """With nothing typed at all, every line of the summary still has its place."""
    times = Times(SENT, LISBON)
    empty = Draft(b"d" * 16, typed={step.code: {}}, version=1)
    page, form = build(step, {}, hand(empty), Shown("", complete=True), times)
    targets = {"recipient", *order(page.views)}
    assert form.problems
    for line in form.problems:
        assert line.href is not None
        assert line.href.removeprefix("#") in targets, line


def test_a_half_filled_step_says_what_is_wrong_not_what_is_missing() -> None:
    written = changed("who", **{"date_of_birth-month": "13", "came_by": "", "role": ""})
    wrong = [problem.error.message for problem in written.of("who") if problem.typed]
    assert wrong == ["Date of birth: enter day, month and year, for example 14 November 2026"]
    assert {"Choose how the person came to you", "Choose what the person is in this"} <= set(
        said(written, "who")
    )
    assert not written.done("who")
    assert written.done("needs")


@pytest.mark.parametrize(
    ("step", "inputs", "words", "at"),
    [
        (
            "safe_contact",
            {"times.0.from": "11:30", "times.0.to": "9:00"},
            "The end must be later than the start. You typed 11:30 to 09:00",
            "times.0.to",
        ),
        (
            "safe_contact",
            {"times.0.from": "half nine"},
            "From: enter a time, for example 09:00",
            "times.0.from",
        ),
        (
            "safe_contact",
            {"way-telephone": "not-safe"},
            "Choose at least one safe way, or “The person contacts us”",
            "way-telephone",
        ),
        (
            "safe_contact",
            {"way-telephone": "not-safe", "way-letter": "safe", "letter": "Street 1"},
            "“Telephone call” is not marked as safe. Mark it above, or empty this line",
            "telephone",
        ),
        ("safe_contact", {"way-e-mail": "safe"}, "Enter the safe e-mail address", "email"),
        (
            "safe_contact",
            {"way-e-mail": "safe", "email": "at her desk"},
            "Enter an e-mail address",
            "email",
        ),
        (
            "safe_contact",
            {"checked_at": "20 November 2026, 15:20"},
            "When it was checked must be in the past",
            "checked_at",
        ),
        ("safe_contact", {"watched": ""}, "Say whether the telephone or e-mail", "watched"),
        ("who", {"role": "king"}, "choose one of the list", "role"),
        ("who", {"name": "x" * 121}, "Name: at most 120 characters; you typed 121", "name"),
        ("who", {"name": "\u202eevil"}, "it holds a character that cannot be sent", "name"),
        ("who", {"lives_in.region": "PT-11"}, "Choose a region of that country", "lives_in.region"),
        (
            "happened",
            {"until-day": "1", "until-month": "1", "until-year": "2026"},
            "before",
            "until",
        ),
        ("happened", {"summary": "x" * 12_001}, "at most 12000 characters", "summary"),
        ("happened", {"proceedings.0.what": ""}, "Choose the step", "proceedings.0.what"),
        ("needs", {"needs.2.need": "emotional-support"}, "chosen twice", "needs.2.need"),
        ("needs", {"needs.1.need": ""}, "Choose the need", "needs.1.need"),
        (
            "communication",
            {"interpreter_language": ""},
            "language of the interpreter",
            "interpreter_language",
        ),
        ("consent", {"needs": ["emotional-support"]}, "does not cover every need", "needs"),
        ("consent", {"until-year": "2025"}, "The consent", "until"),
        ("consent", {"ground": "legal-basis"}, "Choose the legal basis", "legal_basis"),
        ("consent", {"ground": ""}, "Say whether the person consents", "ground"),
        ("consent", {"withheld.1.part": "medical-report"}, "withheld twice", "withheld.1.part"),
        (
            "answer",
            {"respond_by": "18 November 2026, 10:00"},
            "must be in the future",
            "respond_by",
        ),
        ("answer", {"contact.telephone": "030"}, "with its country", "contact.telephone"),
        ("answer", {"priority": ""}, "Choose the priority", "priority"),
    ],
)
def test_each_mistake_in_its_own_words_at_its_own_input(
    step: str, inputs: dict[str, Any], words: str, at: str
) -> None:
    found = changed(step, **inputs).of(step)
    matching = [each for each in found if words in each.error.message]
    assert len(matching) == 1, [each.error for each in found]
    assert matching[0].error.at == at


def test_without_a_recipient_the_consent_step_says_so() -> None:
    written = understood(story(), None)
    assert said(written, "consent") == ["Choose the organisation"]
    assert [problem.step for problem in written.problems] == ["consent"]


def test_what_belongs_to_the_other_ground_is_not_sent() -> None:
    written = changed(
        "consent",
        ground="legal-basis",
        legal_basis="vital-interests",
        why="Danger to life; Oksana cannot be asked.",
    )
    assert written.problems == ()
    consent = written.content["consent"]
    assert "given_at" not in consent
    assert consent["why"].startswith("Danger")
    back = changed("consent", legal_basis="vital-interests", why="x")
    assert "legal_basis" not in back.content["consent"]


def test_all_ways_can_be_said() -> None:
    inputs: dict[str, str | list[str]] = {way_input(way): "safe" for way in WAYS}
    inputs |= {
        "email": "oksana@example.org",
        "letter": "Street 1\n3500 AA Utrecht",
        "through": "Her sister, +31 30 000 01 43",
        "contacts_us": "Calls on Mondays",
        "call_note": "Let it ring long",
    }
    written = changed("safe_contact", **inputs)
    assert written.problems == ()
    ways = {row["way"]: row for row in written.content["safe_contact"]["ways"]}
    assert ways["text-message"]["value"] == "+31300000142"
    assert "value" not in ways["voicemail"]
    assert ways["letter"]["value"] == "Street 1\n3500 AA Utrecht"
    assert ways["telephone"]["note"] == "Let it ring long"
    assert set(VALUES) | {"voicemail"} == set(ways)


def test_every_set_of_days_is_of_real_days() -> None:
    real = set(codes.listed("weekdays"))
    assert all(set(days) <= real for _, days in DAY_SETS.values())
    written = changed("safe_contact", **{"times.0.days": "feast-days"})
    assert "choose one of the list" in said(written, "safe_contact")[0]


def test_several_times_each_with_its_own_error() -> None:
    written = changed(
        "safe_contact",
        **{
            "times.1.days": "weekend",
            "times.1.from": "10:00",
            "times.1.to": "09:00",
            "times.1.zone": "Europe/Lisbon",
        },
    )
    errors = [problem.error for problem in written.of("safe_contact")]
    assert [(error.name, error.at) for error in errors] == [("times.1", "times.1.to")]
    kept = written.content["safe_contact"]["ways"][0]["times"]
    assert [row["days"] for row in kept] == [list(DAY_SETS["mon-fri"][1]), ["sat", "sun"]]


def test_the_answer_by_time_is_computed_unless_it_is_typed() -> None:
    assert answer_by("immediate", SENT) == SENT + 24 * codes.HOUR
    assert answer_by("routine", SENT + 1) == SENT + 14 * 24 * codes.HOUR + 5 * 60_000
    assert answer_by("whenever", SENT) is None
    written = changed("answer", respond_by="20 November 2026, 12:00")
    assert written.content["answer"]["respond_by"] == 1_795_176_000_000
    moved = understand(story(), Desk(LISBON, SENT, DESK.author, TO), respond_by=SENT + 7)
    assert moved.content["answer"]["respond_by"] == SENT + 7


def test_the_steps_at_the_side() -> None:
    times = Times(SENT, LISBON)
    draft = Draft(
        b"d" * 16,
        typed={"who": as_lists(WHO), "safe_contact": {"way-telephone": ["safe"]}},
        version=2,
        saved_at=SENT,
    )
    page, _ = build(BY_CODE["safe_contact"], {}, hand(draft), Shown(""), times)
    assert [step.state for step in page.steps][:4] == ["done", "here", "todo", "todo"]
    assert page.steps[0].href == f"/new/{draft.id.hex()}/who"
    assert page.steps[2].href is not None
    assert page.steps[3].href is None
    page, _ = build(BY_CODE["who"], {}, hand(draft), Shown(""), times)
    assert "not complete" in str(page.steps[1].text)
    assert page.saved == "Saved 16:05."
    assert plain(page.heading) == "Who is Oksana?"
    late, _ = build(BY_CODE["who"], {}, hand(draft), Shown(""), Times(SENT + 86_400_000, LISBON))
    assert late.saved == "Saved yesterday 16:05."


def test_times_of_the_person_are_told_by_our_clock() -> None:
    times = Times(SENT, LISBON)
    kept = as_lists(SAFE_CONTACT)
    page, _ = build(BY_CODE["safe_contact"], kept, hand(story()), Shown(""), times)
    notes = [view.note for view in all_views(page.views) if view.note]
    assert notes == ["That is 08:00 to 10:30 your time."]
    zones = next(v for v in all_views(page.views) if v.name == "times.0.zone").choices
    assert [plain(choice.text) for choice in zones[:2]] == [
        "Utrecht (1 hour ahead of you)",
        "Lisbon (your time)",
    ]


def test_steps_are_those_of_the_form() -> None:
    assert tuple(section.code for section in FORMS["referral"].sections) == STEPS
    assert tuple(BY_CODE) == STEPS


@pytest.mark.parametrize(("name", "said"), [("", "The person consents"), ("Ana", "Ana consents")])
def test_a_choice_about_the_person_begins_with_a_capital(name: str, said: str) -> None:
    draft = Draft(b"d" * 16, typed={"who": as_lists({"name": name})}, version=1)
    written = understood(draft, None)
    hand = AtHand(draft, DESK, written, person_of(written.content), None)
    page, _ = build(BY_CODE["consent"], {}, hand, Shown(""), Times(SENT, LISBON))
    (ground,) = [view for view in page.views if view.name == "ground"]
    assert ground.choices[0].text == said
