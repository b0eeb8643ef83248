"""A recovery of our own member, as people read it: on every page until they have answered."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_world import DAY
from fed_member import PASSWORD, Member
from federation import Federation
from page_reader import Page
from recovering import announce, complete, set_up_anew, spare
from referral_node.exchange.notices.troubles import RECOVERY, troubles

THERE = "/settings/keys/recovery"
RED = "Somebody wants to give your organisation a new key"


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        spare(made, tmp_path / "new")
        await set_up_anew(made)
        await made["lisboa"].sign_in()
        yield made


async def announced(fed: Federation) -> Member:
    lisboa = fed["lisboa"]
    await announce(fed)
    recovery = lisboa.exchange.keys.recovery
    await fed.learns(lisboa, lambda: recovery.standing() is not None)
    return lisboa


async def say(member: Member, answer: str, password: str = PASSWORD, status: int = 200) -> Page:
    page = await member.page().get(THERE)
    typed = {"answer": answer, "password": password}
    return await member.page().submit(page, "Save the answer", typed, status=status)


async def test_nothing_is_shown_while_nothing_is_announced(fed: Federation) -> None:
    reader = fed["lisboa"].page()
    assert RED not in (await reader.get("/")).text
    status, _, _ = await reader.raw(THERE)
    assert status == 404


async def test_every_page_says_it_until_a_keyholder_has_stopped_it(fed: Federation) -> None:
    lisboa = await announced(fed)
    for path in ("/", "/referrals", "/settings/keys", "/access"):
        page = await lisboa.page().get(path)
        assert RED in page.text, path
        assert page.links()["stop it"].endswith(THERE)
    page = await lisboa.page().get(THERE)
    standing = lisboa.exchange.keys.recovery.standing()
    assert standing.fingerprint.replace(" ", "") in "".join(page.text.split())
    page = await say(lisboa, "no", "wrong", status=422)
    assert page.problems == ["The password is wrong"]
    page = await say(lisboa, "no")
    assert "It is stopped." in page.text
    assert "The new key for your organisation was stopped" in page.text
    assert RED not in page.text
    assert lisboa.exchange.members.get(lisboa.id).status == "suspended"
    status, _, _ = await lisboa.page().raw(THERE)
    assert status == 404


async def test_it_is_told_by_mail_until_it_is_answered(fed: Federation) -> None:
    lisboa = await announced(fed)
    core = lisboa.exchange.core

    async def told() -> list[str]:
        return [f.reason for f in await troubles(core, fed.clock.now) if f.reason == RECOVERY]

    assert await told() == [RECOVERY]
    page = await say(lisboa, "yes")
    assert "Saved. Your new node takes over" in page.text
    assert RED not in page.text
    assert "Your new node is going to take the place of this one" in page.text
    assert await told() == []
    assert "stop it" not in page.links()
    assert (await lisboa.page().get(THERE)).title.startswith("Is this your new node?")


async def test_afterwards_the_old_node_says_that_it_is_over(fed: Federation) -> None:
    lisboa = await announced(fed)
    fed.clock.now += 4 * DAY
    await complete(fed)
    await fed.learns(lisboa, lambda: lisboa.exchange.keys.foreign)
    page = await lisboa.sign_in()
    assert "Your organisation has another key now" in page.text
    page = await lisboa.page().get("/settings/keys")
    assert "Replace the organisation’s key" not in page.links()


async def test_the_new_node_says_what_it_waits_for(fed: Federation) -> None:
    old, new = fed["lisboa"], fed["lisboa2"]
    await old.stop()
    await new.start()
    await fed.learns(new, lambda: new.exchange.keys.recovery.standing() is not None)
    page = await new.sign_in()
    assert "This node waits to take the place of your old one" in page.text
    await announce(fed)
    await fed.learns(new, lambda: new.exchange.keys.recovery.standing().state == "announced")
    page = await new.page().get("/")
    assert "This node is going to take the place of your old one" in page.text
    fed.clock.now += 4 * DAY
    await complete(fed)
    await fed.learns(new, lambda: not new.exchange.keys.recovery.waits)
    page = await new.sign_in()
    assert "take the place" not in page.text
