"""One node of a benchmark: real store, vault, listener and courier, driven over a pipe.

Runs as a process of its own, bound to one core: ``python -m referral_tools.bench.office``. It reads
one JSON object a line and answers with one. The log that both nodes verify is made by the parent.
"""

import asyncio
import base64
import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from referral_node.api.listener import build_listener
from referral_node.api.pace import Pace
from referral_node.delivery.courier import Courier
from referral_node.delivery.http import Http
from referral_node.exchange import Actor, Core, Exchange, MemberBook
from referral_node.exchange.directory.replica import ReplicaKeeper
from referral_node.exchange.files.folder import Files
from referral_node.logs import set_up
from referral_node.store import Store, Tx
from referral_node.vault.vault import UnlockedVault
from referral_protocol.certificates import Bundle, CasePrekey, make_bundle, make_certificate
from referral_protocol.directory.board import verify_posted
from referral_protocol.keys import member_id
from referral_protocol.statements import Head
from referral_protocol.suite import SUITE, Signer
from referral_tools.bench.machine import bind

DAY: Final = 24 * 3600 * 1000
ACTOR: Final = Actor(b"bench bench bench"[:16], "Bench", "point-of-contact")
TEXT: Final = "x" * 3800
"""Makes a content that fills the class of 4 KiB."""


def now() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


NO_LIMIT: Final = 1_000_000_000


class Office:
    """The node of one member. Keys come in with ``begin``."""

    def __init__(self) -> None:
        self.exchange: Exchange
        self.vault: UnlockedVault
        self.courier: Courier
        self.keeper: ReplicaKeeper
        self.waiting: dict[bytes, float] = {}
        self.took: list[float] = []
        self.all_answered = asyncio.Event()

    async def begin(self, order: dict[str, Any]) -> dict[str, Any]:
        """Open everything; tells the endpoint and the bundle."""
        vault, node = Signer(_bytes(order["vault"])), Signer(_bytes(order["node"]))
        self.vault = UnlockedVault.found(os.urandom(32), vault.seed())
        us = member_id(vault.public)
        core = Core(
            us=us,
            epoch=now(),
            node=node,
            certificate=make_certificate(vault, us, node.public, now()),
            store=await Store.open(Path(order["folder"]) / "node.db"),
            members=MemberBook(now),
            clock=now,
            entropy=os.urandom,
            files=Files(Path(order["folder"]) / "attachments"),
        )
        self.exchange = Exchange(core)
        await core.transport.upkeep()
        self.courier = Courier(core, Http(), lambda: 0.5)
        # How fast it can be is measured, so no member is told to come back.
        listener = build_listener(self.exchange, Pace(parcels=NO_LIMIT))
        runner = web.AppRunner(listener, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        core.answered = self._answered
        return {"port": runner.addresses[0][1], "bundle": _text(await self._bundle(us))}

    async def _bundle(self, us: bytes) -> bytes:
        made_at = now()
        name, public, seed = self.vault.seal_prekey(os.urandom(32))

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO case_prekeys (id, seed, public, made_at, starts, ends) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (name, seed, public, made_at, made_at, made_at + 30 * DAY),
            )

        await self.exchange.store.write(work)
        key = CasePrekey(SUITE, public, made_at, made_at, made_at + 30 * DAY)
        return make_bundle(self.vault.signer, Bundle(SUITE, us, made_at, (key,)))

    async def know(self, order: dict[str, Any]) -> dict[str, Any]:
        """Take the directory's log and board."""
        core = self.exchange.core
        views = self.exchange.views
        self.keeper = ReplicaKeeper(
            core, _bytes(order["genesis"]), allow_loopback=True, views=views
        )
        await self.keeper.take(_bytes(order["note"]), [_bytes(x) for x in order["leaves"]])
        directory = self.keeper.replica.directory
        await self.keeper.take_board(
            [verify_posted(_bytes(x), directory, now()) for x in order["bundles"]]
        )
        gc.collect()
        gc.freeze()  # as a serving node does
        if order["deliver"]:
            await self.courier.start()
        return {}

    async def deliver(self, _order: dict[str, Any]) -> dict[str, Any]:
        """Start the courier, with what waits; answers when everything is held."""
        began = time.perf_counter()
        await self.courier.start()
        await self.all_answered.wait()
        return {"seconds": time.perf_counter() - began}

    async def create(self, order: dict[str, Any]) -> dict[str, Any]:
        """Create messages by so many senders at once; ``wait``: until all are held."""
        peer, left = _bytes(order["peer"]), int(order["count"])
        self.all_answered.clear()
        self.took.clear()
        began = time.perf_counter()

        async def sender() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                at = time.perf_counter()
                said = await self._say(peer)
                self.waiting[said] = at
                if order.get("one_by_one"):
                    while said in self.waiting:
                        await self._next_answer()

        await asyncio.gather(*(sender() for _ in range(int(order["senders"]))))
        if order["wait"]:
            await self.all_answered.wait()
        return {"seconds": time.perf_counter() - began, "took": self.took}

    async def _say(self, peer: bytes) -> bytes:
        head = Head("advice", "urgent", now() + DAY, None)
        content = {
            "form": "question",
            "author": {"name": "Bench", "role": "point-of-contact"},
            "language": "en",
            "subject": "Bench",
            "question": TEXT,
        }
        said = await self.exchange.voice.open(
            self.vault, ACTOR, recipient=peer, head=head, content=content
        )
        return said.hash

    def _answered(self, hashes: Collection[bytes]) -> None:
        at = time.perf_counter()
        for name in hashes:
            if name in self.waiting:
                self.took.append((at - self.waiting.pop(name)) * 1000)
        self._answer.set()
        if not self.waiting:
            self.all_answered.set()

    async def _next_answer(self) -> None:
        self._answer.clear()
        await self._answer.wait()

    @property
    def _answer(self) -> asyncio.Event:
        if not hasattr(self, "_event"):
            self._event = asyncio.Event()
        return self._event

    async def held(self, _order: dict[str, Any]) -> dict[str, Any]:
        """How many messages of others this node holds."""
        row = await self.exchange.store.row("SELECT COUNT(*) FROM messages WHERE mine = 0")
        return {"held": 0 if row is None else int(row[0])}


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


async def _main() -> None:
    office = Office()
    orders = {
        "begin": office.begin,
        "know": office.know,
        "create": office.create,
        "deliver": office.deliver,
        "held": office.held,
    }
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        try:
            answer = await orders[order["do"]](order)
        except Exception:  # noqa: BLE001 - whatever it was, the parent waits for an answer
            traceback.print_exc()
            os._exit(1)  # the store's thread would keep the process alive
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    set_up("error")
    bind(int(sys.argv[1]))
    asyncio.run(_main())
