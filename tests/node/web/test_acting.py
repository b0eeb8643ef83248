"""Acting in a thread: sent once, kept when it is refused, and told what happened meanwhile."""

import asyncio

import pytest

from page_reader import Page
from pages_world import DAY, HOUR, Desk, Desks
from referral_node.store import Store, Tx
from referral_protocol.statements import STATE, WITHDRAW, Head

MINUTE = 60_000
AUTHOR = {"name": "Inês Carvalhal", "role": "point-of-contact"}


async def opened(desks: Desks, name: str = "utrecht") -> tuple[Desk, bytes]:
    """The story's referral, seen by Utrecht; the desk of one side, signed in."""
    thread = await desks.sent()
    desk = desks.desk(name)
    await desks.desk("utrecht").sign_in()
    await desks.desk("utrecht").reader.get(f"/referral/{thread.hex()}")
    await desks.settle()
    if name != "utrecht":
        await desk.sign_in()
    return desk, thread


async def form_of(desk: Desk, thread: bytes, act: str) -> Page:
    return await desk.reader.get(f"/referral/{thread.hex()}/do/{act}")


async def said(desks: Desks, name: str, kind: str) -> int:
    """How many messages of a kind this side has said."""
    row = await desks[name].store.row(
        "SELECT COUNT(*) FROM messages WHERE mine = 1 AND kind = ? AND "
        "(state IS NULL OR state <> 'received')",
        (kind,),
    )
    assert row is not None
    return int(row[0])


async def most_pages(store: Store, count: int) -> None:
    """How large the database may become: a disk that is full, or is not any more."""

    async def work(tx: Tx) -> None:
        await tx.rows(f"PRAGMA max_page_count={count}")

    await store.write(work)


async def test_sent_twice_it_is_done_once(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await form_of(desk, thread, "accept")).form("Accept this referral")
    first = await desk.reader.send(form)
    second = await desk.reader.send(form)
    assert first.path == second.path == f"/referral/{thread.hex()}"
    assert await said(desks, "utrecht", "state") == 1


async def test_pressed_many_times_at_once_it_is_done_once(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await desk.reader.get(f"/referral/{thread.hex()}")).form("Send message")
    form.fill({"text": "Once."})
    pages = await asyncio.gather(*(desk.reader.send(form) for _ in range(8)))
    assert {page.status for page in pages} == {200}
    assert await said(desks, "utrecht", "note") == 1


async def test_the_same_page_with_other_words_is_not_swallowed(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await desk.reader.get(f"/referral/{thread.hex()}")).form("Send message")
    form.fill({"text": "First."})
    await desk.reader.send(form)
    form.fill({"text": "Second."})
    page = await desk.reader.send(form)
    assert page.status == 422
    assert page.problems[0].startswith("This page had become old, so nothing was done.")
    assert page.form("Send message").values["text"] == ["Second."]
    assert await said(desks, "utrecht", "note") == 1
    page = await desk.reader.send(page.form("Send message"))
    assert "Second." in page.main.text
    assert await said(desks, "utrecht", "note") == 2


@pytest.mark.parametrize("token", ["", "x", "0" * 32 + "." + "0" * 64, "é" * 40])
async def test_a_form_of_another_session_does_nothing(desks: Desks, token: str) -> None:
    desk, thread = await opened(desks)
    form = (await form_of(desk, thread, "accept")).form("Accept this referral")
    form.values["token"] = [token]
    form.fill({"text": "We take this on."})
    page = await desk.reader.send(form)
    assert page.status == 422
    assert page.problems[0].startswith("This page had become old")
    assert page.form("Accept this referral").values["text"] == ["We take this on."]
    assert await said(desks, "utrecht", "state") == 0


async def test_the_token_of_one_form_opens_no_other(desks: Desks) -> None:
    desk, thread = await opened(desks)
    other = (await form_of(desk, thread, "decline")).form("Decline this referral")
    form = (await form_of(desk, thread, "accept")).form("Accept this referral")
    form.values["token"] = other.values["token"]
    assert (await desk.reader.send(form)).status == 422


