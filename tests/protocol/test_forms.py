"""Forms: what a writer must say, what a reader takes, and what never leaves the house."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol import codes, examples, forms
from referral_protocol.errors import ProtocolError
from referral_protocol.forms.model import DEFAULT_MAX, Kind
from referral_protocol.forms.rules import RULES
from referral_protocol.times import start_of

NOW = examples.SENT
RECIPIENT = bytes(range(16))
DAY = 86_400_000


def draft() -> dict[str, Any]:
    return copy.deepcopy(examples.referral(RECIPIENT))


def sent() -> dict[str, Any]:
    return forms.body(draft())[0]


def put(content: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The content with another value at the path; ``...`` takes the value away."""
    holder: Any = content
    for key in path[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return content


def found(content: dict[str, Any], **how: Any) -> list[tuple[str, str]]:
    """Path (dotted) and code of each problem for a writer."""
    how = {"for_writing": True, "now": NOW, **how}
    return [
        (".".join(map(str, problem.path)), problem.code)
        for problem in forms.validate(content, **how)
    ]


# --- the tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", forms.FORMS)
def test_every_field_names_a_list_that_exists_a_limit_and_a_label(code: str) -> None:
    paths = [path for path, _ in forms.FORMS[code].walk()]
    assert len(set(paths)) == len(paths)
    for path, field in forms.FORMS[code].walk():
        assert (field.kind in (Kind.CODE, Kind.CODES)) == bool(field.codes), path
        assert not field.codes or field.codes in codes.ALL, path
        assert (field.kind in (Kind.GROUP, Kind.GROUPS)) == bool(field.fields), path
        assert field.max or field.kind not in DEFAULT_MAX, path
        assert field.label, path
        assert len(path) <= 5, "a content has at most eight levels, lists of groups count twice"


def test_every_statement_has_a_form() -> None:
    for kind in codes.listed("message-kinds"):
        for thread in codes.listed("thread-kinds"):
            assert forms.form_for(kind, thread) in forms.FORMS
    assert forms.form_for("open", "") is None
    assert forms.form_for("song") is None


def test_every_rule_belongs_to_a_form_and_a_section() -> None:
    for rule in RULES:
        sections = {section.code for section in forms.FORMS[rule.form].sections}
        assert rule.section in sections | {""}


def test_a_field_is_found_by_its_path() -> None:
    field = forms.field_at("referral", "safe_contact", "ways", "times", "zone")
    assert field.kind is Kind.ZONE
    with pytest.raises(KeyError):
        forms.field_at("referral", "safe_contact", "nothing")


# --- the story ----------------------------------------------------------------------------------

MESSAGES: list[tuple[dict[str, Any], str | None]] = [
    (examples.referral(RECIPIENT), None),
    (examples.first_message(), None),
    (examples.question_back(), None),
    (examples.accepted(), "accepted"),
    (examples.declined(), "rejected"),
    (examples.call_made(NOW), None),
    (examples.meeting_fixed(NOW, NOW + 4 * DAY), None),
    (examples.join_confirmed(), None),
    (examples.reply(), None),
    (examples.outcome(), "completed"),
    (examples.withdrawal(), None),
    (examples.capacity_query(), None),
    (examples.advice(), None),
]


@pytest.mark.parametrize(("content", "state"), MESSAGES)
def test_the_whole_story_can_be_written_sent_and_read(
    content: dict[str, Any], state: str | None
) -> None:
    assert forms.validate(content, for_writing=True, state=state, now=NOW) == []
    body, _ = forms.body(content)
    assert forms.read(forms.encode(body), body["form"]) == body


def test_a_body_is_taken_for_no_other_form() -> None:
    with pytest.raises(ProtocolError, match="wrong-value"):
        forms.read(forms.encode(sent()), "note")


# --- writing ------------------------------------------------------------------------------------

REQUIRED = [
    ("author",),
    ("author", "name"),
    ("language",),
    ("who",),
    ("who", "name"),
    ("who", "role"),
    ("who", "lives_in"),
    ("who", "came_by"),
    ("safe_contact",),
    ("safe_contact", "ways"),
    ("safe_contact", "watched"),
    ("safe_contact", "checked_at"),
    ("happened", "crime"),
    ("happened", "country"),
    ("needs", "needs"),
    ("risk", "level"),
    ("risk", "threat"),
    ("communication", "languages"),
    ("consent",),
    ("consent", "ground"),
    ("consent", "recipient"),
    ("answer", "priority"),
    ("answer", "respond_by"),
    ("answer", "contact"),
]


@pytest.mark.parametrize("path", REQUIRED, ids=".".join)
def test_what_is_required_is_asked_for(path: tuple[str, ...]) -> None:
    problems = forms.validate(put(draft(), path, ...), for_writing=True, now=NOW)
    mine = [problem for problem in problems if problem.path == path]
    assert [problem.code for problem in mine] == ["required"]
    assert mine[0].words[0].isupper()


WRONG: list[tuple[tuple[Any, ...], Any, str]] = [
    (("who", "name"), "", "empty"),
    (("who", "name"), " \n ", "empty"),
    (("who", "name"), "x" * 121, "too-long"),
    (("who", "name"), "two\nlines", "not-allowed"),
    (("who", "name"), "nul\x00", "not-allowed"),
    (("who", "name"), "\ud800", "not-allowed"),
    (("who", "name"), 7, "wrong-type"),
    (("who", "name"), None, "wrong-type"),
    (("who", "role"), "hero", "not-in-list"),
    (("who", "role"), "Victim!", "bad-format"),
    (("who", "role"), ["victim"], "wrong-type"),
    (("who", "groups"), [], "empty"),
    (("who", "groups"), ["women", "women"], "twice"),
    (("who", "groups"), ["all"], "not-in-list"),
    (("who", "groups"), "women", "wrong-type"),
    (("who", "groups"), [["women"]], "wrong-type"),
    (("who", "date_of_birth"), "1992-02-30", "bad-format"),
    (("who", "date_of_birth"), "3 May 1992", "bad-format"),
    (("who", "date_of_birth"), "1892-05-03", "bad-format"),
    (("who", "date_of_birth"), "2027-05-03", "in-future"),
    (("who", "nationality"), ["UK"], "not-in-list"),
    (("who", "nationality"), ["UA", "PL", "RO", "BG", "DE", "FR"], "too-many"),
    (("who", "lives_in"), {}, "empty"),
    (("who", "lives_in"), "Utrecht", "wrong-type"),
    (("who", "lives_in", "country"), "Netherlands", "bad-format"),
    (("who", "lives_in", "region"), "PT-11", "not-in-list"),
    (("who", "shoe_size"), 42, "unknown-field"),
    (("safe_contact", "ways"), [], "required"),
    (("safe_contact", "ways"), [{}], "empty"),
    (("safe_contact", "ways", 0, "times", 0, "days"), ["mon", "mon"], "twice"),
    (("safe_contact", "ways", 0, "times", 0, "from"), "9:00", "bad-format"),
    (("safe_contact", "ways", 0, "times", 0, "from"), "24:00", "bad-format"),
    (("safe_contact", "ways", 0, "times", 0, "to"), "00:00", "bad-format"),
    (("safe_contact", "ways", 0, "times", 0, "zone"), "Europe/Atlantis", "not-in-list"),
    (("safe_contact", "ways", 0, "times", 0, "zone"), "/etc/localtime", "bad-format"),
    (("safe_contact", "ways", 0, "times"), ..., "required"),
    (("safe_contact", "ways", 0, "value"), ..., "required"),
    (("safe_contact", "ways", 0, "value"), "030 000 01 42", "bad-format"),
    (("safe_contact", "checked_at"), NOW + 1, "in-future"),
    (("safe_contact", "checked_at"), True, "wrong-type"),
    (("safe_contact", "checked_at"), 2**53, "bad-format"),
    (("happened", "date"), ..., "required"),
    (("happened", "date"), "2026-12-01", "in-future"),
    (("happened", "until"), "2026-11-13", "end-before-start"),
    (("happened", "summary"), "x" * 12_001, "too-long"),
    (("needs", "needs", 1, "need"), "emotional-support", "twice"),
    (("communication", "interpreter_language"), ..., "required"),
    (("communication", "languages"), ["Ukrainian"], "bad-format"),
    (("consent", "how"), ..., "required"),
    (("consent", "given_at"), ..., "required"),
    (("consent", "given_at"), NOW + DAY, "in-future"),
    (("consent", "until"), "2026-11-18", "in-past"),
    (("consent", "needs"), ["emotional-support"], "not-covered"),
    (("consent", "recipient"), b"short", "bad-format"),
    (("consent", "recipient"), "0" * 16, "wrong-type"),
    (("consent", "withheld", 1, "part"), "medical-report", "twice"),
    (("answer", "respond_by"), NOW, "in-past"),
    (("answer", "contact", "telephone"), "+31 30", "bad-format"),
    (("answer", "contact", "email"), "ines@localhost", "bad-format"),
]


@pytest.mark.parametrize(("path", "value", "code"), WRONG)
def test_what_is_wrong_is_told_with_its_place(path: tuple[Any, ...], value: Any, code: str) -> None:
    problems = found(put(draft(), path, value))
    assert any(
        said == code and place.startswith(".".join(map(str, path))) for place, said in problems
    ), problems


def test_what_is_other_is_named() -> None:
    content = put(draft(), ("happened", "proceedings", 0, "what"), "other")
    assert found(content) == [("happened.proceedings.0.note", "required")]
    content = put(draft(), ("consent", "withheld", 0, "part"), "other")
    assert found(content) == [("consent.withheld.0.note", "required")]


def test_the_words_are_those_of_the_page() -> None:
    content = draft()
    content["safe_contact"]["ways"][0] |= {"answer": "not-safe"}
    content["safe_contact"]["ways"][0]["times"][0] |= {"from": "11:30", "to": "09:00"}
    del content["safe_contact"]["watched"]
    problems = forms.validate(content, for_writing=True, section="safe_contact", now=NOW)
    assert sorted(problem.words for problem in problems) == [
        "Choose at least one safe way, or “The person contacts us”",
        "Say whether the telephone or e-mail may be watched",
        "The end must be later than the start. You typed 11:30 to 09:00",
    ]


def test_the_person_contacts_us_is_a_safe_way() -> None:
    content = draft()
    content["safe_contact"]["ways"] = [
        {"way": "person-contacts-us", "answer": "safe", "value": "She calls on Mondays."}
    ]
    assert found(content) == []


def test_one_section_is_checked_by_itself() -> None:
    content = {"form": "referral", "needs": {"needs": [{"need": "moon-travel"}]}, "who": {}}
    assert found(content, section="needs") == [("needs.needs.0.need", "not-in-list")]
    assert ("who", "empty") in found(content, section="who")
    assert found(content, section="risk") == [("risk", "required")]


def test_without_consent_or_a_law_nothing_can_be_sent() -> None:
    content = draft()
    content["consent"] = {
        "ground": "legal-basis",
        "recipient": RECIPIENT,
        "recipient_name": "Steunpunt Dom",
    }
    assert found(content) == [
        ("consent.legal_basis", "required"),
        ("consent.why", "required"),
    ]
    content["consent"] |= {"legal_basis": "vital-interests", "why": "She cannot answer."}
    assert found(content) == []


def test_a_birth_date_may_be_a_band_or_be_withheld() -> None:
    content = put(draft(), ("who", "date_of_birth"), ...)
    assert found(content) == [("who.date_of_birth", "required")]
    assert found(put(content, ("who", "age_band"), "25-34")) == []
    content = put(draft(), ("who", "date_of_birth"), ...)
    content["consent"]["withheld"].append({"part": "date-of-birth", "reason": "safety"})
    assert found(content) == []


@pytest.mark.parametrize(
    ("state", "content", "wanted"),
    [
        ("rejected", {}, "reason"),
        ("completed", {}, "outcome"),
        ("failed", {}, "outcome"),
        ("accepted", {}, "contact"),
        ("on-hold", {}, "hold"),
        ("rejected", {"reason": "other"}, "text"),
        ("cancelled", {"erased": "kept"}, "kept_why"),
    ],
)
def test_an_answer_says_what_its_state_needs(
    state: str, content: dict[str, Any], wanted: str
) -> None:
    whole = {"form": "answer", "author": {"name": "J"}, "language": "nl", **content}
    assert found(whole, state=state) == [(wanted, "required")]


def test_a_message_says_something() -> None:
    empty = {"form": "note", "author": {"name": "J"}, "language": "nl", "topic": "message"}
    assert found(empty) == [("text", "required")]
    assert found({**empty, "step": "no-show"}) == [("step_at", "required")]
    assert found({**empty, "step": "meeting-scheduled", "step_at": NOW}) == [
        ("meeting", "required")
    ]


def test_a_note_may_change_the_hours_but_not_to_unsafe_ones() -> None:
    note = copy.deepcopy(examples.call_made(NOW))
    note["safe_contact"]["ways"][0]["times"] = []
    assert ("safe_contact.ways.0.times", "empty") in found(note)


def test_all_together_too_long_is_told() -> None:
    content = draft()
    content["consent"]["needs"] = list(codes.listed("needs"))
    content["needs"]["needs"] = [
        {"need": need, "note": "ї" * 2_000} for need in codes.listed("needs")
    ]
    content["happened"]["summary"] = "ї" * 12_000
    assert found(content) == []
    for path, field in forms.FORMS["referral"].walk():
        if len(path) == 2 and field.kind is Kind.TEXT:
            content[path[0]][path[1]] = "𝕏" * field.max
    content["needs"]["needs"] = [
        {"need": need, "note": "𝕏" * 2_000} for need in codes.listed("needs")
    ]
    letter = {"way": "letter", "answer": "not-safe", "value": "𝕏" * 500, "note": "𝕏" * 500}
    content["safe_contact"]["ways"] += [letter] * 7
    assert found(content) == [("", "too-long")]


# --- reading ------------------------------------------------------------------------------------


def test_a_reader_keeps_what_a_later_version_says() -> None:
    content = sent()
    content["who"]["shoe_size"] = 42
    content["who"]["role"] = "time-traveller"
    content["who"]["groups"] = ["women", "martians"]
    content["safe_contact"]["ways"][0]["times"][0]["zone"] = "Europe/Atlantis"
    content["consent"] = {"new_idea": ["x"]}
    content["who"]["lives_in"] = {"country": "QQ"}
    assert forms.read(forms.encode(content)) == content
    assert forms.validate({"form": "song", "text": "la"}) == []
    assert forms.validate({"form": "song"}, for_writing=True)[0].code == "not-in-list"


def test_a_reader_takes_a_half_filled_form() -> None:
    assert forms.read(forms.encode({"form": "referral"})) == {"form": "referral"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({}, "wrong-type"),
        ({"form": 7}, "wrong-type"),
        ({"form": "Referral"}, "wrong-type"),
        ({"form": "referral", "who": []}, "wrong-type"),
        ({"form": "referral", "who": {}}, "wrong-value"),
        ({"form": "referral", "who": {"name": ""}}, "wrong-value"),
        ({"form": "referral", "who": {"name": "x" * 121}}, "wrong-value"),
        ({"form": "referral", "who": {"role": "A b"}}, "wrong-value"),
        ({"form": "referral", "who": {"role": "x" * 33}}, "wrong-value"),
        ({"form": "referral", "answer": {"priority": "urgent"}}, "wrong-value"),
        ({"form": "note", "priority": "urgent"}, "wrong-value"),
        ({"form": "note", "respond_by": 1}, "wrong-value"),
        ({"form": "note", "meeting": {"minutes": "45"}}, "wrong-type"),
        ({"form": "note", "files": [{"hash": b"short"}]}, "wrong-value"),
        ({"form": "unreadable", "statement": bytes(32), "sealed": bytes(32)}, "wrong-type"),
        ({"form": "return", "statement": bytes(32), "salt": bytes(32)}, "wrong-type"),
    ],
)
def test_a_reader_refuses_other_kinds_and_lengths(content: dict[str, Any], code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        forms.read(forms.encode(content))
    assert caught.value.code == code


def test_a_refusal_names_the_place_and_never_the_value() -> None:
    content = put(sent(), ("who", "name"), "Оксана " * 40)
    with pytest.raises(ProtocolError) as caught:
        forms.read(forms.encode(content))
    assert "who.name" in str(caught.value)
    assert "Оксана" not in str(caught.value)


PLAIN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary()
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["ways", "way", "answer", "times", "from", "to", "needs", "need", "part", "until"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from(["who", "safe_contact", "happened", "needs", "consent", "risk", "step"]),
        PLAIN,
    ),
    st.sampled_from(sorted(forms.FORMS)),
    st.booleans(),
)
def test_no_value_makes_validation_or_a_summary_raise(
    content: dict[str, Any], form: str, writing: bool
) -> None:
    content["form"] = form
    for problem in forms.validate(content, for_writing=writing, state="accepted", now=NOW):
        assert problem.words
    forms.summary(content)
    forms.same_person(content, draft())
    forms.as_it_stands(draft(), [content])
    if isinstance(content.get("safe_contact"), dict):
        forms.ways_now(content["safe_contact"], NOW)


