"""A disk that is put back to an earlier state, and a node started as if nothing had happened."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catching import HOUR, accept, agree, caught_up, copy, counters, put_back
from directory_world import DAY
from federation import Federation
from referral_node.exchange.catchup.progress import standing
from referral_node.missing import lines


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
    told = await standing(lisboa.store)
    assert told.rolled_back_at is not None
    assert told.restored_at is None
    assert told.found > 0
    assert told.lost > 0
    await lisboa.note(said.thread, "said before it came back")
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 2
    assert await agree(lisboa, lviv) == 1
    await counters(lisboa, utrecht, lviv)
    told = await standing(lisboa.store)
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
    assert (await standing(lisboa.store)).rolled_back_at is not None


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
        told = await standing(member.store)
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
    assert (await standing(lisboa.store)).rolled_back_at is not None


async def test_pages_and_status_say_so(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    place = await copy(lisboa)
    fed.clock.now += HOUR
    said = await lisboa.refer(utrecht)
    sent = await utrecht.refer(lisboa)
    await fed.read_all()
    await put_back(lisboa, place)
    await lisboa.node.asker.round()
    await lisboa.sign_in()
    today = (await lisboa.page().get("/")).text
    assert "This node was put back to an earlier state" in today
    assert "2 messages came back" in today
    assert "2 messages still wait for content" in today
    received = await lisboa.page().get(f"/referral/{sent.thread.hex()}")
    assert "Its content was lost here. Steunpunt Dom sends it again." in received.text
    # Nobody answers what cannot be read.
    assert "Accept this referral" not in received.text
    assert "Message to" not in received.text
    mine = await lisboa.page().get(f"/referral/{said.thread.hex()}")
    assert "Part of this case was lost here" in mine.text
    told = await lisboa.node.operations().handlers()["status"]({})
    printed = list(lines(told["missing"], str))
    assert any("had been put back to an earlier state" in line for line in printed)
    assert any("2 of 2 members answered, 2 messages came back" in line for line in printed)
    assert any("2 messages without content" in line for line in printed)
    await caught_up(fed)
    await lisboa.sign_in()
    today = (await lisboa.page().get("/")).text
    assert "2 messages came back" in today
    assert "still wait" not in today
    assert "Part of this case" not in (await lisboa.page().get(mine.path)).text
    fed.clock.now += 4 * DAY
    await lisboa.sign_in()
    assert "put back" not in (await lisboa.page().get("/")).text
