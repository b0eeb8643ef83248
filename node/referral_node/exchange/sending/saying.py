"""One message of ours, inside the transaction that stores it (SPEC 8.1).

Law: counters, chain and state are read and used inside the same transaction that stores the
message, so nothing is ever said twice under one counter, and nothing leaves before its commit. A
message whose recipient has no usable prekey here is signed now and sealed later; it says so. What a
message costs is mostly its rows: each is written once, whole.
"""

from typing import Any, Final

import msgspec

from referral_node.exchange.cases.summaries import FIRST, Summarised, first_summary, summarise
from referral_node.exchange.catchup.epochs import current
from referral_node.exchange.core import Actor, Core, rank
from referral_node.exchange.files.filing import put_in
from referral_node.exchange.keys.own import present_signer, sign_ahead
from referral_node.exchange.rows import audit, open_thread, settle
from referral_node.store import Tx
from referral_node.vault.vault import CaseKey, UnlockedVault
from referral_protocol import forms
from referral_protocol.attachments import listed
from referral_protocol.bodies import SALT_SIZE, commitment, seal_body, sealed_hash
from referral_protocol.certificates import DAY
from referral_protocol.statements import NOTE, Head, SignedStatement, Statement, make_statement
from referral_protocol.suite import SUITE

BODY_LIFE: Final = 30 * DAY
PRIVATE_VERSION: Final = 1


class UnknownThread(Exception):
    """No thread under this hash, or one whose opener was not imported."""


class Said(msgspec.Struct, frozen=True):
    """A message that was stored: its hash, its thread, whether it waits for a key, its rank, how
    many files it has."""

    hash: bytes
    thread: bytes
    waits_for_key: bool
    rank: int
    files: int = 0


async def say_in(
    tx: Tx,
    core: Core,
    vault: UnlockedVault,
    actor: Actor | None,
    peer: bytes,
    thread: bytes | None,
    kind: str,
    head: Head,
    content: dict[str, Any],
) -> Said:
    """Sign, seal, store and queue one message inside a transaction (also used on import)."""
    now = core.clock()
    packed = forms.encode(content)
    salt = core.entropy(SALT_SIZE)
    epoch = await current(tx, core)
    statement = Statement(
        suite=SUITE,
        sender=core.us,
        recipient=peer,
        epoch=epoch,
        seq=await _next_seq(tx, peer, epoch),
        thread=thread,
        previous=await _last(tx, thread) if thread else None,
        seen=await _seen(tx, thread, peer) if thread else None,
        at=now,
        expires=now + BODY_LIFE,
        kind=kind,
        head=head,
        commitment=commitment(salt, packed),
        attachments=listed(content.get("files", ())),
    )
    signed = make_statement(await present_signer(tx, core, vault), statement)
    said = Summarised(signed.thread, signed.hash, True, kind, head.state, now)
    if thread is None:
        case_key, priority = await _begin(tx, core, vault, signed, said, content, now)
    else:
        case_key, priority = await _case(tx, vault, thread)
    prekey = core.members.current_prekey(peer)
    sealed = None
    if prekey is not None:
        public = core.members.seal_key(prekey.public)
        sealed = seal_body(public, prekey.id, signed.hash, salt, packed)
    private = case_key.seal(salt + packed, ("messages", signed.hash, PRIVATE_VERSION))
    number = await _insert(tx, signed, private, sealed, None if actor is None else actor.id)
    await sign_ahead(tx, core, vault, number, signed.content)
    await put_in(tx, signed, number)
    place = rank(head.priority or priority)
    if sealed is not None:
        await _queue(tx, number, peer, place, sealed, now)
    if thread is not None:
        await _follow(tx, case_key, said, head, content, now)
    await audit(tx, now, None if actor is None else actor.id, f"said-{kind}", signed.hash)
    return Said(signed.hash, signed.thread, sealed is None, place, len(statement.attachments))


async def _begin(
    tx: Tx,
    core: Core,
    vault: UnlockedVault,
    signed: SignedStatement,
    said: Summarised,
    content: dict[str, Any],
    now: int,
) -> tuple[CaseKey, str]:
    """The row of a new thread of ours, with its case key and its summary."""
    case_key, wrapped = vault.new_case_key(signed.hash, core.entropy(32))
    summary = first_summary(case_key, said, content)
    await open_thread(tx, signed, mine=True, now=now, case_key=wrapped, summary=(summary, FIRST))
    return case_key, signed.statement.head.priority or ""


async def _case(tx: Tx, vault: UnlockedVault, thread: bytes) -> tuple[CaseKey, str]:
    row = await tx.row("SELECT case_key, priority FROM threads WHERE id = ?", (thread,))
    if row is None or row["case_key"] is None:
        raise UnknownThread("the opening message of this referral is not here yet")
    return vault.case_key(thread, bytes(row["case_key"])), row["priority"]


