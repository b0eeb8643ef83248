"""Five nodes and a directory that lies, with every key that its machine and its office hold.

Whoever controls the directory can show each member what they like. They cannot do it unseen: each
case here ends with a node that says so, keeps what it verified, and goes on working with those it
knows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from directory_world import DAY, signer
from faces import Face, face_of, poll
from fed_member import Member
from federation import DIRECTORY, Federation, until
from forked import Fork
from node_world import Clock
from referral_protocol.directory.entries import (
    SUSPENDED,
    Leaf,
    make_update_entry,
    parse_anchor,
    parse_leaf,
    sign_entry,
)
from referral_protocol.directory.forks import Fork as Proved
from referral_protocol.directory.forks import verify_fork_proof
from referral_protocol.directory.paths import REQUESTS
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


async def admitted_in_both(fed: Federation, newcomer: Member, other: Face) -> None:
    """The newcomer is shown the other face alone, which hands its request on to the true one."""
    fed.faces[newcomer.name] = other
    await fed.arrives(newcomer)
    await fed.asks_to_join(newcomer)
    request = fed.link(newcomer.name, DIRECTORY).requests[-1]
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
        session.post(
            f"http://127.0.0.1:{fed.directory_port}{REQUESTS}",
            data=request.body,
            headers={"Content-Type": "application/msgpack"},
        ) as answer,
    ):
        assert answer.status == 202
    await fed.admit(other.folder)
    await fed.admit()
    await fed.learns(newcomer, lambda: newcomer.exchange.members.get(newcomer.id) is not None)


def proofs(member: Member, anchor: str) -> list[Proved]:
    """What this node keeps as proof, checked as anybody can."""
    files = sorted((member.folder.path / "proofs").glob("*"))
    return [verify_fork_proof(f.read_bytes(), 2**50, parse_anchor(anchor)) for f in files]


async def still_works(fed: Federation, one: Member, other: Member) -> None:
    """Somebody known is written to and answers, whatever the directory says."""
    said = await one.refer(other)
    await fed.settle()
    await other.read()
    assert (await other.view(said.thread)).opener is not None


async def test_a_log_that_was_rolled_back_is_refused(fed: Federation, tmp_path: Path) -> None:
    lisboa, berlin = fed["lisboa"], fed["berlin"]
    async with face_of(fed, tmp_path / "before") as before:
        await fed.change_status(berlin)
        fed.faces["lisboa"] = before
        fed.clock.now += HOUR  # the old log is signed anew: nothing but its size gives it away

        assert await poll(lisboa) == "older-checkpoint"
        assert knows(lisboa, berlin) == "suspended"
        await still_works(fed, lisboa, fed["utrecht"])


async def test_a_log_that_stands_still_grows_old_in_plain_sight(
    fed: Federation, tmp_path: Path
) -> None:
    athina = fed["athina"]
    async with face_of(fed, tmp_path / "frozen", clock=Clock(fed.clock.now)) as frozen:
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


async def test_a_newcomer_who_is_shown_another_log_is_found_by_its_first_exchange(
    tmp_path: Path,
) -> None:
    """The thief shows a newcomer a log in which somebody is suspended who is not."""
    async with Federation(tmp_path / "fed", *NAMES[:4], later=("athina",)) as fed:
        lisboa, lviv, athina = fed["lisboa"], fed["lviv"], fed["athina"]
        async with face_of(fed, tmp_path / "other") as other:
            await fed.change_status_unseen(lviv, SUSPENDED, other.folder)
            await admitted_in_both(fed, athina, other)
            assert knows(athina, lviv) == "suspended"
            await fed.learns(lisboa, lambda: lisboa.exchange.members.current_prekey(athina.id))
            assert not lisboa.exchange.views.conflicts
            assert not athina.exchange.views.conflicts

            said = await lisboa.refer(athina)
            await fed.settle()
            await until(found_out(lisboa))
            await until(found_out(athina))
            for member in (lisboa, athina):
                (proof,) = proofs(member, fed.anchor)
                assert proof.first.root != proof.second.root
            # Said to whoever works there; and what is known goes on.
            for member in (lisboa, athina):
                assert "Two versions of the directory were shown" in (await member.sign_in()).text
            await athina.read()
            assert (await athina.view(said.thread)).opener is not None
            await still_works(fed, lisboa, fed["utrecht"])

            # What came into the log after the fork is not believed by either.
            await fed.change_status_unseen(fed["berlin"], SUSPENDED)
            held = lisboa.exchange.members.checkpoint
            await poll(lisboa)
            assert lisboa.exchange.members.checkpoint == held


async def test_a_split_is_found_without_a_single_message(tmp_path: Path) -> None:
    """Two members who write to nobody are shown two logs: the daily asking finds it."""
    async with (
        Federation(tmp_path / "fed", *NAMES) as fed,
        face_of(fed, tmp_path / "other") as other,
    ):
        await fed.change_status_unseen(fed["lviv"], SUSPENDED, other.folder)
        await fed.change_status_unseen(fed["berlin"], SUSPENDED)
        fed.faces["athina"] = other
        for member in fed.members.values():
            assert await poll(member) is None
        fed.clock.now += 2 * DAY
        for member in fed.members.values():
            assert member.node.watcher is not None
            await member.node.watcher.ask_all()
        for member in fed.members.values():
            await until(found_out(member))


def found_out(member: Member) -> Callable[[], Awaitable[bool]]:
    async def now() -> bool:
        return bool(member.exchange.views.unsettled) and bool(
            list((member.folder.path / "proofs").glob("*"))
        )

    return now


async def test_prekeys_older_than_those_seen_are_not_gone_back_to(
    fed: Federation, tmp_path: Path
) -> None:
    lisboa, berlin = fed["lisboa"], fed["berlin"]
    async with face_of(fed, tmp_path / "old") as old:
        first = bundle_of(lisboa, berlin)
        fed.clock.now += 40 * DAY
        await berlin.sign_in()  # makes the next prekeys
        await fed.learns(berlin, lambda: bundle_of(berlin, berlin) > first)
        await fed.learns(lisboa, lambda: bundle_of(lisboa, berlin) > first)
        newest = bundle_of(lisboa, berlin)

        fed.faces["lisboa"] = old
        assert await poll(lisboa) == "old-number"
        assert bundle_of(lisboa, berlin) == newest
        await lisboa.stop()
        await lisboa.start()
        assert await poll(lisboa) == "old-number"
        assert bundle_of(lisboa, berlin) == newest
        await still_works(fed, lisboa, berlin)


def bundle_of(member: Member, other: Member) -> int:
    """Of when the prekeys are that this node would seal to."""
    found = member.exchange.members.bundle(other.id)
    assert found is not None
    return int(found.made_at)
