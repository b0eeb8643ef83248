"""The fold of the log: every rule of DIRECTORY 3, kept and broken; a refusal changes nothing."""

import msgspec
import pytest

from directory_world import DAY, START, World, card_of, id_of, records_of, seed, signer
from referral_protocol import labels
from referral_protocol.directory.entries import (
    EntrySignature,
    Leaf,
    Root,
    Status,
    make_member_entry,
    make_root_entry,
    make_status_entry,
    parse_entry,
    sign_entry,
)
from referral_protocol.directory.state import CLOCK_AHEAD, MAX_AGE, Directory
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer

replace = msgspec.structs.replace
HOUR = 3600 * 1000


def refused(world: World, code: str, content: bytes, *signers: Signer) -> None:
    """The entry is refused with this code, and the log is what it was."""
    refused_leaf(world, code, world.leaf(content, *signers))


def refused_leaf(world: World, code: str, leaf: bytes) -> None:
    before = (world.directory.size, list(world.directory.members()), world.directory.roots)
    with pytest.raises(ProtocolError) as error:
        world.directory.apply(leaf, world.directory.size)
    assert error.value.code == code, error.value
    assert before == (
        world.directory.size,
        list(world.directory.members()),
        world.directory.roots,
    )


@pytest.fixture
def world() -> World:
    made = World()
    made.join("a", "b")
    made.now += HOUR
    return made


# joining


def test_member_as_the_log_has_it(world: World) -> None:
    member = world.member("a")
    assert member.vault_key == signer("a vault").public
    assert member.node_key == signer("a node").public
    assert member.endpoint == "https://a.example.org"
    assert member.records == {r.name: r.hash for r in records_of("a")}
    assert (member.joined_at, member.vault_since, member.node_key_at) == (START, START, START)
    assert (member.number, member.vault_index, member.earlier) == (1, 1, ())
    assert [m.id for m in world.directory.members()] == [id_of("a"), id_of("b")]
    assert world.directory.status(id_of("a"), world.now) == "active"
    assert len(world.directory) == 2


def test_unknown_member(world: World) -> None:
    assert world.directory.member(id_of("z")) is None
    with pytest.raises(ProtocolError, match="unknown-member"):
        world.directory.status(id_of("z"), world.now)


def test_join_without_one_of_its_signatures(world: World) -> None:
    content = world.member_content("c")
    vault, node, registrar = world.joining("c")
    for signers in ((node, registrar), (vault, registrar), (vault, node), (vault,)):
        refused(world, "missing-signature", content, *signers)


def test_join_signed_by_somebody_else_too(world: World) -> None:
    refused(world, "wrong-key", world.member_content("c"), *world.joining("c"), signer("x"))
    other = signer("registrar of another log")
    vault, node, _ = world.joining("c")
    refused(world, "missing-signature", world.member_content("c"), vault, node, other)


def test_join_under_a_name_that_is_not_its_keys(world: World) -> None:
    content = make_member_entry(world.genesis, id_of("d"), card_of("c"), world.now)
    refused(world, "wrong-id", content, *world.joining("c"))


def test_join_twice(world: World) -> None:
    refused(world, "old-number", world.member_content("a"), *world.joining("a"))
    refused_leaf(world, "old-number", world.leaves[1])


@pytest.mark.parametrize("taken", ["a vault", "a node", "log", "registrar 0", "root 1"])
def test_join_with_a_key_that_is_in_use(world: World, taken: str) -> None:
    content = world.member_content("c", node_key=signer(taken).public)
    signers = {s.public: s for s in (signer("c vault"), signer(taken), world.registrars[0])}
    refused(world, "key-in-use", content, *signers.values())


def test_join_with_a_loopback_endpoint() -> None:
    url = "http://lisboa.localhost:18701"
    strict, trial = World(), World(loopback=True)
    refused(strict, "bad-endpoint", strict.member_content("c", endpoint=url), *strict.joining("c"))
    trial.join("c", endpoint=url)
    assert trial.member("c").endpoint == url


