"""The composition roots of the processes that are broken: a node, a directory, a restore.

They do what production does. Chosen otherwise are the clock (a file moves it), the way (each
connection goes to a link's port), and the price of a password, since people sign in often here.
`python -m chaos.roots WHAT FOLDER CLOCK ...`: who serves prints one line, its ports, and stops when
standard input ends: whoever started it has gone then.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from chaos.clock import MovedClock
from referral_directory import logs as directory_logs
from referral_directory import main as directory_main
from referral_directory.folder import Folder
from referral_directory.sealing import Cost
from referral_node import logs as node_logs
from referral_node.backup.restoring import restore_node
from referral_node.config import read_config
from referral_node.control import ControlServer
from referral_node.delivery.http import Answer, Http
from referral_node.folder import FolderLock, StateFolder
from referral_node.main import start
from referral_node.parts import Parts
from referral_node.store import StoreError
from referral_node.vault import KdfCost, Kit, SlotKeys

CHEAP = KdfCost(1, 8192)
CHEAP_DIRECTORY = Cost(1, 64 * 1024 * 1024)


class RoutedHttp(Http):
    """A transport whose connections go where the routes say: address of a member to link's port."""

    def __init__(self, routes: dict[str, str]) -> None:
        super().__init__()
        self._routes = routes

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        for address, link in self._routes.items():
            if url.startswith(address + "/"):
                return await super().request(method, link + url.removeprefix(address), **how)
        raise AssertionError("a node wants to go to a strange place")


async def node(folder: StateFolder, clock: Callable[[], int], routes: dict[str, str]) -> None:
    """As :func:`referral_node.main.serve`, with other parts."""
    folder.check()
    config = read_config(folder.config)
    node_logs.set_up(config.log_level)
    parts = Parts(clock=clock, cost=CHEAP, transport=lambda: RoutedHttp(routes))
    with FolderLock(folder.path):
        stop = _stop()
        running = await start(folder, config, parts)
        try:
            async with ControlServer(folder.control, running.operations().handlers()):
                structlog.get_logger().info("node.ready")
                print(json.dumps(running.ports), flush=True)
                await stop.wait()
        finally:
            structlog.get_logger().info("node.stopping")
            await running.stop()


async def directory(folder: Folder, clock: Callable[[], int]) -> None:
    """As `referral directory serve`, on another clock."""
    directory_logs.set_up("info")
    world = directory_main.World(clock=clock, cost=CHEAP_DIRECTORY)

    def ready(url: str, _: str | None) -> None:
        _stop(lambda: os.kill(os.getpid(), signal.SIGTERM))
        print(json.dumps({"exchange": int(url.rsplit(":", 1)[1])}), flush=True)

    await directory_main.serve(folder, None, world, ready)


def restore(folder: Path, clock: Callable[[], int], file: Path, kit_file: Path) -> None:
    """As `referral node restore`, on another clock."""
    keys = SlotKeys(CHEAP, os.urandom)
    try:
        kit = Kit.typed(kit_file.read_text("ascii"))
        asyncio.run(restore_node(file, folder, kit, keys, clock()))
    finally:
        keys.close()


def _stop(then: Callable[[], None] | None = None) -> asyncio.Event:
    """Set at SIGTERM, SIGINT and when standard input ends."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(0)
        (then or stop.set)()

    loop.add_reader(0, ended)
    if then is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
    return stop


def main(what: str, folder: str, clock: str, *rest: str) -> None:
    """Do ``what`` with the folder: serve it until told to stop, or restore it."""
    moved = MovedClock(Path(clock))
    if what == "node":
        try:
            asyncio.run(node(StateFolder(Path(folder)), moved, json.loads(rest[0])))
        except StoreError as error:  # what `serve` says in one line, with the same status
            structlog.get_logger().error("node.not-started", code=error.code)
            sys.exit(1)
    elif what == "restore":
        restore(Path(folder), moved, Path(rest[0]), Path(rest[1]))
    else:
        asyncio.run(directory(Folder(Path(folder)), moved))


if __name__ == "__main__":
    main(*sys.argv[1:])
