"""The whole story through the pages of both sides: every step is a form that was found there."""

from page_reader import Page
from pages_world import DAY, HOUR, Desk, Desks
from referral_protocol.examples import SENT

MINUTE = 60_000


async def page_of(desk: Desk, thread: bytes) -> Page:
    return await desk.reader.get(f"/referral/{thread.hex()}")


async def act(desk: Desk, thread: bytes, button: str, send: str, **typed: str) -> Page:
    """Press a button of the case's page, fill its form, send it; the case's page after it."""
    page = await desk.reader.follow(await page_of(desk, thread), button)
    return await desk.reader.submit(
        page, send, {name.replace("__", "."): value for name, value in typed.items()}
    )


def fact(page: Page, term: str) -> str:
    """What the first row of this name says."""
    for dl in page.main.all("dl"):
        named = False
        for node in dl.walk():
            if node.tag == "dt":
                named = node.text == term
            elif node.tag == "dd" and named:
                return node.text
    raise AssertionError(f"no row {term}")


def meeting(page: Page, term: str) -> str:
    """A row of the meeting; that of safe contact comes first where both have one."""
    block = page.main.one(style="two__top").all("dl")[-1]
    texts = [n.text for n in block.walk() if n.tag in ("dt", "dd")]
    return dict(zip(texts[::2], texts[1::2], strict=True))[term]


def ladder(page: Page) -> list[tuple[str, str]]:
    """Each rung: how it is drawn, and its title."""
    found = []
    for rung in page.main.one("ol", style="ladder").all("li"):
        title = rung.all("b")[0].text
        found.append((next(iter(rung.classes())).removeprefix("is-"), title))
    return found


