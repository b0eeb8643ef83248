"""``referral bench directory``: a directory of many members, a node that follows it, and a crowd.

Real processes over loopback: ``referral directory serve`` and ``referral node serve``. What the
node did and how long it took stands in its own log (``directory.news``); how often it asked stands
in the directory's.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from referral_directory.totp import code_at
from referral_node.config import Config, DirectoryChoice, Metrics, Pages
from referral_node.config import Exchange as ExchangeChoice
from referral_node.folder import StateFolder
from referral_node.main import open_core
from referral_node.parts import Parts
from referral_node.setup import NewNode, make_node
from referral_node.store import Tx
from referral_node.store.facts import BUNDLE, DIRECTORY_URL, GENESIS, fact, keep
from referral_node.users import sign_in
from referral_node.vault.signin import SignIn
from referral_node.vault.slots import Kit, Password, SlotKeys
from referral_protocol.directory import paths
from referral_protocol.directory.entries import (
    ROUTINE,
    Card,
    entry_hash,
    make_member_entry,
    make_update_entry,
    sign_entry,
)
from referral_protocol.directory.records import record_hashes
from referral_protocol.directory.requests import Submission
from referral_protocol.keys import member_id
from referral_protocol.suite import SUITE
from referral_tools.bench import bare
from referral_tools.bench import crowd as crowd_
from referral_tools.bench.crowd import (
    Crowd,
    Mine,
    endpoint_of,
    key_of,
    make_crowd,
    salted_of,
)
from referral_tools.bench.machine import machine, spread
from referral_tools.bench.polling import ASKED, Polled, poll
from referral_tools.bench.serving import Serving, cpu_seconds, serving
from referral_tools.browser import Browser

EVERY: Final = 1
"""Seconds between two polls of the node."""
UPDATES: Final = 5
"""Changes of a card in each run, one after the other."""
ROUNDS: Final = 5
PAGES: Final = 60
FIND: Final = ("/find", "/find?country=PT", "/find?country=NL", "/find?page=7")
PUBLIC: Final = ("/", "/?country=PT", "/members", "/hsds/services")
CONSOLE: Final = ("/", "/members", "/profiles", "/log")
WITHIN: Final = 300.0
NAME: Final = "bench"
PASSWORD: Final = "a bench measures nobody"  # noqa: S105 - of a node that lives for minutes


@dataclass(frozen=True)
class Log:
    """The log of a process of the benchmark."""

    path: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it has said of one event so far."""
        found = []
        for line in self.path.read_text("utf-8").splitlines():
            if f'"{event}"' in line:
                said = json.loads(line)
                if said["event"] == event:
                    found.append(said)
        return found

    async def wait(self, event: str, count: int) -> dict[str, Any]:
        """The line with which it had said so ``count`` times."""
        async with asyncio.timeout(WITHIN):
            while len(found := self.lines(event)) < count:  # noqa: ASYNC110 - in a file
                await asyncio.sleep(0.02)
        return found[count - 1]


def measure(
    members: int, clients: int, runs: int, told: Callable[[str], None] = lambda _words: None
) -> dict[str, Any]:
    """First sync, increments, memory and pages of a node, and the directory under a crowd."""
    beside = bare.measure()
    found: dict[str, list[float]] = {}
    size = 0
    for run in range(runs):
        with tempfile.TemporaryDirectory(prefix="referral-bench-") as place:
            told(f"directory: run {run + 1} of {runs}")
            size, figures = asyncio.run(_run(Path(place), members, clients, told))
        for name, value in figures.items():
            found.setdefault(name, []).append(value)
    counted = {"machine": machine(), "members": members, "bytes": size, "clients": clients}
    digits = {"increment_s": 4, "first_sync_s": 3}
    return (
        counted
        | {name: spread(values, digits.get(name, 1)) for name, values in found.items()}
        | beside.figures()
    )


