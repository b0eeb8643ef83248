"""Which statement proves which rung of the ladder (SPEC 5.6): one rule for pages and bundles.

Law: only what the receiving side said, in order and allowed, proves anything beyond delivery; the
first that says it is the proof.
"""

from collections.abc import Callable, Iterable
from typing import Final

from referral_protocol.ladder import Rung
from referral_protocol.statements import OPEN, STATE, SignedStatement
from referral_protocol.states import ThreadState, in_order

PROVED_BY: Final = {
    Rung.OPENED: ("received",),
    Rung.ANSWERED: ("accepted", "rejected"),
    Rung.OUTCOME: ("completed", "failed", "cancelled"),
}
CONTACT_MADE: Final = "contact-made"


def proofs(
    statements: Iterable[SignedStatement],
    state: ThreadState | None,
    says_contact: Callable[[bytes], bool],
) -> dict[Rung, SignedStatement]:
    """The first proof of each rung that was reached; nothing of "held", which receipts prove.

    ``statements``: of one thread, between its two sides; ``state``: what they fold to;
    ``says_contact``: whether the content of the statement of this hash is known, and says the step
    ``contact-made``. Empty without an opener.
    """
    everything = list(statements)
    openers = (s for s in everything if s.statement.kind == OPEN)
    opener = min(openers, key=lambda s: s.hash, default=None)
    if opener is None:
        return {}
    found = {Rung.SENT: opener}
    theirs = in_order(s for s in everything if s.statement.sender == opener.statement.recipient)
    ignored = state.ignored if state is not None else ()
    for signed in theirs:
        said = signed.statement.head.state
        if signed.statement.kind == STATE and signed.hash not in ignored:
            for rung, states in PROVED_BY.items():
                if said in states:
                    found.setdefault(rung, signed)
        if says_contact(signed.hash):
            found.setdefault(Rung.CONTACTED, signed)
    return found