async def _insert(
    tx: Tx, signed: SignedStatement, private: bytes, sealed: bytes | None, actor: bytes | None
) -> int:
    """The message's own row; returns its number."""
    statement = signed.statement
    rows = await tx.rows(
        "INSERT INTO messages (hash, thread, peer, mine, epoch, seq, previous, seen, at, expires, "
        "kind, state, statement, signature, body, body_hash, actor) "
        "VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        (
            signed.hash,
            signed.thread,
            statement.recipient,
            statement.epoch,
            statement.seq,
            statement.previous,
            statement.seen,
            statement.at,
            statement.expires,
            statement.kind,
            statement.head.state,
            signed.content,
            signed.signature,
            "unsealed" if sealed is None else "outgoing",
            None if sealed is None else sealed_hash(sealed),
            actor,
        ),
    )
    number = int(rows[0]["number"])
    await tx.execute("INSERT INTO contents (message, private) VALUES (?, ?)", (number, private))
    return number


async def _queue(tx: Tx, number: int, peer: bytes, place: int, sealed: bytes, now: int) -> None:
    await tx.execute("INSERT INTO bodies (message, sealed) VALUES (?, ?)", (number, sealed))
    await tx.execute(
        "INSERT INTO outbox (message, peer, rank, queued_at, next_at) VALUES (?, ?, ?, ?, ?)",
        (number, peer, place, now, now),
    )


async def _follow(
    tx: Tx, case_key: CaseKey, said: Summarised, head: Head, content: dict[str, Any], now: int
) -> None:
    """What a message in a thread that was there before changes of it."""
    if said.kind == NOTE and (head.priority or head.respond_by):
        await tx.execute(
            "UPDATE threads SET priority = COALESCE(?, priority), "
            "respond_by = COALESCE(?, respond_by) WHERE id = ?",
            (head.priority, head.respond_by, said.thread),
        )
    await summarise(tx, case_key, said, content)
    await settle(tx, (said.thread,), now)


async def queue(tx: Tx, named: bytes, peer: bytes, place: int, sealed: bytes, now: int) -> None:
    """Put a body that was sealed later, or again, beside the message with this hash."""
    await tx.execute(
        "INSERT INTO bodies (message, sealed) SELECT number, ? FROM messages WHERE hash = ? "
        "ON CONFLICT (message) DO UPDATE SET sealed = excluded.sealed",
        (sealed, named),
    )
    await tx.execute(
        "INSERT INTO outbox (message, peer, rank, queued_at, next_at) "
        "SELECT number, ?, ?, ?, ? FROM messages WHERE hash = ? "
        "ON CONFLICT (message) DO UPDATE SET next_at = excluded.next_at, code = NULL",
        (peer, place, now, now, named),
    )


async def _next_seq(tx: Tx, peer: bytes, epoch: int) -> int:
    rows = await tx.rows(
        "INSERT INTO counters (peer, epoch, seq) VALUES (?, ?, 1) "
        "ON CONFLICT (peer, epoch) DO UPDATE SET seq = seq + 1 RETURNING seq",
        (peer, epoch),
    )
    return int(rows[0]["seq"])


async def _last(tx: Tx, thread: bytes) -> bytes | None:
    """My last statement of a thread."""
    row = await tx.row(
        "SELECT hash FROM messages WHERE thread = ? AND mine = 1 "
        "ORDER BY epoch DESC, seq DESC LIMIT 1",
        (thread,),
    )
    return None if row is None else bytes(row["hash"])


async def _seen(tx: Tx, thread: bytes, peer: bytes) -> bytes | None:
    """The last of theirs that was imported, with all before it: it stands for those too.

    What is missing, unopened or unreadable ends it; a husk has no body to be imported.
    """
    # Chosen and put in order here: asked for so, SQLite would go through all of this peer's.
    rows = await tx.rows(
        "SELECT hash, previous, body, peer, mine, epoch, seq FROM messages WHERE thread = ?",
        (thread,),
    )
    theirs = [row for row in rows if not row["mine"] and bytes(row["peer"]) == peer]
    there: set[bytes] = set()
    last = None
    for row in sorted(theirs, key=lambda row: (row["epoch"], row["seq"])):
        if row["previous"] is not None and bytes(row["previous"]) not in there:
            continue  # ahead of a gap
        if row["body"] not in ("imported", "none"):
            break
        there.add(bytes(row["hash"]))
        if row["body"] == "imported":
            last = bytes(row["hash"])
    return last
