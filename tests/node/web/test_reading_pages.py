"""What is read from a case's page: word for word, evidence, calendar, record of access."""

import re

from pages_world import HOUR, Desk, Desks
from referral_protocol.evidence import verify_evidence
from referral_protocol.examples import SENT, accepted, first_message, meeting_fixed
from referral_protocol.statements import NOTE, STATE, Head

MINUTE = 60_000


async def in_the_middle(desks: Desks) -> tuple[Desk, Desk, bytes]:
    """Accepted, one message, one meeting; both are signed in."""
    thread = await desks.sent()
    lisboa, utrecht = desks["lisboa"], desks["utrecht"]
    await lisboa.exchange.voice.say(
        lisboa.vault, desks.desk("lisboa").actor, thread, NOTE, Head(), first_message()
    )
    await desks.settle()
    desks.at(SENT + 17 * HOUR + 37 * MINUTE)
    await desks.desk("utrecht").sign_in()
    await desks.desk("utrecht").reader.get(f"/referral/{thread.hex()}")
    for kind, head, content in (
        (STATE, Head(state="accepted"), accepted()),
        (NOTE, Head(), meeting_fixed(desks.clock.now, SENT + 4 * 24 * HOUR)),
    ):
        await utrecht.exchange.voice.say(
            utrecht.vault, desks.desk("utrecht").actor, thread, kind, head, content
        )
    await desks.settle()
    await desks.desk("lisboa").sign_in()
    return desks.desk("lisboa"), desks.desk("utrecht"), thread


async def test_all_that_was_sent_word_for_word(desks: Desks) -> None:
    lisboa, utrecht, thread = await in_the_middle(desks)
    page = await lisboa.reader.get(f"/referral/{thread.hex()}")
    page = await lisboa.reader.follow(page, "Read all that you sent, word for word")
    said = page.main.text
    assert "It went to Steunpunt Dom, Utrecht, and to nobody else." in said
    for words in (
        "She has told this twice and asks not to be made to tell it again.",
        "A packed bag at work. A colleague knows the code word.",
        "Blue notebook",
        "NUIPC 0421/26.0PXLSB",
        "PT-2026-0419",
    ):
        assert words in said
    for withheld in ("Voorbeeldstraat", "3500 AA"):
        assert withheld not in said
    page = await utrecht.reader.get(f"/referral/{thread.hex()}/sent")
    assert "This is what Associação Ponte Tejo sent you, as it was written." in page.main.text


async def test_the_evidence_can_be_checked_by_anybody(desks: Desks) -> None:
    lisboa, _, thread = await in_the_middle(desks)
    page = await lisboa.reader.get(f"/referral/{thread.hex()}")
    page = await lisboa.reader.follow(page, "Signed evidence for each line")
    assert page.title == "Evidence – Referral exchange"
    assert thread.hex() in page.main.text
    assert "Receipt of Steunpunt Dom: 19 November 2026, 16:05 (17:05 in Utrecht)" in page.main.text
    form = page.form("Download the evidence")
    status, headers, data = await lisboa.reader.download(form)
    assert status == 200
    assert re.fullmatch(
        r'attachment; filename="evidence-[0-9a-f]{12}\.bin"', headers["Content-Disposition"]
    )
    assert headers["Cache-Control"] == "no-store"
    findings = verify_evidence(data, desks.clock.now)
    assert findings.thread == thread
    assert not findings.problems
    assert "Оксана".encode() not in data
    form = (await lisboa.reader.get(f"/referral/{thread.hex()}/evidence")).form(
        "Download the evidence"
    )
    form.fill({"contents": "yes"})
    _, _, full = await lisboa.reader.download(form)
    assert "Оксана".encode() in full
    record = await lisboa.reader.get(f"/referral/{thread.hex()}/access")
    assert "Downloaded the evidence: with what was said" in record.main.text


