"""Changing what the directory says of us: an update of our card, from a keyholder to the log.

Law: an update is signed by the vault key after our last entry in our own copy of the log, checked
here as the directory checks it, and stored before it is sent. One is under way at a time. It is
sent, the same bytes each time, until the directory refuses it for good or our copy of the log holds
it: that alone counts as done, whatever the directory answered.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.rows import audit
from referral_node.store import Tx
from referral_node.store.facts import SUBMISSION, fact
from referral_node.vault.vault import UnlockedVault
from referral_protocol import profiles
from referral_protocol.directory.entries import (
    ROUTINE,
    Card,
    RecordHash,
    entry_hash,
    parse_entry,
    parse_leaf,
)
from referral_protocol.directory.records import Salted, parse_records, record_hashes
from referral_protocol.directory.requests import (
    Submission,
    check_change,
    make_update,
    parse_submission,
)
from referral_protocol.directory.rules import Member
from referral_protocol.errors import CODES, ProtocolError, Retry
from referral_protocol.suite import Signer

WAITING: Final = "waiting"
REFUSED: Final = "refused"

VAULT_KEY: Final = "vault-key"
NODE_KEY: Final = "node-key"
ENDPOINT: Final = "endpoint"
PINS: Final = "pins"
"""What may have changed beside the records, which go by their own names."""

MAX_SAID: Final = 300


class NotJoined(Exception):
    """The directory does not name us: there is no card to change."""


class UpdateWaits(Exception):
    """A change is under way already: it has to arrive, or be refused, first."""


class UpdateRefused(Exception):
    """What was proposed cannot stand: the directory would refuse it. Nothing was kept.

    ``code`` is the protocol's, ``detail`` names the field or rule.
    """

    def __init__(self, error: ProtocolError) -> None:
        self.code = error.code
        self.detail = error.detail
        super().__init__(f"{error.code}: {error.detail}")


class WaitingUpdate(msgspec.Struct, frozen=True):
    """An update that is not in our copy of the log yet. ``changed``: what differs from the card.

    ``sent_at``: when the directory took it; None: not yet. ``code`` and ``said`` only if refused:
    why, by code, and in the directory's words.
    """

    hash: bytes
    made_at: int
    changed: tuple[str, ...]
    state: str
    sent_at: int | None
    code: str | None
    said: str


class Updating:
    """Our own card and records as the directory has them, and the one change that is under way."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._turn = asyncio.Lock()
        self._ended = asyncio.Event()

    # what the directory says of us

    async def own_card(self) -> Card:
        """Our card in our copy of the log; NotJoined."""
        return self._member().card

    async def own_records(self) -> dict[str, bytes]:
        """The contents of our records that the log names now, by name; one that was erased, or is
        not here yet, is left out. NotJoined."""
        named = self._member().records
        return {
            record.name: record.content
            for record in await self._known_records()
            if named.get(record.name) == record.hash
        }

    async def asked_records(self) -> dict[str, bytes]:
        """The contents of the records that our request to join brings, by name."""
        data = await fact(self._core.store, SUBMISSION)
        records = () if data is None else parse_submission(data).records
        return {record.name: record.content for record in records}

    async def under_way(self) -> dict[str, bytes]:
        """The contents of the records that the waiting update brings, by name."""
        row = await self._waiting()
        if row is None:
            return {}
        records = parse_submission(bytes(row["submission"])).records
        return {record.name: record.content for record in records}

    # a change

    async def propose(
        self,
        vault: UnlockedVault,
        actor: Actor | None,
        card: Card,
        *,
        records: Mapping[str, bytes] | None = None,
        reason: str = ROUTINE,
        signers: Sequence[Signer] = (),
        bundle: bytes | None = None,
    ) -> bytes:
        """Sign a new card, keep it, and let the poller send it; the entry's hash.

        ``records``: the new contents by name; their hashes go into the card here. ``signers``: each
        new key beside the vault key. Raises NotJoined, UpdateWaits, UpdateRefused.
        """
        core = self._core
        async with self._turn:
            if await self._waiting() is not None:
                raise UpdateWaits
            try:
                submission, changed = await self._made(
                    vault, card, dict(records or {}), reason, signers, bundle
                )
            except ProtocolError as error:
                raise UpdateRefused(error) from None
            hashed = entry_hash(submission.content)
            now = core.clock()
            size = 0 if core.members.directory is None else core.members.directory.size

            async def work(tx: Tx) -> None:
                await tx.execute("DELETE FROM updates")  # an earlier one, done or refused
                await tx.execute(
                    "INSERT INTO updates (id, submission, changed, log_size, made_at) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (hashed, submission.pack(), " ".join(changed), size, now),
                )
                await audit(tx, now, None if actor is None else actor.id, "update-made", core.us)

            await core.store.write(work)
            self._ended.clear()
        core.ask_directory()
        return hashed

    async def status(self) -> WaitingUpdate | None:
        """The update that is under way or was refused; None if there is none."""
        row = await self._core.store.row(
            "SELECT id, changed, made_at, sent_at, code, said FROM updates WHERE done_at IS NULL"
        )
        if row is None:
            return None
        return WaitingUpdate(
            bytes(row["id"]),
            row["made_at"],
            tuple(row["changed"].split()),
            WAITING if row["code"] is None else REFUSED,
            row["sent_at"],
            row["code"],
            row["said"],
        )

    async def quiet(self, within: float) -> bool:
        """Wait until nothing is under way, at most ``within`` seconds; whether nothing is."""
        if await self._waiting() is None:
            return True
        try:
            async with asyncio.timeout(within):
                await self._ended.wait()
        except TimeoutError:
            return await self._waiting() is None
        return True

    async def forget_refused(self) -> None:
        """A person has read why it was refused."""
        await self._core.store.write(
            lambda tx: tx.execute("DELETE FROM updates WHERE code IS NOT NULL")
        )

    # for the poller

    async def to_send(self) -> Submission | None:
        """What the directory has still to get; None if nothing is under way.

        Looks into our copy of the log first: an answer that was lost must not have it sent again.
        """
        row = await self._waiting()
        if row is None:
            return None
        submission = parse_submission(bytes(row["submission"]))
        verdict = await self._in_the_log(submission, row["log_size"])
        if verdict is None:
            return submission
        if verdict:
            await self._done()
        else:
            await self.refused("broken-chain", "")
        return None

    async def sent(self) -> bool:
        """The directory took it; True the first time it says so."""
        now = self._core.clock()

        async def work(tx: Tx) -> int:
            return await tx.execute("UPDATE updates SET sent_at = ? WHERE sent_at IS NULL", (now,))

        return bool(await self._core.store.write(work))

    async def refused(self, code: str, said: str) -> None:
        """The directory will never take these bytes."""
        core, now = self._core, self._core.clock()
        shown = "".join(c for c in said if c.isprintable())[:MAX_SAID]

        async def work(tx: Tx) -> None:
            count = await tx.execute(
                "UPDATE updates SET code = ?, said = ? WHERE code IS NULL AND done_at IS NULL",
                (code, shown),
            )
            if count:
                await audit(tx, now, None, "update-refused", core.us, code)

        await core.store.write(work)
        self._ended.set()

    async def _done(self) -> None:
        core, now = self._core, self._core.clock()

        async def work(tx: Tx) -> None:
            # It stays until the next one: its records come beside the log only with the next tile.
            await tx.execute("UPDATE updates SET done_at = ? WHERE done_at IS NULL", (now,))
            await audit(tx, now, None, "update-done", core.us)

        await core.store.write(work)
        self._ended.set()

    # how

    def _member(self) -> Member:
        directory = self._core.members.directory
        found = None if directory is None else directory.member(self._core.us)
        if found is None:
            raise NotJoined
        return found

    async def _waiting(self) -> sqlite3.Row | None:
        return await self._core.store.row(
            "SELECT submission, log_size FROM updates WHERE code IS NULL AND done_at IS NULL"
        )

    async def _made(
        self,
        vault: UnlockedVault,
        card: Card,
        contents: dict[str, bytes],
        reason: str,
        signers: Sequence[Signer],
        bundle: bytes | None,
    ) -> tuple[Submission, tuple[str, ...]]:
        """The signed update, checked as the directory checks it, and what it changes."""
        core, old = self._core, self._member()
        directory = core.members.directory
        if directory is None:
            raise NotJoined
        if contents:
            profiles.unpack(await self.own_records() | contents)
        sent = tuple(Salted(name, core.entropy(32), contents[name]) for name in sorted(contents))
        new = msgspec.structs.replace(card, records=_named(card, sent))
        submission = make_update(
            directory.genesis,
            old,
            new,
            reason,
            _once(vault.signer, *signers),
            sent,
            bundle,
            core.clock(),
        )
        checked = await asyncio.to_thread(check_change, submission, directory, core.clock())
        del checked  # it stands: that is all that is asked here
        return submission, _changes(old.card, new)

    async def _in_the_log(self, submission: Submission, size: int) -> bool | None:
        """Whether our copy of the log holds it; None: not yet; False: never, for its place in our
        chain is taken."""
        old, hashed = self._member(), entry_hash(submission.content)
        if old.head == hashed:
            return True
        if old.number < parse_entry(submission.content).number:
            return None
        rows = await self._core.store.rows(
            "SELECT leaf FROM log_entries WHERE number >= ? ORDER BY number", (size,)
        )
        contents = (parse_leaf(bytes(row["leaf"])).content for row in rows)
        return submission.content in contents

    async def _known_records(self) -> list[Salted]:
        """Every record of ours that lies here: from the directory, from what we sent."""
        store, found = self._core.store, list[Salted]()
        row = await store.row("SELECT record FROM records WHERE member = ?", (self._core.us,))
        if row is not None:
            found += parse_records(bytes(row["record"])).records
        row = await store.row("SELECT submission FROM updates")
        for data in (None if row is None else row["submission"], await fact(store, SUBMISSION)):
            try:
                found += () if data is None else parse_submission(bytes(data)).records
            except ProtocolError:
                continue  # of another version of this program
        return found


