"""Two members with their pages, in the middle of the story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pages_world import Desks


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    """Lisbon and Utrecht, an hour before Inês sends."""
    made = Desks(tmp_path, "lisboa", "utrecht")
    await made.start()
    yield made
    await made.stop()
