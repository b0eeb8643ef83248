"""A referral that nobody took goes on: another service, or a word why nothing more is to do."""

from typing import Any

from page_reader import Page
from pages_world import Desk, Desks
from referral_node.exchange import Draft
from referral_node.web.pages.draft_content import Desk as Table
from referral_node.web.pages.draft_content import understand
from referral_node.web.pages.refill import CARRIED, typed_again
from referral_protocol import forms
from referral_protocol.examples import LVIV, SENT, declined, referral
from referral_protocol.statements import STATE, Head
from referral_ui.times import Place, Times

MINUTE = 60_000
AGAIN = "Refer to another service"
BEGIN = "Begin the new referral"
DONE = "Nothing more to do"
NAME = LVIV["organisation"]["name"]
SUGGESTS = {"organisation": NAME, "service": "Shelter", "note": "They have room."}


async def answered(desks: Desks, state: str = "rejected", **changes: Any) -> bytes:
    """The story's referral, ended by Utrecht; Inês has signed in and read it."""
    thread = await desks.sent()
    jasmijn, ines = desks.desk("utrecht"), desks.desk("lisboa")
    await jasmijn.sign_in()
    await say(desks, "utrecht", thread, STATE, Head(state=state), declined() | changes)
    await desks.settle()
    await ines.sign_in()
    await ines.reader.get(f"/referral/{thread.hex()}")
    return thread


async def say(
    desks: Desks, name: str, thread: bytes, kind: str, head: Head, content: dict[str, Any]
) -> None:
    office = desks[name]
    await office.exchange.voice.say(
        office.vault, desks.desk(name).actor, thread, kind, head, content
    )


async def page_of(desk: Desk, thread: bytes, rest: str = "") -> Page:
    return await desk.reader.get(f"/referral/{thread.hex()}{rest}")


async def drafts(desks: Desks) -> list[Draft]:
    lisboa = desks["lisboa"]
    return await lisboa.exchange.drafts.all(lisboa.vault)


async def test_a_declined_person_stays_on_today_until_somebody_decides(desks: Desks) -> None:
    thread = await answered(desks)
    ines = desks.desk("lisboa")
    page = await ines.reader.get("/")
    # It was immediate, and still nobody helps: it stands before everything else.
    assert page.headings[1] == "Now: immediate and overdue (1)"
    assert "Decide what next: Оксана Ткаченко declined: we have no capacity" in page.main.text
    page = await page_of(ines, thread)
    assert page.buttons()[:2] == [AGAIN, DONE]
    assert "Nobody helps Oksana now." in page.main.text
    page = await ines.reader.get("/")
    assert "Decide what next:" in page.main.text  # reading it is no decision


async def test_less_urgent_ones_have_a_group_of_their_own(desks: Desks) -> None:
    desks.at(SENT)
    thread = (await desks.send(priority="routine")).thread
    await desks.settle()
    await desks.desk("utrecht").sign_in()
    await say(desks, "utrecht", thread, STATE, Head(state="rejected"), declined())
    await desks.settle()
    page = await desks.desk("lisboa").sign_in()
    assert "Decide what next (1)" in page.headings
    assert not [each for each in page.headings if each.startswith("New messages")]
    page = await desks.desk("lisboa").reader.get("/today/decide-what-next")
    assert "declined: we have no capacity" in page.main.text


async def test_the_new_draft_has_what_was_sent_and_no_consent(desks: Desks) -> None:
    thread = await answered(desks)
    ines = desks.desk("lisboa")
    page = await ines.reader.follow(await page_of(ines, thread), AGAIN)
    said = page.main.text
    assert "declined: we have no capacity" in said
    assert "Filled in: who, safe contact, what happened, needs, risk," in said
    assert "Asked anew: consent, since another recipient needs another one, and" in said
    assert "Not here any more: medical report and home address." in said
    assert "Veilig Maas" in said  # whom they suggest, who is no member here
    assert "No active member of the exchange has exactly this name." in said
    assert await drafts(desks) == []  # nothing is begun by looking
    page = await ines.reader.submit(page, BEGIN)
    assert page.path.startswith("/find?draft=")
    (draft,) = await drafts(desks)
    assert draft.follows == thread
    assert set(draft.typed) == set(CARRIED)
    sent, _ = forms.body(referral(desks["utrecht"].id, SENT))
    for code in set(CARRIED) - {"safe_contact", "answer"}:
        assert draft.content[code] == sent[code], code
    assert "consent" not in draft.content
    assert "priority" not in draft.content["answer"]
    page = await ines.reader.get(f"/new/{draft.id.hex()}/who")
    assert page.form("Save and continue").values["name"] == ["Оксана Ткаченко"]
    assert "Goes on from the referral to Steunpunt Dom, Utrecht (declined)" in page.main.text
    page = await ines.reader.get(f"/new/{draft.id.hex()}/consent?missing=1")
    assert page.problems
    assert "No organisation is chosen yet." in page.main.text


