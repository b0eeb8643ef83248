"""Reading one thread with everything that was said in it.

Law: what is shown is computed from stored statements, receipts and contents each time; nothing
shown is edited in place.
"""

import sqlite3
from typing import Any

import msgspec

from referral_node.exchange.cases.listing import THREADS
from referral_node.exchange.cases.summaries import CaseSummary, Closing, read_summary
from referral_node.exchange.core import Core
from referral_node.exchange.rows import stored_statement
from referral_node.exchange.sending.saying import PRIVATE_VERSION
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import CaseKey, UnlockedVault
from referral_protocol import forms
from referral_protocol.bodies import SALT_SIZE
from referral_protocol.ladder import Evidence, Rung, Step, ladder
from referral_protocol.proofs import CONTACT_MADE, proofs
from referral_protocol.statements import OPEN, STATE, SignedStatement
from referral_protocol.states import ThreadState, allowed, in_order, thread_state


class MessageView(msgspec.Struct, frozen=True):
    """One message as a page shows it. ``seen``: the other side imported it (ours only)."""

    hash: bytes
    mine: bool
    kind: str
    state: str | None
    at: int
    content: dict[str, Any] | None
    standing: str
    code: str | None
    held_at: int | None
    seen: bool
    ignored: bool
    known: bool


class ThreadView(msgspec.Struct, frozen=True):
    """One thread, whole."""

    id: bytes
    kind: str
    role: str
    peer: bytes
    priority: str
    opened_at: int
    respond_by: int
    follow_up_at: int | None
    opener: dict[str, Any] | None
    opener_withheld: str | None
    opener_standing: str
    state: ThreadState
    allowed: tuple[str, ...]
    evidence: Evidence
    steps: tuple[Step, ...]
    messages: tuple[MessageView, ...]
    opened_by: str | None
    answered_by: str | None
    erased_at: int | None = None
    pending: tuple[bytes, ...] = ()
    undecided: bool = False
    earlier: bytes | None = None
    later: tuple[bytes, ...] = ()
    closing: Closing | None = None
    asked_for: bytes | None = None
    """From ``undecided`` on: what this node alone knows of it (``summaries``)."""


