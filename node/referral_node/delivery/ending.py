"""Ending tasks for certain: a cancellation that a library swallowed is said again."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

AGAIN: Final = 0.5
"""Seconds after which a task that has not ended is told once more."""


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel these tasks until all of them have ended; what they raise is nobody's any more."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=AGAIN)
        for task in done:
            if not task.cancelled():
                task.exception()  # looked at, so that it is not reported as forgotten