# --- what leaves --------------------------------------------------------------------------------


def test_the_head_is_taken_out_of_a_draft() -> None:
    body, head = forms.body(draft())
    assert head == forms.Head("immediate", NOW + DAY)
    assert "priority" not in body["answer"]
    assert "respond_by" not in body["answer"]
    assert draft()["answer"]["priority"] == "immediate", "the draft itself is left as it was"
    _, head = forms.body(examples.first_message())
    assert head == forms.Head("", None)
    _, head = forms.body({**examples.first_message(), "priority": "urgent"})
    assert head == forms.Head("urgent", None)


def test_what_is_withheld_is_not_in_the_bytes_and_its_reason_is() -> None:
    data = forms.encode(forms.body(draft())[0])
    assert b"Voorbeeldstraat" in forms.encode(draft())
    assert b"Voorbeeldstraat" not in data
    kept = forms.decode(data)["consent"]["withheld"]
    assert {"part": "home-address", "reason": "not-needed"} in kept


@pytest.mark.parametrize("part", codes.listed("withheld-parts"))
def test_every_part_that_can_be_withheld_takes_out_fields_that_exist(part: str) -> None:
    for path in forms.WITHHELD[part]:
        forms.field_at("referral", *path)
    content = draft()
    for path in forms.WITHHELD[part]:
        if len(path) == 2:
            content[path[0]].setdefault(path[1], "secret")
    content["consent"]["withheld"] = [{"part": part, "reason": "safety", "note": "a"}]
    body, _ = forms.body(content)
    for path in forms.WITHHELD[part]:
        if path != ("who", "name"):
            assert path[-1] not in (body.get(path[0], {}) if len(path) == 2 else body)
    assert body["safe_contact"] == sent()["safe_contact"], "safe contact cannot be withheld"
    assert body["risk"]["level"] == "high"


