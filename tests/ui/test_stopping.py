"""Stopping takes bounded time whatever hangs, and a second signal ends it at once."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SCRIPT = """
import asyncio, time
from referral_ui.stopping import Stop

async def main():
    stop = Stop({within})
    print("ready", flush=True)
    await stop.wait()
    print("told", flush=True)
    {then}
    print("done", flush=True)

asyncio.run(main())
"""


@contextmanager
def running(within: int, then: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(within=within, then=then)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    assert process.stdout is not None
    assert process.stdout.readline() == "told\n"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_a_request(how: signal.Signals) -> None:
    with running(30, "await asyncio.sleep(0.1)") as process:
        told(process, how)
        assert process.communicate(timeout=20)[0] == "done\n"
        assert process.returncode == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("then", ["await asyncio.sleep(60)", "time.sleep(60)"])
def test_the_second_is_an_order(first: signal.Signals, second: signal.Signals, then: str) -> None:
    with running(60, then) as process:
        told(process, first)
        process.send_signal(second)
        assert process.wait(timeout=20) == -second


@pytest.mark.parametrize("then", ["await asyncio.sleep(60)", "time.sleep(60)"])
def test_what_hangs_is_ended_in_time(then: str) -> None:
    began = time.monotonic()
    with running(1, then) as process:
        told(process, signal.SIGTERM)
        assert process.wait(timeout=30) == -signal.SIGALRM
    assert time.monotonic() - began < 30
