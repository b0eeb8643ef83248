"""Stories of several nodes on bad days: what was said is there once, the same on both sides."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from directory_world import DAY
from fed_member import Member
from federation import DIRECTORY, Federation, until
from links import FATES, LOSE, LOSE_ANSWER, REPEAT, Broken, Link
from referral_node.exchange import NotAllowed, ThreadView, UnknownThread
from referral_node.store import Tx
from referral_protocol.directory.entries import ACTIVE, SUSPENDED
from referral_protocol.ladder import Rung, Standing
from referral_protocol.receipts import HELD, parse_envelope, verify_receipt
from referral_protocol.statements import ASK, STATE, WITHDRAW, Head

BROKEN = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


def reached(shown: ThreadView) -> dict[Rung, Standing]:
    return {step.rung: step.standing for step in shown.steps}


async def same(a: Member, b: Member, thread: bytes) -> ThreadView:
    """Both sides hold the same statements once, read the same contents and show the same state."""
    ours, theirs = await a.view(thread), await b.view(thread)
    assert ours.state == theirs.state
    said, read = ({m.hash: m.content for m in side.messages} for side in (ours, theirs))
    for side, contents in ((ours, said), (theirs, read)):
        if side.opener_withheld is not None and thread in contents:
            # Withdrawn before anybody had opened it: then it may not be opened any more.
            assert (side.role, side.opener_withheld) == ("receiving", "withdrawn")
            assert side.state.withdrawn is not None
            for each in (said, read):
                del each[thread]
    assert said == read
    assert len({m.hash for m in ours.messages}) == len(ours.messages)
    assert reached(ours) == reached(theirs)
    return ours


async def nothing_left(*members: Member) -> None:
    """No ciphertext, nothing queued, nothing unread, at any of them."""
    for member in members:
        assert await member.count("SELECT COUNT(*) FROM bodies") == 0
        assert await member.count("SELECT COUNT(*) FROM outbox") == 0
        unread = "SELECT COUNT(*) FROM messages WHERE body IN ('sealed', 'unsealed', 'outgoing')"
        assert await member.count(unread) == 0


# what a link can do


async def test_a_lost_answer_is_unknown_and_the_same_bytes_go_again(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    link = fed.link("lisboa", "utrecht")
    link.next("pass", LOSE_ANSWER)  # the prekey comes, the parcel's answer does not
    said = await lisboa.refer(utrecht)
    await until(lambda: _failed(lisboa))
    assert (await lisboa.view(said.thread)).opener_standing == "unknown"
    await fed.settle()
    first, second = link.parcels()
    assert first.data == second.data
    assert (await lisboa.view(said.thread)).opener_standing == "held"
    # Much later once more: the answer is the one that was given, and nothing is stored twice.
    again = [parse_envelope((await link.replay(first)).body) for _ in range(2)]
    assert again[0].content == again[1].content
    key = lisboa.exchange.members.node_key(utrecht.id)
    receipt = verify_receipt(again[0].content, again[0].signature, key).receipt
    assert [(a.statement, a.status) for a in receipt.answers] == [(said.hash, HELD)]
    await utrecht.read()
    await fed.read_all()
    await same(lisboa, utrecht, said.thread)
    await nothing_left(lisboa, utrecht)


async def _failed(member: Member) -> bool:
    return await member.count("SELECT MAX(failures) FROM peers") > 0


async def test_what_they_could_not_read_is_not_lost_to_a_late_receipt(fed: Federation) -> None:
    """The receipt for a body that was sealed again meanwhile must not count for the new one."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    there, back = fed.link("lisboa", "utrecht"), fed.link("utrecht", "lisboa")
    there.next("pass", LOSE_ANSWER)
    said = await lisboa.refer(utrecht)
    await until(lambda: _failed(lisboa))
    keys = await utrecht.store.rows("SELECT * FROM case_prekeys")

    async def lose(tx: object) -> None:
        await tx.execute("DELETE FROM case_prekeys")  # type: ignore[attr-defined]  # a Tx

    async def find(tx: object) -> None:
        sql = "INSERT INTO case_prekeys VALUES (?, ?, ?, ?, ?, ?)"
        await tx.many(sql, [tuple(key) for key in keys])  # type: ignore[attr-defined]  # a Tx

    await utrecht.store.write(lose)
    assert (await utrecht.read()).unreadable == 1
    await utrecht.store.write(find)
    there.hold()
    await passed(back, 1)
    assert (await lisboa.read()).imported == 1  # `unreadable`: the same statement, sealed again
    there.release()
    await fed.settle()
    assert (await utrecht.read()).imported == 1
    await fed.read_all()
    shown = await same(lisboa, utrecht, said.thread)
    assert shown.opener is not None
    await nothing_left(lisboa, utrecht)


