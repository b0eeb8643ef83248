"""Opening what has come: at sign-in, and with each page after it (SPEC 6.2).

Law: a body is opened only by a keyholder's node while its keyholder is signed in; what opens, and
matches its statement, is stored under the case key, and the ciphertext is destroyed in the same
transaction. What does not open is answered at once with ``unreadable``, signed by the vault. A
withdrawn referral is not opened any more.
"""

import sqlite3
from typing import Any, Final

import msgspec
import structlog

from referral_node.exchange.cases.erasing import ERASED, carry_out
from referral_node.exchange.cases.summaries import Summarised, summarise
from referral_node.exchange.catchup import returning
from referral_node.exchange.core import Actor, Core, rank
from referral_node.exchange.files.attachments import let_go
from referral_node.exchange.keys.own import all_anew, sign_anew
from referral_node.exchange.rows import audit, state_of
from referral_node.exchange.sending import unsaid
from referral_node.exchange.sending.saying import PRIVATE_VERSION, queue, say_in
from referral_node.store import Tx
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import CaseKey, UnlockedVault
from referral_protocol import forms
from referral_protocol.attachments import check_files
from referral_protocol.bodies import (
    SALT_SIZE,
    check_sealed,
    open_body,
    seal_body,
    sealed_hash,
    sealed_to,
)
from referral_protocol.certificates import DAY
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import OPEN, RETURN, STATE, UNREADABLE, Head, Statement
from referral_protocol.suite import Opener
from referral_protocol.wire import decode

FOLLOW_UP: Final = 14 * DAY
"""After they accepted, Today asks whether the person was reached; a person may change the day."""
AT_ONCE: Final = 32
"""Bodies opened in one transaction."""
DAMAGED: Final = "damaged"
SEALED_AGAIN: Final = 3
"""How often one message is sealed again: what they cannot read after that, they never will."""

log = structlog.get_logger()


class ImportResult(msgspec.Struct, frozen=True):
    """What one run did, in numbers of messages. ``left``: still to be opened."""

    imported: int = 0
    unreadable: int = 0
    sealed: int = 0
    left: int = 0


class _Opened(msgspec.Struct, frozen=True):
    salt: bytes
    packed: bytes
    content: dict[str, Any]


