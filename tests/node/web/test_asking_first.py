"""Asking before anybody is referred: room and advice, from the page to the answer."""

from typing import Any

import pytest

from page_reader import Page
from pages_world import DAY, Desk, Desks
from referral_inputs import typed as typed_draft
from referral_node.exchange import Draft
from referral_node.web.pages.asking_first import age_band
from referral_protocol import forms
from referral_protocol.examples import SENT

ROOM = "Ask if they have room"
ADVICE = "Ask for advice"
SEND = "Ask Steunpunt Dom"
ASKED = {
    "needs": ["shelter-and-safety", "emotional-support"],
    "age_band": "25-34",
    "languages.0": "uk",
    "lives_in": "NL",
    "note": "With a small child.",
    "priority": "urgent",
}
QUESTION = {
    "subject": "Compensation from another country",
    "question": "Does your claims desk send the form itself?",
    "priority": "routine",
}


async def both(desks: Desks) -> tuple[Desk, Desk]:
    """Inês and Jasmijn, signed in."""
    ines, jasmijn = desks.desk("lisboa"), desks.desk("utrecht")
    await ines.sign_in()
    await jasmijn.sign_in()
    return ines, jasmijn


def base(desks: Desks) -> str:
    return f"/organisation/{desks['utrecht'].id.hex()}"


async def asked(desks: Desks, link: str = ROOM, said: Any = None, draft: str = "") -> Page:
    """Inês asks from the organisation's page; the page of her question."""
    ines = desks.desk("lisboa")
    page = await ines.reader.get(base(desks) + (f"?draft={draft}" if draft else ""))
    page = await ines.reader.follow(page, link)
    page = await ines.reader.submit(page, SEND, ASKED if said is None else said)
    await desks.settle()
    return page


async def content(desks: Desks, thread: bytes) -> dict[str, Any]:
    """What left the house."""
    lisboa = desks["lisboa"]
    view = await lisboa.exchange.threads.view(lisboa.vault, thread)
    assert view is not None
    assert view.opener is not None
    return view.opener


def thread_of(page: Page) -> bytes:
    return bytes.fromhex(page.path.rsplit("/", 1)[-1])


async def saved_draft(desks: Desks) -> bytes:
    """A draft in which the story's person is written down."""
    lisboa = desks["lisboa"]
    filled = Draft(b"", typed={k: v for k, v in typed_draft().items() if k != "consent"})
    return await lisboa.exchange.drafts.create(
        lisboa.vault, desks.desk("lisboa").actor, filled=filled
    )


async def test_room_is_asked_answered_and_followed_by_a_referral(desks: Desks) -> None:
    ines, jasmijn = await both(desks)
    page = await asked(desks)
    thread = thread_of(page)
    assert "Your question is on its way." in page.main.text
    assert "Capacity query" in page.main.text
    sent = await content(desks, thread)
    assert set(sent) == {
        *("form", "author", "language", "needs", "age_band", "languages", "lives_in", "note")
    }
    assert forms.validate(sent) == []

    page = await jasmijn.reader.get("/")
    assert "Say if you have capacity" in page.main.text
    page = await jasmijn.reader.get(f"/referral/{thread.hex()}")
    assert "They ask if you could take such a case" in page.main.text
    assert page.buttons()[:3] == ["We have room", "Ask for information", "No room, with a reason"]
    for absent in ("Accept this referral", "the person, at a safe time", "Victim contacted"):
        assert absent not in page.main.text
    page = await jasmijn.reader.follow(page, "We have room")
    page = await jasmijn.reader.submit(page, "We have room", {"text": "From Tuesday, four weeks."})
    assert "You said that you have room." in page.main.text
    await desks.settle()
    page = await jasmijn.reader.get("/")
    assert "Nothing needs you now" in page.main.text

    page = await ines.reader.get("/")
    assert "Read: a question about room they have room" in page.main.text
    page = await ines.reader.get(f"/referral/{thread.hex()}")
    assert "Steunpunt Dom has room." in page.main.text
    assert "From Tuesday, four weeks." in page.main.text
    assert "Conversation (1)" in page.headings
    assert "got help" not in page.main.text
    assert "Was the person reached?" not in page.main.text
    form = page.form("They have room: refer")
    page = await ines.reader.send(form)
    again = await ines.reader.send(form)
    assert again.path == page.path
    assert page.path.endswith("/who")
    assert "You asked them first: Steunpunt Dom, Utrecht (they have room)" in page.main.text
    (draft,) = await desks["lisboa"].exchange.drafts.all(desks["lisboa"].vault)
    assert draft.recipient == desks["utrecht"].id
    assert draft.content["needs"]["needs"] == [
        {"need": "shelter-and-safety"},
        {"need": "emotional-support"},
    ]
    assert draft.content["who"] == {"age_band": "25-34", "lives_in": {"country": "NL"}}
    assert draft.content["communication"] == {"languages": ["uk"]}