async def passed(link: Link, count: int) -> None:
    """Until so many parcels went in, and what follows from the last of them is done."""

    async def so_many() -> bool:
        return len(link.parcels()) >= count and not link.held

    await until(so_many)
    await asyncio.sleep(0.05)


class Weather:
    """Chance with a seed: what becomes of each request."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def __call__(self) -> str:
        return self.chance.choice(("pass", *FATES))


@pytest.mark.parametrize("seed", [1, 2, 15, 21])
async def test_both_sides_end_in_the_same_state(fed: Federation, seed: int) -> None:
    """Both sides talk at random over links that lose, repeat and reorder, then all is mended."""
    chance = random.Random(seed)
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    links = [fed.link("lisboa", "utrecht"), fed.link("utrecht", "lisboa")]
    for number, link in enumerate(links):
        link.weather = Weather(seed * 10 + number)
    threads = [(await lisboa.refer(utrecht)).thread, (await utrecht.refer(lisboa)).thread]
    for _ in range(60):
        who = chance.choice((lisboa, utrecht))
        await _act(chance, who, chance.choice(threads))
        for link in links:
            if link.parcels() and chance.random() < 0.3:
                try:
                    await link.replay(chance.choice(link.parcels()))
                except Broken:
                    pass
        fed.clock.now += chance.choice((1_000, 60_000, 3_600_000))
        if chance.random() < 0.03:
            fed.clock.now += 2 * DAY  # transport prekeys end while parcels are under way
        for member in (lisboa, utrecht):
            member.wake()
        await asyncio.sleep(0.005)
    for link in links:
        link.mend()
    await fed.read_all()
    for thread in threads:
        await same(lisboa, utrecht, thread)
    await nothing_left(lisboa, utrecht)
    fates = {request.fate for link in links for request in link.requests}
    assert fates >= {LOSE, LOSE_ANSWER, REPEAT}


async def _act(chance: random.Random, who: Member, thread: bytes) -> None:
    """One person does one thing that may or may not be possible now."""
    what = chance.randrange(8)
    try:
        if what < 3:
            await who.read()
        elif what < 5:
            await who.note(thread, f"note {chance.random()}")
        elif what == 5:
            await who.say(thread, ASK, form="ask", purpose="news")
        elif what == 6:
            state = chance.choice(("received", "accepted", "on-hold", "completed"))
            extra = {"outcome": "got-help"} if state == "completed" else {}
            await who.say(thread, STATE, Head(state=state), form="answer", **extra)
        elif chance.random() < 0.1:
            await who.say(thread, WITHDRAW, Head(), form="withdraw", reason="no-longer-needed")
    except (NotAllowed, UnknownThread):
        pass  # that is an answer too


# what others do


async def test_work_goes_on_without_the_directory(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    await fed.stop_directory()
    said = await lisboa.refer(utrecht)
    await fed.settle()
    assert (await utrecht.read()).imported == 1
    # Also after a restart: what was verified is on disk.
    await utrecht.stop()
    fed.clock.now += 3 * DAY
    await utrecht.start()
    assert await utrecht.exchange.voice.received(utrecht.vault(), utrecht.actor, said.thread)
    await utrecht.say(said.thread, STATE, Head(state="accepted"), form="answer")
    await fed.read_all()
    assert (await same(lisboa, utrecht, said.thread)).state.state == "accepted"
    await nothing_left(lisboa, utrecht)
    assert lisboa.node.poller is not None
    await lisboa.node.poller.poll()
    assert lisboa.node.poller.trouble is not None
    await fed.start_directory()
    fed.clock.now += 3600_000
    poller = lisboa.node.poller
    await fed.learns(lisboa, lambda: poller.trouble is None)
    assert lisboa.exchange.members.checked_at == fed.clock.now


async def test_a_dead_peer_holds_up_nobody_and_a_third_sees_nothing(tmp_path: Path) -> None:
    async with Federation(tmp_path, "lisboa", "utrecht", "lviv") as fed:
        lisboa, utrecht, lviv = fed["lisboa"], fed["utrecht"], fed["lviv"]
        fed.link("lisboa", "lviv").hold()
        waits = await lisboa.refer(lviv, "immediate")
        goes = await lisboa.refer(utrecht)
        await fed.settle(waiting=1)
        assert (await lisboa.view(goes.thread)).opener_standing == "held"
        assert (await lisboa.view(waits.thread)).opener_standing == "queued"
        onward = await utrecht.refer(lviv)
        fed.link("lisboa", "lviv").release()
        await fed.read_all()
        await same(lisboa, lviv, waits.thread)
        await same(utrecht, lviv, onward.thread)
        for member, others in ((lisboa, onward), (utrecht, waits), (lviv, goes)):
            known = "SELECT COUNT(*) FROM messages WHERE thread = ?"
            assert await member.count(known, others.thread) == 0
        # The directory was never asked for one member alone.
        asked = {r.path for name in fed.members for r in fed.link(name, DIRECTORY).requests}
        assert not any(m.id.hex() in path for m in fed.members.values() for path in asked)


async def test_a_suspended_members_new_messages_wait(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    before = await lisboa.refer(utrecht)
    await fed.settle()
    first = fed.link("lisboa", "utrecht").parcels()[0]
    await fed.change_status(lisboa, SUSPENDED)
    after = await lisboa.refer(utrecht)
    await until(lambda: _failed(lisboa))
    assert await _trouble(lisboa) == "suspended"
    shown = await lisboa.view(after.thread)
    assert shown.opener_standing == "queued"  # not refused: it waits
    # What it sent before is opened, and its old parcel still gets the receipt that was given.
    assert (await utrecht.read()).imported == 1
    assert (await utrecht.view(before.thread)).opener is not None
    again = parse_envelope((await fed.link("lisboa", "utrecht").replay(first)).body)
    key = lisboa.exchange.members.node_key(utrecht.id)
    receipt = verify_receipt(again.content, again.signature, key).receipt
    assert receipt.code is None
    assert [a.statement for a in receipt.answers] == [before.hash]
    # Nothing new is held of it, and what is said to it waits as well.
    assert await utrecht.count("SELECT COUNT(*) FROM messages") == 1
    note = await utrecht.note(before.thread, "We have read it.")
    await asyncio.sleep(0.05)
    assert await utrecht.count("SELECT COUNT(*) FROM outbox WHERE code IS NULL") == 1
    await fed.change_status(lisboa, ACTIVE)
    fed.clock.now += 3600_000
    await fed.read_all()
    await same(lisboa, utrecht, before.thread)
    assert note.hash in {m.hash for m in (await lisboa.view(before.thread)).messages}
    assert (await same(lisboa, utrecht, after.thread)).opener is not None
    await nothing_left(lisboa, utrecht)


async def _trouble(member: Member) -> str:
    row = await member.store.row("SELECT trouble FROM peers WHERE trouble IS NOT NULL")
    return "" if row is None else str(row["trouble"])


# nodes that end without warning


async def test_a_sender_that_crashes_sends_again_and_nothing_is_doubled(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    link = fed.link("lisboa", "utrecht")
    link.next("pass", LOSE_ANSWER)
    said = await lisboa.refer(utrecht)
    await passed(link, 1)
    await lisboa.crash()
    await lisboa.start()
    second = await lisboa.note(said.thread, "Sent after the crash")
    await fed.read_all()
    shown = await same(lisboa, utrecht, said.thread)
    assert {said.hash, second.hash} <= {m.hash for m in shown.messages}
    assert await utrecht.count("SELECT COUNT(*) FROM messages WHERE mine = 0") == 2
    await nothing_left(lisboa, utrecht)


async def test_a_receiver_that_crashes_has_what_it_gave_a_receipt_for(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = [await lisboa.refer(utrecht) for _ in range(5)]
    await fed.settle()
    await utrecht.crash()
    more = await lisboa.refer(utrecht)
    await utrecht.start()
    await fed.settle()
    assert (await utrecht.read()).imported == 6
    for each in (*said, more):
        await same(lisboa, utrecht, each.thread)


async def test_a_process_that_is_killed_delivers_and_never_doubles(tmp_path: Path) -> None:
    """SIGKILL in the middle of receiving and of sending, on a real process, again and again."""
    now = time.time_ns() // 1_000_000
    names = ("lisboa", "utrecht")
    async with Federation(tmp_path, *names, strong=("utrecht",), now=now) as fed:
        lisboa, utrecht = fed["lisboa"], fed["utrecht"]
        answered = await utrecht.refer(lisboa)
        await fed.settle()
        await lisboa.read()
        link, chance = fed.link("lisboa", "utrecht"), random.Random(7)
        fed.link("utrecht", "lisboa").cut()
        await utrecht.note(answered.thread, "queued before the first kill")
        await utrecht.stop()
        fed.link("utrecht", "lisboa").mend()
        said = []
        for _ in range(3):
            await utrecht.start_process()
            fed.clock.now = time.time_ns() // 1_000_000
            count = len(link.parcels())
            said += [await lisboa.refer(utrecht) for _ in range(20)]
            lisboa.wake()
            await until(partial(_more, link, count))
            await asyncio.sleep(chance.random() * 0.05)
            await utrecht.kill()
        await utrecht.start()
        await fed.read_all()
        for each in said:
            await same(lisboa, utrecht, each.thread)
        await same(lisboa, utrecht, answered.thread)
        assert await utrecht.count("SELECT COUNT(*) FROM messages WHERE mine = 0") == len(said)
        await nothing_left(lisboa, utrecht)


async def _more(link: Link, count: int) -> bool:
    return len(link.parcels()) > count


@pytest.mark.parametrize("why", ["withdrawn", "erased"])
async def test_a_body_let_go_before_its_receipt_came_did_not_come_too_late(
    fed: Federation, why: str
) -> None:
    """Held there, the answer lost, let go there: the page says why, and it is not the delay."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    link = fed.link("lisboa", "utrecht")
    # It arrives, and no answer comes back.
    link.change = lambda request, _: BROKEN if request.path == "/v1/parcels" else None
    said = await lisboa.refer(utrecht, "immediate")

    async def held() -> bool:
        return await utrecht.count("SELECT COUNT(*) FROM bodies") > 0

    await until(held)
    if why == "withdrawn":
        await lisboa.say(said.thread, WITHDRAW, Head(), form="withdraw", reason="no-longer-needed")

    async def let_go(tx: Tx) -> None:
        await tx.execute(
            "UPDATE messages SET body = 'none', withheld = ? WHERE kind = 'open'", [why]
        )
        await tx.execute("DELETE FROM bodies")

    await utrecht.store.write(let_go)
    await lisboa.stop()
    link.mend()
    fed.clock.now += DAY // 24
    await lisboa.start()  # what it sends now is another parcel
    await fed.settle()
    assert (await lisboa.view(said.thread)).opener_withheld == why
    await lisboa.sign_in()
    page = await lisboa.page().get(f"/referral/{said.thread.hex()}")
    assert "It came too late" not in page.text
    assert {"withdrawn": "It was withdrawn before", "erased": "They have erased"}[why] in page.text
