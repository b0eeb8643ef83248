"""The composition root of a node: the one place that chooses clock, entropy, paths and transport.

Law: everything below gets what it needs handed in. Production has no switch for tests: tests build
a node with other parts through :func:`start`, the command line only through :func:`serve`.
"""

import asyncio
import contextlib
import gc
import os
import ssl
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from aiohttp import web

from referral_node.api.listener import build_listener
from referral_node.api.metrics import build_metrics
from referral_node.api.pace import Pace
from referral_node.backup.copying import clear_leftovers
from referral_node.config import Config, Tls, read_config, tls_context
from referral_node.control import ControlServer
from referral_node.delivery.asking import Asker
from referral_node.delivery.cosigner import Cosigner
from referral_node.delivery.courier import Courier
from referral_node.delivery.directory import DirectoryPoller
from referral_node.delivery.ending import end
from referral_node.delivery.postman import Postman
from referral_node.delivery.watcher import Watcher
from referral_node.exchange import Core, Exchange, MemberBook
from referral_node.exchange.catchup.epochs import new_epoch
from referral_node.exchange.directory.replica import ReplicaKeeper
from referral_node.exchange.files.clearing import clear, drop_old, sweep
from referral_node.exchange.files.folder import Files
from referral_node.exchange.keys import own as ownkeys
from referral_node.exchange.keys.machine import certified
from referral_node.exchange.tidying import forget_given
from referral_node.folder import FolderLock, StateFolder
from referral_node.joining import Joining, Wish
from referral_node.logs import set_up
from referral_node.machine_file import MachineFile
from referral_node.operations import Operations
from referral_node.parts import Parts
from referral_node.store import Store, StoreError
from referral_node.store.facts import (
    CERTIFICATE,
    DIRECTORY_URL,
    EPOCH,
    GENESIS,
    MEMBER,
    fact,
)
from referral_node.store.room import Room
from referral_node.trouble import Trouble
from referral_node.users import all_slots
from referral_node.vault import Sessions, SignIn, SlotKeys
from referral_node.vault.slots import check_floor
from referral_node.vault.vault import UnlockedVault
from referral_node.web.app import SITE, build_app
from referral_node.witness import read_witness_key
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import self_test
from referral_ui.connections import Listening, listen
from referral_ui.stopping import Stop

TIDY_EVERY: Final = 60.0
"""Seconds between two rounds of what has to be done again and again."""
CLOSE_WITHIN: Final = 10.0
"""Seconds that requests under way get at a stop."""
STOP_WITHIN: Final = 25
"""Seconds that a stop takes at most; the unit's TimeoutStopSec is above it."""

log = structlog.get_logger()