async def test_pressed_twice_one_draft_begins_and_today_leads_to_it(desks: Desks) -> None:
    thread = await answered(desks)
    ines = desks.desk("lisboa")
    form = (await page_of(ines, thread, "/again")).form(BEGIN)
    first = await ines.reader.send(form)
    second = await ines.reader.send(form)
    assert first.path == second.path
    (draft,) = await drafts(desks)
    page = await ines.reader.get("/")
    (href,) = [href for link, href in page.links().items() if link.startswith("Finish the new")]
    assert href == f"/new/{draft.id.hex()}/consent"
    assert not [each for each in page.headings if each.startswith("Drafts")]
    page = await page_of(ines, thread)
    assert page.links()["go on with the draft"] == href
    # Deleted, the person is still there.
    page = await ines.reader.get(f"/new/{draft.id.hex()}/delete")
    (button,) = [each for each in page.buttons() if each.startswith("Delete")]
    page = await ines.reader.submit(page, button)
    assert "Decide what next:" in page.main.text


async def test_who_they_suggest_comes_first(tmp_path: Any) -> None:
    desks = Desks(tmp_path, "lisboa", "utrecht", "lviv")
    await desks.start()
    try:
        thread = await answered(desks, suggestion=SUGGESTS)
        ines, lviv = desks.desk("lisboa"), desks["lviv"]
        page = await page_of(ines, thread, "/again")
        assert "They suggest" in page.headings
        assert "“They have room.”" in page.main.text
        offered = page.form(BEGIN).offered["to"]
        assert offered == ["suggested", "find"]
        assert "to" not in page.form(BEGIN).values  # nobody chooses for her
        page = await ines.reader.submit(page, BEGIN, status=422)
        assert page.problems == ["Say to whom it is to go"]
        page = await ines.reader.submit(page, BEGIN, {"to": "suggested"})
        (draft,) = await drafts(desks)
        assert page.path == f"/new/{draft.id.hex()}/consent"
        assert draft.recipient == lviv.id
        assert set(draft.content["consent"]) == {"recipient", "recipient_name"}
    finally:
        await desks.stop()


async def test_sent_again_both_lead_to_each_other_and_today_is_done(tmp_path: Any) -> None:
    desks = Desks(tmp_path, "lisboa", "utrecht", "lviv")
    await desks.start()
    try:
        first = await answered(desks, suggestion=SUGGESTS)
        ines, lisboa, lviv = desks.desk("lisboa"), desks["lisboa"], desks["lviv"]
        await lisboa.exchange.contacts.compared(
            lisboa.vault, ines.actor, lviv.id, same=True, spoke_with="Mariia"
        )
        page = await page_of(ines, first, "/again")
        page = await ines.reader.submit(page, BEGIN, {"to": "suggested"})
        consent = {
            "ground": "consent",
            "needs": ["emotional-support", "shelter-and-safety", "compensation-claim"],
            "how": "telephone",
            "given_to": "Inês Carvalhal",
            "given_at": "19 November 2026, 15:15",
            "until-day": "19",
            "until-month": "5",
            "until-year": "2027",
        }
        page = await ines.reader.submit(page, "Save and continue", consent)
        page = await ines.reader.submit(page, "Save and continue", {"priority": "immediate"})
        assert page.headings[0] == "Check before sending"
        (send,) = [each for each in page.buttons() if each.startswith("Send to")]
        page = await ines.reader.submit(page, send)
        second = bytes.fromhex(page.path.rsplit("/", 1)[-1])
        assert "Goes on from the referral to Steunpunt Dom, Utrecht (declined)" in page.main.text
        page = await page_of(ines, first)
        assert page.links()[f"{NAME}, Lviv (waiting for an answer)"] == f"/referral/{second.hex()}"
        assert DONE not in page.buttons()
        page = await ines.reader.get("/")
        assert "Decide what next:" not in page.main.text
        # Lviv reads a referral like any other.
        await desks.settle()
        await desks.desk("lviv").sign_in()
        there = await page_of(desks.desk("lviv"), second)
        assert "Goes on from" not in there.main.text
        assert "Steunpunt Dom" not in there.main.text
    finally:
        await desks.stop()


