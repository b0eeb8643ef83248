"""The ladder only climbs; what is late is said to be late; a lost receipt is not a failure."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from referral_protocol.certificates import DAY
from referral_protocol.ladder import (
    GIVEN_UP,
    Evidence,
    Rung,
    Standing,
    Step,
    delivery_times,
    ladder,
)
from referral_protocol.retry import FIRST, LONGEST, PATIENCE, ceiling, next_attempt
from referral_protocol.states import ENDS
from referral_tools.conformance.world import NOW

RESPOND_BY = NOW + 3 * DAY
TIMES = st.integers(NOW, NOW + 200 * DAY)
# Each piece of evidence that may come, with the fields that come together.
PIECES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "held": st.builds(lambda at: {"held_at": at}, TIMES),
    "opened": st.builds(lambda at: {"opened_at": at}, TIMES),
    "answered": st.builds(
        lambda at, code: {"answered_at": at, "answer": code},
        TIMES,
        st.sampled_from(["accepted", "rejected", "in-progress"]),
    ),
    "contacted": st.builds(lambda at: {"contacted_at": at}, TIMES),
    "outcome": st.builds(
        lambda at, code: {"outcome_at": at, "outcome": code}, TIMES, st.sampled_from(sorted(ENDS))
    ),
}
PROOF = st.fixed_dictionaries({}, optional=PIECES)
PRIORITY = st.sampled_from(["immediate", "urgent", "routine", "of-tomorrow"])
TROUBLE = st.fixed_dictionaries(
    {},
    optional={
        "receipt_lost": st.just(True),
        "refused": st.sampled_from(["disk", "expired", GIVEN_UP]),
    },
)


def evidence(priority: str, *pieces: dict[str, Any]) -> Evidence:
    fields: dict[str, Any] = {}
    for piece in pieces:
        fields.update(piece)
    return Evidence(priority, RESPOND_BY, NOW, **fields)


def done(steps: tuple[Step, ...]) -> set[Rung]:
    return {step.rung for step in steps if step.standing is Standing.DONE}


@given(PRIORITY, PROOF, PROOF, TROUBLE, TIMES, TIMES)
def test_more_evidence_and_more_time_never_take_a_rung_back(
    priority: str,
    first: dict[str, dict[str, Any]],
    more: dict[str, dict[str, Any]],
    trouble: dict[str, Any],
    now: int,
    later: int,
) -> None:
    before = ladder(evidence(priority, trouble, *first.values()), now)
    both = {**more, **first}
    after = ladder(evidence(priority, *both.values()), max(now, later))
    assert done(before) <= done(after)
    assert [step.rung for step in before] == list(Rung)


@given(PRIORITY, PROOF, TROUBLE, TIMES)
def test_the_laws_of_one_ladder(
    priority: str, proof: dict[str, dict[str, Any]], trouble: dict[str, Any], now: int
) -> None:
    found = evidence(priority, trouble, *proof.values())
    steps = {step.rung: step for step in ladder(found, now)}
    reached = done(tuple(steps.values()))
    # A rung is done on its own evidence, or on that of a later one.
    order = [Rung.HELD, Rung.OPENED, Rung.ANSWERED, Rung.OUTCOME]
    for place, rung in enumerate(order):
        assert (rung in reached) == any(later.value in proof for later in order[place:]) or (
            rung is not Rung.OUTCOME and "contacted" in proof
        )
    assert (Rung.CONTACTED in reached) == ("contacted" in proof)
    # One rung waits at most; what comes after it is not yet due.
    waiting = [s for s in steps.values() if s.standing not in (Standing.DONE, Standing.NOT_YET)]
    assert len(waiting) <= 1
    if found.outcome is not None or found.answer in ENDS:
        assert waiting == []
    # A receipt that is lost is no failure.
    lost = found.receipt_lost and found.refused in (None, GIVEN_UP)
    if waiting and waiting[0].rung is Rung.HELD:
        assert (waiting[0].standing is Standing.UNKNOWN) == lost
    # Whatever waits says from when it warns and from when it counts as failed.
    for step in waiting:
        assert step.warn is not None
        assert step.fail is not None
        assert NOW <= step.warn <= step.fail
    assert steps[Rung.OUTCOME].code == found.outcome


@given(PRIORITY, PROOF, st.integers(0, 200 * DAY), st.integers(0, 200 * DAY))
def test_waiting_turns_to_a_warning_and_then_to_failure_and_never_back(
    priority: str, proof: dict[str, dict[str, Any]], one: int, two: int
) -> None:
    order = [Standing.WAITING, Standing.WARN, Standing.FAILED]
    found = evidence(priority, *proof.values())
    sooner, later = sorted((NOW + one, NOW + two))
    for before, after in zip(ladder(found, sooner), ladder(found, later), strict=True):
        if before.standing in order:
            assert order.index(before.standing) <= order.index(after.standing)
        else:
            assert before == after


def test_an_outcome_proves_everything_before_it_but_that_the_victim_was_reached() -> None:
    steps = ladder(evidence("urgent", {"outcome": "completed", "outcome_at": NOW + DAY}), NOW + DAY)
    assert [step.standing.value for step in steps] == [
        "done",
        "done",
        "done",
        "done",
        "not-yet",
        "done",
    ]


def test_having_received_it_is_not_an_answer() -> None:
    for answer in ("requested", "received"):
        found = evidence("urgent", {"opened_at": NOW, "answer": answer, "answered_at": NOW})
        assert done(ladder(found, NOW)) == {Rung.SENT, Rung.HELD, Rung.OPENED}


def test_a_refusal_is_shown_with_its_code_until_it_is_held() -> None:
    refused = {"refused": "expired"}
    step = ladder(evidence("urgent", refused), NOW)[1]
    assert (step.standing, step.code) == (Standing.FAILED, "expired")
    step = ladder(evidence("urgent", refused, {"held_at": NOW + 1}), NOW + 1)[1]
    assert (step.standing, step.at) == (Standing.DONE, NOW + 1)


def test_the_times_of_the_first_rungs() -> None:
    def standing(rung: int, priority: str, after: int, **fields: Any) -> str:
        return ladder(evidence(priority, fields), NOW + after)[rung].standing.value

    hour = 3_600_000
    assert standing(1, "immediate", hour // 4 - 1) == "waiting"
    assert standing(1, "immediate", hour // 4) == "warn"
    assert standing(1, "urgent", 12 * hour - 1) == "waiting"
    assert standing(1, "urgent", 12 * hour) == "warn"
    assert standing(1, "routine", 18 * hour - 1) == "waiting"  # a quarter of the three days given
    assert standing(1, "routine", 72 * hour - 1) == "warn"
    assert standing(1, "routine", 72 * hour) == "failed"
    assert standing(2, "urgent", 36 * hour - 1, held_at=NOW) == "waiting"
    assert standing(2, "urgent", 36 * hour, held_at=NOW) == "warn"
    assert standing(2, "urgent", 72 * hour, held_at=NOW) == "failed"
    assert standing(3, "urgent", 54 * hour - 1, opened_at=NOW) == "waiting"
    assert standing(3, "urgent", 54 * hour, opened_at=NOW) == "warn"
    assert standing(3, "urgent", 72 * hour, opened_at=NOW) == "failed"


def test_what_is_not_an_opener_is_given_the_senders_whole_patience() -> None:
    hour = 3_600_000
    assert delivery_times("routine", NOW, None) == (NOW + DAY, NOW + PATIENCE)
    assert delivery_times("immediate", NOW, None) == (NOW + hour // 4, NOW + PATIENCE)
    # A year to answer does not stretch it, and a time that is over already does not bend it.
    assert delivery_times("routine", NOW, NOW + 400 * DAY) == (NOW + DAY, NOW + PATIENCE)
    assert delivery_times("urgent", NOW, NOW - DAY) == (NOW, NOW)
    assert delivery_times("urgent", NOW, NOW + hour) == (NOW + hour // 4, NOW + hour)


def test_a_lost_receipt_stays_unknown_when_nothing_is_sent_any_more() -> None:
    found = evidence("urgent", {"receipt_lost": True, "refused": GIVEN_UP})
    step = ladder(found, NOW + 20 * DAY)[1]
    assert (step.standing, step.code) == (Standing.UNKNOWN, GIVEN_UP)
    refused = evidence("urgent", {"receipt_lost": True, "refused": "expired"})
    assert ladder(refused, NOW)[1].standing is Standing.FAILED
    late = evidence("urgent", {"receipt_lost": True, "refused": GIVEN_UP, "held_at": NOW + DAY})
    assert ladder(late, NOW + 20 * DAY)[1].standing is Standing.DONE


# --- retry ----------------------------------------------------------------------------------------


@given(st.integers(-5, 10**6), TIMES, st.floats(0, 1, exclude_max=True))
def test_a_retry_comes_within_its_bounds(attempts: int, now: int, chance: float) -> None:
    found = next_attempt(attempts, now, NOW, chance)
    if now >= NOW + PATIENCE:
        assert found is None
    else:
        assert found is not None
        assert 500 <= found - now <= max(500, ceiling(attempts)) <= LONGEST


def test_the_wait_doubles_from_five_seconds_to_an_hour() -> None:
    waits = [ceiling(attempts) for attempts in range(1, 15)]
    assert waits[0] == FIRST == 5000
    assert waits[1] == 10_000
    assert waits[-1] == LONGEST
    assert waits == sorted(waits)
