"""The table of states, and that the state follows from the statements and nothing else."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol.errors import ProtocolError
from referral_protocol.statements import SignedStatement
from referral_protocol.states import (
    ENDS,
    TABLE,
    ThreadState,
    allowed,
    check_next,
    check_open,
    in_order,
    thread_state,
)
from referral_tools.conformance.world import (
    EPOCH,
    LISBON,
    LVIV,
    UTRECHT,
    Party,
    fixed,
    opener,
    say,
)

OPENER = opener()


def answers(*said: str, seen: SignedStatement | None = None) -> list[SignedStatement]:
    """Utrecht's states, one after the other."""
    chain: list[SignedStatement] = []
    for state in said:
        after = chain[-1] if chain else None
        seen_hash = None if seen is None else seen.hash
        chain.append(
            say(UTRECHT, LISBON, "state", thread=OPENER, after=after, state=state, seen=seen_hash)
        )
    return chain


def state_of(*statements: SignedStatement) -> ThreadState:
    """The state of a thread that has its opener."""
    found = thread_state(statements)
    assert found is not None
    return found


# --- the table ------------------------------------------------------------------------------------


def test_the_table_is_closed_and_every_state_but_the_first_is_reached() -> None:
    reached = set(itertools.chain.from_iterable(TABLE.values()))
    assert reached == set(TABLE) - {"requested"}


def test_every_state_can_come_to_an_end() -> None:
    for state in TABLE:
        open_ends, seen = [state], set()
        while open_ends:
            current = open_ends.pop()
            if current not in seen:
                seen.add(current)
                open_ends += TABLE[current]
        assert seen & ENDS


def test_the_ends_are_those_of_the_domain() -> None:
    ends = {"rejected", "completed", "failed", "cancelled", "entered-in-error"}
    assert ends == ENDS


@pytest.mark.parametrize("before", TABLE)
@pytest.mark.parametrize("after", [*TABLE, "unheard-of"])
def test_each_step_of_the_table_counts_and_each_other_is_ignored(before: str, after: str) -> None:
    path = {
        "requested": [],
        "received": ["received"],
        "accepted": ["accepted"],
        "in-progress": ["accepted", "in-progress"],
        "on-hold": ["accepted", "on-hold"],
        "completed": ["accepted", "completed"],
        "failed": ["accepted", "failed"],
    }.get(before, [before])
    said = answers(*path, after)
    found = state_of(OPENER, *said)
    if after in TABLE[before]:
        assert (found.state, found.since, found.ignored) == (after, said[-1].hash, ())
    else:
        assert (found.state, found.ignored) == (before, (said[-1].hash,))
    current = state_of(OPENER, *said[:-1])
    if after in allowed(current):
        check_next(current, after)
    else:
        with pytest.raises(ProtocolError, match="state-not-allowed"):
            check_next(current, after)


# --- withdrawal -----------------------------------------------------------------------------------

WITHDRAWAL = say(LISBON, UTRECHT, "withdraw", thread=OPENER, after=OPENER)


def test_a_withdrawal_cancels_what_nobody_answered() -> None:
    found = state_of(OPENER, WITHDRAWAL)
    assert found == ThreadState("cancelled", None, WITHDRAWAL.hash, ())
    with pytest.raises(ProtocolError, match="withdrawn"):
        check_open(found)


def test_an_answer_that_had_not_seen_the_withdrawal_stands() -> None:
    found = state_of(OPENER, WITHDRAWAL, *answers("accepted", seen=OPENER))
    assert (found.state, found.withdrawn) == ("accepted", WITHDRAWAL.hash)
    check_open(found)


@pytest.mark.parametrize("state", ["received", "accepted"])
def test_whoever_has_seen_the_withdrawal_can_only_end_the_thread(state: str) -> None:
    ignored = answers(state, seen=WITHDRAWAL)
    found = state_of(OPENER, WITHDRAWAL, *ignored)
    assert (found.state, found.ignored) == ("cancelled", (ignored[0].hash,))
    with pytest.raises(ProtocolError, match="state-not-allowed"):
        check_next(found, state)
    taken = state_of(OPENER, WITHDRAWAL, *answers("received", seen=OPENER))
    with pytest.raises(ProtocolError, match="withdrawn"):
        check_next(taken, "accepted")
    assert allowed(taken) == ("rejected", "cancelled", "entered-in-error")


