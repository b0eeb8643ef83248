"""The composition root: the only place that knows the real clock, chance, paths and network.

Law: nothing is served before the log has been folded and the lock taken; at the end the listener
stops first and the store closes last.
"""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final, NamedTuple

import structlog
from aiohttp import web

from referral_directory import registrars
from referral_directory.config import Config, Console, read_config, tls_context
from referral_directory.console.serving import Given, console
from referral_directory.control import listening
from referral_directory.folder import Folder, Lock, write_private
from referral_directory.log.ledger import Clock, Ledger
from referral_directory.log.office import Check, Office
from referral_directory.log.requests import Kept, Requests
from referral_directory.log.store import StoreError
from referral_directory.public.hsds import Hsds
from referral_directory.public.pages import DRAWN_AT_ONCE, DRAWN_PER_SECOND, PublicPages
from referral_directory.public.published import Published
from referral_directory.sealing import (
    STRONG,
    Cost,
    Random,
    read_log_key,
    seal_key,
    write_log_key,
)
from referral_directory.server.app import Listener, build_app
from referral_directory.server.limits import HEAD_TIME, Pace
from referral_directory.server.probe import GOOD, probe
from referral_directory.server.rounds import Ask, Rounds
from referral_directory.trouble import Trouble
from referral_protocol.directory.entries import (
    Card,
    Root,
    entry_hash,
    make_root_entry,
    parse_entry,
    sign_entry,
)
from referral_protocol.directory.requests import asked_card
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SEED_SIZE, Signer, self_test
from referral_ui.assets import Assets, AssetsMissing
from referral_ui.connections import listen
from referral_ui.stopping import Stop

ROOT_KEYS: Final = 3
ROOT_THRESHOLD: Final = 2
UPKEEP: Final = 30.0
ROUND: Final = 60.0
PROBE_AGAIN: Final = 5 * 60 * 1000
SHUTDOWN: Final = 5.0
STOP_WITHIN: Final = 25
CONNECTIONS: Final = 2048

log = structlog.get_logger()


def real_clock() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


class World(NamedTuple):
    """What a directory is composed of that is not its own."""

    clock: Clock = real_clock
    random: Random = os.urandom
    monotonic: Callable[[], float] = time.monotonic
    cost: Cost = STRONG
    head_time: float = HEAD_TIME


class Passwords(NamedTuple):
    """For the registrar's key, and for the root keys that go offline."""

    registrar: str
    root: str


class Person(NamedTuple):
    """The first registrar: the name to sign in with, and the one that people read."""

    name: str = registrars.FIRST
    display: str = "Registrar"


async def found(
    folder: Folder,
    config_text: str,
    origin: str,
    passwords: Passwords,
    world: World,
    person: Person = Person(),  # noqa: B008 - a value that nothing changes
) -> bytes:
    """Make a directory in the folder: keys, entry 0, configuration. Gives the genesis hash."""
    _check_suite()
    make = world.random
    log_key, registrar = Signer(make(SEED_SIZE)), registrars.new(*person, make)
    folder.make()
    roots = [Signer(make(SEED_SIZE)) for _ in range(ROOT_KEYS)]
    root = Root(
        origin,
        log_key.public,
        (registrar.key.public,),
        1,
        tuple(sorted(key.public for key in roots)),
        ROOT_THRESHOLD,
        (),
        0,
    )
    try:
        content = make_root_entry(root, world.clock())
    except ProtocolError:
        raise Trouble(
            f"{origin}: not a name for a log; write it like directory.example.org"
        ) from None
    write_log_key(folder.log_key, log_key)
    await asyncio.to_thread(
        registrars.write, folder, registrar, passwords.registrar, world.cost, make
    )
    for number, key in enumerate(roots, 1):
        path = folder.offline / f"root-{number}.key"
        await asyncio.to_thread(seal_key, path, "root", key, passwords.root, world.cost, make)
    write_private(folder.offline / "READ-ME.txt", _ABOUT_ROOT_KEYS.encode("utf-8"))
    try:
        await Ledger.found(
            folder.database, content, sign_entry(content, *roots), log_key, world.clock
        )
    except StoreError as error:
        raise Trouble(str(error)) from None
    # Last: without it no command takes the folder for a directory.
    write_private(folder.config, config_text.encode("utf-8"))
    return entry_hash(content)


_ABOUT_ROOT_KEYS: Final = """\
These are the three root keys of the directory. Any two of them together can replace the registrars,
the log key and one another. Nothing else needs them.

Move each file to a USB stick of its own, keep the three in different places with different people,
and delete this folder. Each is sealed under the password that was chosen for the root keys.
"""


@asynccontextmanager
async def opened(folder: Folder, config: Config, world: World) -> AsyncIterator[Ledger]:
    """The ledger of a folder whose lock we hold."""
    _check_suite()
    try:
        ledger = await Ledger.open(
            folder.database,
            lambda: [read_log_key(path) for path in folder.log_keys()],
            world.clock,
            allow_loopback=config.allow_loopback,
        )
    except StoreError as error:
        raise Trouble(str(error)) from None
    try:
        yield ledger
    finally:
        await ledger.close()


@asynccontextmanager
async def office(folder: Folder, world: World) -> AsyncIterator[Office]:
    """The registrar's office of a directory that does not run."""
    config = read_config(folder.config)
    async with opened(folder, config, world) as ledger:
        requests = Requests(ledger)
        yield Office(ledger, requests, prober(config, world))


def prober(config: Config, world: World) -> Check:
    """A function that asks a request's endpoint."""

    ask = asker(config, world)

    async def check(kept: Kept) -> str:
        member = parse_entry(kept.submission.content).member or b""
        return await ask(asked_card(kept.submission), member)

    return check