async def test_from_the_first_look_to_the_outcome(desks: Desks) -> None:
    thread = await desks.sent()
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    await lisboa.sign_in()
    page = await page_of(lisboa, thread)
    assert ladder(page)[:3] == [
        ("done", "Sent"),
        ("done", "Held by their node"),
        ("now", "Waiting for a person to open it"),
    ]

    # Friday morning in Utrecht.
    desks.at(SENT + 17 * HOUR + 37 * MINUTE)
    today = await utrecht.sign_in()
    assert today.headings[1] == "Now: immediate and overdue (1)"
    page = await utrecht.reader.follow(today, "Answer: Оксана Ткаченко")
    assert page.title == "Referral received – Referral exchange"
    assert page.main.one("h1").text == "Оксана Ткаченко Oksana Tkachenko"
    assert ladder(page) == [
        ("done", "Sent by Associação Ponte Tejo"),
        ("done", "Held by your node"),
        ("done", "Opened by Jasmijn de Wit"),
        ("now", "Waiting for you: accept or decline"),
        ("todo", "Victim contacted: not yet"),
        ("todo", "Outcome: not yet"),
    ]
    assert page.buttons()[:3] == [
        "Accept this referral",
        "Ask for information",
        "Decline, with a reason",
    ]
    await desks.settle()

    await lisboa.sign_in()
    page = await page_of(lisboa, thread)
    assert ladder(page)[2:4] == [
        ("done", "Opened by a person"),
        ("now", "Waiting for their answer"),
    ]
    assert "They have not answered yet" in page.main.text

    page = await act(
        utrecht,
        thread,
        "Accept this referral",
        "Accept this referral",
        text="We take this on. I call her myself, in the morning.",
        case_number="SD-2026-1187",
    )
    assert "You accepted this referral" in page.main.text
    assert ladder(page)[3:5] == [
        ("done", "Accepted by Jasmijn de Wit"),
        ("now", "Waiting for you: contact Oksana"),
    ]
    await desks.settle()
    page = await page_of(lisboa, thread)
    assert "Steunpunt Dom accepted this referral." in page.main.text
    assert page.main.one("p", style="by").text.startswith("Accepted")
    assert "We take this on. I call her myself, in the morning." in page.main.text

    # Ten minutes later Jasmijn has spoken with her.
    desks.at(desks.clock.now + 10 * MINUTE)
    page = await act(
        utrecht,
        thread,
        "Record that you reached Oksana",
        "Record it",
        checked="yes",
        text="I spoke with her for ten minutes. Can you join on Monday?",
    )
    assert ladder(page)[4] == ("done", "Victim contacted")
    assert fact(page, "Checked with Oksana") == "Today 10:52 (09:52 in Lisbon), by Steunpunt Dom"
    page = await act(
        utrecht,
        thread,
        "Fix a meeting",
        "Fix this meeting",
        meeting__starts="23 November 2026, 09:30",
        meeting__how="joint-call",
        meeting__who="Oksana, Jasmijn de Wit, Inês Carvalhal",
        meeting__join="yes",
        meeting__confirm_by="20 November 2026, 18:00",
        text="De tolk is bevestigd.",
        language="nl",
    )
    assert meeting(page, "When") == "Monday 23 November 2026, 09:30 (08:30 in Lisbon), 45 minutes"
    await desks.settle()

    today = await lisboa.reader.get("/")
    assert today.headings[1] == "New messages (1)"
    page = await lisboa.reader.follow(today, "Read: Оксана Ткаченко")
    assert "reached Oksana. They fixed a first meeting and ask you to join." in page.main.text
    assert page.buttons()[:3] == ["Confirm that I join", "Propose another time", "Add information"]
    assert page.main.one("p", style="by").text == (
        "Accepted Confirm by today, 17:00 (18:00 in Utrecht) – in 7 h 8 min"
    )
    assert meeting(page, "When").startswith("Monday 23 November 2026, 08:30 (09:30 in Utrecht)")
    assert "in Dutch" in page.main.text
    assert (await lisboa.reader.get("/")).headings[1] == "Nothing needs you now"

    page = await act(
        lisboa, thread, "Confirm that I join", "Confirm that I join", text="I join on Monday."
    )
    assert meeting(page, "Answer") == "You: I join"
    page = await lisboa.reader.submit(page, "Send message", {"text": "She is glad of the room."})
    assert "She is glad of the room." in page.main.text
    await desks.settle()
    page = await page_of(utrecht, thread)
    assert "I join on Monday." in page.main.text
    assert "She is glad of the room." in page.main.text
    assert "They confirmed." in page.main.text

    # Tuesday: the meeting was held, and how it ended.
    desks.at(SENT + 5 * DAY)
    await utrecht.sign_in()
    page = await act(utrecht, thread, "Record another step", "Record it", step="joint-meeting-held")
    page = await act(utrecht, thread, "Give the outcome", "Give this outcome", outcome="got-help")
    assert ladder(page)[5] == ("done", "Outcome: got help")
    assert page.main.one("p", style="by").text.startswith("Completed")
    assert "Do not contact Oksana: this referral has ended" in page.main.text
    assert "+31 30 000 01 42" not in page.main.text
    await desks.settle()
    await lisboa.sign_in()
    page = await page_of(lisboa, thread)
    assert ladder(page)[5] == ("done", "Outcome: got help")
    assert [kind for kind, _ in ladder(page)] == ["done"] * 6


async def test_declined_with_a_reason_and_a_suggestion(desks: Desks) -> None:
    thread = await desks.sent()
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    await utrecht.sign_in()
    page = await act(
        utrecht,
        thread,
        "Decline, with a reason",
        "Decline this referral",
        reason="at-capacity",
        text="No room before January.",
        suggestion__organisation="Veilig Maas",
    )
    assert "You declined this referral: we have no capacity." in page.main.text
    assert page.buttons() == ["Send message"]
    await desks.settle()
    await lisboa.sign_in()
    page = await page_of(lisboa, thread)
    assert "Steunpunt Dom declined this referral: we have no capacity." in page.main.text
    assert "Veilig Maas" in page.main.text
    assert ladder(page)[3] == ("done", "Declined by Steunpunt Dom")
    assert ladder(page)[5] == ("done", "Declined")


async def test_information_is_asked_for_and_given(desks: Desks) -> None:
    thread = await desks.sent()
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    await utrecht.sign_in()
    question = "Does the child go to school?"
    await act(utrecht, thread, "Ask for information", "Ask for information", text=question)
    await desks.settle()
    today = await lisboa.sign_in()
    page = await lisboa.reader.follow(today, "Give information: Оксана Ткаченко")
    assert "They ask for information." in page.main.text
    assert page.buttons()[0] == "Add information"
    page = await act(lisboa, thread, "Add information", "Send information", text="Day care.")
    assert "They ask for information." not in page.main.text
    await desks.settle()
    page = await page_of(utrecht, thread)
    assert "Day care." in page.main.text
    assert page.buttons()[0] == "Accept this referral"