def for_good(code: str) -> bool:
    """Whether a refusal with this code stands however often the same bytes are sent."""
    # The directory may have been put back to an earlier state: it will know us again.
    return code in CODES and code != "unknown-member" and CODES[code].retry is not Retry.LATER


def _named(card: Card, sent: Sequence[Salted]) -> tuple[RecordHash, ...]:
    """The card's records with the new ones in their places."""
    named = {record.name: record for record in card.records}
    named |= {record.name: record for record in record_hashes(sent)}
    return tuple(named[name] for name in sorted(named))


def _once(*signers: Signer) -> tuple[Signer, ...]:
    """Each key signs once, however it was named."""
    return tuple({signer.public: signer for signer in signers}.values())


def _changes(old: Card, new: Card) -> tuple[str, ...]:
    """What differs: fields of the card by their codes, records by their names."""
    changed = [
        code
        for code, was, now in (
            (VAULT_KEY, old.vault_key, new.vault_key),
            (NODE_KEY, old.node_key, new.node_key),
            (ENDPOINT, old.endpoint, new.endpoint),
            (PINS, old.pins, new.pins),
        )
        if was != now
    ]
    before = {record.name: record.hash for record in old.records}
    changed += [each.name for each in new.records if before.get(each.name) != each.hash]
    return tuple(changed)