def asker(config: Config, world: World) -> Ask:
    """A function that asks the endpoint of a card."""

    async def ask(card: Card, member: bytes) -> str:
        return await probe(card, world.clock(), allow_loopback=config.allow_loopback, member=member)

    return ask


class Running(NamedTuple):
    """A directory that listens."""

    ledger: Ledger
    office: Office
    url: str
    port: int
    console: str | None
    """Where registrars sign in; None without ``[console]``."""


@asynccontextmanager
async def serving(
    folder: Folder, config: Config, world: World, port: int | None = None
) -> AsyncIterator[Running]:
    """Serve while the block runs. The caller holds the lock. Trouble if it cannot listen."""
    async with opened(folder, config, world) as ledger:
        requests, check = Requests(ledger), prober(config, world)
        asked = asyncio.Event()
        listener = Listener(
            ledger, requests, Pace(world.monotonic), proxy=config.proxy, asked=asked.set
        )
        wanted = config.port if port is None else port
        tls = tls_context(config.tls, folder.path) if config.tls is not None else None
        try:
            server = await listen(
                build_app(listener, _public(ledger, config, world)),
                config.host,
                wanted,
                log=log,
                ssl=tls,
                close_within=SHUTDOWN,
                most=CONNECTIONS,
                keepalive_timeout=world.head_time,
            )
        except OSError as error:
            raise Trouble(_cannot_listen(error, config.host, wanted)) from None
        rounds = Rounds(ledger, asker(config, world))
        tasks = [
            asyncio.create_task(_upkeep(ledger, requests, check, asked), name="upkeep"),
            asyncio.create_task(_rounds(rounds), name="rounds"),
        ]
        scheme = "http" if config.tls is None else "https"
        host = f"[{config.host}]" if ":" in config.host else config.host
        url = f"{scheme}://{host}:{server.port}"
        registrar = Office(ledger, requests, check)
        address = config.url or url
        given = Given(folder, ledger, registrar, requests, address, world.random, world.cost)
        try:
            async with listening(folder, registrar), _console(given, config.console) as pages:
                yield Running(ledger, registrar, url, server.port, pages)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await server.close()


def _public(ledger: Ledger, config: Config, world: World) -> list[web.RouteDef]:
    """What everybody may read of the members; Trouble if the style sheets are not built."""
    try:
        published = Published(ledger)
        pace = Pace(world.monotonic, DRAWN_AT_ONCE, DRAWN_PER_SECOND)
        pages = PublicPages(published, Assets.load(), pace, proxy=config.proxy)
        return [*pages.routes(), *Hsds(published).routes()]
    except AssetsMissing as error:
        raise Trouble(str(error)) from None


@asynccontextmanager
async def _console(given: Given, config: Console | None) -> AsyncIterator[str | None]:
    """The registrars' pages, if there are any; Trouble if they cannot be served."""
    if config is None:
        yield None
        return
    async with AsyncExitStack() as stack:
        try:
            pages = await stack.enter_async_context(console(given, config))
        except OSError as error:
            raise Trouble(_cannot_listen(error, config.host, config.port)) from None
        except AssetsMissing as error:
            raise Trouble(str(error)) from None
        yield pages


async def _rounds(rounds: Rounds) -> None:
    """Ask members' endpoints, a few every minute, each once a day."""
    while True:
        await asyncio.sleep(ROUND)
        try:
            await rounds.go()
        except StoreError as error:
            log.error("rounds.failed", code=error.code)
        except Exception as error:  # noqa: BLE001 - the next round is as good
            log.error("rounds.failed", kind=type(error).__name__)


async def _upkeep(ledger: Ledger, requests: Requests, check: Check, asked: asyncio.Event) -> None:
    """Sign the checkpoint anew in time; ask the endpoints of those who wait."""
    while True:
        asked.clear()
        try:
            await ledger.refresh()
            for kept in await requests.waiting():
                if _due(kept, ledger.clock()):
                    answer = await check(kept)
                    await requests.answered(kept.id, answer)
                    log.info("request.checked", request=kept.id.hex(), answer=answer)
        except StoreError as error:
            log.error("upkeep.failed", code=error.code)
        except Exception as error:  # noqa: BLE001 - a checkpoint must stay young whatever else fails
            log.error("upkeep.failed", kind=type(error).__name__)
        with suppress(TimeoutError):
            async with asyncio.timeout(UPKEEP):  # wait_for of Python 3.11 can lose a cancellation
                await asked.wait()


def _due(kept: Kept, now: int) -> bool:
    if kept.answered_at is None:
        return True
    return kept.answer != GOOD and now - kept.answered_at >= PROBE_AGAIN


def _cannot_listen(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use: stop the program that has it, "
            "or set another port in directory.toml"
        )
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights: choose one above 1023"
    return f"cannot listen on {host}, port {port} ({error.strerror})"


def _check_suite() -> None:
    try:
        self_test()
    except ProtocolError as error:
        raise Trouble(f"this machine cannot do the cryptography: {error.detail}") from None


async def serve(
    folder: Folder, port: int | None, world: World, ready: Callable[[str, str | None], None]
) -> None:
    """Run until SIGTERM or SIGINT; ``ready`` gets its address and the console's once it listens."""
    folder.check()
    config = read_config(folder.config)
    lock = Lock.take(folder)
    if lock is None:
        raise Trouble(f"{folder.path}: a directory runs in this folder already; stop it first")
    try:
        stop = Stop(STOP_WITHIN)
        async with serving(folder, config, world, port) as running:
            log.info("ready", port=running.port, size=running.ledger.checkpoint.size)
            ready(running.url, running.console)
            await stop.wait()
        log.info("stopped")
    finally:
        lock.release()