async def test_consent_is_withdrawn_and_erasure_is_answered(desks: Desks) -> None:
    thread = await desks.sent()
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    await utrecht.sign_in()
    await page_of(utrecht, thread)
    await desks.settle()
    await lisboa.sign_in()
    page = await act(lisboa, thread, "Consent was withdrawn", "Withdraw the referral")
    assert page.main.one("h1").text == "Оксана Ткаченко Oksana Tkachenko"
    assert "Do not contact Oksana: consent was withdrawn" in page.main.text
    await desks.settle()
    page = await page_of(utrecht, thread)
    assert "Consent was withdrawn" in page.headings
    assert "+31 30 000 01 42" not in page.main.text
    page = await act(utrecht, thread, "Cancel it", "Cancel this referral")
    page = await act(
        utrecht,
        thread,
        "Say what you erased",
        "Say this to Associação Ponte Tejo",
        erased="partly-erased",
        kept_why="Tax law, article 52: the invoice",
    )
    await desks.settle()
    page = await page_of(lisboa, thread)
    assert "Tax law, article 52: the invoice" in page.main.text
    assert page.main.one("p", style="by").text.startswith("Cancelled")


async def test_a_deadline_is_moved(desks: Desks) -> None:
    thread = await desks.sent()
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    await lisboa.sign_in()
    page = await act(
        lisboa,
        thread,
        "Change priority or answer-by time",
        "Change it",
        priority="urgent",
        respond_by="21 November 2026, 12:00",
        text="She can wait until Saturday.",
    )
    assert page.main.one("p", style="by").text.startswith("They answer by Sat 21 Nov, 12:00")
    await desks.settle()
    today = await utrecht.sign_in()
    assert today.headings[1] == "Answers due (1)"
    page = await page_of(utrecht, thread)
    assert page.main.one("p", style="by").text == (
        "Answer by Sat 21 Nov, 13:00 (12:00 in Lisbon) – urgent – in 2 days"
    )


async def test_the_follow_up_is_asked_and_moved(desks: Desks) -> None:
    thread = await desks.sent()
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    await utrecht.sign_in()
    await act(utrecht, thread, "Accept this referral", "Accept this referral")
    await desks.settle()
    desks.at(SENT + 14 * DAY)
    today = await lisboa.sign_in()
    assert "Follow-ups (1)" in today.headings
    assert "accepted 14 days ago, no news since" in today.main.text
    page = await lisboa.reader.follow(today, "Was the person reached? Оксана Ткаченко")
    page = await lisboa.reader.follow(page, "Was the person reached?")
    page = await lisboa.reader.submit(page, "Save", {"reached": "no", "later": "24 December 2026"})
    assert "Reminder on Today: Thu 24 Dec" in page.main.text
    today = await lisboa.reader.get("/")
    assert "Follow-ups (1)" not in today.headings
    assert "Thu 24 Dec" in today.main.text


async def test_all_is_erased_and_only_evidence_stays(desks: Desks) -> None:
    thread = await desks.sent()
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    await utrecht.sign_in()
    page = await page_of(utrecht, thread)
    late = await utrecht.reader.follow(page, "Ask for information")
    await desks.settle()
    await lisboa.sign_in()
    await act(lisboa, thread, "Consent was withdrawn", "Withdraw the referral")
    await desks.settle()
    await act(utrecht, thread, "Cancel it", "Cancel this referral")
    await act(
        utrecht,
        thread,
        "Say what you erased",
        "Say this to Associação Ponte Tejo",
        erased="erased",
    )
    page = await page_of(utrecht, thread)
    assert "The content was erased here today" in page.main.text
    assert "Оксана" not in page.text
    assert "Oksana" not in page.text
    assert page.buttons() == []
    form = late.form("Ask for information")
    form.fill({"text": "Too late."})
    page = await utrecht.reader.send(form)
    assert page.status == 409
    assert "Too late." in page.main.text
    for path in ("/sent", "/evidence", "/access", "/do/message"):
        assert (await utrecht.reader.get(f"/referral/{thread.hex()}{path}")).status == 200
    assert (await utrecht.reader.get("/")).status == 200
    await desks.settle()
    page = await page_of(lisboa, thread)
    assert "Оксана Ткаченко" in page.main.text
    assert page.main.one("p", style="by").text.startswith("Cancelled")