async def test_nothing_more_to_do_needs_a_reason_and_tells_nobody(desks: Desks) -> None:
    thread = await answered(desks)
    ines = desks.desk("lisboa")
    page = await ines.reader.follow(await page_of(ines, thread), DONE)
    page = await ines.reader.submit(page, "Save the reason", status=422)
    assert page.problems == ["Choose the reason"]
    page = await ines.reader.submit(page, "Save the reason", {"reason": "other"}, status=422)
    assert page.problems == ["Say the reason in words"]
    typed = {"reason": "helped-elsewhere", "text": "Her sister took her in."}
    page = await ines.reader.submit(page, "Save the reason", typed)
    assert (
        "Nothing more to do: the person found help elsewhere. “Her sister took her in.”"
        in page.main.text
    )
    assert DONE not in page.buttons()
    assert AGAIN in page.links()  # one may still change one's mind
    page = await ines.reader.get("/")
    assert "Decide what next:" not in page.main.text
    page = await page_of(ines, thread, "/access")
    assert "Said that nothing more is to do" in page.main.text
    await desks.settle()
    there = await page_of(desks.desk("utrecht"), thread)
    assert "sister" not in there.main.text
    page = await page_of(ines, thread, "/closing")
    assert page.status == 409


async def test_what_goes_on_elsewhere_is_not_offered_here(desks: Desks) -> None:
    thread = await desks.sent()
    ines, jasmijn = desks.desk("lisboa"), desks.desk("utrecht")
    await ines.sign_in()
    await jasmijn.sign_in()
    for desk in (ines, jasmijn):
        page = await page_of(desk, thread)
        assert AGAIN not in page.text
        for rest in ("/again", "/closing"):
            assert (await page_of(desk, thread, rest)).status == 409


async def test_what_never_arrived_may_go_to_another_one(desks: Desks) -> None:
    lisboa, ines = desks["lisboa"], desks.desk("lisboa")
    await lisboa.courier.stop()
    desks.at(SENT)
    thread = (await desks.send()).thread
    await ines.sign_in()
    assert AGAIN not in (await page_of(ines, thread)).text
    desks.at(SENT + 20 * MINUTE)  # an immediate one that is not confirmed warns by now
    page = await ines.reader.follow(await page_of(ines, thread), AGAIN)
    assert "not delivered" in page.main.text
    assert page.links()["withdraw it"] == f"/referral/{thread.hex()}/do/not-needed"
    await ines.reader.submit(page, BEGIN)
    (draft,) = await drafts(desks)
    assert draft.follows == thread
    # It is the same person, and that is no surprise here.
    page = await ines.reader.get(f"/new/{draft.id.hex()}/check")
    assert "This may be the same person" not in page.main.text


async def test_two_services_do_not_call_the_same_person(tmp_path: Any) -> None:
    desks = Desks(tmp_path, "lisboa", "utrecht", "lviv")
    await desks.start()
    try:
        lisboa, ines = desks["lisboa"], desks.desk("lisboa")
        await lisboa.courier.stop()
        desks.at(SENT)
        first = (await desks.send()).thread
        content, head = forms.body(referral(desks["lviv"].id, SENT))
        await lisboa.exchange.voice.open(
            lisboa.vault,
            ines.actor,
            recipient=desks["lviv"].id,
            head=Head("referral", head.priority, head.respond_by, None),
            content=content,
            follows=first,
        )
        page = await ines.sign_in()
        assert "Withdraw it: Оксана Ткаченко another service was asked meanwhile" in page.main.text
        page = await page_of(ines, first, "/do/not-needed")
        await ines.reader.submit(page, "Withdraw the referral")
        page = await ines.reader.get("/")
        assert "Withdraw it:" not in page.main.text
    finally:
        await desks.stop()


async def test_sent_by_mistake_the_person_still_needs_somebody(desks: Desks) -> None:
    thread = await desks.sent()
    ines = desks.desk("lisboa")
    await ines.sign_in()
    page = await page_of(ines, thread, "/do/sent-by-mistake")
    page = await ines.reader.submit(page, "Withdraw the referral")
    assert page.buttons()[:2] == [AGAIN, DONE]
    page = await ines.reader.get("/")
    assert "Decide what next: Оксана Ткаченко withdrawn: sent by mistake" in page.main.text


