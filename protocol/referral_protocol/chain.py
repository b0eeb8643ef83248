"""Whether a message may be held: the rules that need the thread, the counters and the clock.

Law: the same message gets the same answer again; arrival order means nothing. Only reusing a
counter for other bytes, or a second successor of one ``previous`` in the same epoch, is refused
(SPEC 5.4). Directory status is checked by the caller, before the rules here.
"""

from collections.abc import Iterable

import msgspec

from referral_protocol.certificates import CLOCK_AHEAD
from referral_protocol.errors import ProtocolError
from referral_protocol.receipts import HELD, HELD_WITHOUT_BODY
from referral_protocol.statements import OPEN, STATE, WITHDRAW, SignedStatement, Statement


class Place(msgspec.Struct, frozen=True):
    """Where a held statement stands: its thread and who made it."""

    thread: bytes
    sender: bytes


class Known(msgspec.Struct, frozen=True):
    """What the holder already has that a statement's admission depends on.

    ``counter``: hash of the statement held under the same sender, epoch and seq. ``successor``:
    hash of a held statement of the same sender, thread and epoch with the same ``previous``.
    ``opener``: the statement that ``thread`` names. ``previous`` and ``seen``: where the statements
    that these fields name stand. None: not held.
    """

    counter: bytes | None = None
    successor: bytes | None = None
    opener: Statement | None = None
    previous: Place | None = None
    seen: Place | None = None


def admit(
    signed: SignedStatement,
    *,
    has_body: bool,
    us: bytes,
    sender: bytes,
    known: Known,
    now: int,
    has_attachments: bool = False,
) -> str:
    """``held`` or ``held-without-body``, or a refusal; in the order of SPEC 5.4.

    ``has_attachments``: every attachment that the statement lists is here. A node that says that it
    holds a message must be able to give all of it.
    """
    statement = signed.statement
    if statement.recipient != us:
        raise ProtocolError("not-for-us", "statement: recipient")
    if statement.sender != sender:
        raise ProtocolError("wrong-sender", "statement: sender")
    if statement.at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "statement: at")
    _check_counters(signed, known)
    check_place(signed, known)
    if has_body and now > statement.expires:
        raise ProtocolError("expired", "statement: expires")
    if has_body and statement.attachments and not has_attachments:
        raise ProtocolError("attachment-missing", "statement: attachments")
    return HELD if has_body else HELD_WITHOUT_BODY


def _check_counters(signed: SignedStatement, known: Known) -> None:
    if known.counter is not None and known.counter != signed.hash:
        raise ProtocolError("counter-reused", f"seq: held is {known.counter.hex()}")
    if known.successor is not None and known.successor != signed.hash:
        raise ProtocolError("counter-reused", f"previous: held is {known.successor.hex()}")


def check_place(signed: SignedStatement, known: Known) -> None:
    """Parties, roles and references inside the thread, as far as they are known yet."""
    statement = signed.statement
    pair = {statement.sender, statement.recipient}
    opener = known.opener
    if opener is not None and statement.thread is not None:
        if opener.kind != OPEN:
            raise ProtocolError("bad-thread", "statement: thread names what opened none")
        if {opener.sender, opener.recipient} != pair:
            raise ProtocolError("foreign-thread", "statement: thread")
        if statement.kind == STATE and statement.sender != opener.recipient:
            raise ProtocolError("wrong-role", "statement: only the receiving side moves the state")
        if statement.kind == WITHDRAW and statement.sender != opener.sender:
            raise ProtocolError("wrong-role", "statement: only the referring side withdraws")
    for name, named, by in (
        ("previous", known.previous, statement.sender),
        ("seen", known.seen, statement.recipient),
    ):
        if named is None:
            continue
        if named.thread != signed.thread or named.sender != by:
            raise ProtocolError("foreign-previous", f"statement: {name}")


def gaps(numbers: Iterable[int], most: int = 1024) -> list[int]:
    """The counters missing below the highest of one sender's epoch, at most ``most`` of them."""
    held = set(numbers)
    missing: list[int] = []
    for number in range(1, max(held, default=0)):
        if number not in held:
            missing.append(number)
            if len(missing) == most:
                break
    return missing
