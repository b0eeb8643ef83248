"""A short storm in the normal suite, and proof that its oracle sees what it must see.

`make chaos` is the long one: tests/chaos/README.md.
"""

import copy
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from chaos import oracle, plans
from chaos.ledger import PLANTED, REFUSED, SENT, Entry, marks
from chaos.run import Run, run
from chaos.wishes import wish

SEED = "short 293"  # a roll-back, an outage, a cut, a full disk, a clock, a kill, a restore
SECONDS = 12.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stormy(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return await run(tmp_path_factory.mktemp("chaos"), SEED, SECONDS, hurry=0.3)


def test_a_short_storm_loses_nothing(stormy: Run) -> None:
    print(*stormy.lines(), sep="\n")
    assert stormy.faults == []
    assert stormy.tally["kills"] >= 2
    assert stormy.tally["roll-backs"] == 1
    assert stormy.tally["repeats"] + stormy.tally["reorders"] + stormy.tally["losses"] >= 1
    assert stormy.tally["messages"] >= 20
    assert len(stormy.told.by_thread) >= 3


# The oracle, shown something that is not as it was said.


@pytest.fixture
def changed(stormy: Run) -> Run:
    """The same run, to be spoiled."""
    return replace(stormy, ledger=copy.deepcopy(stormy.ledger), told=copy.deepcopy(stormy.told))


def some_entry(found: Run) -> Entry:
    return next(e for e in found.ledger.entries if e.outcome == SENT and e.kind == "note")


def said_and_held(found: Run) -> list[str]:
    return list(oracle.said_and_held(found.ledger, found.told))


def test_the_run_itself_is_fine(changed: Run) -> None:
    assert said_and_held(changed) == []
    assert list(oracle.same_on_both_sides(changed.told, changed.torn)) == []


def test_what_was_called_sent_and_is_nowhere_is_found_out(changed: Run) -> None:
    lost = changed.ledger.begin("lisboa", "note", None)
    lost.outcome = SENT
    assert [line for line in said_and_held(changed) if "is not there" in line]


def test_what_was_called_refused_and_is_there_is_found_out(changed: Run) -> None:
    some_entry(changed).outcome = REFUSED
    assert [line for line in said_and_held(changed) if "although the page said" in line]


def test_what_the_other_side_does_not_have_is_found_out(changed: Run) -> None:
    entry = some_entry(changed)
    sides = dict(changed.told.of(str(entry.thread)))
    said = sides.pop(entry.node).contents
    (other,) = sides.values()
    named = next(h for h, numbers in said.items() if entry.number in numbers)
    kept = tuple(s for s in other.findings.statements if s.hash != named)
    other.findings = msgspec.structs.replace(other.findings, statements=kept)
    assert [line for line in said_and_held(changed) if f"{other.site} does not have" in line]
    assert [line for line in oracle.same_on_both_sides(changed.told) if ": statements: " in line]


def test_what_is_there_twice_is_found_out(changed: Run) -> None:
    first, second = [e for e in changed.ledger.entries if e.outcome == SENT][:2]
    for sides in changed.told.by_thread.values():
        for account in sides.values():
            for named, numbers in account.contents.items():
                if numbers == [second.number]:
                    account.contents[named] = [first.number]
    assert [line for line in said_and_held(changed) if "said 2 times" in line]


def test_what_has_no_receipt_is_found_out(changed: Run) -> None:
    for sides in changed.told.by_thread.values():
        for account in sides.values():
            account.findings = msgspec.structs.replace(account.findings, receipts=())
    assert [line for line in said_and_held(changed) if "no receipt" in line]


def test_what_the_other_side_cannot_read_is_found_out(changed: Run) -> None:
    entry = some_entry(changed)
    for account in changed.told.of(str(entry.thread)).values():
        if account.site != entry.node:
            account.contents = {h: n for h, n in account.contents.items() if entry.number not in n}
    assert [line for line in said_and_held(changed) if "cannot read" in line]


def test_a_counter_that_was_used_twice_is_found_out(stormy: Run) -> None:
    assert list(oracle.counters(stormy.finals, [])) == []
    spoiled = copy.copy(stormy.finals[0])
    peer, mine, epoch, seq, _, thread = spoiled.messages[0]
    spoiled.messages = [(peer, mine, epoch, seq, b"other bytes", thread)]
    assert len(list(oracle.counters(stormy.finals, [spoiled]))) == 1
    missing = copy.copy(stormy.finals[0])
    missing.messages = missing.messages[1:]
    assert [line for line in oracle.databases([missing, *stormy.finals[1:]]) if "only at" in line]


def test_a_word_of_a_case_in_a_file_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("nothing of the kind")
    assert list(oracle.plaintext(tmp_path)) == []
    (tmp_path / "log").write_bytes(b"\x00" * 70_000 + PLANTED.encode("utf-16-le"))
    assert len(list(oracle.plaintext(tmp_path))) == 1


def test_an_unexpected_line_in_a_log_is_found_out(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.log", tmp_path / "bad.log"
    good.write_text('{"event": "x", "level": "error", "code": "disk"}\n{"event": "y"}\n')
    bad.write_text('{"event": "z", "level": "error", "kind": "KeyError"}\nTraceback\n')
    assert list(oracle.logs([good])) == []
    assert len(list(oracle.logs([bad]))) == 2


# Decisions come from the seed.


def test_a_seed_decides_the_same_again() -> None:
    def drawn(seed: str) -> list[object]:
        events = [plans.event(seed, n) for n in range(80)]
        wishes = [wish(seed, "lisboa/0", n) for n in range(80)]
        fates = plans.weather(seed, "lisboa-utrecht")
        return [
            [(e.kind, e.after, e.lasts, e.which, e.what, e.move) for e in events],
            [(w.kind, w.which, w.what, w.count, w.pause, w.again) for w in wishes],
            [fates() for _ in range(80)],
        ]

    assert drawn("one") == drawn("one")
    assert all(a != b for a, b in zip(drawn("one"), drawn("another"), strict=True))


def test_every_kind_of_fault_comes_in_each_deck() -> None:
    for start in (0, plans.DECK_SIZE):
        kinds = {plans.event("x", n).kind for n in range(start, start + plans.DECK_SIZE)}
        assert kinds == plans.KINDS


def test_an_entry_is_known_again_by_its_text() -> None:
    assert marks(f"a {Entry(7, 'x', 'note', None).text} b") == [7]
