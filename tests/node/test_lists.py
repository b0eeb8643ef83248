"""Lists of threads: what a session keeps stays true, and a list shows what was chosen."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_world import ACTOR, Office, Offices, content_for, delivered, say, send
from referral_node.exchange import Cases, Choice, erase
from referral_node.exchange.cases.changes import REMEMBERED, Changes
from referral_node.exchange.cases.looks import mark_read
from referral_node.store import Tx
from referral_protocol.statements import ASK, NOTE, STATE, Head


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    offices = Offices(tmp_path, "lisboa", "utrecht")
    await offices.start()
    yield offices
    await offices.stop()


async def arrive(sender: Office, recipient: Office) -> None:
    await delivered(sender)
    await recipient.exchange.importing.run(recipient.vault, ACTOR)


async def fresh(office: Office) -> Cases:
    return await office.exchange.lists.cases(office.vault, Cases())


async def test_what_is_kept_is_what_would_be_read_anew(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    kept = {lisboa: Cases(), utrecht: Cases()}

    async def same() -> None:
        for office, cases in kept.items():
            assert (await office.exchange.lists.cases(office.vault, cases)) is cases
            assert list(cases.all) == list((await fresh(office)).all)

    await same()
    threads = [(await send(offices)).thread for _ in range(3)]
    await delivered(lisboa)  # so that nothing changes between two looks
    await same()
    await arrive(lisboa, utrecht)
    await same()
    for thread, state in zip(threads, ("accepted", "rejected", "received"), strict=True):
        await say(utrecht, thread, STATE, Head(state=state), form="answer")
        await delivered(utrecht)
        await same()
    await arrive(utrecht, lisboa)
    await same()
    await say(utrecht, threads[0], STATE, Head(state="completed"), form="answer")
    await arrive(utrecht, lisboa)
    await same()
    await erase(lisboa.exchange.core, ACTOR, threads[0])
    await same()
    assert {each.id for each in kept[lisboa].all} == set(threads[1:])
    assert {each.id for each in kept[utrecht].all} == {threads[2]}


async def test_what_has_ended_is_listed_until_it_was_read(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    thread = (await send(offices)).thread
    await arrive(lisboa, utrecht)
    for state in ("accepted", "completed"):
        await say(utrecht, thread, STATE, Head(state=state), form="answer", outcome="got-help")
    assert [each.id for each in (await fresh(utrecht)).all] == [thread]  # not delivered yet
    await arrive(utrecht, lisboa)
    assert (await fresh(utrecht)).all == []
    (news,) = (await fresh(lisboa)).all
    assert news.ended
    assert news.case is not None
    assert news.case.unread == 2
    await mark_read(lisboa.exchange.core, lisboa.vault, thread)
    assert (await fresh(lisboa)).all == []


async def test_what_has_ended_is_listed_while_they_wait_for_our_word(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    thread = (await send(offices)).thread
    await arrive(lisboa, utrecht)
    for state in ("accepted", "completed"):
        await say(utrecht, thread, STATE, Head(state=state), form="answer")
    await arrive(utrecht, lisboa)
    await say(lisboa, thread, ASK, Head(), form="ask", purpose="erase")
    await arrive(lisboa, utrecht)
    await mark_read(utrecht.exchange.core, utrecht.vault, thread)
    assert [each.id for each in (await fresh(utrecht)).all] == [thread]
    await say(utrecht, thread, NOTE, Head(), form="note", text="Done.")
    await delivered(utrecht)
    assert (await fresh(utrecht)).all == []


async def test_a_session_that_lags_far_behind_reads_anew(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    thread = (await send(offices)).thread
    await arrive(lisboa, utrecht)
    cases = await fresh(lisboa)
    for state in ("accepted", "completed"):
        await say(utrecht, thread, STATE, Head(state=state), form="answer")
    await arrive(utrecht, lisboa)
    await mark_read(lisboa.exchange.core, lisboa.vault, thread)
    lisboa.exchange.core.changes.changed(*(n.to_bytes(32, "big") for n in range(REMEMBERED + 1)))
    assert lisboa.exchange.core.changes.since(cases.count) is None
    assert (await lisboa.exchange.lists.cases(lisboa.vault, cases)).all == []


def test_changes_are_remembered_up_to_a_number() -> None:
    changes = Changes()
    changes.changed(b"first")
    begun = changes.count
    changes.changed(b"a", b"b")
    changes.changed(b"a")
    assert changes.since(begun) == [b"a", b"b"]
    assert changes.since(changes.count) == []
    for number in range(REMEMBERED):
        changes.changed(b"%d" % number)
    assert changes.since(begun) is None
    assert len(changes.since(changes.count - REMEMBERED) or ()) == REMEMBERED


async def test_a_page_has_what_was_chosen(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    threads = []
    for _ in range(5):
        offices.clock.now += 1000
        threads.append((await send(offices)).thread)
    await arrive(lisboa, utrecht)
    offices.clock.now += 1000
    await say(utrecht, threads[3], STATE, Head(state="rejected"), form="answer")
    await arrive(utrecht, lisboa)
    lists = lisboa.exchange.lists

    async def page(choice: Choice, first: int = 0, most: int = 9) -> list[int]:
        found = await lists.page(lisboa.vault, choice, first, most)
        assert await lists.count(choice) >= len(found)
        return [threads.index(each.id) for each in found]

    everything = await page(Choice())
    assert everything[-1] == 3  # what has ended comes last, though it changed last
    assert sorted(everything) == [0, 1, 2, 3, 4]
    assert [*await page(Choice(), 0, 2), *await page(Choice(), 2, 2)] == everything[:4]
    assert await page(Choice(ended=True)) == [3]
    assert await page(Choice(ended=False)) == everything[:4]
    assert await page(Choice(state="rejected")) == [3]
    assert await page(Choice(ended=False, state="rejected")) == []
    assert await page(Choice(peer=utrecht.id)) == everything
    assert await page(Choice(peer=lisboa.id)) == []
    assert await page(Choice(), 5) == []
    assert await lists.peers() == [utrecht.id]
    named = await lists.some(lisboa.vault, [threads[1], b"x" * 32, threads[1]])
    assert set(named) == {threads[1]}


async def test_the_same_person_is_found_among_open_cases(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    first, second = (await send(offices)).thread, (await send(offices)).thread
    await arrive(lisboa, utrecht)
    content = content_for(offices)
    assert {each.id for each in (await fresh(lisboa)).alike(content)} == {first, second}
    assert (await fresh(lisboa)).alike({"who": {"name": "Оксана Ткаченко"}}) == []
    cases = await fresh(utrecht)
    await say(utrecht, first, STATE, Head(state="rejected"), form="answer")
    await utrecht.exchange.lists.cases(utrecht.vault, cases)
    assert [each.id for each in cases.alike(content)] == [second]


async def test_one_damaged_summary_does_not_hide_the_others(offices: Offices) -> None:
    lisboa = offices["lisboa"]
    first, second = (await send(offices)).thread, (await send(offices)).thread

    async def damage(tx: Tx) -> None:
        await tx.execute("UPDATE threads SET summary = zeroblob(99) WHERE id = ?", (first,))

    await lisboa.store.write(damage)
    cases = {each.id: each.case for each in (await fresh(lisboa)).all}
    assert cases[first] is None
    assert cases[second] is not None
