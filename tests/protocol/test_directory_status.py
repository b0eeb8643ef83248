"""Status entries at their edges: what ends by itself, what one registrar may do again and when."""

import pytest

from directory_world import DAY, World, id_of, signer
from referral_protocol.directory.entries import Leaf, sign_entry
from referral_protocol.directory.rules import LONE_AGAIN, LONE_SUSPENSION
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer

HOUR = 3600 * 1000
OWN = signer("a vault")


@pytest.fixture
def world() -> World:
    """Three registrars, of whom two decide, and two members."""
    made = World(registrars=3, threshold=2)
    made.join("a", "b")
    made.now += HOUR
    return made


def refused(world: World, code: str, content: bytes, *signers: Signer) -> None:
    before = (world.directory.size, list(world.directory.members()))
    leaf = Leaf(world.now, content, sign_entry(content, *signers)).pack()
    with pytest.raises(ProtocolError) as error:
        world.directory.apply(leaf, world.directory.size)
    assert error.value.code == code, error.value
    assert before == (world.directory.size, list(world.directory.members()))


def suspend(world: World, *signers: Signer, days: int | None = 7) -> None:
    until = None if days is None else world.now + days * DAY
    world.log_in(world.status_content("a", "suspended", until), *signers)


def lift(world: World, *signers: Signer) -> None:
    world.log_in(world.status_content("a", "active"), *signers)


def standing(world: World) -> str:
    return world.directory.status(id_of("a"), world.now)


def test_a_lone_suspension_ends_by_itself_and_there_is_nothing_to_lift(world: World) -> None:
    suspend(world, world.registrars[0])
    world.now += LONE_SUSPENSION - 1
    assert standing(world) == "suspended"
    world.now += 1
    assert standing(world) == "active"
    content = world.status_content("a", "active")
    for signers in (world.registrars[:1], world.registrars[:2]):
        refused(world, "state-not-allowed", content, *signers)


def test_another_registrar_alone_lifts_what_one_alone_decided(world: World) -> None:
    suspend(world, world.registrars[0])
    lift(world, world.registrars[2])
    assert standing(world) == "active"


@pytest.mark.parametrize("lifted", [True, False])
def test_thirty_days_count_from_the_beginning_even_if_it_was_lifted(
    world: World, lifted: bool
) -> None:
    began = world.now
    suspend(world, world.registrars[0])
    world.now += HOUR
    if lifted:
        lift(world, world.registrars[1])
    world.now = began + LONE_AGAIN - 1
    for alone in world.registrars:  # another registrar is not another chance
        again = world.status_content("a", "suspended", world.now + DAY)
        refused(world, "missing-signature", again, alone)
    world.now += 1
    suspend(world, world.registrars[1])
    assert standing(world) == "suspended"


def test_thirty_days_are_each_member_s_own(world: World) -> None:
    suspend(world, world.registrars[0])
    until = world.now + DAY
    world.log_in(world.status_content("b", "suspended", until), world.registrars[0])
    assert world.directory.status(id_of("b"), world.now) == "suspended"


def test_the_threshold_makes_a_lone_suspension_last(world: World) -> None:
    suspend(world, world.registrars[0])
    suspend(world, *world.registrars[1:], days=None)
    world.now += 100 * DAY
    assert standing(world) == "suspended"
    refused(world, "missing-signature", world.status_content("a", "active"), world.registrars[0])
    lift(world, *world.registrars[:2])
    assert standing(world) == "active"


def test_one_alone_suspends_again_after_the_threshold_s_has_ended(world: World) -> None:
    """A suspension by the threshold is no lone one: it does not count for the thirty days."""
    suspend(world, *world.registrars[:2], days=1)
    short = world.status_content("a", "suspended", world.now + 2 * DAY)
    refused(world, "missing-signature", short, world.registrars[0])
    world.now += DAY
    suspend(world, world.registrars[0])
    assert standing(world) == "suspended"


def test_fewer_than_the_threshold_are_one_alone() -> None:
    world = World(registrars=4, threshold=3)
    world.join("a")
    two = world.registrars[:2]
    refused(world, "missing-signature", world.status_content("a", "suspended"), *two)
    refused(world, "missing-signature", world.status_content("a", "removed"), *two)
    suspend(world, *two)
    lift(world, world.registrars[3])
    again = world.status_content("a", "suspended", world.now + DAY)
    refused(world, "missing-signature", again, *two)


def test_seven_days_count_from_when_it_was_logged(world: World) -> None:
    content = world.status_content("a", "suspended", world.now + LONE_SUSPENSION)
    world.now += HOUR
    world.log_in(content, world.registrars[0])
    long = world.status_content("b", "suspended", world.now + LONE_SUSPENSION + 1)
    refused(world, "missing-signature", long, world.registrars[0])


def test_nobody_without_a_say_among_them(world: World) -> None:
    content = world.status_content("a", "suspended", world.now + DAY)
    for stranger in (world.root_keys[0], world.log, signer("b vault"), signer("a node")):
        refused(world, "wrong-key", content, world.registrars[0], stranger)


def test_a_registrar_that_the_acting_root_names_no_more(world: World) -> None:
    gone, stays = world.registrars[0], world.registrars[1:]
    new = signer("new registrar")
    world.change_root(registrars=tuple(sorted(s.public for s in (*stays, new))))
    suspend(world, gone)  # the new root does not act yet
    lift(world, gone)
    content = world.status_content("a", "suspended")
    refused(world, "wrong-key", content, new, *stays)
    world.now += LONE_AGAIN
    refused(world, "missing-signature", world.status_content("a", "removed"), gone, stays[0])
    world.log_in(world.status_content("a", "removed"), new, stays[0])
    assert standing(world) == "removed"


# the member itself


def test_own_suspension_with_an_end(world: World) -> None:
    suspend(world, OWN, days=300)
    refused(world, "state-not-allowed", world.status_content("a", "active"), *world.registrars[:2])
    world.now += 300 * DAY
    assert standing(world) == "active"
    refused(world, "state-not-allowed", world.status_content("a", "active"), OWN)


def test_a_suspended_member_may_leave(world: World) -> None:
    suspend(world, *world.registrars[:2], days=None)
    world.log_in(world.status_content("a", "removed"), OWN)
    assert standing(world) == "removed"


def test_own_suspension_does_not_use_up_the_registrars_one(world: World) -> None:
    suspend(world, OWN)
    suspend(world, world.registrars[0])
    lift(world, OWN)
    assert standing(world) == "suspended"
    lift(world, world.registrars[0])
    assert standing(world) == "active"


@pytest.mark.parametrize("until", [-1, 0])
def test_until_must_lie_ahead(world: World, until: int) -> None:
    content = world.status_content("a", "suspended", world.now + until)
    for signers in ((OWN,), world.registrars[:1], world.registrars[:2]):
        refused(world, "bad-times", content, *signers)
