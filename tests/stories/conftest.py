"""What the stories share: one browser for all of them, one small federation for each file."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from federation import Federation
from referral_protocol.examples import SENT
from stories.person import Person
from ui import shots

MINUTE = 60_000

Sit = Callable[..., Awaitable[Person]]
"""Puts somebody at a browser of her own: ``await sit("lisboa", script=False)``."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with shots.opened() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federation]:
    """Lisbon, Utrecht and Lviv, twenty minutes before Inês sends."""
    folder: Path = tmp_path_factory.mktemp("federation")
    names = ("lisboa", "utrecht", "lviv")
    async with Federation(folder, *names, now=SENT - 20 * MINUTE) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def sit(chromium: Browser, fed: Federation) -> AsyncIterator[Sit]:
    """People at their browsers; the browsers are closed when the story is told."""
    people: list[Person] = []

    async def at(name: str, **how: Any) -> Person:
        person = await Person.sit(chromium, fed[name], **how)
        people.append(person)
        return person

    yield at
    for person in people:
        await person.leave()
