"""Which statement proves which rung: the same for the pages and for a bundle."""

import itertools

from referral_protocol.ladder import Rung
from referral_protocol.proofs import PROVED_BY, proofs
from referral_protocol.statements import SignedStatement
from referral_protocol.states import TABLE, thread_state
from referral_tools.conformance.world import LISBON, UTRECHT, opener, say

OPENER = opener()


def proved(
    *statements: SignedStatement, contact: SignedStatement | None = None
) -> dict[Rung, SignedStatement]:
    called = b"" if contact is None else contact.hash
    return proofs(statements, thread_state(statements), lambda hashed: hashed == called)


def test_the_first_that_says_it_is_the_proof_in_whatever_order_they_come() -> None:
    received = say(UTRECHT, LISBON, "state", thread=OPENER, state="received")
    accepted = say(UTRECHT, LISBON, "state", thread=OPENER, after=received, state="accepted")
    call = say(UTRECHT, LISBON, "note", thread=OPENER, after=accepted)
    done = say(UTRECHT, LISBON, "state", thread=OPENER, after=call, state="completed")
    again = say(UTRECHT, LISBON, "state", thread=OPENER, after=done, state="received")
    for order in itertools.permutations((OPENER, received, accepted, call, done, again)):
        assert proved(*order, contact=call) == {
            Rung.SENT: OPENER,
            Rung.OPENED: received,
            Rung.ANSWERED: accepted,
            Rung.CONTACTED: call,
            Rung.OUTCOME: done,
        }
    assert Rung.CONTACTED not in proved(OPENER, received, accepted, call, done)


def test_what_the_referring_side_says_proves_nothing() -> None:
    own = say(LISBON, UTRECHT, "note", thread=OPENER, after=OPENER)
    state = say(LISBON, UTRECHT, "state", thread=OPENER, after=own, state="accepted")
    assert proved(OPENER, own, state, contact=own) == {Rung.SENT: OPENER}


def test_what_is_not_allowed_or_behind_a_gap_proves_nothing() -> None:
    early = say(UTRECHT, LISBON, "state", thread=OPENER, state="completed")
    assert proved(OPENER, early) == {Rung.SENT: OPENER}
    received = say(UTRECHT, LISBON, "state", thread=OPENER, state="received")
    call = say(UTRECHT, LISBON, "note", thread=OPENER, after=received)
    assert proved(OPENER, call, contact=call) == {Rung.SENT: OPENER}
    assert proved(OPENER, received, call, contact=call)[Rung.CONTACTED] == call


def test_without_an_opener_there_is_nothing() -> None:
    assert proved(say(UTRECHT, LISBON, "note", thread=OPENER)) == {}


def test_the_states_are_those_of_the_table() -> None:
    assert {state for states in PROVED_BY.values() for state in states} <= set(TABLE)