async def test_a_withdrawal_came_first(desks: Desks) -> None:
    desk, thread = await opened(desks)
    page = await form_of(desk, thread, "accept")
    form = page.form("Accept this referral")
    form.fill({"text": "We take this on.\nТак."})
    desks.at(desks.clock.now + 5 * MINUTE)
    lisboa = desks["lisboa"]
    content = {
        "form": "withdraw",
        "author": AUTHOR,
        "language": "en",
        "reason": "consent-withdrawn",
    }
    await lisboa.exchange.voice.say(
        lisboa.vault, desks.desk("lisboa").actor, thread, WITHDRAW, Head(), content
    )
    await desks.settle()
    page = await desk.reader.send(form)
    assert page.status == 409
    assert page.problems == [
        "Meanwhile this referral was changed: withdrawn: consent was withdrawn – Inês Carvalhal,"
        " Associação Ponte Tejo, today 17:10 (16:10 in Lisbon). So this cannot be sent any more,"
        " and nothing was sent. What you typed stands below"
    ]
    assert "We take this on. Так." in page.main.text
    assert "Where it stands" in page.headings
    assert page.buttons() == []
    assert await said(desks, "utrecht", "state") == 0


async def test_a_colleague_was_faster(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await form_of(desk, thread, "decline")).form("Decline this referral")
    form.fill({"reason": "at-capacity", "text": "No room."})
    utrecht = desks["utrecht"]
    content = {
        "form": "answer",
        "author": {"name": "Bram Visser-Addo"},
        "language": "nl",
        "outcome": "got-help",
    }
    for state in ("accepted", "completed"):
        await utrecht.exchange.voice.say(
            utrecht.vault, desk.actor, thread, STATE, Head(state=state), content
        )
    page = await desk.reader.send(form)
    assert page.status == 409
    assert page.problems[0].startswith(
        "Meanwhile this referral was changed: completed – Bram Visser-Addo, today 17:05"
    )
    assert "No room." in page.main.text


@pytest.mark.parametrize(
    ("act", "send", "typed", "problems"),
    [
        ("decline", "Decline this referral", {}, ["Choose the reason to decline"]),
        (
            "decline",
            "Decline this referral",
            {"reason": "other"},
            ["Say it in words"],
        ),
        (
            "decline",
            "Decline this referral",
            {"reason": "at-capacity", "suggestion.service": "Safe house"},
            ["Enter the organisation"],
        ),
        (
            "accept",
            "Accept this referral",
            {"contact.name": "", "contact.telephone": "call me"},
            ["Enter the name", "Telephone"],
        ),
        ("ask-information", "Ask for information", {}, ["Say what you ask for"]),
        ("message", "Send message", {}, ["Write a message"]),
        ("message", "Send message", {"text": " \n "}, ["Write a message"]),
    ],
)
async def test_what_is_missing_is_said_and_the_rest_is_kept(
    desks: Desks, act: str, send: str, typed: dict[str, str], problems: list[str]
) -> None:
    desk, thread = await opened(desks)
    form = (await form_of(desk, thread, act)).form(send)
    form.fill(typed)
    page = await desk.reader.send(form)
    assert page.status == 422
    assert len(page.problems) == len(problems)
    for found, wanted in zip(page.problems, problems, strict=True):
        assert wanted in found
    again = page.form(send)
    for name, value in typed.items():
        assert again.values[name] == [value]
    for line in page.main.one(style="govuk-error-summary").all("a"):
        place = line.get("href").removeprefix("#")
        assert page.main.one(id=place).tag in ("input", "textarea", "select", "div", "fieldset")
    assert page.title.startswith("Error: ")


async def test_an_unknown_code_is_refused_and_named(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await form_of(desk, thread, "decline")).form("Decline this referral")
    form.values["reason"] = ["because"]
    page = await desk.reader.send(form)
    assert page.status == 422
    assert "Reason to decline" in page.problems[0]
    assert await said(desks, "utrecht", "state") == 0


async def test_an_impossible_date_is_kept_as_it_was_typed(desks: Desks) -> None:
    desk, thread = await opened(desks)
    await desk.reader.submit(await form_of(desk, thread, "accept"), "Accept this referral")
    page = await form_of(desk, thread, "meeting")
    page = await desk.reader.submit(
        page,
        "Fix this meeting",
        {"meeting.starts": "31 November 2026, 25:00", "meeting.who": "Oksana, Jasmijn"},
        status=422,
    )
    assert any("31 November 2026 is not a date" in line for line in page.problems)
    assert page.form("Fix this meeting").values["meeting.starts"] == ["31 November 2026, 25:00"]
    assert page.form("Fix this meeting").values["meeting.who"] == ["Oksana, Jasmijn"]


async def test_a_step_cannot_lie_ahead(desks: Desks) -> None:
    desk, thread = await opened(desks)
    await desk.reader.submit(await form_of(desk, thread, "accept"), "Accept this referral")
    page = await desk.reader.submit(
        await form_of(desk, thread, "reached"),
        "Record it",
        {"step_at": "20 November 2026, 10:00", "checked": "no"},
        status=422,
    )
    assert page.problems == ["When that was must be in the past"]


