"""A page claims a rung only for what the evidence bundle would prove as well."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_world import ACTOR, Offices, delivered, say, send, view
from referral_protocol.ladder import Rung, Standing
from referral_protocol.statements import NOTE, STATE, Head


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht", "lisboa")
    await made.start()
    yield made
    await made.stop()


async def test_the_referring_sides_own_word_is_no_proof_of_contact(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    said = await send(offices)
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await utrecht.exchange.voice.received(utrecht.vault, ACTOR, said.thread)
    await say(utrecht, said.thread, STATE, Head(state="accepted"), form="answer")
    await delivered(utrecht)
    await lisboa.exchange.importing.run(lisboa.vault, ACTOR)
    await say(lisboa, said.thread, NOTE, Head(), form="note", step="contact-made", text="We met")
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    for office in (lisboa, utrecht):
        shown = await view(office, said.thread)
        assert shown.evidence.answered_at is not None
        assert shown.evidence.contacted_at is None
        contacted = next(step for step in shown.steps if step.rung is Rung.CONTACTED)
        assert contacted.standing is not Standing.DONE
