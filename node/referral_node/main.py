"""The composition root of a node: the one place that chooses clock, entropy, paths and transport.

Law: everything below gets what it needs handed in. Production has no switch for tests: tests build
a node with other parts through :func:`start`, the command line only through :func:`serve`.
"""

import asyncio
import os
import secrets
import signal
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog
from aiohttp import web

from referral_node.api.listener import build_listener
from referral_node.api.metrics import build_metrics
from referral_node.config import Config, Tls, read_config, tls_context
from referral_node.delivery.courier import Courier
from referral_node.delivery.directory import DirectoryPoller
from referral_node.delivery.http import Http
from referral_node.exchange import Core, Exchange, MemberBook
from referral_node.exchange.replica import ReplicaKeeper
from referral_node.store import Store
from referral_node.store.facts import (
    CERTIFICATE,
    DIRECTORY_URL,
    EPOCH,
    GENESIS,
    MEMBER,
    fact,
    time_of,
)
from referral_node.trouble import Trouble
from referral_protocol.suite import Signer, self_test

CLOSE_WITHIN: Final = 10.0
"""Seconds that requests under way get at a stop."""

DATABASE: Final = "node.db"
NODE_KEY: Final = "node.key"
SOCKET: Final = "control.sock"

log = structlog.get_logger()


def _now() -> int:
    return time.time_ns() // 1_000_000


def _chance() -> float:
    return secrets.randbelow(2**32) / 2**32


class Parts(msgspec.Struct, frozen=True):
    """What a composition root chooses. The defaults are production's.

    ``clock``: ms UTC; ``entropy``: n random bytes; ``chance``: uniform in [0, 1).
    """

    clock: Callable[[], int] = _now
    entropy: Callable[[int], bytes] = os.urandom
    chance: Callable[[], float] = _chance


class Node:
    """A running node. Made by :func:`start`; ``ports`` are those really bound, by listener."""

    def __init__(self, config: Config, state: Path, exchange: Exchange, parts: Parts) -> None:
        self.config = config
        self.state = state
        self.exchange = exchange
        self.parts = parts
        self.ports: dict[str, int] = {}
        self.http = Http()
        self.courier = Courier(exchange.core, self.http, parts.chance)
        self.poller: DirectoryPoller | None = None
        self._runners: list[web.AppRunner] = []

    async def listen(
        self, name: str, app: web.Application, host: str, port: int, tls: Tls | None = None
    ) -> None:
        """Bind one listener; port 0 takes a free one."""
        context: ssl.SSLContext | None = None
        if tls is not None:
            context = tls_context(tls, self.state)
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_WITHIN
        )
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, host, port, ssl_context=context, backlog=512).start()
        except OSError as error:
            raise Trouble(
                f"{host}:{port} ({name}): cannot listen there ({error.strerror}): "
                "another program may use this port; stop it, or change node.toml"
            ) from None
        self.ports[name] = runner.addresses[0][1]

    async def follow(self) -> None:
        """Begin to follow the directory that this node asked to join, if it did already."""
        store = self.exchange.store
        genesis, url = await fact(store, GENESIS), await fact(store, DIRECTORY_URL)
        if genesis is None or url is None:
            return
        if self.poller is not None:
            await self.poller.stop()
        core = self.exchange.core
        keeper = ReplicaKeeper(core, genesis, allow_loopback=self.config.allow_loopback)
        await keeper.load()
        self.poller = DirectoryPoller(
            core,
            keeper,
            self.http,
            self.config.directory.url or url.decode("utf-8"),
            self.config.directory.every_seconds,
            self.courier.wake_all,
        )
        self.poller.start()

    async def stop(self) -> None:
        """Stop listening, let what is under way finish, then close the store."""
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        if self.poller is not None:
            await self.poller.stop()
        await self.courier.stop()
        await self.http.close()
        await self.exchange.store.close()


async def open_core(state: Path, parts: Parts) -> Core:
    """Open the state folder's store and keys; Trouble or StoreError in one line otherwise."""
    self_test()
    store = await Store.open(state / DATABASE)
    try:
        member, epoch = await fact(store, MEMBER), await fact(store, EPOCH)
        certificate = await fact(store, CERTIFICATE)
        if member is None or epoch is None or certificate is None:
            raise Trouble(f"{state}: not a node's state folder; `referral node init` makes one")
        return Core(
            us=member,
            epoch=time_of(epoch),
            node=Signer(_node_seed(state / NODE_KEY)),
            certificate=certificate,
            store=store,
            members=MemberBook(parts.clock),
            clock=parts.clock,
            entropy=parts.entropy,
        )
    except BaseException:
        await store.close()
        raise


def _node_seed(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise Trouble(f"{path}: others may read the node key: chmod 600 it")
        seed = path.read_bytes()
    except OSError as error:
        raise Trouble(f"{path}: the node key cannot be read ({error.strerror})") from None
    if len(seed) != 32:
        raise Trouble(f"{path}: not a node key: restore it from where it was moved")
    return seed


async def start(state: Path, config: Config, parts: Parts) -> Node:
    """Start everything that a node is; the caller stops it."""
    core = await open_core(state, parts)
    node = Node(config, state, Exchange(core), parts)
    try:
        await core.transport.upkeep()
        await node.courier.start()
        await node.follow()
        exchange, metrics = config.exchange, config.metrics
        await node.listen(
            "exchange", build_listener(node.exchange), exchange.host, exchange.port, exchange.tls
        )
        await node.listen(
            "metrics", build_metrics(node.exchange), metrics.host, metrics.port
        )
    except BaseException:
        await node.stop()
        raise
    return node
