"""`referral demo`: three organisations on this machine, to look at or to see a whole referral.

Exit status: 0 when stopped by Ctrl-C, or when the scripted story went through; 1 with the cause
when it could not go on; 130 when the story was interrupted.
"""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import click

from referral_tools.demo.live import live
from referral_tools.demo.show import Show
from referral_tools.demo.trouble import DemoTrouble

STATE: Final = Path(".demo")
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for everything of this demo.  [default: .demo]",
)
@click.option(
    "--base-port",
    type=click.IntRange(1024, 65000),
    help="First of the ports of a new demo.  [default: 18700]",
)
def demo(state: Path | None, base_port: int | None) -> None:
    """Start a directory and three organisations on this machine, for a try."""
    show = Show()
    try:
        interrupted = asyncio.run(until_stopped(live(state or STATE, base_port, show)))
    except DemoTrouble as trouble:
        show.trouble(trouble)
        raise SystemExit(1) from None
    raise SystemExit(0 if interrupted else 1)


async def until_stopped(work: Coroutine[Any, Any, None]) -> bool:
    """Do the work; Ctrl-C and SIGTERM end it cleanly, once. True if it was ended so."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:  # a second Ctrl-C does not cut short how the first one ends things
            stopped = True
            task.cancel()

    for ending in _ENDINGS:
        loop.add_signal_handler(ending, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        for ending in _ENDINGS:
            loop.remove_signal_handler(ending)
    return stopped