def test_a_withheld_name_leaves_the_name_to_use() -> None:
    content = draft()
    content["consent"]["withheld"] = [{"part": "name", "reason": "safety"}]
    body, _ = forms.body(content)
    assert "Ткаченко".encode() not in forms.encode(body)
    assert (body["who"]["name"], forms.summary(body).name) == ("Oksana", "Oksana")


def test_tidy_takes_out_what_is_empty_and_nothing_else() -> None:
    typed = {
        "a": "  e\u0301t\u00e9\r\n\tlast ",
        "b": "",
        "c": [],
        "d": {"e": "   "},
        "f": [{}, {"g": ""}, "x", ""],
        "h": False,
        "i": 0,
        "j": None,
    }
    assert forms.tidy(typed) == {"a": "été\n last", "f": ["x"], "h": False, "i": 0}


@pytest.mark.parametrize(
    ("kind", "given_text", "value"),
    [
        (Kind.TELEPHONE, " +31 (0)30-000.01.42 ", "+31 30 000 01 42"),
        (Kind.TELEPHONE, "0031 30 0000142", "+31 30 0000142"),
        (Kind.TELEPHONE, "+ 351 210 000 142", "+351 210 000 142"),
        (Kind.TELEPHONE, "call me", "call me"),
        (Kind.TIME, "9:00", "09:00"),
        (Kind.TIME, "9", "09:00"),
        (Kind.TIME, "0930", "09:30"),
        (Kind.END_TIME, "11.30", "11:30"),
        (Kind.TIME, "noon", "noon"),
        (Kind.COUNTRY, " nl", "NL"),
        (Kind.NUMBER, "45", 45),
        (Kind.NUMBER, "many", "many"),
        (Kind.NUMBER, "9" * 20, "9" * 20),
        (Kind.NUMBER, "٤٥", "٤٥"),
        (Kind.BOOLEAN, "Yes", True),
        (Kind.BOOLEAN, "perhaps", "perhaps"),
        (Kind.LINE, " a \n b ", "a b"),
        (Kind.TEXT, " a \r\n b ", "a \n b"),
    ],
)
def test_what_a_person_types(kind: Kind, given_text: str, value: Any) -> None:
    assert forms.typed(forms.Field("x", kind, "X"), given_text) == value