async def test_a_withdrawn_consent_is_no_task(desks: Desks) -> None:
    thread = await desks.sent()
    ines = desks.desk("lisboa")
    await ines.sign_in()
    page = await page_of(ines, thread, "/do/consent-withdrawn")
    page = await ines.reader.submit(page, "Withdraw the referral")
    assert DONE not in page.buttons()
    page = await ines.reader.get("/")
    assert "Nothing needs you now" in page.main.text


# What was sent, as what would have been typed.

LISBON_TIMES = Times(SENT, Place("Europe/Lisbon", "Lisbon"))


def read_back(content: dict[str, Any]) -> dict[str, Any]:
    typed = typed_again(content, LISBON_TIMES)
    here = Table(LISBON_TIMES.here, SENT, {"name": "Inês"})
    return understand(Draft(b"", typed=typed), here).content


def test_typed_again_it_reads_back_as_it_was() -> None:
    sent, _ = forms.body(referral(b"u" * 16, SENT))
    back = read_back(sent)
    del back["author"], sent["author"], sent["consent"]
    # A number is kept as it is dialled; the page groups it.
    for ways in (back["safe_contact"]["ways"], sent["safe_contact"]["ways"]):
        ways[0]["value"] = ways[0]["value"].replace(" ", "")
    for contact in (back["answer"]["contact"], sent["answer"]["contact"]):
        contact["telephone"] = contact["telephone"].replace(" ", "")
    assert back == sent


def test_every_way_and_odd_days_are_typed_again() -> None:
    ways: list[dict[str, Any]] = [
        {
            "way": "telephone",
            "answer": "safe",
            "value": "+31300000142",
            "note": "Let it ring twice.",
            "times": [
                {
                    "days": ["mon", "thu"],
                    "from": "09:00",
                    "to": "24:00",
                    "zone": "Europe/Amsterdam",
                },
                {"days": ["sun", "sat"], "from": "10:00", "to": "11:00", "zone": "Europe/Kyiv"},
            ],
        },
        {"way": "text-message", "answer": "safe", "value": "+31300000142"},
        {"way": "e-mail", "answer": "safe", "value": "o@example.org"},
        {"way": "letter", "answer": "not-safe"},
        {"way": "through-a-person", "answer": "safe", "value": "Her sister\nMaria"},
        {"way": "person-contacts-us", "answer": "safe", "value": "On Mondays"},
        {"way": "carrier-pigeon", "answer": "safe", "value": "of a later version"},
    ]
    sent = {"safe_contact": {"ways": ways, "watched": "no"}}
    typed = typed_again(sent, LISBON_TIMES)["safe_contact"]
    assert typed["times.0.days"] == ["mon"]
    assert typed["times.1.days"] == ["thu"]
    assert typed["times.2.days"] == ["weekend"]
    assert "text_number" not in typed  # it is the number above
    back = read_back(sent)["safe_contact"]
    rows = {row["way"]: row for row in back["ways"]}
    assert rows["telephone"]["note"] == "Let it ring twice."
    assert [row["days"] for row in rows["telephone"]["times"]] == [["mon"], ["thu"], ["sat", "sun"]]
    assert rows["text-message"]["value"] == "+31300000142"
    assert rows["through-a-person"]["value"] == "Her sister\nMaria"
    assert rows["letter"]["answer"] == "not-safe"
    assert set(rows) == {row["way"] for row in ways[:-1]}


def test_dates_in_one_line_and_in_three_parts() -> None:
    sent = {
        "happened": {
            "date": "2026-11-14",
            "proceedings": [{"what": "hearing", "on": "2027-01-11"}],
            "crime": "later-code",
        },
        "risk": {"assessment": {"on": "2026-11-15"}, "threat": "yes"},
    }
    typed = typed_again(sent, LISBON_TIMES)
    assert typed["happened"]["date-month"] == ["11"]
    assert typed["happened"]["proceedings.0.on"] == ["11 January 2027"]
    assert typed["risk"]["assessment.on-year"] == ["2026"]
    assert read_back(sent)["happened"] == sent["happened"]


def test_nothing_is_typed_again_of_what_is_not_there() -> None:
    assert typed_again({"form": "referral", "consent": {"ground": "consent"}}, LISBON_TIMES) == {}