# the leaf


def test_signature_over_other_bytes(world: World) -> None:
    content = world.member_content("c")
    signatures = sign_entry(content, *world.joining("c"))
    for place in range(3):
        wrong = list(signatures)
        flipped = bytes([wrong[place].signature[0] ^ 1]) + wrong[place].signature[1:]
        wrong[place] = EntrySignature(wrong[place].key, flipped)
        refused_leaf(world, "bad-signature", Leaf(world.now, content, tuple(wrong)).pack())


def test_signature_under_another_label(world: World) -> None:
    content = world.member_content("c")
    signatures = list(sign_entry(content, *world.joining("c")))
    vault = signer("c vault")
    place = [s.key for s in signatures].index(vault.public)
    signatures[place] = EntrySignature(vault.public, vault.sign(labels.STATEMENT, content))
    refused_leaf(world, "bad-signature", Leaf(world.now, content, tuple(signatures)).pack())


def test_signatures_out_of_order_or_twice(world: World) -> None:
    content = world.member_content("c")
    signatures = sign_entry(content, *world.joining("c"))
    for wrong in (signatures[::-1], (*signatures, signatures[-1])):
        refused_leaf(world, "wrong-value", Leaf(world.now, content, wrong).pack())


def test_logged_before_the_entry_that_precedes_it(world: World) -> None:
    world.join("c")
    world.now -= 1
    refused(world, "bad-times", world.member_content("d"), *world.joining("d"))


@pytest.mark.parametrize(("after", "good"), [(CLOCK_AHEAD, True), (CLOCK_AHEAD + 1, False)])
def test_made_after_it_was_logged(world: World, after: int, good: bool) -> None:
    content = make_member_entry(world.genesis, id_of("c"), card_of("c"), world.now + after)
    if good:
        world.log_in(content, *world.joining("c"))
    else:
        refused(world, "bad-times", content, *world.joining("c"))


@pytest.mark.parametrize(("age", "good"), [(MAX_AGE, True), (MAX_AGE + 1, False)])
def test_made_long_before_it_was_logged(world: World, age: int, good: bool) -> None:
    content = world.member_content("c")
    world.now += age
    if good:
        world.log_in(content, *world.joining("c"))
    else:
        refused(world, "bad-times", content, *world.joining("c"))


# entry 0


def test_first_entry_must_be_the_anchor_s() -> None:
    world = World()
    other = Directory(seed("another anchor"))
    with pytest.raises(ProtocolError, match="wrong-genesis"):
        other.apply(world.leaves[0], 0)
    member = World()
    member.join("a")
    with pytest.raises(ProtocolError, match="wrong-genesis"):
        Directory(world.genesis).apply(member.leaves[1], 0)


def test_first_entry_needs_its_threshold() -> None:
    world = World()
    content = make_root_entry(world.root, START)
    for signers, code in (
        (world.root_keys[:1], "missing-signature"),
        ([*world.root_keys, world.log], "wrong-key"),
    ):
        directory = Directory(world.genesis)
        with pytest.raises(ProtocolError) as error:
            directory.apply(world.leaf(content, *signers), 0)
        assert error.value.code == code
        assert directory.size == 0
    Directory(world.genesis).apply(world.leaf(content, *world.root_keys[1:]), 0)


def test_entry_of_another_log(world: World) -> None:
    other = World(registrars=2)  # other registrars, so another genesis
    other.join("c")
    refused_leaf(world, "wrong-genesis", other.leaves[1])


# updates


def test_routine_update(world: World) -> None:
    world.log_in(world.update_content("a", endpoint="https://new.example.org"), signer("a vault"))
    member = world.member("a")
    assert (member.endpoint, member.number) == ("https://new.example.org", 2)
    assert (member.vault_since, member.node_key_at) == (START, world.now)
    assert world.member("b").number == 1