@given(st.sampled_from(list(Kind)), st.text(max_size=30))
def test_whatever_is_typed_gives_a_value(kind: Kind, given_text: str) -> None:
    forms.typed(forms.Field("x", kind, "X"), given_text)


# --- what pages ask -----------------------------------------------------------------------------


def test_a_summary_has_what_the_lists_show() -> None:
    said = forms.summary(sent())
    assert (said.name, said.name_latin, said.name_to_use) == (
        "Оксана Ткаченко",
        "Oksana Tkachenko",
        "Oksana",
    )
    assert said.needs == ("emotional-support", "shelter-and-safety", "compensation-claim")
    assert (said.threat, said.risk_level, said.consent_until) == (True, "high", "2027-05-19")
    query = forms.summary(examples.capacity_query())
    assert (query.name, query.needs) == ("", ("shelter-and-safety", "emotional-support"))
    assert (query.lives_in, query.region, query.age_band) == ("NL", "NL-UT", "25-34")


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [
        ("1992-05-03", "2026-05-02", 33),
        ("1992-05-03", "2026-05-03", 34),
        ("2008-02-29", "2026-02-28", 17),
        ("2008-02-29", "2026-03-01", 18),
        ("2030-01-01", "2026-01-01", 0),
        ("1992-02-30", "2026-01-01", None),
        ("", "2026-01-01", None),
    ],
)
def test_age(born: str, today: str, years: int | None) -> None:
    assert forms.age(born, start_of(today)) == years


