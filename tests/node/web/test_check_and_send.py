"""Check before sending, and sending: what is shown is what goes, once, and only when it may."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import referral_inputs
from page_reader import Page, Reader
from pages_world import DAY, HOUR, Desk, Desks
from referral_node.exchange import Choice, Draft, Summary
from referral_protocol import forms
from referral_protocol.examples import SENT

SEND = "Send to Steunpunt Dom"


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    await made.start()
    await made.desk("lisboa").sign_in()
    yield made
    await made.stop()


@pytest.fixture
def lisboa(desks: Desks) -> Desk:
    return desks.desk("lisboa")


async def drafted(
    desks: Desks, inputs: dict[str, dict[str, Any]] | None = None, *, recipient: bool = True
) -> Draft:
    """The story's draft in Lisbon, with some inputs changed."""
    office = desks["lisboa"]
    exchange, actor = office.exchange, desks.desk("lisboa").actor
    made = await exchange.drafts.create(office.vault, actor)
    draft = await exchange.drafts.load(office.vault, made)
    assert draft is not None
    typed = referral_inputs.typed()
    for step, changes in (inputs or {}).items():
        typed[step] |= referral_inputs.as_lists(changes)
    changed = msgspec.structs.replace(
        draft, typed=typed, recipient=desks["utrecht"].id if recipient else None
    )
    return await exchange.drafts.save(office.vault, actor, changed)


async def compared(desks: Desks, *, same: bool = True) -> None:
    office = desks["lisboa"]
    await office.exchange.contacts.compared(
        office.vault,
        desks.desk("lisboa").actor,
        desks["utrecht"].id,
        same=same,
        spoke_with="Jasmijn de Wit",
    )


async def check(desk: Desk, draft: Draft) -> Page:
    return await desk.reader.get(f"/new/{draft.id.hex()}/check")


async def sent(desk: Desk) -> list[Summary]:
    return await desk.office.exchange.lists.page(desk.office.vault, Choice(), 0, 9)


def marks(page: Page) -> list[str]:
    return [li.text for ul in page.main.all("ul", style="marks") for li in ul.all("li")]


