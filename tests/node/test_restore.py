"""A node that lost what came after its last copy: it asks, and ends with what its peers have."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catching import HOUR, accept, agree, caught_up, copy, counters, put_back
from directory_world import DAY
from federation import Federation
from links import LOSE_ANSWER, PASS
from referral_node.exchange import erase
from referral_node.exchange.catchup.progress import standing
from referral_protocol.statements import WITHDRAW, Head


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht", "lviv") as made:
        yield made


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


async def test_restored_twice_from_the_same_copy_no_counter_is_used_twice(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    moment = fed.clock.now
    place = await copy(lisboa)
    for number in range(3):
        await lisboa.note(said.thread, f"life {number}")
        await utrecht.note(said.thread, f"answer to life {number}")
        await lisboa.refer(utrecht)
        await fed.read_all()
        fed.clock.now += HOUR
        await put_back(lisboa, place, restored=moment)
        # What is said before anything came back is safe: it follows what is known.
        await lisboa.note(said.thread, f"before catching up {number}")
        await fed.settle()
        await counters(lisboa, utrecht)
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 4
    await counters(lisboa, utrecht)


async def test_pages_go_on_after_every_restart_and_delivery_goes_on_meanwhile(
    fed: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small pages; the answer to every second ask is lost, and then the node is restarted."""
    monkeypatch.setattr("referral_node.exchange.catchup.answering.MAX_BROUGHT", 5)
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    moment = fed.clock.now
    place = await copy(lisboa)
    said = [await lisboa.refer(utrecht) for _ in range(4)]
    await fed.read_all()
    for each in said:
        for number in range(4):
            await utrecht.note(each.thread, f"lost {number}")
    await fed.read_all()
    link = fed.link("lisboa", "utrecht")
    link.weather = Weather()
    await put_back(lisboa, place, restored=moment)
    asking = "SELECT COUNT(*) FROM catching WHERE done_at IS NULL AND peer = ?"
    starts = 0
    while await lisboa.count(asking, utrecht.id):
        held = await lisboa.count("SELECT COUNT(*) FROM messages")
        await lisboa.stop()
        fed.clock.now += HOUR
        await lisboa.start()
        await lisboa.node.asker.round()
        assert await lisboa.count("SELECT COUNT(*) FROM messages") >= held
        starts += 1
        assert starts < 20
    asks = [request for request in link.requests if request.path == "/v1/asks"]
    assert any(request.fate == LOSE_ANSWER for request in asks)
    new = await lisboa.refer(utrecht)
    link.weather = None
    await fed.settle()
    assert (await lisboa.view(new.thread)).opener_standing == "held"
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 5


class Weather:
    """Every second answer is lost."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return LOSE_ANSWER if self.count % 2 else PASS


async def test_who_cannot_be_asked_now_is_asked_later(fed: Federation) -> None:
    lisboa, utrecht, lviv = (fed[name] for name in ("lisboa", "utrecht", "lviv"))
    moment = fed.clock.now
    place = await copy(lisboa)
    for other in (utrecht, lviv):
        await lisboa.refer(other)
        await other.refer(lisboa)
    await fed.read_all()
    await lviv.stop()
    await put_back(lisboa, place, restored=moment)
    for _ in range(4):
        await lisboa.node.asker.round()
        await utrecht.read()
        await fed.settle()
        await lisboa.read()
        fed.clock.now += HOUR
    assert await agree(lisboa, utrecht) == 2
    told = await standing(lisboa.store)
    assert (told.asked, told.answered) == (2, 1)
    assert told.since is not None
    await lviv.start()
    await fed.everybody_knows()
    await caught_up(fed)
    assert await agree(lisboa, lviv) == 2
    told = await standing(lisboa.store)
    assert (told.asked, told.answered, told.lost) == (2, 2, 0)


async def test_what_is_older_than_its_life_comes_back_as_a_return(fed: Federation) -> None:
    """Bodies live for thirty days; after that the content itself is given back, by either side."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    moment = fed.clock.now
    place = await copy(lisboa)
    said = await utrecht.refer(lisboa)
    await fed.read_all()
    await accept(lisboa, said.thread)
    await fed.read_all()
    for _ in range(4):
        fed.clock.now += 9 * DAY
        for member in fed.members.values():
            await member.exchange.casekeys.upkeep(member.vault())
    await put_back(lisboa, place, restored=moment)
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 1
    kinds = [m.kind for m in (await lisboa.view(said.thread)).messages]
    assert kinds.count("return") == 3
    summary = (await lisboa.exchange.threads.view(lisboa.vault(), said.thread)).opener
    assert summary is not None


async def test_an_erased_case_is_never_returned(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    moment = fed.clock.now
    place = await copy(lisboa)
    said = await utrecht.refer(lisboa)
    await fed.read_all()
    await utrecht.say(said.thread, WITHDRAW, Head(), form="withdraw", reason="no-longer-needed")
    await fed.read_all()
    await erase(utrecht.exchange.core, utrecht.actor, said.thread)
    await put_back(lisboa, place, restored=moment)
    await caught_up(fed)
    shown = await lisboa.view(said.thread)
    assert shown.opener is None
    assert shown.state == (await utrecht.view(said.thread)).state
    assert await lisboa.count("SELECT COUNT(*) FROM messages WHERE body = 'lost'") == 0
    assert await lisboa.count("SELECT COUNT(*) FROM messages WHERE withheld = 'erased'") == 2