async def _run(
    place: Path, members: int, clients: int, told: Callable[[str], None]
) -> tuple[int, dict[str, float]]:
    now = time.time_ns() // 1_000_000
    mine = await _make_node(place / "node", now)
    crowd = await make_crowd(place / "directory", members, now, mine, told)
    with serving(crowd.folder, "directory") as directory:
        await _follow(place / "node", crowd, directory.url)
        figures = {"directory_ready_s": directory.ready_s}
        with serving(place / "node", "node") as node:
            figures |= await _followed(place, crowd, node, directory, told)
        with serving(place / "node", "node") as again:
            figures["ready_again_s"] = again.ready_s
            await asyncio.sleep(2 * EVERY)
            figures["replica_rss_again_mb"] = again.rss_mb()
            told("pages of the node")
            figures |= await _node_pages(again)
        told(f"{clients:,} nodes poll at once")
        figures |= _crowd_figures(await poll(directory.url, clients, ROUNDS))
        figures["directory_rss_mb"] = directory.rss_mb()
        told("pages of the directory")
        figures |= await _directory_pages(crowd, directory)
    return crowd.bytes, figures


async def _followed(
    place: Path, crowd: Crowd, node: Serving, directory: Serving, told: Callable[[str], None]
) -> dict[str, float]:
    said, asked = Log(place / "node.log"), Log(place / "directory.log")
    first = await said.wait("directory.news", 1)
    used = cpu_seconds(node.pid)
    if first["entries"] != crowd.members + 1:
        raise RuntimeError(f"the node has {first['entries']} entries")
    told(f"first sync: {first['ms'] / 1000:.1f} s")
    polls, took = [], []
    for number in range(1, min(UPDATES, crowd.members - 1) + 1):
        await _poll_ended(asked)
        await _update(crowd, number, directory.url)
        before = _asked(asked)
        line = await said.wait("directory.news", number + 1)
        polls.append(_asked(asked) - before)
        took.append(line["ms"] / 1000)
    await asyncio.sleep(EVERY)
    return {
        "first_sync_s": first["ms"] / 1000,
        "first_sync_cpu_s": used,
        "increment_s": statistics.median(took),
        "increment_most_s": max(took),
        "update_seen_polls": max(polls),
        "replica_rss_mb": node.rss_mb(),
    }


def _asked(log: Log) -> int:
    lines = log.lines("http")
    return sum(line["route"] == paths.CHECKPOINT for line in lines)


async def _poll_ended(log: Log) -> None:
    """Wait until the node has looked once more: the next poll is then a whole interval away."""
    before = _asked(log)
    async with asyncio.timeout(WITHIN):
        while _asked(log) == before:  # noqa: ASYNC110 - in a file
            await asyncio.sleep(0.02)


async def _update(crowd: Crowd, number: int, url: str) -> None:
    """A member of the crowd moves to another address, as its node would tell the directory."""
    now = time.time_ns() // 1_000_000
    vault, node = key_of(crowd.secret, number, "vault"), key_of(crowd.secret, number, "node")
    member = member_id(vault.public)
    hashes = record_hashes(salted_of(crowd.secret, number))
    old = Card((SUITE,), vault.public, node.public, endpoint_of(number), (), hashes)
    new = Card((SUITE,), vault.public, node.public, endpoint_of(number) + ":8443", (), hashes)
    joined = entry_hash(make_member_entry(crowd.genesis, member, old, crowd.made_at))
    content = make_update_entry(crowd.genesis, member, 2, joined, new, ROUTINE, now)
    submission = Submission(content, sign_entry(content, vault), (), None)
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            url + paths.SUBMIT,
            data=submission.pack(),
            headers={"Content-Type": "application/msgpack"},
        ) as response,
    ):
        if response.status != 201:
            raise RuntimeError(f"the update got {response.status}: {await response.text()}")


