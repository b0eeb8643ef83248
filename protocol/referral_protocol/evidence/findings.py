"""What an evidence bundle proves, as values.

Law: each thing that is said to have happened stands beside the signed bytes that prove it.
"""

import msgspec

from referral_protocol.states import ThreadState


class Problem(msgspec.Struct, frozen=True):
    """Something in the bundle that does not hold. ``subject``: hash or parcel id, if it has one."""

    code: str
    what: str
    subject: bytes | None = None


class PartyFinding(msgspec.Struct, frozen=True):
    """One of the two members, as the log has it at the checkpoint."""

    role: str
    id: bytes
    fingerprint: str
    joined_at: int
    status: str


class StatementFinding(msgspec.Struct, frozen=True):
    """One statement. ``key``: which of its sender's vault keys signed, None if none did.

    ``applied``: it counts, since all before it in its chain are there; ``ignored``: a state that
    the table did not allow; ``content``: whether a disclosed content is the one committed to.
    """

    hash: bytes
    sender: bytes
    kind: str
    state: str | None
    at: int
    key: str | None
    applied: bool
    ignored: bool
    content: bool | None


class ReceiptFinding(msgspec.Struct, frozen=True):
    """One receipt whose signature holds: by whom, when, and what it says of this thread."""

    parcel: bytes
    by: bytes
    at: int
    answers: tuple[tuple[bytes, str, str | None], ...]


class RungFinding(msgspec.Struct, frozen=True):
    """A rung that was reached, when, and the statement or the parcel's receipt that proves it."""

    rung: str
    at: int
    said: str | None
    proof: str
    subject: bytes


class Findings(msgspec.Struct, frozen=True):
    """All that a bundle proves. ``anchored``: the anchor was given, and is this log's."""

    thread: bytes
    made_at: int
    made_by: bytes
    genesis: bytes
    anchor: str
    anchored: bool
    origin: str
    log_size: int
    checkpoint_at: int
    parties: tuple[PartyFinding, ...]
    statements: tuple[StatementFinding, ...]
    receipts: tuple[ReceiptFinding, ...]
    state: ThreadState | None
    rungs: tuple[RungFinding, ...]
    problems: tuple[Problem, ...]
