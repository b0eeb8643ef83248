"""A lost vault key: a node set up anew takes its place, gets back what was said; or is stopped."""

import dataclasses
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from catching import agree, caught_up
from directory_world import DAY
from fed_member import PASSWORD, Member
from federation import DIRECTORY, Federation, until
from recovering import announce, ask, complete, set_up_anew, spare
from referral_node.exchange import NotJoined
from referral_node.exchange.directory.recovery import ANNOUNCED, ASKED, VETOED
from referral_node.trouble import Trouble
from referral_protocol.directory.entries import parse_anchor
from referral_protocol.evidence import verify_evidence

HOUR = 3_600_000


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        spare(made, tmp_path / "new")
        yield made


def here(member: Member) -> str | None:
    found = member.exchange.keys.recovery.standing()
    return None if found is None else found.state


async def both_start(fed: Federation) -> None:
    """The new node listens where the old one did."""
    old, new = fed["lisboa"], fed["lisboa2"]
    await old.stop()
    new.made = dataclasses.replace(new.made, member=old.id)
    fed.members["lisboa"] = new
    del fed.members["lisboa2"]
    await new.start()


async def test_a_node_set_up_anew_takes_over_and_gets_back_what_was_said(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    first = await lisboa.refer(utrecht)
    second = await utrecht.refer(lisboa)
    await fed.read_all()
    await utrecht.note(first.thread, "before it was lost")
    await lisboa.note(second.thread, "of ours, before it was lost")
    await fed.read_all()
    fed.clock.now += DAY
    assert (await set_up_anew(fed))["state"] == "waiting"
    assert (await ask(fed, lisboa.id))["state"] == "waiting"  # the same request once more
    await both_start(fed)
    new = fed["lisboa"]
    assert new.exchange.us == lisboa.id
    await fed.learns(new, lambda: here(new) == ASKED)
    assert new.exchange.keys.foreign
    with pytest.raises(NotJoined):
        await new.exchange.keys.machine.replace(new.vault(), new.actor)
    await announce(fed, "answers")
    await fed.learns(new, lambda: here(new) == ANNOUNCED)
    standing = new.exchange.keys.recovery.standing()
    assert standing.new
    assert standing.acts_from == standing.since + 3 * DAY
    assert standing.fingerprint == (await new.exchange.keys.standing()).fingerprint
    waiting = await utrecht.note(first.thread, "while it is announced")
    fed.clock.now += 3 * DAY + HOUR
    await complete(fed)
    for member in (new, utrecht):
        await fed.learns(member, partial(knows_key, member, new))
    await until(partial(_named, new))
    assert here(new) is None
    await fed.learns(utrecht, lambda: utrecht.exchange.members.current_prekey(new.id) is not None)
    await caught_up(fed)
    assert await agree(new, utrecht) == 2
    shown = {m.hash: m for m in (await new.view(first.thread)).messages}
    assert shown[waiting.hash].content is not None
    await new.note(second.thread, "by the new key")
    await fed.read_all()
    assert await agree(new, utrecht) == 2
    for member in (new, utrecht):
        data = await member.exchange.evidence.export(member.vault(), member.actor, first.thread)
        found = verify_evidence(data, fed.clock.now, parse_anchor(fed.anchor))
        assert found.problems == ()
        assert {each.key for each in found.statements} == {"current", "earlier"}


def knows_key(member: Member, of: Member) -> bool:
    """Whether one node's copy of the log names the vault key that another one signs with."""
    named: bytes = member.exchange.members.get(of.id).vault_key
    return named == bytes(of.exchange.core.vault_key)


async def _named(member: Member) -> bool:
    return not member.exchange.keys.foreign and not member.exchange.keys.recovery.waits


async def test_the_key_before_can_stop_it(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    with pytest.raises(NotJoined):
        await lisboa.exchange.keys.recovery.veto(lisboa.vault(), lisboa.actor)
    await set_up_anew(fed)
    await announce(fed)
    await fed.learns(lisboa, lambda: here(lisboa) == ANNOUNCED)
    standing = lisboa.exchange.keys.recovery.standing()
    assert not standing.new
    fed.clock.now += 2 * DAY
    await lisboa.exchange.keys.recovery.veto(lisboa.vault(), lisboa.actor)
    await fed.learns(lisboa, lambda: here(lisboa) == VETOED)
    await fed.learns(utrecht, lambda: utrecht.exchange.members.get(lisboa.id).status == "suspended")
    with pytest.raises(NotJoined):
        await lisboa.exchange.keys.recovery.veto(lisboa.vault(), lisboa.actor)
    await utrecht.note(said.thread, "it waits until the root keys have decided")
    assert not lisboa.exchange.keys.foreign


async def test_a_veto_goes_before_a_change_that_waits(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    await set_up_anew(fed)
    await announce(fed)
    await fed.learns(lisboa, lambda: here(lisboa) == ANNOUNCED)
    fed.link("lisboa", DIRECTORY).cut()
    card = await lisboa.exchange.updating.own_card()
    await lisboa.crash()
    fed.link("lisboa", DIRECTORY).cut()
    await lisboa.start()
    assert here(lisboa) == ANNOUNCED
    await lisboa.exchange.keys.recovery.veto(lisboa.vault(), lisboa.actor)
    assert (await lisboa.exchange.updating.status()).changed == ("veto",)
    await lisboa.crash()  # mends its links
    await lisboa.start()
    await fed.learns(lisboa, lambda: here(lisboa) == VETOED)
    assert (await lisboa.exchange.updating.own_card()) == card


async def test_a_keyholder_of_the_node_before_can_say_that_it_is_right(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    await set_up_anew(fed)
    await announce(fed)
    await fed.learns(lisboa, lambda: here(lisboa) == ANNOUNCED)
    assert not lisboa.exchange.keys.recovery.standing().ours
    await lisboa.exchange.keys.recovery.approve(lisboa.actor)
    assert lisboa.exchange.keys.recovery.standing().ours
    await lisboa.stop()
    await lisboa.start()
    assert lisboa.exchange.keys.recovery.standing().ours
    fed.clock.now += 3 * DAY + HOUR
    await complete(fed)
    await fed.learns(lisboa, lambda: lisboa.exchange.keys.foreign)
    assert here(lisboa) is None


@pytest.mark.parametrize("wrong", ["unknown", "used"])
async def test_what_cannot_be_asked_for(fed: Federation, wrong: str) -> None:
    await fed["lisboa2"].make(fed["lisboa"].config.exchange.endpoint)
    if wrong == "unknown":
        with pytest.raises(Trouble, match="no such member"):
            await ask(fed, b"x" * 16)
        return
    lisboa = fed["lisboa"]
    operations = lisboa.node.operations()
    with pytest.raises(Trouble, match="stop the node"):
        await operations.recover(
            {
                "url": "http://127.0.0.1:1",
                "anchor": fed.anchor,
                "member": fed["utrecht"].id,
                "authority": {"name": lisboa.sign_in_name, "password": PASSWORD},
            }
        )