def _crowd_figures(seen: Polled) -> dict[str, float]:
    quantiles = statistics.quantiles(seen.took, n=100, method="inclusive")
    return {
        "requests_per_s": seen.answers / seen.seconds,
        "polls_per_s": seen.answers / seen.seconds / len(ASKED),
        "request_p50_ms": quantiles[49],
        "request_p95_ms": quantiles[94],
        "unchanged_percent": 100 * seen.unchanged / seen.answers,
        "errors": seen.errors,
    }


async def _make_node(folder: Path, now: int) -> Mine:
    """A node as ``init`` makes it; its keys and bundle, so that the directory may have it."""
    parts = Parts()
    keys = SlotKeys(parts.cost, parts.entropy)
    config = Config(
        name="Bench",
        country="PT",
        time_zone="Europe/Lisbon",
        exchange=ExchangeChoice(endpoint="https://bench.example.org", port=0),
        pages=Pages(port=0),
        metrics=Metrics(port=0),
        directory=DirectoryChoice(every_seconds=EVERY),
        allow_loopback=True,
    )
    new = NewNode(config, NAME, "Inês Carvalhal", Password(PASSWORD), Kit(parts.entropy(32)))
    try:
        await make_node(folder, new, keys, parts.entropy, now)
        core = await open_core(StateFolder(folder), parts)
        try:
            _, vault = await sign_in(core.store, SignIn(parts.clock, keys), NAME, new.password)
            bundle = await fact(core.store, BUNDLE)
            return Mine(vault.signer, core.node, bundle or b"")
        finally:
            await core.store.close()
    finally:
        keys.close()


async def _follow(folder: Path, crowd: Crowd, url: str) -> None:
    """What a request to join leaves behind in the node's folder."""
    core = await open_core(StateFolder(folder), Parts())

    async def work(tx: Tx) -> None:
        await keep(tx, GENESIS, crowd.genesis)
        await keep(tx, DIRECTORY_URL, url.encode("ascii"))

    try:
        await core.store.write(work)
    finally:
        await core.store.close()


async def _node_pages(node: Serving) -> dict[str, float]:
    """Find a service: the first time, when what it shows is put in order, and then."""
    async with Browser() as browser:
        page = await browser.open(f"{node.url}/sign-in")
        form = page.form("Sign in").fill("Name", NAME).fill("Password", PASSWORD)
        await browser.press(form, "Sign in")
        return await _timed("find", browser, node.url, FIND)


async def _directory_pages(crowd: Crowd, directory: Serving) -> dict[str, float]:
    """The public pages, HSDS, and the registrars' console."""
    found: dict[str, float] = {}
    async with Browser() as browser:
        found |= await _timed("public", browser, directory.url, PUBLIC)
    async with Browser() as browser:
        page = await browser.open(f"{directory.console}/sign-in")
        form = page.form("Sign in").fill("Name", crowd_.NAME).fill("Password", crowd_.PASSWORD)
        code = code_at(crowd.totp, time.time_ns() // 1_000_000)
        await browser.press(form.fill("Code from your telephone", code), "Sign in")
        found |= await _timed("console", browser, directory.console, CONSOLE)
    return found


async def _timed(name: str, browser: Browser, url: str, paths: Sequence[str]) -> dict[str, float]:
    """Each page once, for what is made at the first look; then all in turn: p50 and p95."""
    first = [await _one(browser, f"{url}{path}") for path in paths]
    took = [await _one(browser, f"{url}{paths[n % len(paths)]}") for n in range(PAGES)]
    quantiles = statistics.quantiles(took, n=100, method="inclusive")
    return {
        f"{name}_first_ms": max(first),
        f"{name}_p50_ms": quantiles[49],
        f"{name}_p95_ms": quantiles[94],
    }


async def _one(browser: Browser, url: str) -> float:
    began = time.perf_counter()
    status, _ = await browser.weigh(url)
    if status != 200:
        raise RuntimeError(f"{url} answered {status}")
    return (time.perf_counter() - began) * 1000