def test_the_answer_to_a_withdrawal_is_what_had_happened() -> None:
    before = answers("accepted", seen=OPENER)
    done = say(
        UTRECHT,
        LISBON,
        "state",
        thread=OPENER,
        after=before[0],
        state="completed",
        seen=WITHDRAWAL.hash,
    )
    assert state_of(OPENER, WITHDRAWAL, *before, done).state == "completed"


def test_a_later_note_of_the_referring_side_covers_the_withdrawal_before_it() -> None:
    note = say(LISBON, UTRECHT, "note", thread=OPENER, after=WITHDRAWAL)
    ignored = answers("accepted", seen=note)
    assert state_of(OPENER, WITHDRAWAL, note, *ignored).ignored == (ignored[0].hash,)


# --- chains ---------------------------------------------------------------------------------------


def test_what_is_ahead_of_a_gap_waits_for_it() -> None:
    first, second, third = answers("received", "accepted", "in-progress")
    assert in_order([third, first]) == [first]
    assert state_of(OPENER, first, third).state == "received"
    assert state_of(OPENER, third, second, first).state == "in-progress"


def test_without_the_opener_there_is_no_state() -> None:
    assert thread_state(answers("received")) is None
    assert thread_state([]) is None


def test_only_the_receiving_side_moves_the_state() -> None:
    own = say(LISBON, UTRECHT, "state", thread=OPENER, after=OPENER, state="accepted")
    assert state_of(OPENER, own).state == "requested"


def test_a_third_party_says_nothing_in_this_thread() -> None:
    strangers = [
        say(LVIV, UTRECHT, "withdraw", thread=OPENER),
        say(UTRECHT, LVIV, "state", thread=OPENER, state="rejected"),
        say(LISBON, LVIV, "withdraw", thread=OPENER, after=OPENER),
    ]
    for stranger in strangers:
        assert state_of(OPENER, stranger) == ThreadState("requested", None, None, ())


def test_a_statement_of_another_thread_says_nothing_in_this_one() -> None:
    other = opener(content=b"another", seq=2)
    elsewhere = say(UTRECHT, LISBON, "state", thread=other, state="accepted")
    assert state_of(OPENER, elsewhere).state == "requested"


def test_of_two_openers_the_same_one_is_taken_in_any_order() -> None:
    other = opener(content=b"another", seq=2)
    accepted = answers("accepted")[0]
    assert thread_state([OPENER, other, accepted]) == thread_state([accepted, other, OPENER])


# Any statements whatever between two sides, honest or not: counters and references by chance.
REFERENCES = [None, OPENER.hash, fixed("held by nobody")]


@st.composite
def crowds(draw: st.DrawFn) -> list[SignedStatement]:
    crowd = [OPENER]
    for number in range(draw(st.integers(1, 8))):
        sides: tuple[Party, Party] = draw(
            st.sampled_from([(LISBON, UTRECHT), (UTRECHT, LISBON), (UTRECHT, LVIV)])
        )
        names = [*REFERENCES, *(s.hash for s in crowd)]
        fields: dict[str, Any] = {
            "seq": draw(st.integers(1, 3)),
            "epoch": EPOCH + draw(st.integers(0, 1)),
            "previous": draw(st.sampled_from(names)),
            "seen": draw(st.sampled_from(names)),
            "content": bytes([number]),
            "thread": OPENER,
        }
        if draw(st.booleans()):
            state = draw(st.sampled_from(list(TABLE)))
            crowd.append(say(*sides, "state", state=state, **fields))
        else:
            crowd.append(say(*sides, draw(st.sampled_from(["note", "withdraw"])), **fields))
    return crowd


@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_repetition_never_matter(
    crowd: list[SignedStatement], chance: random.Random
) -> None:
    expected = thread_state(crowd)
    again = crowd + chance.choices(crowd, k=3)
    chance.shuffle(again)
    assert thread_state(again) == expected
