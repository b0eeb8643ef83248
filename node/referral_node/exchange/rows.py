"""Rows of the store as the protocol's values, and what is derived from a thread's statements.

Law: statements in the store were verified before they got there; here they are parsed, not
verified again. A thread's state is never edited: it is computed from all its statements, then kept
beside them for lists.
"""

import sqlite3
from collections.abc import Iterable

from referral_node.store import Tx
from referral_protocol.statements import NOTE, OPEN, SignedStatement, Statement
from referral_protocol.states import ThreadState, in_order, thread_state
from referral_protocol.wire import decode


def stored_statement(row: sqlite3.Row) -> SignedStatement:
    """A row with ``statement``, ``signature`` and ``hash`` as the value that was verified once."""
    content = bytes(row["statement"])
    statement = decode(content, Statement, len(content), "stored statement")
    return SignedStatement(content, bytes(row["signature"]), statement, bytes(row["hash"]))


def listed(sql: str, *lengths: int) -> str:
    """The SQL with every ``(*)`` as a list of parameters, of these lengths in this order."""
    for length in lengths:
        sql = sql.replace("(*)", f"({','.join('?' * length)})", 1)
    return sql


async def thread_statements(tx: Tx, thread: bytes) -> list[SignedStatement]:
    """All statements held of a thread, of both sides, by arrival."""
    rows = await tx.rows(
        "SELECT hash, statement, signature FROM messages WHERE thread = ? ORDER BY number",
        (thread,),
    )
    return [stored_statement(row) for row in rows]


async def settle(tx: Tx, threads: Iterable[bytes], now: int) -> None:
    """Compute the state of threads anew after their statements changed, and keep it."""
    for thread in threads:
        statements = await thread_statements(tx, thread)
        state = thread_state(statements)
        if state is None:
            continue
        priority, respond_by = wanted(statements)
        await tx.execute(
            "UPDATE threads SET state = ?, ended = ?, withdrawn = ?, look_at = 0, changed_at = ?, "
            "priority = COALESCE(?, priority), respond_by = COALESCE(?, respond_by) WHERE id = ?",
            (
                state.state,
                int(state.ended),
                int(state.withdrawn is not None),
                now,
                priority,
                respond_by,
                thread,
            ),
        )


def wanted(statements: Iterable[SignedStatement]) -> tuple[str | None, int | None]:
    """The priority and the answer-by time that the referring side said last, in its own order."""
    everything = list(statements)
    opener = next((s.statement for s in everything if s.statement.kind == OPEN), None)
    priority = respond_by = None
    for signed in in_order(s for s in everything if opener and s.statement.sender == opener.sender):
        if signed.statement.kind in (OPEN, NOTE):
            priority = signed.statement.head.priority or priority
            respond_by = signed.statement.head.respond_by or respond_by
    return priority, respond_by


async def state_of(tx: Tx, thread: bytes) -> ThreadState | None:
    """The present state of a thread inside a transaction."""
    return thread_state(await thread_statements(tx, thread))


async def open_thread(
    tx: Tx,
    signed: SignedStatement,
    *,
    mine: bool,
    now: int,
    case_key: bytes | None = None,
    summary: tuple[bytes | None, int] = (None, 0),
) -> None:
    """Make the thread's row for an opener; ours with its wrapped case key and its summary, sealed
    and with its version."""
    statement = signed.statement
    head = statement.head
    await tx.execute(
        "INSERT INTO threads (id, peer, role, kind, priority, opened_at, respond_by, state, "
        "changed_at, case_key, summary, summary_version) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 'requested', ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (
            signed.hash,
            statement.recipient if mine else statement.sender,
            "referring" if mine else "receiving",
            head.thread_kind or "",
            head.priority or "",
            statement.at,
            head.respond_by or statement.at,
            now,
            case_key,
            *summary,
        ),
    )


async def audit(
    tx: Tx, now: int, actor: bytes | None, action: str, subject: bytes | None, code: str = ""
) -> None:
    """One line of the record: ids and codes only."""
    await tx.execute(
        "INSERT INTO audit (at, actor, action, subject, code) VALUES (?, ?, ?, ?, ?)",
        (now, actor, action, subject, code or None),
    )
