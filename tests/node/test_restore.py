"""A node that lost what came after its last copy: it asks, and ends with what its peers have."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_world import DAY
from fed_member import Member
from federation import Federation
from referral_node.exchange import ThreadView
from referral_node.store import Tx
from referral_node.store.facts import RESTORED_AT, RESTORED_FROM, keep, time_bytes
from referral_protocol.statements import STATE, Head


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht", "lviv") as made:
        yield made


async def copy(member: Member) -> Path:
    """A copy of the folder of a node, stopped for it, as a backup holds it: without prekeys of
    the transport."""
    place = member.folder.path.with_name(f"{member.name}.copy")
    await member.stop()
    shutil.copytree(member.folder.path, place, ignore=shutil.ignore_patterns("*.sock", "lock"))
    await member.start()
    return place


async def put_back(member: Member, place: Path, *, restored: int | None = None) -> None:
    """Stop the node, put the copy in the place of its folder, and start it again.

    ``restored``: the copy's moment, as `restore` writes it; None: as if nothing had happened.
    """
    await member.stop()
    shutil.rmtree(member.folder.path)
    shutil.copytree(place, member.folder.path)
    if restored is not None:
        await facts(member, restored)
    await member.start()


async def facts(member: Member, moment: int) -> None:
    from referral_node.store import Store

    store = await Store.open(member.folder.database)

    async def work(tx: Tx) -> None:
        await keep(tx, RESTORED_AT, time_bytes(member.federation.clock.now))
        await keep(tx, RESTORED_FROM, time_bytes(moment))
        await tx.execute("DELETE FROM transport_prekeys")

    await store.write(work)
    await store.close()


async def caught_up(fed: Federation) -> None:
    """Ask, answer, return, import, until nothing new comes of it."""
    for _ in range(6):
        for member in fed.members.values():
            await member.node.asker.round()
        await fed.read_all()
        fed.clock.now += 3_600_000


def shape(view: ThreadView) -> object:
    """What both sides of a thread must agree on; `return`s are how it came there."""
    contents = {m.hash: m.content for m in view.messages if m.kind != "return"}
    return view.state, contents, view.kind, view.priority, view.respond_by


async def agree(a: Member, b: Member) -> int:
    """Both have the same threads with the same statements, states and contents; how many."""
    threads = []
    for one, other in ((a, b), (b, a)):
        rows = await one.store.rows("SELECT id FROM threads WHERE peer = ?", (other.id,))
        threads.append({bytes(row["id"]) for row in rows})
    assert threads[0] == threads[1]
    for thread in threads[0]:
        ours, theirs = await a.view(thread), await b.view(thread)
        assert shape(ours) == shape(theirs)
        assert {m.hash for m in ours.messages} == {m.hash for m in theirs.messages}
        assert all(m.known for view in (ours, theirs) for m in view.messages)
    return len(threads[0])


async def counters(*members: Member) -> None:
    """No counter of anybody names two statements, in all that anybody holds."""
    held: dict[tuple[bytes, bytes, int, int], bytes] = {}
    for member in members:
        for row in await member.store.rows("SELECT hash, peer, mine, epoch, seq FROM messages"):
            ends = (member.id, bytes(row["peer"]))
            sender, recipient = ends if row["mine"] else ends[::-1]
            key = (sender, recipient, row["epoch"], row["seq"])
            assert held.setdefault(key, bytes(row["hash"])) == bytes(row["hash"])


async def accept(member: Member, thread: bytes) -> None:
    await member.say(thread, STATE, Head(state="received"), form="answer")
    await member.say(thread, STATE, Head(state="accepted"), form="answer")


async def test_all_comes_back_after_a_restore(fed: Federation) -> None:
    lisboa, utrecht, lviv = (fed[name] for name in ("lisboa", "utrecht", "lviv"))
    before = await lisboa.refer(utrecht)
    received = await lviv.refer(lisboa)
    await fed.read_all()
    await lisboa.note(before.thread, "before the copy")
    await fed.read_all()
    moment = fed.clock.now
    place = await copy(lisboa)
    fed.clock.now += 3_600_000
    await accept(utrecht, before.thread)
    await accept(lisboa, received.thread)
    after = await lisboa.refer(lviv, "immediate")
    new = await utrecht.refer(lisboa)
    await fed.read_all()
    await lisboa.note(before.thread, "lost, mine")
    await lviv.note(received.thread, "lost, theirs")
    await accept(lviv, after.thread)
    await fed.read_all()
    await accept(lisboa, new.thread)
    await fed.read_all()
    fed.clock.now += 7_200_000
    await put_back(lisboa, place, restored=moment)
    assert await lisboa.count("SELECT COUNT(*) FROM threads") == 2
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 2
    assert await agree(lisboa, lviv) == 2
    await counters(lisboa, utrecht, lviv)
    assert await lisboa.count("SELECT COUNT(*) FROM messages WHERE body = 'lost'") == 0
    assert (await lisboa.view(after.thread)).state.state == "accepted"
    assert (await lisboa.view(after.thread)).opener is not None
