"""Real threads between two real nodes, played once, so that large stores can be made of their rows.

Everything runs in this process over loopback: stores, vaults, listeners, couriers. The two share a
clock that is moved between the steps of a story, as hours go by between them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from referral_node.api.listener import build_listener
from referral_node.config import Config, Metrics, Pages, read_config
from referral_node.config import Exchange as ExchangeChoice
from referral_node.delivery.courier import Courier
from referral_node.exchange import Actor, Exchange, Said, looked
from referral_node.exchange.cases.looks import mark_read
from referral_node.exchange.directory.replica import ReplicaKeeper
from referral_node.folder import StateFolder
from referral_node.main import open_core
from referral_node.parts import Parts
from referral_node.setup import NewNode, make_node
from referral_node.store import Tx
from referral_node.store.facts import BUNDLE, DIRECTORY_URL, GENESIS, fact, keep
from referral_node.users import sign_in
from referral_node.vault.signin import SignIn
from referral_node.vault.slots import Kit, Password, SlotKeys
from referral_node.vault.vault import UnlockedVault
from referral_protocol import forms, profiles
from referral_protocol.certificates import DAY
from referral_protocol.directory.board import verify_posted
from referral_protocol.examples import (
    LISBON,
    LVIV,
    UTRECHT,
    accepted,
    call_made,
    declined,
    first_message,
    outcome,
    referral,
    reply,
)
from referral_protocol.statements import NOTE, STATE, Head
from referral_tools.bench.members import Listed, Log, make_log
from referral_ui.connections import listen

NAME: Final = "bench"
PASSWORD: Final = "a bench measures nobody"  # noqa: S105 - of a node that lives for minutes
HOUR: Final = 3_600_000
OTHERS: Final = 10
"""Members beside the two that play: a store of a real member knows more than one."""
NOWHERE: Final = "http://127.0.0.1:9"
"""Where those others are said to be: nobody answers there, and nothing is sent to them."""


class Clock:
    """Milliseconds UTC, moved by hand."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@dataclass
class Office:
    """One of the two nodes: its folder as `init` made it, opened."""

    folder: StateFolder
    config: Config
    exchange: Exchange
    vault: UnlockedVault
    actor: Actor
    courier: Courier
    endpoint: str
    threads: dict[str, bytes] = field(default_factory=dict)
    """Played threads by the name of their story."""


@dataclass
class Played:
    """Both nodes after the stories, still open, and the log in which they stand."""

    offices: tuple[Office, Office]
    log: Log
    peers: tuple[bytes, ...]
    """Members other than the first office."""
    clock: Clock


@asynccontextmanager
async def offices(place: Path, now: int) -> AsyncIterator[Played]:
    """Make two nodes in ``place`` and join them; nothing is said yet. ``now``: ms UTC."""
    clock = Clock(now)
    parts = Parts(clock=clock)
    async with _office(place / "first", parts) as first, _office(place / "second", parts) as second:
        others = [Listed(NOWHERE, profile=_profile(number)) for number in range(OTHERS)]
        log = make_log([_listed(first, LISBON), _listed(second, UTRECHT), *others], now)
        for office in (first, second):
            await _join(office, log, (first, second))
        peers = (second.exchange.us, *(each.id for each in others))
        yield Played((first, second), log, peers, clock)


@asynccontextmanager
async def played(place: Path, now: int) -> AsyncIterator[Played]:
    """The same after every story was played in both directions, the last step before ``now``."""
    async with offices(place, now - 2 * DAY) as pair:
        first, second = pair.offices
        for index, story in enumerate(STORIES):
            for sender, recipient in ((first, second), (second, first)):
                pair.clock.now = now - 2 * DAY + index * HOUR
                who = "referring" if sender is first else "receiving"
                thread = await _play(story, sender, recipient, pair.clock)
                first.threads[f"{story} {who}"] = thread
        yield pair


async def _play(story: str, sender: Office, recipient: Office, clock: Clock) -> bytes:
    said = await send(sender, recipient, clock)
    await settled(sender, recipient)
    for step in STORIES[story]:
        clock.now += HOUR
        await _step(step, said.thread, sender, recipient, clock)
    if story in ENDED:  # somebody read how it ended
        for office in (sender, recipient):
            await looked(office.exchange.core, office.actor, said.thread)
            await mark_read(office.exchange.core, office.vault, said.thread)
    return said.thread


STORIES: Final = {
    "requested": (),
    "received": ("received",),
    "accepted": ("received", "written", "accepted"),
    "reached": ("received", "written", "accepted", "reached"),
    "rejected": ("received", "rejected"),
    "completed": ("received", "written", "accepted", "reached", "answered", "completed"),
}
"""What happens in each thread after it was opened."""
ENDED: Final = ("rejected", "completed")


