"""The live demo as a process: from nothing to ready, stopped, gone on with, a node dead."""

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo_run import DEMO, Run, nothing_runs, pids
from referral_tools.browser import Browser
from referral_tools.demo.ports import free_ports

READY = "Ctrl-C stops everything"


class Start:
    """Starts the live demo of one state folder, one time after the other."""

    def __init__(self, folder: Path) -> None:
        found = free_ports()
        assert found is not None
        self.state = folder / "state"
        self._base = found.base
        self._folder = folder
        self.all: list[Run] = []

    async def __call__(self) -> tuple[Run, str]:
        out = self._folder / f"out-{len(self.all)}"
        made = Run(out, "--state", self.state, "--base-port", str(self._base))
        self.all.append(made)
        return made, await made.until(READY)


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Start]:
    start = Start(tmp_path)
    yield start
    for each in start.all:
        if each.child.poll() is None:
            await each.end(signal.SIGTERM)


def code_of(state: Path) -> str:
    """What the demo's command for it prints."""
    done = subprocess.run(
        [*DEMO, "--state", state, "--code"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


async def registrar_signs_in(said: str, state: Path) -> None:
    """With what the demo printed, and the code that its command prints."""
    console = re.search(r"^Console: (http://\S+)$", said, re.MULTILINE)
    known = re.search(r"^Sign in as (\w+), password (\S+), and a code", said, re.MULTILINE)
    assert console is not None
    assert known is not None
    printed = await asyncio.to_thread(code_of, state)
    async with Browser() as browser:
        page = await browser.open(console[1])
        form = page.form("Sign in").fill("Name", known[1]).fill("Password", known[2])
        form.fill("Code from your telephone", printed)
        first = await browser.press(form, "Sign in")
        assert (first.status, first.heading) == (200, "Requests to join")
        members = await browser.follow(first, "Members")
        assert members.heading == "Members (3)"


async def everybody_looks_at_the_map(said: str) -> None:
    """Without signing in, at the address that the demo printed."""
    address = re.search(r"map of published services: (http://\S+)$", said, re.MULTILINE)
    assert address is not None
    async with Browser() as browser:
        page = await browser.open(address[1])
        assert (page.status, page.heading) == (200, "Find help after a crime")
        assert "Steunpunt Dom" in page.text
        assert "Inês" not in page.text
        listed = await browser.follow(page, "Organisations")
        assert listed.heading == "Organisations"


async def test_it_starts_goes_on_and_leaves_nothing_running(live: Start) -> None:
    first, said = await live()
    rows = re.findall(r"(http://\S+\.localhost:\d+/)\s+(\w+)\s+([a-z-]+)$", said, re.MULTILINE)
    assert [user for _, user, _ in rows] == ["ines", "jasmijn", "mariia"]
    for address, user, password in rows:
        async with Browser() as browser:
            page = await browser.open(address)
            form = page.form("Sign in").fill("Name", user).fill("Password", password)
            today = await browser.press(form, "Sign in")
            assert (today.status, today.heading) == (200, "Today")
            members = {"Associação Ponte Tejo", "Steunpunt Dom", "Підтримка Поруч"}
            found = await browser.follow(today, "Find a service")
            assert len([name for name in members if name in found.text]) >= 2
    await registrar_signs_in(said, live.state)
    await everybody_looks_at_the_map(said)
    assert await first.end(signal.SIGINT) == 0
    assert nothing_runs(live.state)

    began = time.monotonic()
    second, again = await live()
    assert time.monotonic() - began < 30
    assert "are started" in again
    assert all(password in again for _, _, password in rows)
    os.kill(pids(live.state)["lviv"], signal.SIGKILL)
    assert await second.end() == 1
    said = second.said()
    assert "Error: The node of Pidtrymka Poruch has ended with signal 9" in said
    assert "The node of Pidtrymka Poruch, the last lines of its log:" in said
    assert "ready http://lviv.localhost:" in said
    assert nothing_runs(live.state)

    third, _ = await live()
    assert await third.end(signal.SIGTERM) == 0
    assert nothing_runs(live.state)

    fourth, _ = await live()
    assert await fourth.end(signal.SIGKILL) == -signal.SIGKILL
    last = time.monotonic() + 20
    while not nothing_runs(live.state):
        assert time.monotonic() < last, "the processes outlive a demo that was killed"
        await asyncio.sleep(0.1)