def test_new_vault_key_is_signed_by_both(world: World) -> None:
    new = signer("a vault 2")
    content = world.update_content("a", "compromised", vault_key=new.public)
    refused(world, "missing-signature", content, new)
    refused(world, "missing-signature", content, signer("a vault"))
    world.log_in(content, signer("a vault"), new)
    member = world.member("a")
    assert (member.id, member.vault_key) == (id_of("a"), new.public)
    assert (member.vault_since, member.vault_index) == (world.now, 3)
    assert [(k.key, k.since, k.until, k.reason) for k in member.earlier] == [
        (signer("a vault").public, START, world.now, "compromised")
    ]
    again = world.update_content("a", vault_key=new.public, endpoint="https://x.example.org")
    refused(world, "missing-signature", again, signer("a vault"))
    world.log_in(again, new)


def test_new_node_key_proves_itself(world: World) -> None:
    new = signer("a node 2")
    content = world.update_content("a", node_key=new.public)
    refused(world, "missing-signature", content, signer("a vault"))
    world.log_in(content, signer("a vault"), new)
    assert world.member("a").node_key == new.public


def test_a_key_never_comes_back(world: World) -> None:
    new = signer("a node 2")
    world.log_in(world.update_content("a", node_key=new.public), signer("a vault"), new)
    back = world.update_content("a", node_key=signer("a node").public)
    refused(world, "key-in-use", back, signer("a vault"), signer("a node"))
    swap = world.update_content("a", vault_key=new.public, node_key=signer("a node 3").public)
    refused(world, "key-in-use", swap, signer("a vault"), new, signer("a node 3"))


def test_compromised_must_change_a_key(world: World) -> None:
    refused(world, "wrong-value", world.update_content("a", "compromised"), signer("a vault"))


def test_registrar_cannot_update_a_member(world: World) -> None:
    content = world.update_content("a", endpoint="https://evil.example.org")
    refused(world, "missing-signature", content, world.registrars[0])
    refused(world, "wrong-key", content, world.registrars[0], signer("a vault"))


def test_old_entry_played_again(world: World) -> None:
    first = world.leaf(
        world.update_content("a", endpoint="https://one.example.org"), signer("a vault")
    )
    world.append(first)
    world.log_in(world.update_content("a", endpoint="https://two.example.org"), signer("a vault"))
    refused_leaf(world, "old-number", first)
    assert world.member("a").endpoint == "https://two.example.org"


def test_number_with_a_gap(world: World) -> None:
    refused(world, "counter-gap", world.update_content("a", number=3), signer("a vault"))


def test_entry_that_follows_another_one(world: World) -> None:
    """Two updates were signed after the same entry: only the first that is logged holds."""
    one = world.update_content("a", endpoint="https://one.example.org")
    other = parse_entry(world.update_content("a", endpoint="https://two.example.org"))
    world.log_in(one, signer("a vault"))
    refused(world, "old-number", other.encode(), signer("a vault"))
    refused(world, "broken-chain", replace(other, number=3).encode(), signer("a vault"))
    foreign = replace(other, number=3, previous=world.member("b").head)
    refused(world, "broken-chain", foreign.encode(), signer("a vault"))


def test_update_of_nobody(world: World) -> None:
    content = replace(parse_entry(world.update_content("a")), member=id_of("z")).encode()
    refused(world, "unknown-member", content, signer("a vault"))


# status


def test_one_of_one_registrar_suspends_without_end(world: World) -> None:
    world.log_in(world.status_content("a", "suspended"), world.registrars[0])
    assert world.directory.status(id_of("a"), world.now + 1000 * DAY) == "suspended"
    world.log_in(world.status_content("a", "active"), world.registrars[0])
    assert world.directory.status(id_of("a"), world.now) == "active"


