"""Messages that never came: noticed, shown after a day, asked for, and here in the end."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from catching import HOUR, agree, caught_up
from directory_world import DAY
from fed_member import Member
from federation import Federation
from referral_node.exchange.catchup import gaps
from referral_node.exchange.catchup.gaps import Gap
from referral_node.missing import lines, missing
from referral_protocol.statements import NOTE, Head


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


async def give_up(member: Member, named: bytes) -> None:
    """What the courier does with a message after fourteen days."""

    async def work(tx: object) -> None:
        await tx.execute(  # type: ignore[attr-defined]  # a Tx
            "UPDATE outbox SET code = 'undelivered' WHERE message = "
            "(SELECT number FROM messages WHERE hash = ?)",
            (named,),
        )

    await member.store.write(work)


async def never_sent(member: Member, thread: bytes) -> bytes:
    """A note that stays behind while what follows goes."""
    core = member.exchange.core
    wake, core.wake = core.wake, lambda peer, hurry=False: None
    said = await member.note(thread, "stays behind")
    await give_up(member, said.hash)
    core.wake = wake
    return said.hash


async def today(member: Member) -> str:
    page = await member.page().get("/")
    if "Sign in" in page.buttons():
        page = await member.sign_in()
    return page.text


async def shown(member: Member) -> list[Gap]:
    now: int = member.exchange.clock()
    return await gaps.shown(member.store, now)


async def test_a_gap_of_a_day_is_shown_and_asked_for_and_closes(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    behind = await never_sent(lisboa, said.thread)
    later = await lisboa.note(said.thread, "goes")
    await fed.settle()
    await utrecht.read()
    noticed = fed.clock.now
    await utrecht.node.asker.round()
    view = await utrecht.view(said.thread)
    assert later.hash in view.pending
    assert await shown(utrecht) == []
    fed.clock.now += DAY - HOUR
    await utrecht.node.asker.round()
    assert behind not in {m.hash for m in (await utrecht.view(said.thread)).messages}
    fed.clock.now += HOUR
    assert await shown(utrecht) == [Gap(lisboa.id, 1, noticed, None)]
    assert "A message is missing" in await today(utrecht)
    assert "Associação Ponte Tejo has been missing since" in await today(utrecht)
    assert "We are asking for it." in await today(utrecht)
    told = await missing(utrecht.store, {lisboa.id: "Ponte Tejo"})
    assert "Missing from Ponte Tejo: 1 message," in "".join(lines(msgspec.to_builtins(told), str))
    fed.link("utrecht", "lisboa").cut()
    await utrecht.node.asker.round()
    assert [gap.count for gap in await shown(utrecht)] == [1]
    fed.link("utrecht", "lisboa").mend()
    fed.clock.now += HOUR
    await utrecht.node.asker.round()
    assert "We asked for it." in await today(utrecht)  # until what came was looked at
    assert behind in {m.hash for m in (await utrecht.view(said.thread)).messages}
    await caught_up(fed)
    assert await shown(utrecht) == []
    assert await agree(lisboa, utrecht) == 1
    assert (await utrecht.view(said.thread)).pending == ()


async def test_the_last_of_an_epoch_is_missed_by_what_follows_it(fed: Federation) -> None:
    """After a restart counters begin anew: only `previous` tells that something is missing."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    behind = await never_sent(lisboa, said.thread)
    await lisboa.stop()
    fed.clock.now += HOUR
    await lisboa.start()
    await lisboa.note(said.thread, "in a new epoch")
    await fed.settle()
    await utrecht.node.asker.round()
    assert await utrecht.count("SELECT COUNT(*) FROM gaps") == 0
    assert await utrecht.count("SELECT COUNT(*) FROM missing WHERE hash = ?", behind) == 1
    fed.clock.now += DAY
    assert [gap.count for gap in await shown(utrecht)] == [1]
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 1


async def test_order_of_arrival_leaves_no_gap(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    for _ in range(5):
        await lisboa.refer(utrecht)
    await lisboa.refer(utrecht, "immediate")  # overtakes the others
    await fed.read_all()
    await utrecht.node.asker.round()
    assert await utrecht.count("SELECT COUNT(*) FROM gaps") == 0
    assert await utrecht.count("SELECT COUNT(*) FROM missing") == 0


async def test_a_leap_of_the_counter_is_remembered_within_bounds(fed: Federation) -> None:
    """A peer that leaps by thousands costs a bounded number of rows."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()

    async def leap(tx: object) -> None:
        await tx.execute("UPDATE counters SET seq = seq + 100000")  # type: ignore[attr-defined]  # a Tx

    await lisboa.store.write(leap)
    await lisboa.say(said.thread, NOTE, Head(), form="note", text="far ahead")
    await fed.settle()
    await utrecht.node.asker.round()
    assert await utrecht.count("SELECT COUNT(*) FROM gaps") == gaps.MOST