class Importing:
    """Opens what waits, and seals what waited for a key."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(
        self, vault: UnlockedVault, actor: Actor | None = None, most: int = 512
    ) -> ImportResult:
        """Open up to ``most`` bodies and seal what can be sealed; cheap when nothing waits."""
        imported = unreadable = left = 0
        while True:
            before, after = imported + unreadable, 0
            while imported + unreadable < most:
                found = await self._batch(vault, actor, after)
                if found is None:
                    break
                after, good, bad = found
                imported += good
                unreadable += bad
            if imported + unreadable == before:
                left = 0  # nothing of what is still here can be opened now
                break
            left = await self._left()
            # Once more if something was opened: what came before its opener may open now.
            if not left or imported + unreadable >= most:
                break
        await all_anew(self._core, vault)
        sealed = await self._seal_waiting(vault)
        await returning.pay(self._core, vault)
        await unsaid.say_again(self._core, vault)
        await carry_out(self._core)
        return ImportResult(imported, unreadable, sealed, left)

    async def _left(self) -> int:
        """What could be opened now. A message whose thread's opener never came is not among it."""
        row = await self._core.store.row(
            "SELECT COUNT(*) FROM messages m JOIN threads t ON t.id = m.thread AND t.peer = m.peer "
            "WHERE m.body = 'sealed' AND m.mine = 0"
        )
        return 0 if row is None else int(row[0])

    async def _batch(
        self, vault: UnlockedVault, actor: Actor | None, after: int
    ) -> tuple[int, int, int] | None:
        core = self._core
        rows = await core.store.rows(
            "SELECT m.number, m.hash, m.thread, m.peer, m.kind, m.state, m.at, m.statement, "
            "m.body_hash, b.sealed FROM messages m JOIN bodies b ON b.message = m.number "
            "WHERE m.body = 'sealed' AND m.mine = 0 AND m.number > ? ORDER BY m.number LIMIT ?",
            (after, AT_ONCE),
        )
        if not rows:
            return None

        async def work(tx: Tx) -> tuple[int, int, set[bytes], set[bytes]]:
            openers = await _openers(tx, vault, rows)
            good = bad = 0
            threads: set[bytes] = set()
            peers: set[bytes] = set()
            for row in rows:
                done = await self._apart(tx, vault, actor, row, openers)
                if done is None:
                    continue
                threads.add(bytes(row["thread"]))
                if done:
                    good += 1
                else:
                    bad += 1
                    peers.add(bytes(row["peer"]))
                if row["kind"] == UNREADABLE:
                    peers.add(bytes(row["peer"]))
            await returning.folded(tx, vault, [row["number"] for row in rows])
            return good, bad, threads, peers

        good, bad, threads, peers = await core.store.write(work)
        core.changes.changed(*threads)
        for peer in peers:
            core.wake(peer)
        return int(rows[-1]["number"]), good, bad

    async def _apart(
        self,
        tx: Tx,
        vault: UnlockedVault,
        actor: Actor | None,
        row: sqlite3.Row,
        openers: dict[bytes, Opener],
    ) -> bool | None:
        """Import one message; if the rows around it are damaged it waits, and the others go on."""
        try:
            async with tx.apart():
                return await self._one(tx, vault, actor, row, openers)
        except Unsealable:
            log.error("import.damaged", code=DAMAGED)
            return None

    async def _one(
        self,
        tx: Tx,
        vault: UnlockedVault,
        actor: Actor | None,
        row: sqlite3.Row,
        openers: dict[bytes, Opener],
    ) -> bool | None:
        """Import one message: True, or False if unreadable, or None if it has to wait."""
        core = self._core
        now = core.clock()
        still = await tx.row(
            "SELECT body, body_hash FROM messages WHERE number = ?", (row["number"],)
        )
        if still is None or still["body"] != "sealed" or still["body_hash"] != row["body_hash"]:
            return None  # another page imported it, or it was sealed again meanwhile
        # The peer too: what somebody else said under this hash before its opener came stays shut.
        thread = await tx.row(
            "SELECT t.case_key, t.erased_at, m.body FROM threads t "
            "JOIN messages m ON m.hash = t.id "
            "WHERE t.id = ? AND t.peer = ?",
            (row["thread"], row["peer"]),
        )
        opening = row["kind"] == OPEN
        if thread is None:
            return None  # its opener is not here yet: the gap closes first
        if thread["erased_at"] is not None:
            await _let_go(tx, row, ERASED)
            return None  # whoever erased a case has nothing to keep an answer in
        if thread["case_key"] is None and thread["body"] == "sealed" and not opening:
            return None  # its opener was not opened yet; one that has no body never will be
        if opening and await _withdrawn(tx, bytes(row["hash"])):
            await _let_go(tx, row, "withdrawn")
            await audit(tx, now, None, "not-opened", bytes(row["hash"]), "withdrawn")
            return None
        try:
            opened = _open(row, openers)
        except ProtocolError as refusal:
            await self._unreadable(tx, vault, actor, row, refusal.code)
            return False
        if thread["case_key"] is None:
            wrapped = vault.wrap_case_key(bytes(row["thread"]), core.entropy(32))
            await tx.execute(
                "UPDATE threads SET case_key = ? WHERE id = ?", (wrapped, row["thread"])
            )
        else:
            wrapped = bytes(thread["case_key"])
        case_key = vault.case_key(bytes(row["thread"]), wrapped)
        if row["kind"] == RETURN:
            try:
                await returning.take(tx, core, case_key, row, opened.content)
            except ProtocolError as refusal:
                await self._unreadable(tx, vault, actor, row, refusal.code)
                return False
        else:
            await _keep(tx, case_key, row, opened)
        if row["kind"] == UNREADABLE:
            await self._seal_again(tx, vault, bytes(row["peer"]), opened.content)
        await audit(tx, now, None, "imported", bytes(row["hash"]))
        return True

    async def _unreadable(
        self, tx: Tx, vault: UnlockedVault, actor: Actor | None, row: sqlite3.Row, code: str
    ) -> None:
        """Mark what cannot be read and tell its sender, in one transaction."""
        core = self._core
        await tx.execute("DELETE FROM bodies WHERE message = ?", (row["number"],))
        await tx.execute(
            "UPDATE messages SET body = 'unreadable', code = ? WHERE number = ?",
            (code, row["number"]),
        )
        await audit(tx, core.clock(), None, "unreadable", bytes(row["hash"]), code)
        if row["kind"] == UNREADABLE:
            return  # two nodes that cannot read each other would never stop saying so
        thread = bytes(row["thread"])
        known = await tx.row("SELECT case_key FROM threads WHERE id = ?", (thread,))
        if known is not None and known["case_key"] is None:
            # An unreadable opener: the thread gets its case key now, for what is said about it.
            await tx.execute(
                "UPDATE threads SET case_key = ? WHERE id = ?",
                (vault.wrap_case_key(thread, core.entropy(32)), thread),
            )
        content = {
            "form": "unreadable",
            "statement": bytes(row["hash"]),
            "sealed": bytes(row["body_hash"]),
            "code": code,
        }
        await say_in(
            tx, core, vault, actor, bytes(row["peer"]), thread, UNREADABLE, Head(), content
        )

    async def _seal_again(
        self, tx: Tx, vault: UnlockedVault, peer: bytes, content: dict[str, Any]
    ) -> None:
        """They could not read one of ours: seal the same statement again, to today's prekey."""
        named = content.get("statement")
        row = await tx.row(
            "SELECT m.number, m.hash, m.thread, c.private, m.body, m.body_hash, t.case_key, "
            "t.priority FROM messages m JOIN threads t ON t.id = m.thread "
            "LEFT JOIN contents c ON c.message = m.number "
            "WHERE m.hash = ? AND m.mine = 1 AND m.peer = ?",
            (named, peer),
        )
        if row is None or row["body_hash"] != content.get("sealed") or row["private"] is None:
            return  # not ours, or they speak of a body that was already sealed again
        code = str(content.get("code", ""))[:32]
        again = await tx.row(
            "SELECT COUNT(*) FROM audit WHERE subject = ? AND action = 'sealed-again'",
            (row["hash"],),
        )
        if again is not None and again[0] >= SEALED_AGAIN:
            await tx.execute("UPDATE messages SET code = ? WHERE number = ?", (code, row["number"]))
            return
        await tx.execute(
            "UPDATE messages SET code = ?, body = 'unsealed', held_at = NULL WHERE number = ?",
            (code, row["number"]),
        )
        await audit(tx, self._core.clock(), None, "sealed-again", bytes(row["hash"]), code)
        await _seal_stored(tx, self._core, vault, row, peer)

    async def _seal_waiting(self, vault: UnlockedVault) -> int:
        """Seal what waited for a key of its recipient."""
        core = self._core
        rows = await core.store.rows(
            "SELECT DISTINCT peer FROM messages WHERE body = 'unsealed' AND mine = 1"
        )
        peers = [bytes(r["peer"]) for r in rows]
        ready = [peer for peer in peers if core.members.current_prekey(peer) is not None]
        if not ready:
            return 0

        async def work(tx: Tx) -> tuple[int, set[bytes]]:
            count, threads = 0, set()
            for peer in ready:
                waiting = await tx.rows(
                    "SELECT m.number, m.hash, m.thread, c.private, t.case_key, t.priority "
                    "FROM messages m JOIN threads t ON t.id = m.thread "
                    "JOIN contents c ON c.message = m.number "
                    "WHERE m.body = 'unsealed' AND m.mine = 1 AND m.peer = ? LIMIT 256",
                    (peer,),
                )
                for row in waiting:
                    try:
                        async with tx.apart():
                            await _seal_stored(tx, core, vault, row, peer)
                    except Unsealable:
                        log.error("seal.damaged", code=DAMAGED)
                        continue
                    threads.add(bytes(row["thread"]))
                    count += 1
            return count, threads

        count, threads = await core.store.write(work)
        core.changes.changed(*threads)
        for peer in ready:
            core.wake(peer)
        return count


