"""Five nodes and a directory that lies, with every key that its machine and its office hold.

Whoever controls the directory can show each member what they like. They cannot do it unseen: each
case here ends with a node that says so, keeps what it verified, and goes on working with those it
knows.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from directory_world import DAY, signer
from faces import Face, poll
from fed_member import Member
from federation import Federation
from forked import Fork
from node_world import Clock
from referral_protocol.directory.entries import Leaf, make_update_entry, parse_leaf, sign_entry
from referral_protocol.directory.replica import Freshness

NAMES = ("lisboa", "utrecht", "lviv", "berlin", "athina")
HOUR = 3_600_000


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path / "fed", *NAMES) as made:
        yield made


def knows(member: Member, other: Member) -> str:
    """What this node takes the other one's status to be."""
    found = member.exchange.members.get(other.id)
    assert found is not None
    return str(found.status)


async def fork_of(fed: Federation, member: Member) -> Fork:
    """The log as this node holds it, in the hands of a thief."""
    return await Fork.of(member, fed.directory.log_key, fed.registrar_key(), fed.clock.now)


@asynccontextmanager
async def shown(fed: Federation, name: str, fork: Fork) -> AsyncIterator[None]:
    """This member is shown that log while the block runs."""
    server = await fork.serve()
    fed.faces[name] = server
    try:
        yield
    finally:
        del fed.faces[name]
        await server.close()


async def still_works(fed: Federation, one: Member, other: Member) -> None:
    """Somebody known is written to and answers, whatever the directory says."""
    said = await one.refer(other)
    await fed.settle()
    await other.read()
    assert (await other.view(said.thread)).opener is not None


async def test_a_log_that_was_rolled_back_is_refused(fed: Federation, tmp_path: Path) -> None:
    lisboa, berlin = fed["lisboa"], fed["berlin"]
    before = await Face.of(fed, tmp_path / "before")
    await fed.change_status(berlin)
    fed.faces["lisboa"] = before
    fed.clock.now += HOUR  # the old log is signed anew: nothing but its size gives it away

    assert await poll(lisboa) == "older-checkpoint"
    assert knows(lisboa, berlin) == "suspended"
    await still_works(fed, lisboa, fed["utrecht"])
    await before.stop()


async def test_a_log_that_stands_still_grows_old_in_plain_sight(
    fed: Federation, tmp_path: Path
) -> None:
    athina = fed["athina"]
    frozen = await Face.of(fed, tmp_path / "frozen", clock=Clock(fed.clock.now))
    fed.faces["athina"] = frozen
    members = athina.exchange.members

    for after, tier in (
        (2 * HOUR, "current"),
        (DAY, "late"),
        (7 * DAY, "stale"),
        (30 * DAY, "lost"),
    ):
        fed.clock.now += after
        assert await poll(athina) is None, "what it shows is true, only old"
        assert members.freshness is Freshness(tier)
    await frozen.stop()


async def test_an_old_entry_played_again_is_refused(fed: Federation) -> None:
    lviv, berlin = fed["lviv"], fed["berlin"]
    await fed.change_status(berlin)
    await fed.change_status(berlin, "active")
    await fed.change_status(berlin)
    fork = await fork_of(fed, lviv)
    lifted = fork.leaves[-2]
    fork.force(Leaf(fork.now, parse_leaf(lifted).content, parse_leaf(lifted).signatures).pack())
    async with shown(fed, "lviv", fork):
        assert await poll(lviv) == "old-number"
    assert knows(lviv, berlin) == "suspended"
    assert await poll(lviv) is None, "the true directory is believed again"


@pytest.mark.parametrize("signed_by", ["stranger", "registrar", "berlin"])
async def test_a_key_that_was_put_in_the_place_of_another_is_refused(
    fed: Federation, signed_by: str
) -> None:
    """An update of Berlin's card to a key of the directory's own, by whoever it could make sign."""
    lviv, berlin = fed["lviv"], fed["berlin"]
    fork = await fork_of(fed, lviv)
    old = fork.directory.known(berlin.id)
    false = signer("false vault")
    card = msgspec.structs.replace(old.card, vault_key=false.public)
    content = make_update_entry(
        fork.directory.genesis, berlin.id, old.number + 1, old.head, card, "routine", fork.now
    )
    by = {
        "stranger": (false,),
        "registrar": (false, fork.registrar),
        "berlin": (false, signer("berlin vault")),  # not the key that it has
    }[signed_by]
    fork.force(Leaf(fork.now, content, sign_entry(content, *by)).pack())
    held = lviv.exchange.members.get(berlin.id).vault_key
    async with shown(fed, "lviv", fork):
        assert await poll(lviv) == "missing-signature"
    assert lviv.exchange.members.get(berlin.id).vault_key == held
    await still_works(fed, lviv, berlin)