async def test_the_calendar_says_nothing_of_the_case(desks: Desks) -> None:
    lisboa, _, thread = await in_the_middle(desks)
    page = await lisboa.reader.get(f"/referral/{thread.hex()}")
    status, headers, data = await lisboa.reader.raw(page.links()["Add to my calendar"])
    assert status == 200
    assert headers["Content-Type"].startswith("text/calendar")
    text = data.decode("utf-8")
    assert text.count("\r\n") == text.count("\n")
    assert "DTSTART:20261123T160500Z" in text
    assert "DTEND:20261123T165000Z" in text
    assert "SUMMARY:Meeting with Steunpunt Dom" in text
    for secret in ("Oksana", "Оксана", thread.hex(), "tolk", "referral/"):
        assert secret not in text
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75


async def test_every_look_is_recorded_with_who_and_when(desks: Desks) -> None:
    lisboa, _, thread = await in_the_middle(desks)
    desks.at(desks.clock.now + MINUTE)
    await lisboa.reader.get(f"/referral/{thread.hex()}")
    page = await lisboa.reader.get(f"/referral/{thread.hex()}/access")
    rows = [tr.text for tr in page.main.one("tbody").all("tr")]
    assert "20 November 2026, 09:43 Inês Carvalhal Looked at the case" in rows
    assert "19 November 2026, 16:05 Inês Carvalhal Sent the referral" in rows
    assert page.headings == ["Record of access"]
    overall = await lisboa.reader.get("/access")
    listed = overall.main.one("tbody").text
    assert "Signed in" in listed
    links = {a.get("href") for a in overall.main.one("tbody").all("a")}
    assert links == {f"/referral/{thread.hex()}"}
    sent = next(tr for tr in overall.main.one("tbody").all("tr") if "Sent the referral" in tr.text)
    assert "Оксана Ткаченко" in sent.text


async def test_the_first_look_is_told_before_the_page_is_drawn(desks: Desks) -> None:
    thread = await desks.sent()
    utrecht = desks.desk("utrecht")
    await utrecht.sign_in()
    for path in ("/access", "/"):
        await utrecht.reader.get(path)
    assert await state(desks, thread) == "requested"
    page = await utrecht.reader.get(f"/referral/{thread.hex()}")
    assert "Opened by Jasmijn de Wit" in page.main.text
    assert await state(desks, thread) == "received"
    row = await desks["utrecht"].store.row(
        "SELECT COUNT(*) FROM messages WHERE mine = 1 AND state = 'received'"
    )
    assert row is not None
    assert row[0] == 1
    await utrecht.reader.get(f"/referral/{thread.hex()}")
    row = await desks["utrecht"].store.row("SELECT COUNT(*) FROM messages WHERE mine = 1")
    assert row is not None
    assert row[0] == 1


async def state(desks: Desks, thread: bytes) -> str:
    row = await desks["utrecht"].store.row("SELECT state FROM threads WHERE id = ?", (thread,))
    assert row is not None
    return str(row["state"])


async def test_whoever_referred_tells_nothing_by_looking(desks: Desks) -> None:
    thread = await desks.sent()
    lisboa = desks.desk("lisboa")
    await lisboa.sign_in()
    await lisboa.reader.get(f"/referral/{thread.hex()}")
    row = await desks["lisboa"].store.row("SELECT COUNT(*) FROM messages WHERE mine = 1")
    assert row is not None
    assert row[0] == 1


async def test_no_address_and_no_title_says_whom(desks: Desks) -> None:
    lisboa, utrecht, thread = await in_the_middle(desks)
    base = f"/referral/{thread.hex()}"
    for desk in (lisboa, utrecht):
        for path in ("/", base, f"{base}/sent", f"{base}/evidence", f"{base}/access", "/access"):
            page = await desk.reader.get(path)
            for name in ("Oksana", "Оксана", "Ткаченко", "Tkachenko"):
                assert name not in page.title
                assert not [a for a in page.root.all("a") if name in a.get("href")]