async def _step(step: str, thread: bytes, sender: Office, recipient: Office, clock: Clock) -> None:
    if step == "received":
        await recipient.exchange.voice.received(recipient.vault, recipient.actor, thread)
    elif step == "written":
        await say(sender, thread, NOTE, Head(), first_message())
    elif step == "answered":
        await say(sender, thread, NOTE, Head(), reply())
    elif step == "reached":
        await say(recipient, thread, NOTE, Head(), call_made(clock.now))
    else:
        said = {"accepted": accepted, "rejected": declined, "completed": outcome}[step]()
        await say(recipient, thread, STATE, Head(state=step), said)
    await settled(sender, recipient)


async def send(sender: Office, recipient: Office, clock: Clock) -> Said:
    body, head = forms.body(referral(recipient.exchange.us, clock.now))
    return await sender.exchange.voice.open(
        sender.vault,
        sender.actor,
        recipient=recipient.exchange.us,
        head=Head("referral", "urgent", head.respond_by, None),
        content=body,
    )


async def say(
    office: Office, thread: bytes, kind: str, head: Head, content: dict[str, Any]
) -> None:
    await office.exchange.voice.say(office.vault, office.actor, thread, kind, head, content)


async def settled(*offices: Office) -> None:
    """Everything that was said is held by the other side and opened there."""
    await delivered(*offices)
    for office in offices:
        await office.exchange.importing.run(office.vault, office.actor)


async def delivered(*offices: Office) -> None:
    """Everything that was said is held by the other side."""
    for office in offices:
        while await office.exchange.store.row("SELECT 1 FROM outbox LIMIT 1"):  # noqa: ASYNC110 - what is awaited lies in a database
            await asyncio.sleep(0.002)


@asynccontextmanager
async def _office(path: Path, parts: Parts) -> AsyncIterator[Office]:
    keys = SlotKeys(parts.cost, parts.entropy)
    new = NewNode(
        Config(
            name=f"Bench {path.name}",
            country="PT",
            time_zone="Europe/Lisbon",
            exchange=ExchangeChoice(endpoint=NOWHERE, port=0),
            pages=Pages(port=0),
            metrics=Metrics(port=0),
            allow_loopback=True,
        ),
        NAME,
        "Inês Carvalhal",
        Password(PASSWORD),
        Kit(parts.entropy(32)),
    )
    await make_node(path, new, keys, parts.entropy, parts.clock())
    folder = StateFolder(path)
    core = await open_core(folder, parts)
    http = parts.transport()
    try:
        user, vault = await sign_in(core.store, SignIn(parts.clock, keys), NAME, Password(PASSWORD))
        await core.transport.upkeep()
        exchange = Exchange(core)
        courier = Courier(core, http, lambda: 0.0)
        listening = await listen(
            build_listener(exchange), "127.0.0.1", 0, log=structlog.get_logger()
        )
        try:
            yield Office(
                folder,
                read_config(folder.config),
                exchange,
                vault,
                Actor(user.id, user.display, user.role),
                courier,
                f"http://127.0.0.1:{listening.port}",
            )
        finally:
            await courier.stop()
            await listening.close()
    finally:
        keys.close()
        await http.close()
        await core.store.close()


def _listed(office: Office, profile: dict[str, Any]) -> Listed:
    return Listed(
        office.endpoint, office.vault.signer, office.exchange.core.node, profiles.encode(profile)
    )


def _profile(number: int) -> bytes:
    plain = (LISBON, UTRECHT, LVIV)[number % 3]
    own = {**plain["organisation"], "name": f"{plain['organisation']['name']} {number + 2}"}
    return profiles.encode({**plain, "organisation": own})


async def _join(office: Office, log: Log, offices: tuple[Office, Office]) -> None:
    """What joining leaves behind: the facts, the verified log, its records, the board."""
    core = office.exchange.core

    async def work(tx: Tx) -> None:
        await keep(tx, GENESIS, log.genesis)
        await keep(tx, DIRECTORY_URL, NOWHERE.encode("ascii"))

    await core.store.write(work)
    views = office.exchange.views
    keeper = ReplicaKeeper(core, log.genesis, allow_loopback=True, views=views)
    await keeper.take(log.note, log.leaves)
    await keeper.take_records(log.records)
    directory = keeper.replica.directory
    posted = []
    for each in offices:
        bundle = await fact(each.exchange.store, BUNDLE)
        if bundle is not None:
            posted.append(verify_posted(bundle, directory, core.clock()))
    await keeper.take_board(posted)
    await office.courier.start()
