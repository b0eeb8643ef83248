"""A person whom nobody took stays listed until somebody refers again, or says why not; the two
referrals know each other at this node alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node_world import ACTOR, Office, Offices, content_for, delivered, say, send
from referral_node.exchange import Cases, Draft, Summary, UnknownThread, erase
from referral_node.exchange.cases.looks import mark_read
from referral_node.exchange.cases.summaries import CaseSummary, kept_here
from referral_node.exchange.sending.following import close_case
from referral_protocol.statements import ASK, STATE, WITHDRAW, Head


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    offices = Offices(tmp_path, "lisboa", "utrecht", "lviv")
    await offices.start()
    yield offices
    await offices.stop()


async def arrive(sender: Office, recipient: Office) -> None:
    await delivered(sender)
    await recipient.exchange.importing.run(recipient.vault, ACTOR)


async def ended(offices: Offices, *states: str, **content: Any) -> bytes:
    """A referral from Lisbon that Utrecht has moved through these states; read in Lisbon."""
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    thread = (await send(offices)).thread
    await arrive(lisboa, utrecht)
    for state in states:
        await say(utrecht, thread, STATE, Head(state=state), form="answer", **content)
    await arrive(utrecht, lisboa)
    await mark_read(lisboa.exchange.core, lisboa.vault, thread)
    return thread


async def listed(office: Office, thread: bytes) -> Summary | None:
    """What Today keeps of a thread."""
    cases = await office.exchange.lists.cases(office.vault, Cases())
    return next((each for each in cases.all if each.id == thread), None)


async def kept(office: Office, thread: bytes) -> CaseSummary:
    found = (await office.exchange.lists.some(office.vault, [thread]))[thread].case
    assert found is not None
    return found


async def again(offices: Offices, follows: bytes) -> bytes:
    """Lisbon refers the same person to Lviv."""
    lisboa = offices["lisboa"]
    said = await lisboa.exchange.voice.open(
        lisboa.vault,
        ACTOR,
        recipient=offices["lviv"].id,
        head=Head("referral", "urgent", offices.clock.now + 3 * 86_400_000, None),
        content=content_for(offices),
        follows=follows,
    )
    return said.thread


@pytest.mark.parametrize(
    ("states", "content"),
    [
        (("rejected",), {"reason": "at-capacity"}),
        (("accepted", "rejected"), {"reason": "safety-concern"}),
        (("accepted", "failed"), {"outcome": "could-not-contact"}),
        (("accepted", "cancelled"), {}),
        (("entered-in-error",), {}),
    ],
)
async def test_whom_nobody_helps_stays_listed_after_it_was_read(
    offices: Offices, states: tuple[str, ...], content: dict[str, str]
) -> None:
    thread = await ended(offices, *states, **content)
    found = await listed(offices["lisboa"], thread)
    assert found is not None
    assert found.ended
    assert found.case is not None
    assert found.case.undecided
    assert await listed(offices["utrecht"], thread) is None


@pytest.mark.parametrize(
    ("states", "content"),
    [
        (("accepted", "completed"), {"outcome": "got-help"}),
        (("accepted", "failed"), {"outcome": "no-longer-needed"}),
    ],
)
async def test_whose_way_ended_well_does_not(
    offices: Offices, states: tuple[str, ...], content: dict[str, str]
) -> None:
    thread = await ended(offices, *states, **content)
    assert await listed(offices["lisboa"], thread) is None


async def test_what_we_asked_them_to_cancel_is_decided(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    thread = await ended(offices, "accepted")
    await say(lisboa, thread, ASK, Head(), form="ask", purpose="cancel", text="She moves away.")
    await arrive(lisboa, utrecht)
    await say(utrecht, thread, STATE, Head(state="cancelled"), form="answer")
    await arrive(utrecht, lisboa)
    await mark_read(lisboa.exchange.core, lisboa.vault, thread)
    assert await listed(lisboa, thread) is None


@pytest.mark.parametrize(
    ("reason", "stays"),
    [("entered-in-error", True), ("consent-withdrawn", False), ("no-longer-needed", False)],
)
async def test_after_our_own_withdrawal_only_a_mistake_is_undecided(
    offices: Offices, reason: str, stays: bool
) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    thread = (await send(offices)).thread
    await arrive(lisboa, utrecht)
    await say(lisboa, thread, WITHDRAW, Head(), form="withdraw", reason=reason)
    await delivered(lisboa)
    assert (await listed(lisboa, thread) is not None) == stays
    # Their word for it changes nothing of what was decided here.
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await delivered(utrecht)
    assert (await kept(lisboa, thread)).undecided == stays


async def test_referring_again_ends_it_and_both_know_the_other(offices: Offices) -> None:
    lisboa, lviv = offices["lisboa"], offices["lviv"]
    first = await ended(offices, "rejected", reason="at-capacity")
    second = await again(offices, first)
    assert await listed(lisboa, first) is None
    assert (await kept(lisboa, first)).later == (second,)
    assert (await kept(lisboa, second)).earlier == first
    view = await lisboa.exchange.threads.view(lisboa.vault, first)
    assert view is not None
    assert (view.later, view.undecided) == ((second,), False)
    # Nothing of it leaves the house, and nothing of it stands in the clear.
    await arrive(lisboa, lviv)
    there = await kept(lviv, second)
    assert (there.earlier, there.later) == (None, ())
    for row in await lisboa.store.rows("SELECT * FROM threads WHERE id = ?", (second,)):
        assert all(first not in bytes(cell) for cell in row if isinstance(cell, bytes))


async def test_a_person_is_referred_on_as_often_as_it_takes(offices: Offices) -> None:
    lisboa, lviv = offices["lisboa"], offices["lviv"]
    first = await ended(offices, "rejected", reason="at-capacity")
    second = await again(offices, first)
    await arrive(lisboa, lviv)
    await say(lviv, second, STATE, Head(state="rejected"), form="answer", reason="outside-area")
    await arrive(lviv, lisboa)
    assert await listed(lisboa, first) is None
    assert (await kept(lisboa, second)).undecided


async def test_nothing_more_to_do_with_its_reason(offices: Offices) -> None:
    lisboa = offices["lisboa"]
    thread = await ended(offices, "rejected", reason="at-capacity")
    core = lisboa.exchange.core
    await close_case(core, lisboa.vault, ACTOR, thread, "helped-elsewhere", "By her sister.")
    assert await listed(lisboa, thread) is None
    view = await lisboa.exchange.threads.view(lisboa.vault, thread)
    assert view is not None
    assert view.closing is not None
    assert (view.closing.reason, view.closing.text) == ("helped-elsewhere", "By her sister.")
    assert (view.closing.by, view.closing.at) == (ACTOR.display, offices.clock.now)
    (line,) = [each for each in await lisboa.exchange.records.of(thread) if each.action == "closed"]
    assert line.code is None  # why is said in the case alone
    said = await lisboa.store.row("SELECT COUNT(*) FROM messages WHERE mine = 1")
    assert said is not None
    assert said[0] == 1


async def test_what_was_erased_is_neither_closed_nor_followed(offices: Offices) -> None:
    lisboa = offices["lisboa"]
    thread = await ended(offices, "rejected", reason="at-capacity")
    await erase(lisboa.exchange.core, ACTOR, thread)
    assert await listed(lisboa, thread) is None
    with pytest.raises(UnknownThread):
        await close_case(lisboa.exchange.core, lisboa.vault, ACTOR, thread, "other", "x")
    second = await again(offices, thread)
    assert (await kept(lisboa, second)).earlier == thread


def test_a_summary_made_anew_keeps_what_was_decided_here() -> None:
    before = CaseSummary(name="Oksana", unread=2, later=(b"l" * 32,), earlier=b"e" * 32)
    assert kept_here(before) == CaseSummary(later=(b"l" * 32,), earlier=b"e" * 32)


async def test_a_draft_begins_with_what_it_is_given(offices: Offices) -> None:
    lisboa = offices["lisboa"]
    drafts = lisboa.exchange.drafts
    filled = Draft(b"", typed={"who": {"name": ["Oksana"]}}, follows=b"f" * 32, step="consent")
    made = await drafts.create(lisboa.vault, ACTOR, filled=filled)
    found = await drafts.load(lisboa.vault, made)
    assert found is not None
    assert (found.typed, found.follows, found.step) == (filled.typed, b"f" * 32, "consent")
    assert (found.version, found.saved_at) == (1, offices.clock.now)
    changed = msgspec.structs.replace(found, step="who")
    assert (await drafts.save(lisboa.vault, ACTOR, changed)).follows == b"f" * 32