async def _openers(tx: Tx, vault: UnlockedVault, rows: list[sqlite3.Row]) -> dict[bytes, Opener]:
    """The case prekeys that these bodies name and this node has."""
    named = {sealed_to(check_sealed(bytes(row["sealed"]))) for row in rows}
    found = {}
    for prekey in named:
        row = await tx.row("SELECT seed FROM case_prekeys WHERE id = ?", (prekey,))
        if row is None:
            continue
        try:
            found[prekey] = vault.open_prekey(prekey, bytes(row["seed"]))
        except Unsealable:
            log.error("prekey.damaged", code=DAMAGED)  # as if it were not here: sealed again
    return found


def _open(row: sqlite3.Row, openers: dict[bytes, Opener]) -> _Opened:
    """Open and check one body against its statement and its form (SPEC 6.2)."""
    sealed = check_sealed(bytes(row["sealed"]))
    opener = openers.get(sealed_to(sealed))
    if opener is None:
        raise ProtocolError("prekey-unknown", "body")
    raw = bytes(row["statement"])
    statement = decode(raw, Statement, len(raw), "stored statement")
    salt, packed = open_body(opener, sealed, bytes(row["hash"]), statement.commitment)
    head = statement.head
    content = forms.read(packed, forms.form_for(statement.kind, head.thread_kind or ""))
    check_files(content, statement.attachments)
    return _Opened(salt, packed, content)


