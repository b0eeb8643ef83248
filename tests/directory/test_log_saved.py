"""`referral directory log save`: the whole log in one file, which anybody checks."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from directory_server import made
from referral_protocol.directory.entries import anchor_text
from referral_protocol.directory.saved import verify_saved
from referral_tools.cli import main


async def run(command: list[str]) -> Result:
    """A command in a thread of its own, as it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, command)


@pytest.mark.parametrize("running", [True, False])
async def test_the_log_is_saved_whole(tmp_path: Path, running: bool) -> None:
    place = await made(tmp_path / "state")
    file = tmp_path / "log.saved"
    command = ["directory", "log", "save", str(file), "--state", str(place.folder.path)]
    async with place.served() as client:
        await client.admit("lisbon", "utrecht")
        first = await run(command) if running else None
    done = first or await run(command)
    assert done.exit_code == 0, done.output
    assert "3 entries" in done.output
    assert verify_saved(file.read_bytes(), place.clock(), place.genesis).size == 3
    again = await run(command)
    assert again.exit_code == 1
    assert "is there already" in again.output
    checked = await run(["verify", str(file), "--anchor", anchor_text(place.genesis)])
    assert checked.exit_code == 0, checked.output
    assert "Members: 2 active" in checked.output
