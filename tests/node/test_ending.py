"""A task that swallows its first cancellation ends all the same, and so does the stop of a node."""

import asyncio

import pytest

from referral_node.delivery import ending


async def test_a_swallowed_cancellation_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 2:
                    raise

    async def fails() -> None:
        raise ValueError("nobody asks for this any more")

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(fails())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await ending.end(tasks)
    assert swallowed == 3
    assert tasks[0].cancelled()
