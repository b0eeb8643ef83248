"""The scripted demo: a referral there and back between real processes, through their pages."""

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from demo_run import Run, nothing_runs, pids
from referral_tools.demo.scripted import FOLDER

STEPS = (
    "Lisbon compares Utrecht's fingerprint by telephone",
    "Lisbon writes a referral with all eight sections",
    "Lisbon sees what fits and chooses Utrecht",
    "Lisbon reads word for word what leaves and to whom, and sends it",
    "Lisbon sees it held by Utrecht's node",
    "Utrecht signs in and opens it: what was sent is there, no more",
    "Utrecht sees the safe number",
    "Utrecht accepts",
    "Utrecht reaches the person and checks safe contact again",
    "Utrecht fixes a first meeting, Lisbon confirms that it joins",
    "Both write two messages",
    "Utrecht gives the outcome, and Lisbon sees it",
    "Lisbon exports the evidence, and another process verifies it",
    "Utrecht's node is killed (SIGKILL)",
    "Lisbon sends another referral, and sees that it waits",
    "Utrecht's node is started again",
    "Lisbon sees it held by Utrecht's node",
    "Utrecht signs in again, and both see the same",
)


async def test_the_story_goes_through_and_nothing_is_left_running(tmp_path: Path) -> None:
    run = Run(tmp_path / "out", "--scripted", "--state", tmp_path / "state")
    status = await run.end()
    said = run.said()
    assert status == 0, said
    done = re.findall(r"^  done +[0-9.]+ s  (.*)$", said, re.MULTILINE)
    assert tuple(done[-len(STEPS) :]) == STEPS
    told = re.findall(r"^(.*), as (.*) \((.*)\) sees it$", said, re.MULTILINE)
    assert [(name, city) for name, _, city in told] == [
        ("Оксана Ткаченко", "Lisbon"),
        ("Оксана Ткаченко", "Utrecht"),
        ("Дарина Мельник", "Lisbon"),
        ("Дарина Мельник", "Utrecht"),
    ]
    sides = said.split(") sees it\n")[1:]
    statements = [re.findall(r"\b[0-9a-f]{12}$", side, re.MULTILINE) for side in sides]
    assert statements[0] == statements[1]
    assert len(statements[0]) == 11
    assert statements[2] == statements[3]
    assert all("Outcome: got help" in side for side in sides[:2])
    assert "11 statements hold" in said
    assert nothing_runs(tmp_path / "state" / FOLDER)


async def test_a_node_that_dies_ends_it_with_step_cause_and_log(tmp_path: Path) -> None:
    state = tmp_path / "state"
    run = Run(tmp_path / "out", "--scripted", "--state", state)
    try:
        await run.until("All three nodes have read it in the directory")
        os.kill(pids(state / FOLDER)["lviv"], signal.SIGKILL)
        status = await run.end()
    finally:
        if run.child.poll() is None:
            await run.end(signal.SIGTERM)
    said = run.said()
    assert status == 1, said
    cause = re.search(
        r"^Error: (.*): The node of Pidtrymka Poruch has ended with signal 9$", said, re.MULTILINE
    )
    assert cause is not None, said
    assert re.match("Lisbon|Utrecht|Both", cause[1])
    assert "The node of Steunpunt Dom, the last lines of its log:" in said
    assert nothing_runs(state / FOLDER)


def everything_that_runs() -> str:
    """The command lines of all processes of this machine."""
    listed = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True)
    return listed.stdout


@pytest.mark.parametrize("words", ["", "  done"])
async def test_it_can_be_interrupted_at_any_time(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    run = Run(tmp_path / "out", "--scripted")
    async with asyncio.timeout(30):
        while not list((tmp_path / "temporary").glob("referral-demo-*/secrets/*")):  # noqa: ASYNC110 - another process makes them
            await asyncio.sleep(0.01)
    await run.until(words)
    assert await run.end(signal.SIGINT) == 130, run.said()
    assert list((tmp_path / "temporary").iterdir()) == []
    assert str(tmp_path) not in everything_that_runs()