class Node:
    """A running node. Made by :func:`start`; ``ports`` are those really bound, by listener."""

    def __init__(
        self, config: Config, folder: StateFolder, exchange: Exchange, parts: Parts
    ) -> None:
        self.config = config
        self.folder = folder
        self.exchange = exchange
        self.parts = parts
        self.ports: dict[str, int] = {}
        self.room = Room(folder.path, config.limits.disk_reserve_mib)
        exchange.core.room = self.room.enough
        self.http = parts.transport()
        self.courier = Courier(exchange.core, self.http, parts.chance)
        self.asker = Asker(exchange.core, self.http, parts.chance)
        self.poller: DirectoryPoller | None = None
        self.watcher: Watcher | None = None
        self.postman: Postman | None = None
        self.sessions = Sessions(parts.clock, parts.entropy)
        self.keys = SlotKeys(parts.cost, parts.entropy)
        self.door = SignIn(parts.clock, self.keys)
        self._listening: list[Listening] = []
        self._tidying: asyncio.Task[None] | None = None

    def operations(self) -> Operations:
        """What the commands may do while this node serves."""
        return Operations(
            store=self.exchange.store,
            folder=self.folder,
            config=self.config,
            node=self.exchange.core.node,
            http=self.http,
            keys=self.keys,
            door=self.door,
            clock=self.parts.clock,
            entropy=self.parts.entropy,
            ended=self.sessions.end_user,
            joined=self.follow,
            running=self.running,
            own_keys=self.exchange.keys,
            settled=self.exchange.views.settled,
            exchange=self.exchange,
        )

    def running(self) -> dict[str, Any]:
        """What only a serving process knows, for ``status``."""
        trouble = None if self.poller is None else self.poller.trouble
        return {
            "ports": self.ports,
            "directory_followed": self.poller is not None,
            "directory_trouble": trouble,
        }

    def pages_addresses(self) -> list[str]:
        """Where a browser finds the pages, for each host name: "https://cases.example.org".

        With ``proxy`` that is the address of the one in front, not the port that is bound here.
        """
        pages = self.config.pages
        if pages.proxy:
            return [f"https://{host}" for host in pages.hosts]
        scheme = "https" if pages.tls else "http"
        return [f"{scheme}://{host}:{self.ports['pages']}" for host in pages.hosts]

    async def listen(
        self, name: str, app: web.Application, host: str, port: int, tls: Tls | None = None
    ) -> None:
        """Bind one listener; port 0 takes a free one."""
        context: ssl.SSLContext | None = None
        if tls is not None:
            context = tls_context(tls, self.folder.path)
        try:
            listening = await listen(
                app, host, port, log=log, ssl=context, close_within=CLOSE_WITHIN
            )
        except OSError as error:
            raise Trouble(
                f"{host}:{port} ({name}): cannot listen there ({os.strerror(error.errno or 0)}): "
                "another program may use this port; stop it, or change node.toml"
            ) from None
        self._listening.append(listening)
        self.ports[name] = listening.port

    async def follow(self) -> None:
        """Begin to follow the directory that this node asked to join, if it did already."""
        store = self.exchange.store
        genesis, url = await fact(store, GENESIS), await fact(store, DIRECTORY_URL)
        if genesis is None or url is None:
            return
        if self.watcher is not None:
            await self.watcher.stop()
        if self.poller is not None:
            await self.poller.stop()
        core = self.exchange.core
        views = self.exchange.views
        keeper = ReplicaKeeper(
            core, genesis, allow_loopback=self.config.allow_loopback, views=views
        )
        try:
            await keeper.load()
        except ProtocolError as refusal:
            raise Trouble(
                f"{self.folder.path}: its copy of the directory cannot be used ({refusal.code}): "
                "check this machine's clock, and that allow_loopback in node.toml is as it was"
            ) from None
        self.poller = DirectoryPoller(
            core,
            keeper,
            self.http,
            self.config.directory.url or url.decode("utf-8"),
            self.config.directory.every_seconds,
            self.courier.wake_all,
            self.exchange.updating,
        )
        core.ask_directory = self.poller.soon
        self.poller.cosigner = Cosigner(
            core, self.http, self.poller.source.base, partial(read_witness_key, self.folder.path)
        )
        self.watcher = Watcher(
            core, views, keeper, self.http, self.poller, self.parts.chance, self.folder.proofs
        )
        self.poller.start()
        self.watcher.start()

    def tell(self) -> None:
        """Begin to tell people by mail what waits, if `node.toml` says through which server."""
        if self.config.mail is not None:
            self.postman = Postman(
                self.exchange.core,
                self.config.mail,
                self.folder.path,
                self.config.time_zone,
                f"{self.pages_addresses()[0]}/",
            )
            self.postman.start()

    async def try_mail(self, address: str) -> str | None:
        """A test mail; None if it was taken, else the code of why not."""
        return "off" if self.postman is None else await self.postman.test(address)

    def tidy(self) -> None:
        """Begin what has to be done again and again while the node runs."""
        self._tidying = asyncio.create_task(self._tidy(), name="tidy")

    async def _tidy(self) -> None:
        """Each minute: sessions whose time is up go, keys in use stay young, old rows go."""
        core = self.exchange.core
        while True:
            self.sessions.sweep()
            self.room.enough()
            try:
                await core.transport.upkeep()
                await forget_given(core)
                await drop_old(core)
                await clear(core)
                clear_leftovers(self.folder)
            except StoreError as error:
                log.error("node.upkeep", code=error.code)
            except Exception as error:  # noqa: BLE001 - sessions must time out whatever else fails
                log.error("node.upkeep", kind=type(error).__name__)
            await asyncio.sleep(TIDY_EVERY)

    async def stop(self) -> None:
        """Stop listening, let what is under way finish, then close the store.

        Whatever fails on the way, the store is closed: its thread would keep the process alive.
        """
        async with contextlib.AsyncExitStack() as last:
            last.push_async_callback(self.exchange.store.close)
            last.callback(self.keys.close)
            last.push_async_callback(self.http.close)
            last.callback(self.sessions.end_all)
            last.push_async_callback(self.courier.stop)
            last.push_async_callback(self.asker.stop)
            if self.poller is not None:
                last.push_async_callback(self.poller.stop)
            if self.watcher is not None:
                last.push_async_callback(self.watcher.stop)
            if self.postman is not None:
                last.push_async_callback(self.postman.stop)
            if self._tidying is not None:
                await end([self._tidying])
            await asyncio.gather(*(listening.close() for listening in self._listening))


