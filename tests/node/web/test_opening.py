"""After a long absence: what has come is opened part by part, and the page says how far it is."""

import re

import pytest

from pages_world import HOUR, PASSWORD, Desks
from referral_node.web.pages import signin, today
from referral_protocol.examples import SENT, first_message
from referral_protocol.statements import NOTE, Head

MANY = 230


async def test_progress_in_words_until_all_is_open(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Smaller parts than in use: two thousand messages would only make the test slow.
    monkeypatch.setattr(signin, "AT_ONCE", 32)
    monkeypatch.setattr(today, "AT_ONCE", 32)
    thread = await desks.sent()
    lisboa = desks["lisboa"]
    for _ in range(MANY):
        await lisboa.exchange.voice.say(
            lisboa.vault, desks.desk("lisboa").actor, thread, NOTE, Head(), first_message()
        )
    await desks.settle()
    desks.at(SENT + HOUR)
    desk = desks.desk("utrecht")
    page = await desk.reader.get("/sign-in")
    page = await desk.reader.submit(page, "Sign in", {"name": desk.name, "password": PASSWORD})
    seen = []
    while page.headings == ["Opening what has come"]:
        assert page.headers["Refresh"] == "0"
        found = re.search(r"([\d,]+) messages are opened, ([\d,]+) are left", page.main.text)
        assert found is not None
        seen.append((int(found[1].replace(",", "")), int(found[2].replace(",", ""))))
        page = await desk.reader.follow(page, "Go on")
    assert len(seen) >= 2
    assert [left for _, left in seen] == sorted((left for _, left in seen), reverse=True)
    assert page.headings[0] == "Today"
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    assert f"Conversation ({MANY})" in page.headings


async def test_nothing_waits_and_today_is_shown_at_once(desks: Desks) -> None:
    desk = desks.desk("utrecht")
    page = await desk.sign_in()
    assert page.path == "/"
    assert (await desk.reader.get("/opening")).path == "/"