async def _keep(tx: Tx, case_key: CaseKey, row: sqlite3.Row, opened: _Opened) -> None:
    """Store the content under the case key, destroy the ciphertext, fold the summary."""
    named = bytes(row["hash"])
    await tx.execute(
        "UPDATE messages SET body = 'imported', code = NULL WHERE number = ?", (row["number"],)
    )
    await tx.execute(
        "INSERT INTO contents (message, private) VALUES (?, ?) "
        "ON CONFLICT (message) DO UPDATE SET private = excluded.private",
        (
            row["number"],
            case_key.seal(opened.salt + opened.packed, ("messages", named, PRIVATE_VERSION)),
        ),
    )
    await tx.execute("DELETE FROM bodies WHERE message = ?", (row["number"],))
    said = Summarised(bytes(row["thread"]), named, False, row["kind"], row["state"], row["at"])
    await summarise(tx, case_key, said, opened.content)
    if row["kind"] == STATE and row["state"] == "accepted":
        await tx.execute(
            "UPDATE threads SET follow_up_at = ? WHERE id = ? AND role = 'referring' "
            "AND kind IN ('referral', 'transfer') AND follow_up_at IS NULL AND ended = 0",
            (row["at"] + FOLLOW_UP, row["thread"]),
        )


async def _withdrawn(tx: Tx, thread: bytes) -> bool:
    state = await state_of(tx, thread)
    return state is not None and state.withdrawn is not None and state.since is None


async def _let_go(tx: Tx, row: sqlite3.Row, withheld: str) -> None:
    await tx.execute("DELETE FROM bodies WHERE message = ?", (row["number"],))
    await tx.execute(
        "UPDATE messages SET body = 'none', withheld = ? WHERE number = ?",
        (withheld, row["number"]),
    )
    await let_go(tx, bytes(row["hash"]))


async def _seal_stored(
    tx: Tx, core: Core, vault: UnlockedVault, row: sqlite3.Row, peer: bytes
) -> None:
    """Seal a stored content of ours to the recipient's current prekey, if there is one."""
    prekey = core.members.current_prekey(peer)
    if prekey is None:
        return
    case_key = vault.case_key(bytes(row["thread"]), bytes(row["case_key"]))
    plain = case_key.unseal(
        bytes(row["private"]), ("messages", bytes(row["hash"]), PRIVATE_VERSION)
    )
    sealed = seal_body(
        core.members.seal_key(prekey.public),
        prekey.id,
        bytes(row["hash"]),
        plain[:SALT_SIZE],
        plain[SALT_SIZE:],
    )
    await tx.execute(
        "UPDATE messages SET body = 'outgoing', body_hash = ? WHERE number = ?",
        (sealed_hash(sealed), row["number"]),
    )
    await sign_anew(tx, core, vault, row["number"])
    await queue(tx, bytes(row["hash"]), peer, rank(row["priority"]), sealed, core.clock())