async def test_asked_for_a_draft_it_goes_on_with_that_draft(desks: Desks) -> None:
    ines, jasmijn = await both(desks)
    draft = (await saved_draft(desks)).hex()
    page = await ines.reader.get(f"{base(desks)}?draft={draft}")
    page = await ines.reader.follow(page, ROOM)
    form = page.form(SEND)
    # What many people share is filled in, and nothing else.
    needs = {"emotional-support", "shelter-and-safety", "compensation-claim"}
    assert set(form.values["needs"]) == needs
    assert form.values["age_band"] == ["25-34"]
    assert form.values["languages.0"] == ["uk"]
    assert form.values["lives_in"] == ["NL"]
    said = {"priority": "urgent", "note": "Oksana needs a room."}
    page = await ines.reader.submit(page, SEND, said, status=422)
    assert page.problems == ["“Oksana” stands in it. Take out what tells who the person is"]
    # A word that only begins like the name is none of it.
    page = await ines.reader.submit(page, SEND, {"note": "With a child, in Oksanaville."})
    thread = thread_of(page)
    text = repr(await content(desks, thread))
    for word in ("Tkachenko", "Оксана", "1992", "PT-2026-0419", "Utrecht", "+31"):
        assert word not in text
    await desks.settle()
    page = await jasmijn.reader.get(f"/referral/{thread.hex()}/do/room")
    await jasmijn.reader.submit(page, "We have room")
    await desks.settle()
    page = await ines.reader.get(f"/referral/{thread.hex()}")
    page = await ines.reader.submit(page, "They have room: refer")
    assert page.path == f"/new/{draft}/consent"
    (found,) = await desks["lisboa"].exchange.drafts.all(desks["lisboa"].vault)
    assert found.recipient == desks["utrecht"].id


async def test_no_room_is_an_answer_and_nobody_has_to_decide(desks: Desks) -> None:
    ines, jasmijn = await both(desks)
    thread = thread_of(await asked(desks))
    page = await jasmijn.reader.get(f"/referral/{thread.hex()}/do/no-room")
    page = await jasmijn.reader.submit(page, "We have no room", status=422)
    assert page.problems == ["Choose the reason to decline"]
    page = await jasmijn.reader.submit(page, "We have no room", {"reason": "at-capacity"})
    await desks.settle()
    page = await ines.reader.get(f"/referral/{thread.hex()}")
    assert "Steunpunt Dom has no room: we have no capacity." in page.main.text
    for absent in ("They have room: refer", "Nothing more to do", "Refer to another service"):
        assert absent not in page.text
    page = await ines.reader.get("/")
    assert "Nothing needs you now" in page.main.text


async def test_advice_is_asked_and_answered(desks: Desks) -> None:
    ines, jasmijn = await both(desks)
    thread = thread_of(await asked(desks, ADVICE, QUESTION))
    page = await jasmijn.reader.get(f"/referral/{thread.hex()}")
    assert "They ask you for advice." in page.main.text
    assert "Does your claims desk send the form itself?" in page.main.text
    page = await jasmijn.reader.follow(page, "Answer the question")
    page = await jasmijn.reader.submit(page, "Send the answer", status=422)
    assert page.problems == ["Write your answer"]
    page = await jasmijn.reader.submit(page, "Send the answer", {"text": "Through the fund."})
    assert "You answered the question." in page.main.text
    await desks.settle()
    page = await ines.reader.get("/")
    assert "Read: Compensation from another country answered" in page.main.text
    page = await ines.reader.get(f"/referral/{thread.hex()}")
    assert "Steunpunt Dom answered your question" in page.main.text
    assert "Through the fund." in page.main.text
    # Nobody is asked in two weeks whether a person was reached.
    desks.at(SENT + 15 * DAY)
    await ines.sign_in()
    page = await ines.reader.get("/")
    assert "Was the person reached?" not in page.main.text


