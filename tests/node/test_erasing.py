"""Erasing a case: no file holds a word of it any more, and the evidence stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_world import ACTOR, Office, Offices, content_for, delivered, say, send, view
from referral_node.exchange import NotAllowed, erase
from referral_protocol.evidence import verify_evidence
from referral_protocol.statements import NOTE, STATE, WITHDRAW, Head


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "lisboa", "utrecht")
    await made.start()
    yield made
    await made.stop()


async def files(office: Office) -> bytes:
    return b"".join(
        path.read_bytes() for path in office.folder.iterdir() if path.name.startswith(office.name)
    )


async def private_rows(office: Office) -> list[bytes]:
    rows = await office.store.rows("SELECT private FROM contents")
    return [bytes(row["private"]) for row in rows]


async def test_what_was_erased_is_gone_and_can_still_be_proved(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await say(
        utrecht, said.thread, STATE, Head(state="rejected"), form="answer", reason="at-capacity"
    )
    await delivered(utrecht)
    sealed = await private_rows(utrecht)
    key = await utrecht.store.row("SELECT case_key, summary FROM threads")
    assert key is not None
    secrets = [*sealed, bytes(key["case_key"]), bytes(key["summary"])]
    there = await files(utrecht)
    assert all(secret[:64] in there for secret in secrets), "the control: they were in the files"

    # Whoever says that all is erased has erased it: both are one commit.
    await say(utrecht, said.thread, NOTE, Head(), form="note", topic="erasure", erased="erased")
    await delivered(utrecht)

    left = await files(utrecht)
    assert not any(secret[:64] in left for secret in secrets)
    shown = await view(utrecht, said.thread)
    assert shown.erased_at == offices.clock.now
    assert shown.opener is None
    assert shown.state.state == "rejected"
    assert all(m.content is None for m in shown.messages)
    proof = await utrecht.exchange.evidence.export(utrecht.vault, ACTOR, said.thread)
    found = verify_evidence(proof, offices.clock.now, offices.world.genesis)
    assert found.problems == ()
    await lisboa.exchange.importing.run(lisboa.vault, ACTOR)
    told = await view(lisboa, said.thread)
    assert told.opener == content_for(offices)
    assert told.messages[-1].content is not None
    assert told.messages[-1].content["erased"] == "erased"


async def test_all_is_erased_is_said_and_done_in_one_commit(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await say(
        utrecht, said.thread, STATE, Head(state="rejected"), form="answer", reason="at-capacity"
    )
    before = await utrecht.store.rows("SELECT hash FROM messages ORDER BY number")

    async def fails(*_: object) -> None:
        raise RuntimeError("the plug was pulled")

    monkeypatch.setattr("referral_node.exchange.cases.erasing._erase", fails)
    with pytest.raises(RuntimeError):
        await say(utrecht, said.thread, NOTE, Head(), form="note", topic="erasure", erased="erased")
    after = await utrecht.store.rows("SELECT hash FROM messages ORDER BY number")
    assert [bytes(r["hash"]) for r in after] == [bytes(r["hash"]) for r in before]
    assert await private_rows(utrecht) != []


async def test_nothing_is_said_or_opened_in_an_erased_case(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await erase(utrecht.exchange.core, ACTOR, said.thread)
    with pytest.raises(NotAllowed):
        await say(utrecht, said.thread, NOTE, Head(), form="note", text="too late")
    await say(lisboa, said.thread, WITHDRAW, Head(), form="withdraw", reason="no-longer-needed")
    await delivered(lisboa)
    done = await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    assert (done.imported, done.unreadable, done.left) == (0, 0, 0)
    assert await private_rows(utrecht) == []


async def test_what_waits_for_a_key_is_sealed_before_its_content_goes(tmp_path: Path) -> None:
    offices = Offices(tmp_path, "lisboa", "utrecht")
    await offices.start(prekeys=False)
    try:
        lisboa = offices["lisboa"]
        said = await send(offices)
        assert not await erase(lisboa.exchange.core, ACTOR, said.thread)
        assert await private_rows(lisboa) != []
        await offices.post_board(lisboa)
        await lisboa.exchange.importing.run(lisboa.vault, ACTOR)
        assert await private_rows(lisboa) == []
        await delivered(lisboa)
    finally:
        await offices.stop()