def person(**who: str) -> dict[str, Any]:
    return {"form": "referral", "who": who}


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (
            person(name="Оксана Ткаченко", date_of_birth="1992-05-03"),
            person(name="ТКАЧЕНКО, Оксана", date_of_birth="1992-05-03"),
            "name-and-birth-date",
        ),
        (
            person(
                name="Оксана Ткаченко", name_latin="Oksana Tkachenko", date_of_birth="1992-05-03"
            ),
            person(name="Oksana Tkachenko", date_of_birth="1992-05-03"),
            "name-and-birth-date",
        ),
        (
            person(name="Ioana Mureșan", date_of_birth="1980-01-01"),
            person(name="IOANA MURESAN", date_of_birth="1980-01-01"),
            "name-and-birth-date",
        ),
        (
            person(name="Ioana Mureșan", date_of_birth="1980-01-01"),
            person(name="Ioana Mureșan", date_of_birth="1980-01-02"),
            "",
        ),
        (person(name="Ioana Mureșan"), person(name="Ioana Mureșan"), ""),
        (person(case_number="PT 2026-0419"), person(case_number="pt-2026-0419"), "case-number"),
        (person(case_number="PT-2026-0419"), person(case_number="PT-2026-0418"), ""),
        (person(case_number=""), person(case_number=""), ""),
        ({}, {}, ""),
    ],
)
def test_the_same_person(one: dict[str, Any], other: dict[str, Any], reason: str) -> None:
    assert forms.same_person(one, other) == reason
    assert forms.same_person(other, one) == reason
    if reason:
        assert forms.marks(one) & forms.marks(other)


def test_a_note_replaces_a_section_as_a_whole() -> None:
    note = forms.body(examples.call_made(NOW + DAY))[0]
    after = forms.as_it_stands(sent(), [examples.first_message(), note])
    assert after["safe_contact"]["checked_by"] == "Steunpunt Dom"
    assert after["who"] == sent()["who"]
    assert sent()["safe_contact"]["checked_by"] == "Inês Carvalhal"


def test_consent_ends_with_its_last_day() -> None:
    assert forms.consent_ends(sent()) == start_of("2027-05-20")
    assert forms.consent_ends(put(sent(), ("consent", "until"), ...)) is None


def test_ways_now_has_a_verdict_only_where_there_are_times() -> None:
    ways = forms.ways_now(sent()["safe_contact"], NOW)
    assert [way.way for way in ways][:2] == ["telephone", "voicemail"]
    assert ways[0].verdict is not None
    assert not ways[0].verdict.is_open
    assert all(way.verdict is None for way in ways[1:])