class Threads:
    """Reading single threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def view(self, vault: UnlockedVault, thread: bytes) -> ThreadView | None:
        """One thread with all its messages, or None if there is none under this hash."""
        row = await self._core.store.row(THREADS + "WHERE t.id = ?", (thread,))
        if row is None:
            return None
        messages = await self._core.store.rows(
            "SELECT m.*, c.private, o.queued_at, o.attempts, o.sent_at, o.code AS out_code "
            "FROM messages m LEFT JOIN contents c ON c.message = m.number "
            "LEFT JOIN outbox o ON o.message = m.number "
            "WHERE m.thread = ? AND m.peer = ? ORDER BY m.kind <> 'open', m.at, m.number",
            (thread, row["peer"]),
        )
        case_key = None
        if row["case_key"] is not None:
            case_key = vault.case_key(thread, bytes(row["case_key"]))
        return _view(row, messages, case_key, self._core.clock())


def _view(
    row: sqlite3.Row, rows: list[sqlite3.Row], case_key: CaseKey | None, now: int
) -> ThreadView | None:
    statements = [stored_statement(r) for r in rows]
    state = thread_state(statements)
    if state is None:
        return None
    contents = [_content(case_key, r) for r in rows]
    applied = _applied(statements)
    read = _read_by_peer(rows, statements)
    messages = tuple(
        MessageView(
            hash=s.hash,
            mine=bool(r["mine"]),
            kind=s.statement.kind,
            state=s.statement.head.state,
            at=s.statement.at,
            content=content,
            standing=_standing(r),
            code=r["code"] or r["out_code"] or (r["withheld"] if r["mine"] else None),
            held_at=r["held_at"],
            seen=s.hash in read,
            ignored=s.hash in state.ignored,
            known=s.hash in applied,
        )
        for r, s, content in zip(rows, statements, contents, strict=True)
    )
    opener = next(m for m in messages if m.kind == OPEN)
    evidence = _evidence(row, rows, statements, messages, state)
    here = _known_here(case_key, row)
    return ThreadView(
        id=bytes(row["id"]),
        kind=row["kind"],
        role=row["role"],
        peer=bytes(row["peer"]),
        priority=row["priority"],
        opened_at=row["opened_at"],
        respond_by=row["respond_by"],
        follow_up_at=row["follow_up_at"],
        opener=opener.content,
        opener_withheld=next(r["withheld"] for r in rows if r["kind"] == OPEN),
        opener_standing=opener.standing,
        state=state,
        allowed=allowed(state) if row["role"] == "receiving" else (),
        evidence=evidence,
        steps=ladder(evidence, now),
        messages=messages,
        opened_by=_author(messages, ("received", "accepted", "rejected")),
        answered_by=_author(messages, ("accepted", "rejected")),
        erased_at=row["erased_at"],
        pending=tuple(m.hash for m in messages if not m.known),
        undecided=here.undecided and (state.ended or state.withdrawn is not None),
        earlier=here.earlier,
        later=here.later,
        closing=here.closing,
        asked_for=here.asked_for,
    )


def _known_here(case_key: CaseKey | None, row: sqlite3.Row) -> CaseSummary:
    """What the list keeps of a case, for what was decided of it here and never sent."""
    if case_key is None or row["summary"] is None:
        return CaseSummary()
    try:
        return read_summary(
            case_key, bytes(row["id"]), row["summary_version"], bytes(row["summary"])
        )
    except Unsealable:
        return CaseSummary()  # the list shows that it is damaged


def _content(case_key: CaseKey | None, row: sqlite3.Row) -> dict[str, Any] | None:
    if case_key is None or row["private"] is None:
        return None
    place = ("messages", bytes(row["hash"]), PRIVATE_VERSION)
    return forms.decode(case_key.unseal(bytes(row["private"]), place)[SALT_SIZE:])


def _applied(statements: list[SignedStatement]) -> set[bytes]:
    senders = {s.statement.sender for s in statements}
    return {
        s.hash
        for sender in senders
        for s in in_order(x for x in statements if x.statement.sender == sender)
    }


def _read_by_peer(rows: list[sqlite3.Row], statements: list[SignedStatement]) -> set[bytes]:
    """Our messages that the peer says it imported: the last seen, and all before it."""
    ours = in_order(s for r, s in zip(rows, statements, strict=True) if r["mine"])
    place = {s.hash: number for number, s in enumerate(ours)}
    theirs = (s for r, s in zip(rows, statements, strict=True) if not r["mine"])
    last = max((place.get(s.statement.seen or b"", -1) for s in theirs), default=-1)
    return {s.hash for s in ours[: last + 1]}


def _standing(row: sqlite3.Row) -> str:
    """How far this one message has come, as one word for the page."""
    body = row["body"]
    if not row["mine"]:
        return "withheld" if body == "none" else str(body)
    if body == "lost":
        return "lost"
    if body == "unsealed":
        # Held already: they lost its content, and it is sealed again for them.
        return "waiting-for-key" if row["held_at"] is None else "held"
    if row["out_code"] is not None or body == "none":
        return "refused"  # "none": they hold the statement, its content never reached them
    if row["held_at"] is not None or body == "gone":
        return "held"
    # An attempt went out and its answer never came: it may be held or not.
    return "unknown" if row["sent_at"] is not None else "queued"


def _author(messages: tuple[MessageView, ...], states: tuple[str, ...]) -> str | None:
    for message in messages:
        if message.kind == STATE and message.state in states and message.content is not None:
            named = message.content.get("author", {})
            return str(named.get("name", "")) or None
    return None


def _evidence(
    row: sqlite3.Row,
    rows: list[sqlite3.Row],
    statements: list[SignedStatement],
    messages: tuple[MessageView, ...],
    state: ThreadState,
) -> Evidence:
    shown = {message.hash: message for message in messages}

    def says_contact(hashed: bytes) -> bool:
        return (shown[hashed].content or {}).get("step") == CONTACT_MADE

    found = {
        rung: shown[signed.hash] for rung, signed in proofs(statements, state, says_contact).items()
    }
    received, answer = found.get(Rung.OPENED), found.get(Rung.ANSWERED)
    reached, end = found.get(Rung.CONTACTED), found.get(Rung.OUTCOME)
    opener = next(r for r in rows if r["kind"] == OPEN)
    # A husk in place of the opening body: their node holds a name for something it never had.
    bare = bool(opener["mine"]) and opener["body"] == "none"
    return Evidence(
        priority=row["priority"],
        respond_by=row["respond_by"],
        sent_at=opener["at"],
        held_at=None if bare else opener["held_at"],
        receipt_lost=opener["sent_at"] is not None,
        refused=opener["out_code"] or (opener["withheld"] if bare else None),
        opened_at=None if received is None else received.at,
        answer=None if answer is None else answer.state,
        answered_at=None if answer is None else answer.at,
        contacted_at=None
        if reached is None
        else (reached.content or {}).get("step_at", reached.at),
        outcome=None if end is None else _outcome(end),
        outcome_at=None if end is None else end.at,
    )


def _outcome(message: MessageView) -> str:
    said = (message.content or {}).get("outcome")
    return str(said) if said else message.state or ""
