"""Settings, Keys: what there is, replacing one with a password, and what others read of it."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from fed_member import PASSWORD, Member
from federation import DIRECTORY, Federation, until
from page_reader import Page
from referral_protocol.directory.entries import COMPROMISED, ROUTINE

KEYS = "/settings/keys"


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        for member in made.members.values():
            await member.sign_in()
        yield made


async def submit(
    member: Member, step: str, password: str, reason: str = ROUTINE, status: int = 200
) -> Page:
    name = "machine" if step == "machine" else "organisation"
    page = await member.page().get(f"{KEYS}/{step}")
    typed = {"reason": reason, "password": password}
    return await member.page().submit(page, f"Replace the {name}’s key", typed, status=status)


async def test_the_page_says_which_keys_there_are(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    page = await lisboa.page().get(KEYS)
    assert page.title.startswith("Keys")
    standing = await lisboa.exchange.keys.standing()
    shown = "".join(page.text.split())
    assert standing.fingerprint.replace(" ", "") in shown
    assert "Since 19 November 2026" in page.facts()["The organisation’s key"]
    assert "Since 19 November 2026" in page.facts()["The machine’s key"]
    assert "None yet." in page.text


async def test_the_machines_key_is_replaced_at_once(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    before = lisboa.exchange.core.node.public
    page = await submit(lisboa, "machine", PASSWORD)
    assert page.path == KEYS
    assert "The machine’s key was replaced." in page.text
    assert lisboa.exchange.core.node.public != before


@pytest.mark.parametrize("step", ["machine", "organisation"])
async def test_without_the_password_nothing_is_replaced(fed: Federation, step: str) -> None:
    lisboa = fed["lisboa"]
    before = (lisboa.exchange.core.node.public, lisboa.exchange.core.vault_key)
    page = await submit(lisboa, step, "", status=422)
    assert page.problems == ["Type your password"]
    page = await submit(lisboa, step, "something else", status=422)
    assert page.problems == ["The password is wrong"]
    asked = await lisboa.page().get(f"{KEYS}/{step}")
    page = await lisboa.page().submit(
        asked,
        f"Replace the {'machine' if step == 'machine' else 'organisation'}’s key",
        {},
        status=422,
    )
    assert "Say why the key is to be replaced" in page.problems
    assert (lisboa.exchange.core.node.public, lisboa.exchange.core.vault_key) == before
    assert await lisboa.count("SELECT COUNT(*) FROM key_changes") == 0


@pytest.mark.parametrize("reason", [ROUTINE, COMPROMISED])
async def test_the_organisations_key_is_replaced_and_others_read_why(
    fed: Federation, reason: str
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    there = f"/organisation/{lisboa.id.hex()}"
    page = await utrecht.page().get(there)
    page = await utrecht.page().submit(
        page, "Save the result", {"same": "yes", "spoke_with": "Inês Carvalhal"}
    )
    assert "Compared by telephone" in page.headings
    page = await submit(lisboa, "organisation", PASSWORD, reason)
    assert "The organisation’s key was replaced." in page.text
    why = "as a matter of routine" if reason == ROUTINE else "because somebody else may have had it"
    assert f"19 November 2026: the organisation’s key, {why}" in page.text
    await fed.learns(
        utrecht,
        lambda: utrecht.exchange.members.get(lisboa.id).vault_key == lisboa.exchange.core.vault_key,
    )
    page = await utrecht.page().get(there)
    assert "Compare by telephone before the next referral" in page.headings
    said = "old key signed the new one" if reason == ROUTINE else "somebody else may have had"
    assert said in page.text
    # The page that is open still speaks with the new key.
    said_to = await lisboa.refer(utrecht)
    await fed.read_all()
    assert (await utrecht.view(said_to.thread)).opener is not None


async def test_a_machines_key_asks_for_no_new_comparison(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    there = f"/organisation/{lisboa.id.hex()}"
    page = await utrecht.page().get(there)
    await utrecht.page().submit(
        page, "Save the result", {"same": "yes", "spoke_with": "Inês Carvalhal"}
    )
    before = utrecht.exchange.members.get(lisboa.id).fingerprint
    await submit(lisboa, "machine", PASSWORD)
    await fed.learns(utrecht, lambda: utrecht.exchange.members.get(lisboa.id).fingerprint != before)
    page = await utrecht.page().get(there)
    assert "Compared by telephone" in page.headings


async def test_while_the_directory_is_away_the_page_says_so(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    fed.link("lisboa", DIRECTORY).cut()
    page = await submit(lisboa, "organisation", PASSWORD)
    assert "the directory is asked to name it" in page.text
    assert "The organisation’s key is being replaced" in page.text
    assert "Replace the organisation’s key" not in page.links()
    page = await submit(lisboa, "machine", PASSWORD, status=422)
    assert page.problems == ["Another change is on its way to the directory. Wait until it is done"]
    fed.link("lisboa", DIRECTORY).mend()

    async def done() -> bool:
        assert lisboa.node.poller is not None
        lisboa.node.poller.soon()
        return not lisboa.exchange.core.key_changes

    await until(done)
    await until(partial(quiet, lisboa))
    page = await lisboa.page().get(KEYS)
    assert "is being replaced" not in page.text
    assert "Replace the organisation’s key" in page.links()


async def quiet(member: Member) -> bool:
    return await member.exchange.updating.status() is None
