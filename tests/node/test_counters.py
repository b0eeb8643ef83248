"""No counter names two statements: whatever is put back, copied or stopped."""

import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from catching import HOUR, agree, caught_up, counters
from fed_member import Member
from federation import Federation, until
from referral_node.exchange.catchup.epochs import ASLEEP
from referral_node.store.facts import EPOCH, fact, time_of


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


async def epoch(member: Member) -> int:
    value = await fact(member.store, EPOCH)
    assert value is not None
    return time_of(value)


async def last(member: Member) -> tuple[int, int]:
    """Epoch and counter of what was said last."""
    row = await member.store.row(
        "SELECT epoch, seq FROM messages WHERE mine = 1 ORDER BY number DESC LIMIT 1"
    )
    return row["epoch"], row["seq"]


async def test_every_start_takes_a_new_one_whatever_the_clock_says(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    seen = [await epoch(lisboa)]
    for move in (0, HOUR, -24 * HOUR, 0):
        await lisboa.stop()
        fed.clock.now += move
        await lisboa.start()
        seen.append(await epoch(lisboa))
        await lisboa.note(said.thread, "after a start")
        assert await last(lisboa) == (seen[-1], 1)
    assert seen == sorted(set(seen))


async def test_a_copy_that_goes_on_beside_the_first_uses_other_counters(fed: Federation) -> None:
    """Put back again and again, and started a millisecond later each time."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    await lisboa.stop()
    place = lisboa.folder.path.with_name("copy")
    shutil.copytree(lisboa.folder.path, place)
    for life in range(3):
        await lisboa.start()
        await lisboa.note(said.thread, f"life {life}")
        await fed.read_all()
        await lisboa.stop()
        shutil.rmtree(lisboa.folder.path)
        shutil.copytree(place, lisboa.folder.path)
        fed.clock.now += 1
    await lisboa.start()
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 1
    await counters(lisboa, utrecht)
    assert len([m for m in (await lisboa.view(said.thread)).messages if m.kind == "note"]) == 3


async def test_a_clock_that_leaps_is_as_good_as_a_start(fed: Federation) -> None:
    """A virtual machine that is put back with its memory, or sleeps, does not start anything."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    first = await last(lisboa)
    fed.clock.now += ASLEEP
    await lisboa.note(said.thread, "within three minutes")
    assert await last(lisboa) == (first[0], 2)
    for leap in (ASLEEP + 1, -HOUR):
        before = await last(lisboa)
        fed.clock.now += leap
        await lisboa.note(said.thread, "after a leap")
        assert (await last(lisboa))[0] > before[0]
        assert (await last(lisboa))[1] == 1
    assert await epoch(lisboa) == (await last(lisboa))[0]
    fed.clock.now += 2 * HOUR  # what was said before the leap back lies in nobody's future
    await fed.read_all()
    assert await agree(lisboa, utrecht) == 1


async def test_a_counter_that_was_used_all_the_same_is_found_out(fed: Federation) -> None:
    """Put back with its memory within minutes: the peer refuses, and all is said once more."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    await lisboa.note(said.thread, "in the life that was lost")
    await fed.read_all()

    async def put_back(tx: object) -> None:
        for sql in (
            "DELETE FROM contents WHERE message = (SELECT MAX(number) FROM messages)",
            "DELETE FROM messages WHERE kind = 'note'",
            "UPDATE counters SET seq = seq - 1",
        ):
            await tx.execute(sql)  # type: ignore[attr-defined]  # a Tx

    used = await last(lisboa)
    await lisboa.store.write(put_back)
    await lisboa.note(said.thread, "under the same counter")
    assert await last(lisboa) == used
    await lisboa.refer(utrecht)
    await until(partial(_refused, lisboa))
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 2
    await counters(lisboa, utrecht)
    notes = [m for m in (await utrecht.view(said.thread)).messages if m.kind == "note"]
    texts = [m.content["text"] for m in notes if m.content is not None]
    assert sorted(texts) == ["in the life that was lost", "under the same counter"]
    assert await lisboa.count("SELECT COUNT(*) FROM outbox") == 0


async def _refused(member: Member) -> bool:
    return await member.count("SELECT COUNT(*) FROM outbox WHERE code = 'counter-reused'") > 0
