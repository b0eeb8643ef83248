"""A withdrawal and an acceptance that cross, in every order in which two nodes can meet them."""

from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path

import pytest

from fed_member import Member
from federation import Federation, until
from referral_node.exchange import NotAllowed
from referral_protocol.statements import STATE, WITHDRAW, Head

REFERRING = ("withdraw", "to utrecht", "utrecht reads")
RECEIVING = ("accept", "to lisboa", "lisboa reads")
ORDERS = [
    order
    for order in permutations((*REFERRING, *RECEIVING))
    if [step for step in order if step in REFERRING] == list(REFERRING)
    and [step for step in order if step in RECEIVING] == list(RECEIVING)
]


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


def quiet(*members: Member) -> None:
    """Nothing leaves by itself any more: what leaves, and when, is up to the test."""
    for member in members:
        member.exchange.core.wake = lambda peer, hurry=False: None


async def deliver(member: Member) -> None:
    """Everything that waits at this member goes now."""
    member.node.courier.wake(next(iter(await peers(member)), b""))

    async def gone() -> bool:
        return await member.count("SELECT COUNT(*) FROM outbox WHERE code IS NULL") == 0

    await until(gone)


async def peers(member: Member) -> list[bytes]:
    rows = await member.store.rows("SELECT DISTINCT peer FROM outbox")
    return [bytes(row["peer"]) for row in rows]


async def step(fed: Federation, what: str, thread: bytes) -> bool:
    """One step of the race; False if the node did not let a person do it."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    try:
        match what:
            case "withdraw":
                await lisboa.say(thread, WITHDRAW, form="withdraw", reason="no-longer-needed")
            case "accept":
                await utrecht.say(thread, STATE, Head(state="accepted"), form="answer")
            case "to utrecht" if await peers(lisboa):
                await deliver(lisboa)
            case "to lisboa" if await peers(utrecht):
                await deliver(utrecht)
            case "utrecht reads":
                await utrecht.read()
            case "lisboa reads":
                await lisboa.read()
    except NotAllowed:
        return False
    return True


def test_these_are_all_orders() -> None:
    assert len(ORDERS) == len(set(ORDERS)) == 20


@pytest.mark.parametrize("opened", [True, False], ids=["opened", "unopened"])
async def test_every_order_ends_the_same_on_both_sides(fed: Federation, opened: bool) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    ends = set()
    for order in ORDERS:
        fed.clock.now += 1000
        said = await lisboa.refer(utrecht)
        await fed.read_all()
        if opened:
            await utrecht.say(said.thread, STATE, Head(state="received"), form="answer")
            await fed.read_all()
        waking = {member: member.exchange.core.wake for member in (lisboa, utrecht)}
        quiet(lisboa, utrecht)
        done = {what: await step(fed, what, said.thread) for what in order}
        for member, wake in waking.items():
            member.exchange.core.wake = wake
            member.node.courier.wake_all()
            for peer in await peers(member):
                member.node.courier.wake(peer)
        await fed.read_all()
        ours, theirs = await lisboa.view(said.thread), await utrecht.view(said.thread)
        assert ours.state == theirs.state, order
        assert {m.hash for m in ours.messages} == {m.hash for m in theirs.messages}, order
        assert all(m.known and not m.ignored for m in (*ours.messages, *theirs.messages)), order
        knew = order.index("to utrecht") < order.index("accept")
        # Who held the withdrawal may not accept any more; who accepted before stays so.
        assert done["accept"] is not knew, order
        assert done["withdraw"], order
        before = "received" if opened else "cancelled"
        assert ours.state.state == (before if knew else "accepted"), order
        assert ours.state.withdrawn is not None, order
        if ours.state.state != "cancelled":
            # The receiving side owes an end, and can say it.
            assert "cancelled" in theirs.allowed, order
            await utrecht.say(said.thread, STATE, Head(state="cancelled"), form="answer")
            await fed.read_all()
            assert (await lisboa.view(said.thread)).state.state == "cancelled", order
        ends.add(ours.state.state)
    assert ends == {"accepted", "received" if opened else "cancelled"}
