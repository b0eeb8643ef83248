"""`referral demo`: three organisations on this machine, to look at or to see a whole referral.

Exit status: 0 when stopped by Ctrl-C, or when the scripted story went through; 1 with the cause
when it could not go on; 130 when the story was interrupted.
"""

import asyncio
import base64
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import click

from referral_directory.totp import code_at
from referral_tools.demo.live import live
from referral_tools.demo.place import Place
from referral_tools.demo.scripted import scripted
from referral_tools.demo.show import Show
from referral_tools.demo.trouble import DemoTrouble

STATE: Final = Path(".demo")
INTERRUPTED: Final = 130
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
@click.option(
    "--scripted", "story", is_flag=True, help="Play a whole referral without a person, then end."
)
@click.option(
    "--code", is_flag=True, help="Print the code with which the demo's registrar signs in now."
)
def demo(state: Path | None, base_port: int | None, story: bool, code: bool) -> None:
    """Start a directory and three organisations on this machine, for a try.

    With --scripted a referral is sent, answered and proved by itself, in a fresh folder (inside of
    --state, if one is named) and on free ports.
    """
    if code:
        click.echo(registrar_code(state or STATE, time.time()))
        return
    show = Show()
    work = scripted(state, base_port, show) if story else live(state or STATE, base_port, show)
    try:
        interrupted = asyncio.run(until_stopped(work))
    except DemoTrouble as trouble:
        show.trouble(trouble)
        raise SystemExit(1) from None
    if story:
        raise SystemExit(INTERRUPTED if interrupted else 0)


def registrar_code(state: Path, now: float) -> str:
    """What the registrar's telephone would show; ``now`` in seconds."""
    place = Place(state)
    try:
        uri = urlsplit(place.read(place.totp))
    except OSError:
        raise click.ClickException(f"{state}: there is no demo here; start one first") from None
    secret = base64.b32decode(parse_qs(uri.query)["secret"][0])
    return code_at(secret, int(now * 1000))


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
