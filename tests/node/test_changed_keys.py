"""Keys that are replaced while messages are under way: everything goes on, nothing is lost."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from fed_member import Member
from federation import Federation, until
from referral_protocol.directory.entries import COMPROMISED, ROUTINE, parse_anchor
from referral_protocol.evidence import verify_evidence


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


async def turned(member: Member) -> bool:
    return not member.exchange.core.key_changes


async def quiet(member: Member) -> bool:
    return await member.exchange.updating.status() is None


async def both_ways(fed: Federation, thread: bytes, text: str) -> None:
    """A note in each direction, delivered and read."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = [await lisboa.note(thread, f"{text} from Lisbon")]
    said += [await utrecht.note(thread, f"{text} from Utrecht")]
    await fed.read_all()
    for member in (lisboa, utrecht):
        shown = {m.hash: m for m in (await member.view(thread)).messages}
        assert all(shown[each.hash].standing in ("held", "imported") for each in said), text


async def proved(fed: Federation, thread: bytes) -> None:
    """What each of the two can prove now, without a problem."""
    for name in ("lisboa", "utrecht"):
        member = fed[name]
        await fed.learns(member, lambda m=member: m.exchange.members.freshness is not None)
        data = await member.exchange.evidence.export(member.vault(), member.actor, thread)
        found = verify_evidence(data, fed.clock.now, parse_anchor(fed.anchor))
        assert found.problems == (), name
        assert all(each.key is not None for each in found.statements)


async def test_a_new_machine_key(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    before = lisboa.exchange.core.node.public
    fed.clock.now += 1000
    await lisboa.exchange.keys.machine.replace(lisboa.vault(), lisboa.actor)
    assert lisboa.exchange.core.node.public != before
    assert lisboa.folder.read_node_key().public == lisboa.exchange.core.node.public
    await both_ways(fed, said.thread, "after")
    assert utrecht.exchange.members.node_key(lisboa.id) == lisboa.exchange.core.node.public
    await until(partial(quiet, lisboa))
    await fed.learns(
        utrecht,
        lambda: (
            utrecht.exchange.members.directory.member(lisboa.id).node_key
            == lisboa.exchange.core.node.public
        ),
    )
    await both_ways(fed, said.thread, "with the new card")
    await lisboa.stop()
    await lisboa.start()
    await both_ways(fed, said.thread, "after a restart")
    await proved(fed, said.thread)


@pytest.mark.parametrize("reason", [ROUTINE, COMPROMISED])
async def test_a_new_vault_key(fed: Federation, reason: str) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    fed.link("lisboa", "utrecht").cut()
    waiting = await lisboa.note(said.thread, "it waits while the key changes")
    fed.clock.now += 1000
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, reason)
    await until(partial(turned, lisboa))
    row = await lisboa.store.row("SELECT signature FROM messages WHERE hash = ?", (waiting.hash,))
    assert row is not None
    fed.link("lisboa", "utrecht").mend()
    await both_ways(fed, said.thread, "after")
    shown = {m.hash: m for m in (await utrecht.view(said.thread)).messages}
    assert shown[waiting.hash].content["text"] == "it waits while the key changes"
    assert utrecht.exchange.members.get(lisboa.id).vault_key == lisboa.exchange.core.vault_key
    await utrecht.stop()
    await utrecht.start()
    await lisboa.stop()
    await lisboa.start()
    await both_ways(fed, said.thread, "after a restart")
    again = await utrecht.refer(lisboa)
    await fed.read_all()
    assert (await lisboa.view(again.thread)).opener is not None