def test_lone_registrar_suspends_for_seven_days(world: World) -> None:
    two = World(registrars=3, threshold=2)
    two.join("a")
    alone = two.registrars[2]
    refused(two, "missing-signature", two.status_content("a", "suspended"), alone)
    late = two.status_content("a", "suspended", two.now + 7 * DAY + 1)
    refused(two, "missing-signature", late, alone)
    two.log_in(two.status_content("a", "suspended", two.now + 7 * DAY), alone)
    assert two.directory.status(id_of("a"), two.now + 7 * DAY - 1) == "suspended"
    assert two.directory.status(id_of("a"), two.now + 7 * DAY) == "active"
    began = two.now
    two.now += 7 * DAY
    again = two.status_content("a", "suspended", two.now + DAY)
    refused(two, "missing-signature", again, alone)
    two.log_in(two.status_content("a", "suspended", two.now + DAY), *two.registrars[:2])
    two.now = began + 30 * DAY
    two.log_in(two.status_content("a", "suspended", two.now + DAY), alone)


def test_lone_registrar_cannot_end_or_shorten_what_the_threshold_decided() -> None:
    world = World(registrars=3, threshold=2)
    world.join("a")
    alone, both = world.registrars[0], world.registrars[1:]
    world.log_in(world.status_content("a", "suspended"), *both)
    refused(world, "missing-signature", world.status_content("a", "active"), alone)
    short = world.status_content("a", "suspended", world.now + DAY)
    refused(world, "missing-signature", short, alone)
    refused(world, "missing-signature", world.status_content("a", "removed"), alone)
    world.log_in(world.status_content("a", "active"), *both)
    world.log_in(world.status_content("a", "suspended", world.now + DAY), alone)
    world.log_in(world.status_content("a", "active"), alone)
    assert world.directory.status(id_of("a"), world.now) == "active"


def test_member_suspends_itself_and_comes_back(world: World) -> None:
    vault = signer("a vault")
    world.log_in(world.status_content("a", "suspended"), vault)
    assert world.directory.status(id_of("a"), world.now) == "suspended"
    refused(world, "state-not-allowed", world.status_content("a", "active"), world.registrars[0])
    world.log_in(world.status_content("a", "active"), vault)
    assert world.directory.status(id_of("a"), world.now) == "active"
    refused(world, "state-not-allowed", world.status_content("a", "active"), vault)


def test_member_cannot_end_what_the_registrars_decided(world: World) -> None:
    world.log_in(world.status_content("a", "suspended"), world.registrars[0])
    refused(world, "state-not-allowed", world.status_content("a", "active"), signer("a vault"))
    world.log_in(world.status_content("a", "suspended"), signer("a vault"))
    world.log_in(world.status_content("a", "active"), world.registrars[0])
    assert world.directory.status(id_of("a"), world.now) == "suspended"  # its own still holds


def test_member_and_registrar_do_not_sign_together(world: World) -> None:
    content = world.status_content("a", "suspended")
    refused(world, "wrong-key", content, signer("a vault"), world.registrars[0])


def test_another_member_has_no_say(world: World) -> None:
    refused(world, "missing-signature", world.status_content("a", "suspended"), signer("b vault"))


def test_suspended_member_may_change_its_keys(world: World) -> None:
    world.log_in(world.status_content("a", "suspended"), world.registrars[0])
    new = signer("a vault 2")
    content = world.update_content("a", "compromised", vault_key=new.public)
    world.log_in(content, signer("a vault"), new)
    assert world.directory.status(id_of("a"), world.now) == "suspended"


def test_suspension_that_has_ended_already(world: World) -> None:
    refused(
        world, "bad-times", world.status_content("a", "suspended", world.now), world.registrars[0]
    )


@pytest.mark.parametrize("own", [True, False])
def test_removal_is_for_ever(world: World, own: bool) -> None:
    by = signer("a vault") if own else world.registrars[0]
    world.log_in(world.status_content("a", "removed"), by)
    assert world.directory.status(id_of("a"), world.now) == "removed"
    for status in ("active", "suspended", "removed"):
        refused(world, "removed", world.status_content("a", status), by)
    refused(world, "removed", world.update_content("a"), signer("a vault"))
    refused(world, "old-number", world.member_content("a"), *world.joining("a"))


