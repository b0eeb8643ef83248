"""What an administrator does about other people's views of the log: look at proofs, settle them,
save the log, become a witness.

Law: a conflict is settled by name, by a person who says that VSE has explained it, and it stays
written down with its proof. Settling means to go on with the log that is held here: what
contradicts it stays refused. Nothing settles a conflict by itself, and nothing here makes the node
forget its log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from referral_node.config import Config
from referral_node.control import Arguments, Handler
from referral_node.exchange.rows import audit
from referral_node.folder import StateFolder
from referral_node.store import Store, Tx
from referral_node.store.facts import CHECKPOINT, COSIGNED, WATCHED_AT, fact, time_of
from referral_node.trouble import Trouble
from referral_node.witness import make_witness_key, read_witness_key
from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.errors import ProtocolError

AT_ONCE: Final = 2048
"""Entries handed over in one answer: at most 48 MiB, mostly one."""
MOST_BYTES: Final = 8 * 1024 * 1024


class SettleArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    proof: str


class EntriesArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    start: int


class WitnessArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str | None = None


async def _nobody() -> None:
    """No node runs that could go on."""


class ViewState(msgspec.Struct, frozen=True):
    """What others show of the log, for `status`. ``ahead``: members that show more of it than
    anybody gives us, and since when; ``witness``: our name as one, if we have a key."""

    conflicts: list[dict[str, Any]]
    ahead: dict[str, int]
    asked_at: int | None
    witness: str | None
    cosigned: int


async def view_state(store: Store, folder: Path) -> ViewState:
    """Read from the database, whether the node serves or not."""
    asked, signed = await fact(store, WATCHED_AT), await fact(store, COSIGNED)
    rows = await store.rows("SELECT member, since FROM ahead ORDER BY since")
    return ViewState(
        await conflicts(store),
        {bytes(r["member"]).hex(): r["since"] for r in rows},
        None if asked is None else time_of(asked),
        await asyncio.to_thread(_witness, folder),
        0 if signed is None else int.from_bytes(signed[:8], "big"),
    )


def _witness(folder: Path) -> str | None:
    """Our name as a witness; "(its key cannot be read)"; None without a key."""
    try:
        key = read_witness_key(folder)
    except Trouble:
        return "(its key cannot be read)"
    return None if key is None else key.name


class Watching:
    """The operations over one open store. ``settled``: called when a conflict was settled."""

    def __init__(
        self,
        store: Store,
        folder: StateFolder,
        config: Config,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        settled: Callable[[], Awaitable[None]] = _nobody,
    ) -> None:
        self._store = store
        self._folder = folder
        self._config = config
        self._clock = clock
        self._entropy = entropy
        self._settled = settled

    def handlers(self) -> Mapping[str, Handler]:
        """Beside those of Operations."""
        return {
            "directory-proofs": self.proofs,
            "directory-settle": self.settle,
            "log-checkpoint": self.checkpoint,
            "log-entries": self.entries,
            "witness-init": self.witness,
        }

    async def proofs(self, _: Arguments) -> Any:
        """All conflicts, the oldest first."""
        return await conflicts(self._store)

    async def settle(self, arguments: Arguments) -> Any:
        """VSE has explained this one: go on with the log that is held here."""
        given = msgspec.convert(arguments, SettleArguments)
        found = [each for each in await conflicts(self._store) if each["proof"] == given.proof]
        if not found:
            raise Trouble("no such proof: `referral node directory proofs` names them")
        if found[0]["settled_at"] is not None:
            raise Trouble("this one is settled already")
        name, now = bytes.fromhex(given.proof), self._clock()

        async def work(tx: Tx) -> None:
            await tx.execute(
                "UPDATE forks SET settled_at = ? WHERE proof = ? AND settled_at IS NULL",
                (now, name),
            )
            await audit(tx, now, None, "fork-settled", name)

        await self._store.write(work)
        await self._settled()
        left = sum(each["settled_at"] is None for each in await conflicts(self._store))
        return {"proof": given.proof, "left": left}

    async def checkpoint(self, _: Arguments) -> Any:
        """The newest checkpoint that is held, and how many entries."""
        note = await fact(self._store, CHECKPOINT)
        if note is None:
            raise Trouble("this node has no copy of the log yet: has it joined?")
        row = await self._store.row("SELECT COUNT(*) FROM log_entries")
        return {"note": note, "entries": 0 if row is None else row[0]}

    async def entries(self, arguments: Arguments) -> Any:
        """Leaves from ``start`` on, as many as fit in one answer; none: that was all."""
        start = msgspec.convert(arguments, EntriesArguments).start
        rows = await self._store.rows(
            "SELECT leaf FROM log_entries WHERE number >= ? ORDER BY number LIMIT ?",
            (start, AT_ONCE),
        )
        found: list[bytes] = []
        room = MOST_BYTES
        for row in rows:
            room -= len(row["leaf"])
            if room < 0:
                break
            found.append(bytes(row["leaf"]))
        return found

    async def witness(self, arguments: Arguments) -> Any:
        """Make the witness key, or tell the one that is there: name and public key."""
        given = msgspec.convert(arguments, WitnessArguments)
        key = read_witness_key(self._folder.path)
        if key is not None and given.name not in (None, key.name):
            raise Trouble(f"the witness key is there already, under the name {key.name}")
        if key is None:
            name = given.name or f"{self._host()}/witness"
            key = make_witness_key(self._folder.path, name, self._entropy(32))
        return {"name": key.name, "key": key.signer.public}

    def _host(self) -> str:
        try:
            return parse_endpoint(self._config.exchange.endpoint, allow_loopback=True).host
        except ProtocolError:
            raise Trouble("give the witness a name: --name exchange.example.org/witness") from None


async def conflicts(store: Store) -> list[dict[str, Any]]:
    """Every proof that is kept, for `status` and the command, without its bytes."""
    rows = await store.rows(
        "SELECT proof, found_at, shown_by, size, alike, settled_at FROM forks "
        "ORDER BY found_at, proof"
    )
    return [
        {
            "proof": bytes(r["proof"]).hex(),
            "found_at": r["found_at"],
            "shown_by": None if r["shown_by"] is None else bytes(r["shown_by"]).hex(),
            "entries": r["size"],
            "alike": r["alike"],
            "settled_at": r["settled_at"],
        }
        for r in rows
    ]
