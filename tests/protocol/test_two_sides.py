"""Two sides over a link that loses, repeats, delays and reorders end with the same state.

The model below has everything that decides about state and nothing else: real keys and signatures,
counters and epochs, what each side holds and has imported, withdrawal, restore from a backup with a
new epoch, husks after the last day. Its statements are admitted by the real rules, and since both
sides are honest, no statement may be refused, whenever it comes.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from referral_protocol.certificates import DAY
from referral_protocol.chain import Known, Place, admit, gaps
from referral_protocol.statements import SignedStatement, verify_statement
from referral_protocol.states import allowed, in_order, thread_state
from referral_tools.conformance.world import LISBON, NOW, UTRECHT, Party, say


@dataclass
class Memory:
    """What a backup holds."""

    held: dict[bytes, SignedStatement] = field(default_factory=dict)
    epoch: int = 0
    seq: int = 0
    imported: bytes | None = None


class Side:
    """One member in one thread."""

    def __init__(self, us: Party, peer: Party, epoch: int) -> None:
        self.us, self.peer = us, peer
        self.memory = Memory(epoch=epoch)
        self.backup = deepcopy(self.memory)

    @property
    def held(self) -> dict[bytes, SignedStatement]:
        return self.memory.held

    def chain(self, of: Party) -> list[SignedStatement]:
        return in_order(s for s in self.held.values() if s.statement.sender == of.id)

    def say(self, kind: str, now: int, state: str | None = None) -> SignedStatement | None:
        """Say something, if there is a thread to say it in; None if not."""
        opener = next((s for s in self.held.values() if s.statement.kind == "open"), None)
        if (opener is None) != (kind == "open"):
            return None
        mine = self.chain(self.us)
        memory = self.memory
        memory.seq += 1
        fields: dict[str, Any] = {"state": state} if state is not None else {}
        signed = say(
            self.us,
            self.peer,
            kind,
            thread=opener,
            seq=memory.seq,
            epoch=memory.epoch,
            previous=mine[-1].hash if mine else None,
            seen=memory.imported,
            at=now,
            expires=now + 30 * DAY,
            content=f"{memory.epoch} {memory.seq}".encode(),
            **fields,
        )
        self.held[signed.hash] = signed
        return signed

    def answer(self, number: int, now: int) -> SignedStatement | None:
        """A state that this side's own view allows."""
        state = thread_state(self.held.values())
        choices = allowed(state) if state is not None else ()
        return self.say("state", now, choices[number % len(choices)]) if choices else None

    def hear(self, signed: SignedStatement, now: int) -> str:
        """Hold what the peer said, by the rules of admission; a refusal fails the test."""
        verified = verify_statement(signed.content, signed.signature, self.peer.vault.public)
        s = verified.statement
        theirs = [h for h in self.held.values() if h.statement.sender == s.sender]
        counter = (s.epoch, s.seq)
        same_counter = [h for h in theirs if (h.statement.epoch, h.statement.seq) == counter]
        same_place = [
            h
            for h in theirs
            if s.previous is not None
            and (h.statement.epoch, h.statement.previous) == (s.epoch, s.previous)
        ]
        known = Known(
            counter=same_counter[0].hash if same_counter else None,
            successor=same_place[0].hash if same_place else None,
            opener=self.held[s.thread].statement if s.thread in self.held else None,
            previous=self._place(s.previous),
            seen=self._place(s.seen),
        )
        status = admit(
            verified,
            has_body=now <= s.expires,
            us=self.us.id,
            sender=self.peer.id,
            known=known,
            now=now,
        )
        self.held[verified.hash] = verified
        return status

    def _place(self, named: bytes | None) -> Place | None:
        held = self.held.get(named) if named is not None else None
        return None if held is None else Place(held.thread, held.statement.sender)

    def sign_in(self) -> None:
        """Import what is in order."""
        theirs = self.chain(self.peer)
        if theirs:
            self.memory.imported = theirs[-1].hash

    def back_up(self) -> None:
        self.backup = deepcopy(self.memory)

    def restore(self, now: int) -> None:
        """Start again from the backup: a new epoch, greater than any that was ever used."""
        epochs = [s.statement.epoch for s in self.held.values()]
        self.memory = deepcopy(self.backup)
        self.memory.epoch = max(now, *epochs, self.memory.epoch) + 1
        self.memory.seq = 0

    def take_back(self, other: "Side") -> None:
        """What a peer returns after a restore: signed statements of both, own ones included."""
        for signed in other.held.values():
            key = self.us if signed.statement.sender == self.us.id else self.peer
            verified = verify_statement(signed.content, signed.signature, key.vault.public)
            self.held[verified.hash] = verified