@pytest.mark.parametrize(
    ("link", "said", "problems"),
    [
        (
            ROOM,
            {"languages.0": "uk"},
            ["Choose at least one need", "Choose the priority"],
        ),
        (
            ADVICE,
            {"question": "How?"},
            ["Enter what the question is about", "Choose the priority"],
        ),
        (ROOM, {**ASKED, "from-day": "31", "from-month": "2", "from-year": "2027"}, None),
    ],
)
async def test_what_is_wrong_or_missing_stays_and_nothing_goes(
    desks: Desks, link: str, said: dict[str, Any], problems: list[str] | None
) -> None:
    ines, _ = await both(desks)
    page = await ines.reader.follow(await ines.reader.get(base(desks)), link)
    page = await ines.reader.submit(page, SEND, said, status=422)
    assert page.problems == (problems or ["Needed from: 31 February 2027 is not a date"])
    for name, value in said.items():
        given = [value] if isinstance(value, str) else value
        assert sorted(page.form(SEND).values[name]) == sorted(given)
    row = await desks["lisboa"].store.row("SELECT COUNT(*) FROM messages")
    assert row is not None
    assert row[0] == 0


async def test_rows_without_a_script(desks: Desks) -> None:
    ines, _ = await both(desks)
    page = await ines.reader.follow(await ines.reader.get(base(desks)), ROOM)
    page = await ines.reader.submit(page, "Add another language", {"languages.0": "uk"})
    assert page.problems == []
    page = await ines.reader.submit(page, SEND, {**ASKED, "languages.1": "en"})
    assert (await content(desks, thread_of(page)))["languages"] == ["uk", "en"]


async def test_pressed_twice_it_is_asked_once(desks: Desks) -> None:
    ines, _ = await both(desks)
    page = await ines.reader.follow(await ines.reader.get(base(desks)), ADVICE)
    form = page.form(SEND)
    form.fill(QUESTION)
    button = form.button(SEND)
    first, second = await ines.reader.send(form, button), await ines.reader.send(form, button)
    assert first.path == second.path
    form.fill({"subject": "Something else"})
    assert (await ines.reader.send(form, button)).status == 422


async def test_whom_nothing_may_be_sent_to_is_not_asked_either(desks: Desks) -> None:
    ines, _ = await both(desks)
    lisboa, utrecht = desks["lisboa"], desks["utrecht"]
    page = await ines.reader.follow(await ines.reader.get(base(desks)), ADVICE)
    form = page.form(SEND)
    form.fill(QUESTION)
    await lisboa.exchange.contacts.compared(
        lisboa.vault, ines.actor, utrecht.id, same=False, spoke_with="somebody"
    )
    page = await ines.reader.send(form, form.button(SEND))
    assert page.status == 422
    assert "The fingerprint of Steunpunt Dom was different." in page.main.text
    assert SEND not in page.buttons()
    page = await ines.reader.get(base(desks))
    assert ROOM not in page.buttons()
    for member, query in ((lisboa.id, "room"), (utrecht.id, "weather"), (b"x" * 16, "room")):
        page = await ines.reader.get(f"/organisation/{member.hex()}/ask/{query}")
        assert page.status == 404


async def test_a_question_is_withdrawn_in_its_own_words(desks: Desks) -> None:
    ines, jasmijn = await both(desks)
    thread = thread_of(await asked(desks))
    await jasmijn.reader.get(f"/referral/{thread.hex()}")
    await desks.settle()
    page = await ines.reader.get(f"/referral/{thread.hex()}/do/not-needed")
    assert page.headings[0] == "This question is no longer needed"
    page = await ines.reader.submit(page, "Withdraw the question")
    assert "You withdrew this question: no longer needed." in page.main.text
    assert "Consent was withdrawn" not in page.text
    page = await ines.reader.get(f"/referral/{thread.hex()}/do/consent-withdrawn")
    assert "cannot be sent any more" in page.text


@pytest.mark.parametrize(
    ("low", "high", "band"), [(34, 34, "25-34"), (None, None, ""), (0, 99, ""), (25, 34, "25-34")]
)
def test_the_age_band_that_holds_an_age(low: int | None, high: int | None, band: str) -> None:
    assert age_band(low, high, SENT) == band