class JoinsHere:
    """How the pages join a directory: as the command does, for a keyholder who is signed in."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def _joining(self) -> Joining:
        core, config = self._node.exchange.core, self._node.config
        return Joining(
            core.store,
            self._node.http,
            config.exchange,
            core.node,  # as it is now: it may be replaced while the node runs
            allow_loopback=config.allow_loopback,
            clock=core.clock,
            entropy=core.entropy,
        )

    async def join(
        self, url: str, anchor: str, profile: bytes, vault: UnlockedVault, *, anew: bool
    ) -> None:
        await self._joining().join(Wish(url, anchor, profile), vault, anew=anew)
        await self._node.follow()

    async def answers(self) -> str:
        return await self._joining().answers()


async def open_core(folder: StateFolder, parts: Parts) -> Core:
    """Open the state folder's store and keys; Trouble or StoreError in one line otherwise."""
    try:
        self_test()
    except ProtocolError as error:
        raise Trouble(f"this machine cannot run the exchange: {error.detail}") from None
    store = await Store.open(folder.database)
    try:
        member, epoch = await fact(store, MEMBER), await fact(store, EPOCH)
        certificate = await fact(store, CERTIFICATE)
        if member is None or epoch is None or certificate is None:
            raise Trouble(f"{folder.path}: not a node's folder; `referral node init` makes one")
        core = Core(
            us=member,
            epoch=await new_epoch(store, parts.clock(), parts.entropy),
            node=folder.settled_node_key(certified(certificate).node_key),
            certificate=certificate,
            store=store,
            members=MemberBook(parts.clock),
            clock=parts.clock,
            entropy=parts.entropy,
            files=Files(folder.attachments),
        )
        core.key_file = MachineFile(folder)
        await ownkeys.load(core)
        return core
    except BaseException:
        await store.close()
        raise


async def start(folder: StateFolder, config: Config, parts: Parts) -> Node:
    """Start everything that a node is; the caller holds the folder's lock and stops the node."""
    core = await open_core(folder, parts)
    node = Node(config, folder, Exchange(core), parts)
    try:
        try:
            await core.transport.upkeep()
        except StoreError as error:
            log.error("node.upkeep", code=error.code)  # done again when there is room
        await sweep(core)
        await node.courier.start()
        await node.follow()
        await node.asker.start()
        exchange, pages, metrics = config.exchange, config.pages, config.metrics
        listener = build_listener(node.exchange, Pace(config.limits.parcels_per_minute))
        await node.listen("exchange", listener, exchange.host, exchange.port, exchange.tls)
        site = build_app(
            exchange=node.exchange,
            sessions=node.sessions,
            sign_in=node.door,
            config=config,
            try_mail=None if config.mail is None else node.try_mail,
            joins=JoinsHere(node),
        )
        await node.listen("pages", site, pages.host, pages.port, pages.tls)
        for address in node.pages_addresses():
            site[SITE].origins.add(address)
        node.tidy()
        node.tell()
        figures = build_metrics(node.exchange, node.room)
        await node.listen("metrics", figures, metrics.host, metrics.port)
    except BaseException:
        await node.stop()
        raise
    return node


def serve(path: Path, parts: Parts | None = None) -> None:
    """What ``referral node serve`` does: run the node of this folder until SIGTERM or SIGINT.

    Prints one line, ``ready URL``, when it answers. Trouble or StoreError if it cannot start.
    """
    folder = StateFolder(path)
    folder.check()
    config = read_config(folder.config)
    set_up(config.log_level)
    with FolderLock(path):
        asyncio.run(_serve(folder, config, parts or Parts()))


async def _serve(folder: StateFolder, config: Config, parts: Parts) -> None:
    stop = Stop(STOP_WITHIN)
    node = await start(folder, config, parts)
    try:
        check_floor(await all_slots(node.exchange.store))
        # What was loaded until now stays for good. Walking it again and again in search of garbage
        # took 46 ms each time, on every sixteenth page.
        gc.collect()
        gc.freeze()
        async with ControlServer(folder.control, node.operations().handlers()):
            log.info(
                "node.ready",
                member=node.exchange.us.hex(),
                exchange=node.ports["exchange"],
                pages=node.ports["pages"],
                metrics=node.ports["metrics"],
            )
            # What starters wait for.
            print(f"ready {node.pages_addresses()[0]}/", flush=True)  # noqa: T201 - its only line
            await stop.wait()
    finally:
        log.info("node.stopping")
        await node.stop()