# What happens, and how often in comparison.
ACTIONS = {
    "note": 2,
    "answer": 3,
    "withdraw": 1,
    "deliver": 4,
    "again": 1,
    "lose": 1,
    "sign_in": 2,
    "back_up": 1,
    "restore": 1,
    "wait": 1,
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from([name for name, weight in ACTIONS.items() for _ in range(weight)]),
        st.integers(0, 1),
        st.integers(0, 30),
    ),
    min_size=10,
    max_size=60,
)


@given(STEPS)
@settings(max_examples=300)
def test_whatever_happens_on_the_way_both_sides_end_in_the_same_state(
    steps: list[tuple[str, int, int]],
) -> None:
    sides = [Side(LISBON, UTRECHT, NOW - DAY), Side(UTRECHT, LISBON, NOW - 2 * DAY)]
    now = NOW
    opener = sides[0].say("open", now)
    assert opener is not None
    sides[0].back_up()
    under_way: list[tuple[int, SignedStatement]] = [(1, opener)]
    for action, which, number in steps:
        now += 60_000
        side = sides[which]
        said = None
        if action == "note":
            said = side.say("note", now)
        elif action == "answer":
            said = sides[1].answer(number, now)
        elif action == "withdraw":
            said = sides[0].say("withdraw", now)
        elif action == "sign_in":
            side.sign_in()
        elif action == "back_up":
            side.back_up()
        elif action == "restore":
            side.restore(now)
        elif action == "wait":
            now += number * DAY
        elif under_way:
            place = number % len(under_way)
            to, signed = under_way[place] if action == "again" else under_way.pop(place)
            if action != "lose":
                sides[to].hear(signed, now)
        if said is not None:
            under_way.append((int(said.statement.sender == LISBON.id), said))

    for to, signed in under_way:
        sides[to].hear(signed, now)
    for side, other in (sides, sides[::-1]):
        side.take_back(other)  # what was lost comes back: retries, and returns after a restore
    first, second = sides
    assert set(first.held) == set(second.held)
    state = thread_state(first.held.values())
    assert state is not None
    assert state == thread_state(second.held.values())
    for party in (LISBON, UTRECHT):
        said_by = [s.statement for s in first.held.values() if s.statement.sender == party.id]
        counters = [(s.epoch, s.seq) for s in said_by]
        assert len(set(counters)) == len(counters)


def test_the_same_statement_comes_twice_without_harm() -> None:
    lisbon, utrecht = Side(LISBON, UTRECHT, NOW - DAY), Side(UTRECHT, LISBON, NOW - DAY)
    opener = lisbon.say("open", NOW)
    assert opener is not None
    assert utrecht.hear(opener, NOW) == utrecht.hear(opener, NOW + DAY) == "held"
    assert utrecht.hear(opener, NOW + 31 * DAY) == "held-without-body"


def test_gaps_are_named_and_bounded() -> None:
    assert gaps([]) == []
    assert gaps([1, 2, 3]) == []
    assert gaps([5, 2]) == [1, 3, 4]
    assert gaps([2**53 - 1]) == list(range(1, 1025))
    assert gaps([4], most=2) == [1, 2]