def test_status_for_a_key_that_is_gone(world: World) -> None:
    new = signer("a vault 2")
    change = world.update_content("a", "compromised", vault_key=new.public)
    world.log_in(change, signer("a vault"), new)
    old = world.member("a")
    body = Status("suspended", None, "test")
    content = make_status_entry(world.genesis, old.id, 3, old.head, body, world.now)
    refused(world, "missing-signature", content, signer("a vault"))


# roots


def next_root(world: World, root: Root, version: int = 2) -> bytes:
    newest = world.directory.roots[-1]
    return make_root_entry(root, world.now, world.genesis, newest.hash, version)


def test_root_is_changed_by_both_thresholds_and_acts_after_three_days(world: World) -> None:
    new_keys = [signer(f"new root {i}") for i in range(3)]
    registrar = signer("new registrar")
    root = replace(
        world.root,
        root_keys=tuple(sorted(k.public for k in new_keys)),
        registrars=(registrar.public,),
    )
    content = next_root(world, root)
    for signers in (world.root_keys, new_keys, [*world.root_keys[:1], *new_keys[:2]]):
        refused(world, "missing-signature", content, *signers)
    world.log_in(content, *world.root_keys[:2], *new_keys[:2])
    assert [v.version for v in world.directory.roots] == [1, 2]
    acts = world.now + 3 * DAY
    assert world.directory.root_at(acts - 1).version == 1
    assert world.directory.root_at(acts).version == 2

    world.join("c")  # by the old registrar, who still counts
    vault, node, _ = world.joining("d")
    refused(world, "missing-signature", world.member_content("d"), vault, node, registrar)
    world.now = acts
    refused(world, "missing-signature", world.member_content("d"), *world.joining("d"))
    world.log_in(world.member_content("d"), vault, node, registrar)


def test_root_keys_in_both_versions_sign_once(world: World) -> None:
    root = replace(world.root, log_key=signer("log 2").public)
    world.log_in(next_root(world, root), *world.root_keys[:2])
    assert world.directory.root_at(world.now + 3 * DAY).root.log_key == signer("log 2").public


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"origin": "other.example.org"}, "wrong-value"), ({"log_key": "a vault"}, "key-in-use")],
)
def test_root_that_may_not_be(world: World, changes: dict[str, str], code: str) -> None:
    values = {k: signer(v).public if k == "log_key" else v for k, v in changes.items()}
    root = replace(world.root, **values)
    refused(world, code, next_root(world, root), *world.root_keys)


def test_root_out_of_turn(world: World) -> None:
    root = replace(world.root, log_key=signer("log 2").public)
    refused(world, "counter-gap", next_root(world, root, version=3), *world.root_keys)
    content = make_root_entry(root, world.now, world.genesis, seed("x"), 2)
    refused(world, "broken-chain", content, *world.root_keys)
    world.log_in(next_root(world, root), *world.root_keys)
    refused(world, "old-number", next_root(world, root), *world.root_keys)
    again = make_root_entry(world.root, world.now)
    refused(world, "wrong-genesis", again, *world.root_keys)


# the fold as such


def test_two_folds_are_the_same(world: World) -> None:
    other = Directory(world.genesis)
    for number, leaf in enumerate(world.leaves):
        other.apply(leaf, number)
    assert list(other.members()) == list(world.directory.members())
    assert other.roots == world.directory.roots


def test_a_copy_grows_alone(world: World) -> None:
    copy = world.directory.copy()
    world.join("c")
    assert (len(copy), len(world.directory)) == (2, 3)
    assert not copy.uses(signer("c vault").public)


def test_verified_entry_belongs_to_one_place(world: World) -> None:
    leaf = world.leaf(world.member_content("c"), *world.joining("c"))
    verified = world.directory.verify(leaf, 3)
    assert world.directory.size == 3
    world.join("d")
    with pytest.raises(ValueError, match="another place"):
        world.directory.adopt(verified)
    with pytest.raises(ValueError, match="in their order"):
        world.directory.verify(leaf, 3)
