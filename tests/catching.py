"""Nodes that lose what came after a copy of their folder, and how to see that all came back."""

import shutil
from pathlib import Path

from fed_member import Member
from federation import Federation
from referral_node.exchange import ThreadView
from referral_node.store import Store, Tx
from referral_node.store.facts import RESTORED_AT, RESTORED_FROM, keep, time_bytes
from referral_protocol.statements import STATE, Head

HOUR = 3_600_000


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
    """What `restore` leaves in the store."""
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


def shape(view: ThreadView) -> dict[bytes, object]:
    """What both sides of a thread must agree on; `return`s are how it came there."""
    facts = (view.state, view.kind, view.priority, view.respond_by)
    told = {m.hash: (m.kind, m.content) for m in view.messages if m.kind != "return"}
    return {b"thread": facts, **told}


async def agree(a: Member, b: Member) -> int:
    """Both have the same threads with the same statements, states and contents; how many."""
    threads = []
    for one, other in ((a, b), (b, a)):
        rows = await one.store.rows("SELECT id FROM threads WHERE peer = ?", (other.id,))
        threads.append({bytes(row["id"]) for row in rows})
    assert threads[0] == threads[1]
    for thread in threads[0]:
        ours, theirs = await a.view(thread), await b.view(thread)
        assert ours.state == theirs.state
        said, read = shape(ours), shape(theirs)
        assert said == read, _differ(said, read)
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


def _differ(said: dict[bytes, object], read: dict[bytes, object]) -> str:
    """Which parts are not the same."""
    keys = [key for key in {**said, **read} if said.get(key) != read.get(key)]
    return "\n".join(f"{key.hex()[:8]}: {said.get(key)} / {read.get(key)}" for key in keys)
