"""The state of a thread: a pure function of the two sides' statements over one literal table.

Law: two nodes that hold the same statements show the same state, whatever the order of arrival and
whatever their clocks say. Only the receiving side moves the state; the referring side asks. A state
statement that the table does not allow is shown and ignored (SPEC 5.5).
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from referral_protocol.errors import ProtocolError
from referral_protocol.statements import OPEN, STATE, WITHDRAW, SignedStatement

REQUESTED: Final = "requested"
RECEIVED: Final = "received"
CANCELLED: Final = "cancelled"

# The states of FHIR R5 Task that the exchange uses, and where each may go.
TABLE: Final[dict[str, tuple[str, ...]]] = {
    "requested": ("received", "accepted", "rejected", "cancelled", "entered-in-error"),
    "received": ("accepted", "rejected", "cancelled", "entered-in-error"),
    "accepted": (
        "in-progress",
        "on-hold",
        "rejected",
        "completed",
        "failed",
        "cancelled",
        "entered-in-error",
    ),
    "in-progress": ("on-hold", "completed", "failed", "cancelled", "entered-in-error"),
    "on-hold": ("in-progress", "completed", "failed", "cancelled", "entered-in-error"),
    "rejected": (),
    "completed": (),
    "failed": (),
    "cancelled": (),
    "entered-in-error": (),
}

ENDS: Final = frozenset(state for state, following in TABLE.items() if not following)


class ThreadState(msgspec.Struct, frozen=True):
    """Where a thread stands.

    ``since`` is the hash of the statement that moved it there, None for ``requested`` and for a
    cancellation by withdrawal. ``withdrawn`` is the hash of the withdrawal, if there is one.
    ``ignored`` are the hashes of state statements that the table did not allow.
    """

    state: str
    since: bytes | None
    withdrawn: bytes | None
    ignored: tuple[bytes, ...]

    @property
    def ended(self) -> bool:
        return self.state in ENDS


def in_order(statements: Iterable[SignedStatement]) -> list[SignedStatement]:
    """One side's statements of a thread by (epoch, seq), those ahead of a gap left out.

    A statement is in order when it follows nothing or follows one that is: what waits for its
    predecessor is held, and applied when the gap closes. Two statements under one counter are never
    held by one node, but may meet in evidence: then the hash decides, not the order of arrival.
    """
    ordered = sorted(statements, key=lambda s: (s.statement.epoch, s.statement.seq, s.hash))
    there: set[bytes] = set()
    chain = []
    for signed in ordered:
        previous = signed.statement.previous
        if previous is None or previous in there:
            there.add(signed.hash)
            chain.append(signed)
    return chain


def thread_state(statements: Iterable[SignedStatement]) -> ThreadState | None:
    """The state of one thread from all its statements, of both sides, in any order.

    None without the opener, which says who is the receiving side. What is not between the opener's
    two, in the opener's thread, is not looked at: it may have been held before the opener came.
    """
    everything = list({s.hash: s for s in statements}.values())
    openers = (s for s in everything if s.statement.kind == OPEN)
    opener = min(openers, key=lambda s: s.hash, default=None)
    if opener is None:
        return None
    referring, receiving = opener.statement.sender, opener.statement.recipient
    thread = opener.hash
    asked = in_order(s for s in everything if _runs(s, referring, receiving, thread))
    answered = in_order(s for s in everything if _runs(s, receiving, referring, thread))
    return _fold(asked, answered)


def _runs(signed: SignedStatement, sender: bytes, recipient: bytes, thread: bytes) -> bool:
    statement = signed.statement
    parties = (statement.sender, statement.recipient)
    return parties == (sender, recipient) and signed.thread == thread


def _fold(asked: Sequence[SignedStatement], answered: Sequence[SignedStatement]) -> ThreadState:
    place = {s.hash: number for number, s in enumerate(asked)}
    withdrawal = next((s.hash for s in asked if s.statement.kind == WITHDRAW), None)
    withdrawn_at = place[withdrawal] if withdrawal is not None else None
    state, since = REQUESTED, None
    ignored = []
    for signed in answered:
        if signed.statement.kind != STATE:
            continue
        following = signed.statement.head.state or ""
        seen = signed.statement.seen
        covers = (
            withdrawn_at is not None and seen is not None and place.get(seen, -1) >= withdrawn_at
        )
        # Whoever has seen the withdrawal may only end the thread: a withdrawn referral is not
        # opened or taken on any more.
        if following not in TABLE[state] or (covers and following not in ENDS):
            ignored.append(signed.hash)
            continue
        state, since = following, signed.hash
    if since is None and withdrawal is not None:
        state = CANCELLED
    return ThreadState(state, since, withdrawal, tuple(ignored))


def allowed(current: ThreadState) -> tuple[str, ...]:
    """What the receiving side may say next, given what it has seen."""
    following = TABLE[current.state]
    if current.withdrawn is not None:
        following = tuple(state for state in following if state in ENDS)
    return following


def check_next(current: ThreadState, following: str) -> None:
    """Refuse a state that the receiving side may not say now, given what it has seen."""
    if following in allowed(current):
        return
    if current.withdrawn is not None and following in TABLE[current.state]:
        raise ProtocolError("withdrawn", f"statement: {following} after the withdrawal")
    raise ProtocolError("state-not-allowed", f"statement: after {current.state}")


def check_open(current: ThreadState) -> None:
    """Refuse to open what was withdrawn before a person had opened it."""
    if current.withdrawn is not None and current.since is None:
        raise ProtocolError("withdrawn", "body: the referral was withdrawn before it was opened")


def diagram() -> str:
    """The table as a Mermaid state diagram, for the specification."""
    lines = ["stateDiagram-v2", "    [*] --> requested"]
    for state, following in TABLE.items():
        lines += [f"    {state} --> {after}" for after in following]
    lines += [f"    {state} --> [*]" for state in TABLE if state in ENDS]
    # A hyphen is not part of a Mermaid state's name.
    return "\n".join([lines[0], *(_named(line) for line in lines[1:])])


def _named(line: str) -> str:
    left, right = line.split(" --> ")
    return f"{left.replace('-', '_')} --> {right.replace('-', '_')}"
