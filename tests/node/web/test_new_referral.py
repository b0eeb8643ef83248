"""New referral over real HTTP: eight steps that keep what was typed, whatever it was."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from page_reader import Node, Page, Reader
from pages_world import Desk, Desks
from referral_inputs import (
    ANSWER,
    COMMUNICATION,
    CONSENT,
    HAPPENED,
    NEEDS,
    RISK,
    SAFE_CONTACT,
    WHO,
)
from referral_node.exchange import Draft
from referral_node.web.pages.steps import STEPS
from referral_protocol.examples import SENT

GO = "Save and continue"
LATER = "Save and come back later"


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, "lisboa", "utrecht", "lviv", now=SENT)
    await made.start()
    await made.desk("lisboa").sign_in()
    yield made
    await made.stop()


@pytest.fixture
def lisboa(desks: Desks) -> Desk:
    return desks.desk("lisboa")


def missing_links(page: Page) -> list[Node]:
    """What a step says is missing beside its errors."""
    return [link for box in page.root.all(style="govuk-inset-text") for link in box.all("a")]


def still_missing(page: Page) -> list[str]:
    return [link.text for link in missing_links(page)]


async def drafts(desk: Desk) -> list[Draft]:
    return await desk.office.exchange.drafts.all(desk.office.vault)


async def begun(reader: Reader) -> Page:
    """A draft with its first step: the page after it."""
    page = await reader.get("/new")
    return await reader.submit(page, GO, WHO)


def at(page: Page, step: str) -> str:
    """The address of another step of the same draft."""
    return f"/new/{page.path.split('/')[2]}/{step}"


async def test_all_eight_steps_one_after_the_other(lisboa: Desk) -> None:
    reader = lisboa.reader
    page = await reader.get("/new")
    assert "Not saved yet. Nothing has been sent." in page.text
    assert await drafts(lisboa) == []
    page = await reader.submit(page, GO, WHO)
    assert page.path.endswith("/safe_contact")
    assert page.headings[0] == "How can Oksana be reached safely?"
    assert "New referral, step 2 of 8: Oksana Tkachenko" in page.text
    assert "Saved 16:05. Nothing has been sent." in page.text
    assert page.title.startswith("New referral, step 2 of 8: safe contact")
    assert "Oksana" not in page.title
    page = await reader.submit(page, GO, SAFE_CONTACT)
    assert page.headings[0] == "What happened?"
    page = await reader.submit(page, GO, HAPPENED)
    assert page.headings[0] == "What does Oksana need?"
    page = await reader.submit(page, "Add another need", NEEDS[0])
    page = await reader.submit(page, "Add another need", NEEDS[1])
    page = await reader.submit(page, GO, NEEDS[2])
    assert page.headings[0] == "Is Oksana in danger?"
    page = await reader.submit(page, GO, RISK)
    page = await reader.submit(page, GO, COMMUNICATION)
    assert page.headings[0] == "May this be shared, and with whom?"
    page = await reader.submit(page, "Add another part", CONSENT[0])
    page = await reader.submit(page, GO, CONSENT[1])
    assert page.headings[0] == "When do you need an answer?"
    assert "Answer by tomorrow, 16:05" in page.text
    page = await reader.submit(page, GO, ANSWER)
    assert page.headings[0] == "Check before sending"
    assert len(await drafts(lisboa)) == 1


async def test_going_back_loses_nothing(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    page = await lisboa.reader.submit(page, GO, SAFE_CONTACT)
    page = await lisboa.reader.follow(page, "Back to step 2, safe contact")
    form = page.form(GO)
    for name, given in SAFE_CONTACT.items():
        assert form.values[name] == [given], name
    page = await lisboa.reader.follow(page, "Back to step 1, who")
    form = page.form(GO)
    for name, given in WHO.items():
        assert form.values[name] == ([given] if isinstance(given, str) else given), name
    assert "Who is Oksana?" in page.headings


async def test_save_and_come_back_later(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    where = page.path
    page = await lisboa.reader.submit(page, LATER, {"telephone": "half a num"})
    assert page.path == "/"
    assert "The draft is saved. Nothing has been sent." in page.text
    page = await lisboa.reader.get(where)
    assert page.form(GO).values["telephone"] == ["half a num"]
    assert page.problems == [
        "Safe telephone number: enter the number with its country, for example +31 30 123 45 67"
    ]


async def test_a_half_filled_step_goes_on_and_is_marked(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    page = await lisboa.reader.submit(page, GO, {"say_you_are": "Anna"})
    assert page.path.endswith("/happened")
    assert "2. Safe contact – not complete" in page.links()
    page = await lisboa.reader.get(at(page, "safe_contact"))
    assert page.problems == []
    page = await lisboa.reader.get(at(page, "safe_contact") + "?missing=1")
    assert page.problems == [
        "Choose at least one safe way, or “The person contacts us”",
        "Say whether the telephone or e-mail may be watched",
        "Enter when this was last checked with Oksana",
    ]


async def test_wrong_input_stays_with_its_words_and_is_kept(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    wrong = {
        **SAFE_CONTACT,
        "way-telephone": "not-asked",
        "times.0.from": "11:30",
        "times.0.to": "09:00",
        "watched": [],
        "checked_at": "30 February 2026, 15:20",
    }
    page = await lisboa.reader.submit(page, GO, wrong, status=422)
    assert page.title.startswith("Error: ")
    assert page.problems == [
        "Choose at least one safe way, or “The person contacts us”",
        "The end must be later than the start. You typed 11:30 to 09:00",
        "When was this last checked with Oksana: 30 February 2026 is not a date",
    ]
    # What nobody typed yet is told beside it, and is no error: it would not hold her up.
    assert still_missing(page) == ["Say whether the telephone or e-mail may be watched"]
    assert "What you typed is kept." in page.text
    assert "Draft saved 16:05. Nothing has been sent." in page.text
    form = page.form(GO)
    for name, given in wrong.items():
        assert form.values.get(name, []) == ([given] if isinstance(given, str) else given), name
    again = await lisboa.reader.get(page.path)
    assert again.form(GO).values["checked_at"] == ["30 February 2026, 15:20"]
    (draft,) = await drafts(lisboa)
    assert draft.typed["safe_contact"]["times.0.to"] == ["09:00"]
    assert "checked_at" not in draft.content["safe_contact"]


async def test_the_first_step_is_saved_with_its_errors_too(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/new")
    page = await lisboa.reader.submit(
        page, GO, {"name": "Оксана", "date_of_birth-day": "31", "date_of_birth-month": "4"}
    )
    assert page.path.endswith("/who?kept=1")
    assert page.problems == ["Date of birth: enter the year"]
    assert "Choose how Оксана came to you" in still_missing(page)
    assert "Draft saved" in page.text
    assert page.form(GO).values["date_of_birth-day"] == ["31"]
    assert len(await drafts(lisboa)) == 1


async def test_one_wrong_date_is_one_error(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    page = await lisboa.reader.get(at(page, "happened"))
    wrong = {"date-day": "31", "date-month": "2", "date-year": "2026"}
    page = await lisboa.reader.submit(page, GO, wrong, status=422)
    assert page.problems == ["Date, or first day: 31 February 2026 is not a date"]
    assert still_missing(page) == []  # above all not that nothing was filled in
    page = await lisboa.reader.submit(page, GO, {"place": "Lisbon"}, status=422)
    assert page.problems == ["Date, or first day: 31 February 2026 is not a date"]
    missing = still_missing(page)
    assert "Choose the crime" in missing
    ids = {node.get("id") for node in page.root.walk()}
    assert {link.get("href")[1:] for link in missing_links(page)} <= ids
    # Later, and with another button, nothing but the date is told.
    for path in (page.path, page.path + "?back=check"):
        page = await lisboa.reader.get(path)
        assert page.problems == ["Date, or first day: 31 February 2026 is not a date"]
        assert still_missing(page) == []
    # The date alone put right, the way is free.
    page = await lisboa.reader.submit(page, GO, {"date-day": "14"})
    assert page.status == 200
    assert not page.problems


async def test_every_line_of_a_summary_leads_to_its_input(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    for step in STEPS:
        page = await lisboa.reader.get(at(page, step) + "?missing=1")
        ids = {node.get("id") for node in page.root.walk()}
        for summary in page.root.all(style="govuk-error-summary"):
            for link in summary.all("a"):
                assert link.get("href").removeprefix("#") in ids, (step, link.text)


async def test_rows_without_a_script(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    first = {"times.0.days": "mon-fri", "times.0.from": "9", "times.0.to": "11:30"}
    page = await lisboa.reader.submit(page, "Add another time", first)
    assert page.path.endswith("/safe_contact")
    assert {"times.1.days", "times.1.from"} <= set(page.form(GO).values)
    second = {"times.1.days": "weekend", "times.1.from": "10", "times.1.to": "12"}
    page = await lisboa.reader.submit(page, "Add another time", second)
    page = await lisboa.reader.submit(page, "Remove time 1")
    form = page.form(GO)
    assert form.values["times.0.days"] == ["weekend"]
    assert form.values["times.0.from"] == ["10"]
    # The proposed row that nobody filled in is no mistake.
    page = await lisboa.reader.submit(page, GO)
    assert page.path.endswith("/happened")
    (draft,) = await drafts(lisboa)
    assert "ways" not in draft.content.get("safe_contact", {})


async def test_return_in_a_line_saves_and_does_not_add_a_row(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    form = page.form(GO)
    first = form.buttons[0]
    assert (first.get("name"), first.get("value")) == ("do", "continue")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Oks\x00ana", "This text holds a character that cannot be kept."),
        ("\u202eanaskO", "Name: it holds a character that cannot be sent"),
        ("O" * 121, "Name: at most 120 characters; you typed 121"),
    ],
)
async def test_names_that_cannot_be(lisboa: Desk, typed: str, words: str) -> None:
    page = await lisboa.reader.get("/new")
    page = await lisboa.reader.submit(page, GO, {**WHO, "name": typed})
    assert page.problems[0].startswith(words)
    kept = page.form(GO).values["name"][0]
    assert kept == typed.replace("\x00", "\ufffd")
    assert page.form(GO).values["case_number"] == ["PT-2026-0419"]


@pytest.mark.parametrize(
    ("name", "latin", "use", "lang"),
    [
        ("ليلى حداد", "Layla Haddad", "ليلى", "ar"),
        ("שירה כהן", "Shira Cohen", "שירה", "he"),
        ("Ελένη Παπαδοπούλου", "Eleni Papadopoulou", "Ελένη", "el"),
        ("Zoë Ångström-O’Brien", "", "Zoë", ""),
        ("李小龍", "Li Xiaolong", "", ""),
    ],
)
async def test_names_in_any_script_are_isolated(
    lisboa: Desk, name: str, latin: str, use: str, lang: str
) -> None:
    page = await lisboa.reader.get("/new")
    typed = {**WHO, "name": name, "name_latin": latin, "name_to_use": use, "name_language": lang}
    page = await lisboa.reader.submit(page, GO, typed)
    assert page.path.endswith("/safe_contact")
    called = use or latin or name
    heading = page.main.one("h1")
    (isolated,) = heading.all("bdi")
    assert isolated.text == called
    assert isolated.get("lang").startswith(lang)
    assert page.headings[0] == f"How can {called} be reached safely?"


async def test_an_unknown_code_is_refused_at_its_field(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/new")
    form = page.form(GO)
    form.fill(WHO)
    form.values["role"] = ["king"]
    form.values["lives_in.country"] = ["XX"]
    form.values["groups"] = ["women", "kings"]
    page = await lisboa.reader.send(form, form.button(GO))
    assert page.problems == [
        "Victim, witness, bereaved or family: choose one of the list",
        "Country: choose a country of the list",
        "Choose a region of that country",
        "Groups that some services are for: choose one of the list",
    ]
    assert page.form(GO).values["name"] == ["Оксана Ткаченко"]


async def test_inputs_that_no_page_has_are_left_behind(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/new")
    form = page.form(GO)
    form.fill(WHO)
    form.values |= {"recipient": ["00" * 16], "admin": ["yes"], "withheld.0.part": ["name"]}
    page = await lisboa.reader.send(form, form.button(GO))
    assert page.path.endswith("/safe_contact")
    (draft,) = await drafts(lisboa)
    assert draft.recipient is None
    assert set(draft.typed) == {"who"}
    assert not {"recipient", "admin", "withheld.0.part"} & set(draft.typed["who"])


async def test_ten_megabytes_of_text(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    page = await lisboa.reader.get(at(page, "happened"))
    form = page.form(GO)
    form.fill({**HAPPENED, "summary": "x" * 10_000_000})
    page = await lisboa.reader.send(form, form.button(GO))
    assert page.status == 422
    assert page.problems[0].startswith("This is too long to be kept: 10,000,")
    assert len(page.form(GO).values["summary"][0]) == 10_000_000
    assert page.form(GO).values["place"] == ["Lisbon"]
    assert "Not saved" in page.text
    (draft,) = await drafts(lisboa)
    assert set(draft.typed) == {"who"}
    assert draft.typed["who"]["name"] == ["Оксана Ткаченко"]


async def test_more_than_that_is_refused_before_it_is_read(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    path = at(page, "happened")
    cookies = "; ".join(f"{name}={value}" for name, value in lisboa.reader.cookies().items())
    host = lisboa.base.split("/")[2]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookies}\r\n"
        "Accept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 13000000\r\n\r\nsummary=xxx"
    )
    address, port = host.split(":")
    reading, writing = await asyncio.open_connection(address, int(port))
    writing.write(head.encode())
    async with asyncio.timeout(5):
        answer = (await reading.readuntil(b"</html>")).decode()
    writing.close()
    await writing.wait_closed()
    assert answer.startswith("HTTP/1.1 413 ")
    assert "This is too long" in answer
    assert "shorten the longest text" in answer
    (draft,) = await drafts(lisboa)
    assert draft.typed["who"]["name"] == ["Оксана Ткаченко"]


async def test_a_text_over_its_limit_is_kept_in_the_draft(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    page = await lisboa.reader.get(at(page, "happened"))
    page = await lisboa.reader.submit(page, GO, {**HAPPENED, "summary": "y" * 12_001}, status=422)
    assert page.problems == ["Summary: at most 12000 characters; you typed 12001"]
    (draft,) = await drafts(lisboa)
    assert draft.typed["happened"]["summary"] == ["y" * 12_001]


async def test_two_windows_on_one_step(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    one = await lisboa.reader.get(page.path)
    other = await lisboa.reader.get(page.path)
    await lisboa.reader.submit(one, LATER, {"say_you_are": "Anna from the library"})
    late = await lisboa.reader.submit(other, GO, {"code_word": "Blue"}, status=422)
    assert late.problems == [
        "This step was changed in another window at 16:05, so it was not saved again. What you"
        " typed here is kept below. Save again to put it in the place of what is there now"
    ]
    assert late.form(GO).values["code_word"] == ["Blue"]
    (draft,) = await drafts(lisboa)
    assert draft.typed["safe_contact"]["say_you_are"] == ["Anna from the library"]
    done = await lisboa.reader.submit(late, GO)
    assert done.path.endswith("/happened")
    (draft,) = await drafts(lisboa)
    assert draft.typed["safe_contact"]["code_word"] == ["Blue"]
    assert draft.typed["safe_contact"]["say_you_are"] == [""]


async def test_two_windows_on_two_steps_both_stay(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    safe = await lisboa.reader.get(page.path)
    risk = await lisboa.reader.get(at(page, "risk"))
    await lisboa.reader.submit(safe, LATER, {"code_word": "Blue"})
    await lisboa.reader.submit(risk, LATER, RISK)
    (draft,) = await drafts(lisboa)
    assert draft.typed["safe_contact"]["code_word"] == ["Blue"]
    assert draft.typed["risk"]["level"] == ["high"]


async def test_the_same_button_twice_at_once(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/new")
    form = page.form(GO)
    form.fill(WHO)
    button = form.button(GO)
    both = await asyncio.gather(*(lisboa.reader.send(form, button) for _ in range(2)))
    assert {each.status for each in both} <= {200, 409}
    assert len(await drafts(lisboa)) == 1
    page = next(each for each in both if each.status == 200)
    form = page.form(GO)
    form.fill({"code_word": "Blue"})
    button = form.button(GO)
    both = await asyncio.gather(*(lisboa.reader.send(form, button) for _ in range(2)))
    assert [each.path.rsplit("/", 1)[1] for each in both] == ["happened", "happened"]


async def test_a_forged_token_does_nothing_and_keeps_what_was_typed(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    form = page.form(GO)
    form.fill({"code_word": "Blue"})
    form.values["token"] = ["0" * 97]
    page = await lisboa.reader.send(form, form.button(GO))
    assert page.status == 422
    assert page.problems[0].startswith("This page had become old, so nothing was done.")
    assert page.form(GO).values["code_word"] == ["Blue"]
    (draft,) = await drafts(lisboa)
    assert "safe_contact" not in draft.typed
    saved = await lisboa.reader.submit(page, GO)
    assert saved.path.endswith("/happened")


async def test_a_draft_that_is_gone_says_so(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    where = page.path
    (draft,) = await drafts(lisboa)
    await lisboa.office.exchange.drafts.discard(lisboa.actor, draft.id)
    for path in (where, "/new/zz/who", f"/new/{'0' * 32}/who"):
        gone = await lisboa.reader.get(path)
        assert gone.status == 404
        assert "This draft was sent or deleted." in gone.text
    form = page.form(GO)
    assert (await lisboa.reader.send(form, form.button(GO))).status == 404
    assert (await lisboa.reader.get(where.replace("safe_contact", "cellar"))).status == 404


async def test_deleting_asks_first(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    page = await lisboa.reader.follow(page, "Delete this draft")
    assert page.headings[0] == "Delete this draft?"
    assert len(await drafts(lisboa)) == 1
    page = await lisboa.reader.submit(page, "Delete this draft")
    assert page.path == "/"
    assert await drafts(lisboa) == []


async def test_what_is_proposed_for_whom_they_call(lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    page = await lisboa.reader.get(at(page, "answer"))
    values = page.form(GO).values
    assert values["contact.name"] == ["Inês Carvalhal"]
    assert values["contact.telephone"] == ["+351 21 000 01 42"]
    assert values["contact.email"] == ["ines.carvalhal@pontetejo.example"]
    page = await lisboa.reader.submit(page, LATER, {"contact.name": ""})
    page = await lisboa.reader.get(at(page, "answer")) if "new" in page.path else page
    (draft,) = await drafts(lisboa)
    page = await lisboa.reader.get(f"/new/{draft.id.hex()}/answer")
    assert page.form(GO).values["contact.name"] == [""]


async def test_nobody_reads_a_draft_without_signing_in(desks: Desks, lisboa: Desk) -> None:
    page = await begun(lisboa.reader)
    stranger = Reader(lisboa.base)
    try:
        for path in (page.path, at(page, "check"), "/new", "/find"):
            found = await stranger.get(path)
            assert "Оксана" not in found.source
            assert "Sign in" in found.headings[0]
    finally:
        await stranger.close()
