"""One referral between two nodes: sent, held, opened, accepted, answered, and seen by both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_world import (
    ACTOR,
    Office,
    Offices,
    content_for,
    delivered,
    say,
    send,
    until,
    view,
)
from referral_node.exchange import Choice, NotAllowed, ThreadView, UnknownThread
from referral_protocol.evidence import verify_evidence
from referral_protocol.ladder import Rung, Standing
from referral_protocol.statements import ASK, NOTE, STATE, WITHDRAW, Head

DAY = 24 * 3600 * 1000


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "lisboa", "utrecht")
    await made.start()
    yield made
    await made.stop()


def reached(shown: ThreadView) -> dict[Rung, Standing]:
    return {step.rung: step.standing for step in shown.steps}


async def test_the_whole_way(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await delivered(lisboa)
    assert reached(await view(lisboa, said.thread))[Rung.HELD] is Standing.DONE
    before = await view(utrecht, said.thread)
    assert before.opener is None
    assert before.opener_standing == "sealed"

    done = await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    assert (done.imported, done.unreadable, done.left) == (1, 0, 0)
    assert (await view(utrecht, said.thread)).opener == content_for(offices)
    assert await utrecht.exchange.voice.received(utrecht.vault, ACTOR, said.thread)
    assert not await utrecht.exchange.voice.received(utrecht.vault, ACTOR, said.thread)
    await say(utrecht, said.thread, STATE, Head(state="accepted"), form="answer")
    await say(utrecht, said.thread, NOTE, Head(), form="note", step="contact-made", text="Reached")
    await delivered(utrecht)
    await lisboa.exchange.importing.run(lisboa.vault, ACTOR)
    await say(lisboa, said.thread, NOTE, Head(), form="note", text="Дякую!")
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await say(
        utrecht, said.thread, STATE, Head(state="completed"), form="answer", outcome="got-help"
    )
    await delivered(utrecht)
    await lisboa.exchange.importing.run(lisboa.vault, ACTOR)

    ours, theirs = await view(lisboa, said.thread), await view(utrecht, said.thread)
    assert ours.state == theirs.state
    assert ours.state.state == "completed"
    assert {m.hash for m in ours.messages} == {m.hash for m in theirs.messages}
    assert all(standing is Standing.DONE for standing in reached(ours).values())
    assert reached(ours) == reached(theirs)
    (summary,) = await lisboa.exchange.lists.page(lisboa.vault, Choice(), 0, 9)
    assert summary.case is not None
    assert summary.case.name == content_for(offices)["who"]["name"]
    assert summary.case.outcome == "got-help"


async def test_both_sides_can_prove_it_offline(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await say(utrecht, said.thread, STATE, Head(state="accepted"), form="answer")
    await delivered(utrecht)
    await lisboa.exchange.importing.run(lisboa.vault, ACTOR)
    assert (await view(lisboa, said.thread)).follow_up_at == offices.clock.now + 14 * DAY
    assert (await view(utrecht, said.thread)).follow_up_at is None
    name = str(content_for(offices)["who"]["name"]).encode()
    for office in (lisboa, utrecht):
        closed = await office.exchange.evidence.export(office.vault, ACTOR, said.thread)
        open_ = await office.exchange.evidence.export(
            office.vault, ACTOR, said.thread, contents=True
        )
        assert name not in closed
        assert name in open_
        for data in (closed, open_):
            found = verify_evidence(data, offices.clock.now, offices.world.genesis)
            assert found.anchored
            assert found.problems == ()
            assert found.state is not None
            assert found.state.state == "accepted"
            assert {rung.rung for rung in found.rungs} >= {"sent", "held", "answered"}


async def test_what_the_state_does_not_allow_is_refused(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await say(
        utrecht, said.thread, STATE, Head(state="rejected"), form="answer", reason="at-capacity"
    )
    with pytest.raises(NotAllowed) as refused:
        await say(utrecht, said.thread, STATE, Head(state="accepted"), form="answer")
    assert refused.value.state.state == "rejected"
    with pytest.raises(NotAllowed):
        await say(lisboa, said.thread, STATE, Head(state="accepted"), form="answer")
    await delivered(utrecht)
    with pytest.raises(NotAllowed):
        await say(lisboa, said.thread, WITHDRAW, Head(), form="withdraw", reason="no-longer-needed")
    with pytest.raises(UnknownThread):
        await say(lisboa, b"x" * 32, ASK, Head(), form="ask", purpose="news")


async def test_a_withdrawn_referral_is_not_opened(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await say(lisboa, said.thread, WITHDRAW, Head(), form="withdraw", reason="error")
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    theirs = await view(utrecht, said.thread)
    assert theirs.opener is None
    assert theirs.opener_withheld == "withdrawn"
    assert theirs.state.state == "cancelled"
    assert (await view(lisboa, said.thread)).state.state == "cancelled"
    bodies = await utrecht.store.row(
        "SELECT COUNT(*) FROM bodies b JOIN messages m "
        "ON m.number = b.message WHERE m.kind = 'open'"
    )
    assert bodies is not None
    assert bodies[0] == 0


async def test_what_cannot_be_read_is_sealed_again(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await delivered(lisboa)
    keys = await utrecht.store.rows(
        "SELECT id, seed, public, made_at, starts, ends FROM case_prekeys"
    )

    async def lose(tx: object) -> None:
        await tx.execute("DELETE FROM case_prekeys")  # type: ignore[attr-defined]  # a Tx

    await utrecht.store.write(lose)
    done = await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    assert (done.imported, done.unreadable) == (0, 1)
    await delivered(utrecht)

    async def find(tx: object) -> None:
        await tx.many(  # type: ignore[attr-defined]  # a Tx
            "INSERT INTO case_prekeys (id, seed, public, made_at, starts, ends) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [tuple(key) for key in keys],
        )

    await utrecht.store.write(find)
    await lisboa.exchange.importing.run(lisboa.vault, ACTOR)
    told = next(m for m in (await view(lisboa, said.thread)).messages if m.kind == "open")
    assert told.code == "prekey-unknown"
    await delivered(lisboa)
    done = await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    assert done.imported == 1
    assert (await view(utrecht, said.thread)).opener == content_for(offices)


async def test_a_message_waits_for_a_key_and_says_so(tmp_path: Path) -> None:
    offices = Offices(tmp_path, "lisboa", "utrecht")
    await offices.start(prekeys=False)
    try:
        lisboa = offices["lisboa"]
        said = await send(offices)
        assert said.waits_for_key
        shown = await view(lisboa, said.thread)
        assert shown.opener_standing == "waiting-for-key"
        assert (await lisboa.exchange.importing.run(lisboa.vault, ACTOR)).sealed == 0
        await offices.post_board(lisboa)
        assert (await lisboa.exchange.importing.run(lisboa.vault, ACTOR)).sealed == 1
        await delivered(lisboa)
        assert (await view(lisboa, said.thread)).opener_standing == "held"
    finally:
        await offices.stop()


async def test_what_waits_goes_when_the_peer_is_back(tmp_path: Path) -> None:
    offices = Offices(tmp_path, "lisboa", "utrecht")
    await offices.start()
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    port = int(utrecht.endpoint.rsplit(":", 1)[1])
    await utrecht.stop()
    said = await send(offices)
    await until(lambda: _failed(lisboa))
    assert (await view(lisboa, said.thread)).opener_standing == "queued"
    await utrecht.start(offices.world, port)
    await utrecht.keeper.load()
    offices.clock.now += 3_600_000
    lisboa.courier.wake(utrecht.id)
    await delivered(lisboa)
    assert (await view(lisboa, said.thread)).opener_standing == "held"
    await utrecht.courier.start()
    await offices.stop()


async def _failed(office: Office) -> bool:
    row = await office.store.row("SELECT MAX(failures) FROM peers")
    return row is not None and bool(row[0])
