"""A disk that is put back to an earlier state, and a node started as if nothing had happened."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catching import HOUR, accept, agree, caught_up, copy, counters, put_back
from federation import Federation
from referral_node.exchange.catchup import standing


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht", "lviv") as made:
        yield made


async def test_it_is_found_out_at_the_start_and_all_comes_back(fed: Federation) -> None:
    lisboa, utrecht, lviv = (fed[name] for name in ("lisboa", "utrecht", "lviv"))
    said = await lisboa.refer(utrecht)
    other = await lviv.refer(lisboa)
    await fed.read_all()
    place = await copy(lisboa)
    fed.clock.now += HOUR
    await lisboa.note(said.thread, "lost")
    await accept(lisboa, other.thread)
    lost = await lisboa.refer(utrecht)
    await fed.read_all()
    await accept(utrecht, lost.thread)
    await fed.read_all()
    fed.clock.now += HOUR
    await put_back(lisboa, place)
    await lisboa.node.asker.round()
    told = await standing(lisboa.exchange.core)
    assert told.rolled_back_at is not None
    assert told.restored_at is None
    assert told.found > 0
    assert told.lost > 0
    await lisboa.note(said.thread, "said before it came back")
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 2
    assert await agree(lisboa, lviv) == 1
    await counters(lisboa, utrecht, lviv)
    told = await standing(lisboa.exchange.core)
    assert (told.lost, told.asked, told.answered) == (0, 2, 2)


async def test_only_what_others_sent_was_lost(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    place = await copy(lisboa)
    said = await utrecht.refer(lisboa)
    await fed.read_all()
    await put_back(lisboa, place)
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 1
    assert (await lisboa.view(said.thread)).opener is not None
    assert (await standing(lisboa.exchange.core)).rolled_back_at is not None


async def test_an_ordinary_restart_is_no_alarm(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    await accept(utrecht, said.thread)
    await fed.read_all()
    for member in (lisboa, utrecht):
        await member.stop()
        fed.clock.now += HOUR
        await member.start()
    await caught_up(fed)
    for member in (lisboa, utrecht):
        told = await standing(member.exchange.core)
        assert (told.rolled_back_at, told.begun_at, told.lost) == (None, None, 0)
    assert await agree(lisboa, utrecht) == 1


async def test_found_out_by_what_a_peer_names(fed: Federation) -> None:
    """The peer could not be asked at the start; its next word names what is not here."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    place = await copy(lisboa)
    fed.clock.now += HOUR
    note = await lisboa.note(said.thread, "lost")
    await fed.read_all()
    await lisboa.store.rows("SELECT 1")
    await put_back(lisboa, place)

    async def forgotten(tx: object) -> None:
        await tx.execute("DELETE FROM catching")  # type: ignore[attr-defined]  # a Tx

    await lisboa.node.asker.round()
    assert note.hash in {m.hash for m in (await lisboa.view(said.thread)).messages}
    await put_back(lisboa, place)
    await lisboa.node.asker.stop()
    await lisboa.store.write(forgotten)
    await utrecht.note(said.thread, "I read your note")
    await fed.settle()
    await lisboa.node.asker.round()
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 1
    assert (await standing(lisboa.exchange.core)).rolled_back_at is not None