async def test_whether_safe_contact_was_checked_must_be_said(desks: Desks) -> None:
    desk, thread = await opened(desks)
    await desk.reader.submit(await form_of(desk, thread, "accept"), "Accept this referral")
    page = await form_of(desk, thread, "reached")
    page = await desk.reader.submit(page, "Record it", status=422)
    assert page.problems == ["Say whether safe contact is still right"]


@pytest.mark.parametrize(
    "text",
    ["خالد المصري قال: <script>alert(1)</script>", "a\u202eb", "x" * 9_000, "=HYPERLINK(1)"],
)
async def test_any_text_is_either_sent_as_it_stands_or_kept(desks: Desks, text: str) -> None:
    desk, thread = await opened(desks)
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    form = page.form("Send message")
    form.fill({"text": text})
    page = await desk.reader.send(form)
    if page.status == 200:
        assert text in page.main.text
        assert "<script>" not in page.source
    else:
        assert page.status == 422
        assert page.problems
        assert page.form("Send message").values["text"] == [text]


async def test_a_null_byte_is_shown_and_not_sent(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await desk.reader.get(f"/referral/{thread.hex()}")).form("Send message")
    form.fill({"text": "before\x00after"})
    page = await desk.reader.send(form)
    assert page.status == 422
    assert "character that cannot be kept" in page.problems[0]
    assert page.form("Send message").values["text"] == ["before\ufffdafter"]


async def test_ten_megabytes_are_refused_and_kept(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await desk.reader.get(f"/referral/{thread.hex()}")).form("Send message")
    text = "word " * (2 * 1024 * 1024)
    form.fill({"text": text})
    page = await desk.reader.send(form)
    assert page.status == 422
    assert page.problems[0].startswith("This is too long to be sent: 10,485,7")
    assert page.form("Send message").values["text"] == [text]


async def test_a_full_disk_keeps_what_was_typed(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await desk.reader.get(f"/referral/{thread.hex()}")).form("Send message")
    form.fill({"text": "Do not lose this."})
    store = desks["utrecht"].store
    row = await store.row("PRAGMA page_count")
    assert row is not None
    await most_pages(store, int(row[0]))
    page = await desk.reader.send(form)
    for _ in range(200):  # until the last page of the file is full
        if page.status != 200:
            break
        form = page.form("Send message")
        form.fill({"text": "Do not lose this." + "x" * 4000})
        page = await desk.reader.send(form)
    assert page.status == 503
    assert "disk is full" in page.problems[0]
    assert page.form("Send message").values["text"][0].startswith("Do not lose this.")
    await most_pages(store, 1_000_000)
    page = await desk.reader.send(page.form("Send message"))
    assert page.status == 200


async def test_what_is_not_offered_is_not_possible(desks: Desks) -> None:
    desk, thread = await opened(desks, "lisboa")
    for act in ("accept", "decline", "outcome", "reached", "join", "ask-cancel-x"):
        page = await form_of(desk, thread, act)
        assert page.status in (200, 404)
        assert not [b for b in page.buttons() if b not in ("Sign out",)], act


async def test_there_is_no_such_referral(desks: Desks) -> None:
    desk, thread = await opened(desks)
    for address in ("00" * 32, "zz" * 32, thread.hex()[:-2], thread.hex().upper()):
        page = await desk.reader.get(f"/referral/{address}")
        assert page.status == 404
        assert "There is no such" in page.main.one("h1").text


async def test_time_passes_and_the_session_is_a_new_one(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await form_of(desk, thread, "accept")).form("Accept this referral")
    desks.at(desks.clock.now + 9 * HOUR)
    await desk.sign_in()
    page = await desk.reader.send(form)
    assert page.status == 422
    assert page.problems[0].startswith("This page had become old")
    desks.at(desks.clock.now + DAY)


async def test_declining_past_a_withdrawal_is_told_of_it(desks: Desks) -> None:
    desk, thread = await opened(desks)
    form = (await form_of(desk, thread, "decline")).form("Decline this referral")
    form.fill({"reason": "at-capacity", "text": "No room before January."})
    lisboa = desks["lisboa"]
    content = {"form": "withdraw", "author": AUTHOR, "language": "en", "reason": "no-longer-needed"}
    await lisboa.exchange.voice.say(
        lisboa.vault, desks.desk("lisboa").actor, thread, WITHDRAW, Head(), content
    )
    await desks.settle()
    page = await desk.reader.send(form)
    assert page.status == 409
    assert "withdrawn: no longer needed" in page.problems[0]
    assert "No room before January." in page.main.text
    assert "Waiting for you: cancel it" in page.main.text
    assert await said(desks, "utrecht", "state") == 0