async def test_everything_is_right(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    page = await check(lisboa, await drafted(desks))
    assert page.headings[:3] == ["Check before sending", "Before you send", "What stays with you"]
    assert (
        "This, and nothing else, leaves your organisation. It goes to Steunpunt Dom, Utrecht,"
        " and to nobody else." in page.text
    )
    assert marks(page) == [
        "Consent covers Steunpunt Dom and these three needs, until 19 May 2027",
        "Safe contact checked with Oksana today 15:20",
        "Fingerprint compared by telephone today 16:05, you and Jasmijn de Wit",
        "Fits 6 of 7: emotional support, safe place to stay, compensation claim,"
        " lives in Utrecht, age 34, women",
        "Not stated: Ukrainian interpreter. Ask them in your message.",
        "Same person – no open case with this name and birth date",
    ]
    facts = page.facts()
    assert facts["Medical report"] == "Withheld: Oksana did not agree."
    assert facts["Home address"] == "Withheld: not needed yet."
    assert facts["Your own notes"] == "Never sent."
    assert "They see that a medical report and a home address are withheld, and why." in page.text
    assert "“What you wrote” they read as it stands, in English." in page.text
    assert "What you chose from lists goes as codes." in page.text
    assert "Voorbeeldstraat" not in page.source
    assert "You ask for an answer by tomorrow, 16:05 (17:05 in Utrecht)." in page.text
    assert "They are closed now and open tomorrow, 08:00 (09:00 in Utrecht)." in page.text
    assert "If it is not delivered by 16:20, Today tells you to telephone them." in page.text
    assert "“immediate” and the answer-by time" in page.text
    assert page.buttons().count(SEND) == 1
    assert "Still to do: it cannot be sent before" not in page.headings


async def test_sending_it(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    draft = await drafted(desks)
    page = await check(lisboa, draft)
    after = await lisboa.reader.submit(page, SEND)
    (summary,) = await sent(lisboa)
    assert after.path == f"/referral/{summary.id.hex()}"
    assert (summary.peer, summary.priority) == (desks["utrecht"].id, "immediate")
    assert summary.respond_by == SENT + DAY
    assert await lisboa.office.exchange.drafts.all(lisboa.office.vault) == []
    view = await lisboa.office.exchange.threads.view(lisboa.office.vault, summary.id)
    assert view is not None
    assert view.opener is not None
    # What left is what stood on the page, and nothing else.
    content = view.opener
    assert forms.validate(content) == []
    assert content["author"]["name"] == "Inês Carvalhal"
    assert content["language"] == "en"
    assert "home_address" not in content["who"]
    assert "respond_by" not in content["answer"]
    for words in texts(content):
        assert words in page.text or "\n" in words, words
    gone = await check(lisboa, draft)
    assert gone.status == 404


def texts(value: Any) -> list[str]:
    """Every free text of a content: what is no code, date, zone or number."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) and (" " in value or len(value) > 20) else []


async def test_pressed_twice_it_is_sent_once(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    page = await check(lisboa, await drafted(desks))
    form = page.form(SEND)
    button = form.button(SEND)
    both = await asyncio.gather(*(lisboa.reader.send(form, button) for _ in range(3)))
    (summary,) = await sent(lisboa)
    assert {each.path for each in both if each.status == 200} == {f"/referral/{summary.id.hex()}"}
    again = await lisboa.reader.send(form, button)
    assert again.path == f"/referral/{summary.id.hex()}"
    assert len(await sent(lisboa)) == 1


async def test_sent_from_two_windows_it_is_sent_once(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    draft = await drafted(desks)
    one, other = await check(lisboa, draft), await check(lisboa, draft)
    await lisboa.reader.submit(one, SEND)
    late = await lisboa.reader.submit(other, SEND, status=404)
    assert "This draft was sent or deleted" in late.text
    assert len(await sent(lisboa)) == 1


@pytest.mark.parametrize(
    ("steps", "words", "step"),
    [
        (
            {"consent": {"ground": ""}},
            "First complete consent or the legal basis",
            "consent",
        ),
        (
            {"consent": {"needs": []}},
            "First complete consent or the legal basis",
            "consent",
        ),
        (
            {"safe_contact": {"watched": ""}},
            "First put right what is missing or wrong",
            "safe_contact",
        ),
        (
            {"who": {"date_of_birth-month": "13"}},
            "First put right what is missing or wrong",
            "who",
        ),
    ],
)
async def test_what_is_missing_stands_in_place_of_the_button(
    desks: Desks, lisboa: Desk, steps: dict[str, Any], words: str, step: str
) -> None:
    await compared(desks)
    draft = await drafted(desks, steps)
    page = await check(lisboa, draft)
    assert SEND not in page.buttons()
    assert "You cannot send this yet." in page.text
    assert "Still to do: it cannot be sent before" in page.headings
    following = await lisboa.reader.follow(page, words)
    assert following.path.startswith(f"/new/{draft.id.hex()}/{step}?missing=1")
    assert following.problems


async def test_without_consent_nothing_can_be_posted_either(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    draft = await drafted(desks)
    page = await check(lisboa, draft)
    form = page.form(SEND)
    office = desks["lisboa"]
    current = await office.exchange.drafts.load(office.vault, draft.id)
    assert current is not None
    broken = {**current.typed, "consent": {**current.typed["consent"], "ground": [""]}}
    saved = await office.exchange.drafts.save(
        office.vault, lisboa.actor, msgspec.structs.replace(current, typed=broken)
    )
    form.values["version"] = [str(saved.version)]
    refused = await lisboa.reader.send(form, form.button(SEND))
    assert refused.status == 422
    assert SEND not in refused.buttons()
    assert await sent(lisboa) == []


async def test_before_the_first_telephone_check(desks: Desks, lisboa: Desk) -> None:
    page = await check(lisboa, await drafted(desks))
    assert "Fingerprint not compared by telephone yet" in marks(page)
    assert SEND not in page.buttons()
    page = await lisboa.reader.follow(
        page, "First compare the fingerprint of Steunpunt Dom by telephone"
    )
    assert "Compare by telephone before the first referral" in page.headings
    page = await lisboa.reader.submit(
        page, "Save the result", {"same": "yes", "spoke_with": "Jasmijn de Wit"}
    )
    page = await lisboa.reader.follow(page, "Go on with the draft")
    assert SEND in page.buttons()


async def test_a_fingerprint_that_was_different_stops_everything(
    desks: Desks, lisboa: Desk
) -> None:
    draft = await drafted(desks)
    page = await check(lisboa, draft)
    await compared(desks, same=False)
    page = await check(lisboa, draft)
    assert "Fingerprint was different today 16:05" in marks(page)
    assert SEND not in page.buttons()
    assert any("Send nothing, and tell VSE" in words for words in page.links())
    # A page that was opened while all was well does not help.
    await compared(desks)
    good = await check(lisboa, draft)
    await compared(desks, same=False)
    refused = await lisboa.reader.submit(good, SEND, status=422)
    assert SEND not in refused.buttons()
    assert await sent(lisboa) == []


async def test_no_recipient_yet(desks: Desks, lisboa: Desk) -> None:
    draft = await drafted(desks, recipient=False)
    page = await check(lisboa, draft)
    assert "It goes to nobody yet: choose to whom." in page.text
    assert page.links()["Choose the organisation"].endswith("back=check#recipient")
    page = await lisboa.reader.get(f"/new/{draft.id.hex()}/consent")
    page = await lisboa.reader.submit(page, "Save and find a service")
    assert page.path == f"/find?draft={draft.id.hex()}"
    page = await lisboa.reader.follow(page, "Safe house Utrecht")
    page = await lisboa.reader.submit(page, "Choose Steunpunt Dom")
    assert page.path.endswith("/check")
    assert "It goes to Steunpunt Dom, Utrecht" in page.text


async def test_the_draft_changed_after_the_page_was_opened(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    draft = await drafted(desks)
    opened = await check(lisboa, draft)
    step = await lisboa.reader.get(f"/new/{draft.id.hex()}/happened?back=check")
    page = await lisboa.reader.submit(step, "Save and continue", {"place": "Porto"})
    assert page.path.endswith("/check")
    refused = await lisboa.reader.submit(opened, SEND, status=422)
    assert refused.problems == [
        "The draft was changed since you opened this page, so nothing was sent."
        " Read it again as it is now, then send it"
    ]
    assert "Porto" in refused.text
    assert await sent(lisboa) == []
    await lisboa.reader.submit(refused, SEND)
    assert len(await sent(lisboa)) == 1


async def test_a_page_left_open_over_lunch(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    page = await check(lisboa, await drafted(desks))
    for _ in range(4):
        desks.at(desks.clock.now + 20 * 60_000)
        await lisboa.reader.get("/find")
    refused = await lisboa.reader.submit(page, SEND, status=422)
    assert "the answer-by time has moved on" in refused.problems[0]
    assert "by tomorrow, 17:25" in refused.text
    await lisboa.reader.submit(refused, SEND)
    (summary,) = await sent(lisboa)
    assert summary.respond_by == SENT + DAY + 80 * 60_000


async def test_the_page_shows_the_time_that_is_sent(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    page = await check(lisboa, await drafted(desks))
    desks.at(SENT + HOUR // 3)
    await lisboa.reader.submit(page, SEND)
    (summary,) = await sent(lisboa)
    assert summary.respond_by == SENT + DAY


@pytest.mark.parametrize("respond_by", ["", "tomorrow", "1", "99999999999999999999", "-5"])
async def test_a_time_that_the_page_did_not_show_is_not_taken(
    desks: Desks, lisboa: Desk, respond_by: str
) -> None:
    await compared(desks)
    page = await check(lisboa, await drafted(desks))
    form = page.form(SEND)
    form.values["respond_by"] = [respond_by]
    refused = await lisboa.reader.send(form, form.button(SEND))
    assert refused.status == 422
    assert await sent(lisboa) == []


async def test_a_time_of_ones_own(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    own = {"answer": {"respond_by": "21 November 2026, 12:00", "priority": "routine"}}
    page = await check(lisboa, await drafted(desks, own))
    assert "Routine. You ask for an answer by Sat 21 Nov, 12:00 (13:00 in Utrecht)." in page.text
    assert not page.main.one("section", style="sendbox").all(style="govuk-tag")
    await lisboa.reader.submit(page, SEND)
    (summary,) = await sent(lisboa)
    assert summary.respond_by == 1_795_262_400_000


async def test_perhaps_the_same_person(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    first = await check(lisboa, await drafted(desks))
    await lisboa.reader.submit(first, SEND)
    page = await check(lisboa, await drafted(desks))
    assert "This may be the same person as in an open case: see below" in marks(page)
    (summary,) = await sent(lisboa)
    assert page.links()["Oksana Tkachenko, with Steunpunt Dom"] == f"/referral/{summary.id.hex()}"
    assert SEND in page.buttons()
    other = await check(
        lisboa,
        await drafted(
            desks, {"who": {"date_of_birth-year": "1991", "case_number": "PT-2026-0420"}}
        ),
    )
    assert "This may be the same person" not in other.text


async def test_without_a_key_of_theirs_it_says_that_it_waits(tmp_path: Path) -> None:
    desks = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    await desks.start(prekeys=False)
    try:
        lisboa = desks.desk("lisboa")
        await lisboa.sign_in()
        await compared(desks)
        page = await check(lisboa, await drafted(desks))
        assert "There is no key of Steunpunt Dom here yet, so it waits in your node" in page.text
        await lisboa.reader.submit(page, SEND)
        (summary,) = await sent(lisboa)
        assert summary.opener == "unsealed"
    finally:
        await desks.stop()


async def test_a_legal_basis_instead_of_consent(desks: Desks, lisboa: Desk) -> None:
    await compared(desks)
    basis = {"ground": "legal-basis", "legal_basis": "vital-interests", "why": "Danger to life."}
    page = await check(lisboa, await drafted(desks, {"consent": basis}))
    assert "Without consent: to protect life or body. They see why." in marks(page)
    assert page.facts()["Without consent"] == "To protect life or body. “Danger to life.”"
    await lisboa.reader.submit(page, SEND)
    assert len(await sent(lisboa)) == 1


async def test_old_safe_contact_is_doubted(desks: Desks, lisboa: Desk) -> None:
    old = {"safe_contact": {"checked_at": "1 November 2026, 10:00"}}
    page = await check(lisboa, await drafted(desks, old))
    assert any("check it again" in mark for mark in marks(page))


async def test_changing_a_part_comes_back_here(desks: Desks, lisboa: Desk) -> None:
    draft = await drafted(desks)
    page = await check(lisboa, draft)
    page = await lisboa.reader.follow(page, "Change risk")
    assert page.links()["Back to the check before sending"] == f"/new/{draft.id.hex()}/check"
    page = await lisboa.reader.submit(page, "Save and continue", {"level": "medium"})
    assert page.path.endswith("/check")
    assert "Medium" in page.facts()["Level"]


async def test_choosing_ourselves_or_nobody_is_refused(desks: Desks, lisboa: Desk) -> None:
    draft = await drafted(desks, recipient=False)
    page = await lisboa.reader.get(
        f"/organisation/{desks['utrecht'].id.hex()}?draft={draft.id.hex()}"
    )
    form = page.form("Choose Steunpunt Dom")
    for other in (desks["lisboa"].id.hex(), "0" * 32, "zz"):
        form.action = form.action.rsplit("/", 1)[0] + "/" + other
        refused = await lisboa.reader.send(form)
        assert refused.status in (404, 409)
    kept = await desks["lisboa"].exchange.drafts.load(desks["lisboa"].vault, draft.id)
    assert kept is not None
    assert kept.recipient is None


async def test_another_organisations_page_shows_nothing_of_it(desks: Desks, lisboa: Desk) -> None:
    await drafted(desks)
    utrecht = desks.desk("utrecht")
    await utrecht.sign_in()
    reader: Reader = utrecht.reader
    page = await reader.get("/find")
    assert "Oksana" not in page.source
