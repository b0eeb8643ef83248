"""Other people's checkpoints, fork proofs, saved logs, and since when a key stands."""

import msgspec
import pytest

from directory_world import DAY, ORIGIN, World, id_of, seed, signer
from referral_protocol.directory.entries import Witness, make_root_entry
from referral_protocol.directory.forks import (
    BEGINS,
    ForkProof,
    make_fork_proof,
    root_leaves,
    verify_fork_proof,
)
from referral_protocol.directory.notes import TreeHead, cosign, make_checkpoint
from referral_protocol.directory.paths import pack_entries
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.saved import parse_saved, saved_head, verify_saved
from referral_protocol.directory.standing import cosignatures, standing
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.directory.views import View, common, judge, speaking_keys
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer
from referral_protocol.wire import decode, encode


def code(work: object, *args: object, **named: object) -> str:
    with pytest.raises(ProtocolError) as refused:
        work(*args, **named)  # type: ignore[operator]  # any function of the package
    return refused.value.code


def two(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[World, World]:
    """Two logs under one log key that begin alike."""
    one, other = World(), World()
    for world, names in ((one, ours), (other, theirs)):
        world.join("lisbon", "utrecht", *names)
    return one, other


def proof_of(ours: World, theirs: World, size: int | None = None) -> bytes:
    replica = ours.replica()
    view, shown = judge(replica, theirs.checkpoint(size), ours.now)
    assert view in (View.FORKED, View.AHEAD)
    return make_fork_proof(
        replica, root_leaves(ours.leaves), shown, theirs.tree, id_of("utrecht"), ours.now
    )


# how a checkpoint stands


def test_a_checkpoint_is_the_same_behind_ahead_or_of_another_log() -> None:
    ours, theirs = two(("lviv",), ("ghost", "spirit"))
    replica = ours.replica()
    assert judge(replica, ours.checkpoint(), ours.now)[0] is View.SAME
    assert judge(replica, ours.checkpoint(2), ours.now)[0] is View.BEHIND
    assert judge(replica, theirs.checkpoint(3), ours.now)[0] is View.BEHIND
    assert judge(replica, theirs.checkpoint(4), ours.now)[0] is View.FORKED
    assert judge(replica, theirs.checkpoint(), ours.now)[0] is View.AHEAD
    assert common(ours.tree, theirs.tree) == 3
    assert common(ours.tree, ours.tree) == 4


def test_what_is_not_signed_by_the_log_says_nothing() -> None:
    ours, theirs = two((), ())
    replica = ours.replica()
    head = TreeHead(ORIGIN, 3, bytes(32))
    assert code(judge, replica, make_checkpoint(head, signer("thief"), ours.now), ours.now) == (
        "missing-signature"
    )
    other = make_checkpoint(TreeHead("elsewhere.example", 3, bytes(32)), ours.log, ours.now)
    assert code(judge, replica, other, ours.now) == "bad-checkpoint"
    theirs.now += DAY
    assert code(judge, replica, theirs.checkpoint(), ours.now) == "clock"
    nothing = make_checkpoint(TreeHead(ORIGIN, 0, Tree().root()), ours.log, ours.now)
    assert code(judge, replica, nothing, ours.now) == "bad-checkpoint"
    flipped = bytearray(ours.checkpoint())
    flipped[-20] ^= 1
    assert code(judge, replica, bytes(flipped), ours.now) in ("bad-signature", "bad-checkpoint")
    empty = Replica(ours.genesis)
    assert code(judge, empty, ours.checkpoint(), ours.now) == "bad-checkpoint"


def rotated(world: World) -> Signer:
    """A root with another log key, logged now; it acts in three days."""
    new = signer("second log key")
    root = msgspec.structs.replace(world.root, log_key=new.public)
    content = make_root_entry(root, world.now, world.genesis, world.directory.roots[-1].hash, 2)
    world.log_in(content, *world.root_keys)
    return new


def test_the_key_before_a_rotation_speaks_until_a_day_after_the_new_one_acts() -> None:
    world = World()
    world.join("lisbon")
    new = rotated(world)
    old = world.log
    acts = world.now + 3 * DAY
    assert [k.key for k in speaking_keys(world.directory)] == [new.public, old.public]
    replica = Replica(world.genesis)
    head = TreeHead(ORIGIN, 3, world.tree.root())
    both = make_checkpoint(head, old, world.now, new)
    replica = replica.extend(both, world.leaves, world.now)

    by_old = make_checkpoint(head, old, acts + DAY)
    assert judge(replica, by_old, acts + 2 * DAY)[0] is View.SAME
    late = make_checkpoint(head, old, acts + DAY + 1000)
    assert code(judge, replica, late, acts + 2 * DAY) == "wrong-key"
    by_new = make_checkpoint(head, new, acts + 2 * DAY)
    assert judge(replica, by_new, acts + 2 * DAY)[0] is View.SAME


# fork proofs


@pytest.mark.parametrize(
    ("ours", "theirs", "size"),
    [
        (("lviv",), ("ghost",), None),
        (("lviv", "porto", "gent"), ("ghost",), None),
        (("lviv",), ("ghost", "spirit", "shade"), None),
        (("lviv", "porto", "gent"), ("ghost", "spirit"), 4),
    ],
)
def test_a_fork_is_proved_offline_with_the_anchor_alone(
    ours: tuple[str, ...], theirs: tuple[str, ...], size: int | None
) -> None:
    one, other = two(ours, theirs)
    data = proof_of(one, other, size)
    assert data.startswith(BEGINS)
    fork = verify_fork_proof(data, one.now, one.genesis)
    assert verify_fork_proof(data, one.now).genesis == one.genesis
    assert {fork.first.size, fork.second.size} == {len(one.leaves), size or len(other.leaves)}
    assert fork.first.size <= fork.second.size
    assert (fork.shown_by, fork.at) == (id_of("utrecht"), one.now)


def changed(data: bytes, **change: object) -> bytes:
    proof = decode(data, ForkProof, len(data), "test")
    return encode(msgspec.structs.replace(proof, **change))


def test_what_is_no_proof_is_refused_and_says_why() -> None:
    one, other = two(("lviv", "porto"), ("ghost",))
    data = proof_of(one, other)
    proof = decode(data, ForkProof, len(data), "test")
    now = one.now

    def refused(**change: object) -> str:
        return code(verify_fork_proof, changed(data, **change), now, one.genesis)

    assert code(verify_fork_proof, data, now, seed("other")) == "wrong-genesis"
    assert code(verify_fork_proof, data[:-1], now) == "truncated"
    assert code(verify_fork_proof, data + b"\x00", now) == "trailing"
    assert refused(kind="evidence") == "wrong-value"
    assert refused(suite=2) == "unknown-suite"
    assert refused(roots=(other.leaves[1],)) == "wrong-value"
    assert refused(roots=(one.leaves[0], one.leaves[0])) == "wrong-genesis"
    # A log that only grew is no fork, from whatever side it is told.
    grown = one.checkpoint(4).decode()
    assert refused(first=grown, prefix=one.tree.root(4)) == "bad-proof"
    assert refused(first=proof.second, path=()) == "bad-proof"
    assert refused(prefix=bytes(32)) == "bad-proof"
    assert refused(path=proof.path[1:]) == "bad-proof"
    assert refused(path=(*proof.path, bytes(32))) == "bad-proof"
    assert refused(first=proof.second, second=proof.first) == "bad-proof"
    thief = make_checkpoint(TreeHead(ORIGIN, 4, bytes(32)), signer("thief"), now).decode()
    assert refused(first=thief) == "missing-signature"
    assert code(verify_fork_proof, data, now - DAY) == "clock"


def test_a_proof_after_the_log_key_was_changed_goes_by_the_roots() -> None:
    world = World()
    world.join("lisbon")
    new = rotated(world)
    head = TreeHead(ORIGIN, 3, world.tree.root())
    replica = Replica(world.genesis).extend(
        make_checkpoint(head, world.log, world.now, new), world.leaves, world.now
    )
    at = world.now + 10 * DAY
    lie = make_checkpoint(TreeHead(ORIGIN, 2, bytes(32)), new, at)
    view, shown = judge(replica, lie, at)
    assert view is View.FORKED
    data = make_fork_proof(replica, root_leaves(world.leaves), shown, None, None, at)
    assert verify_fork_proof(data, at, world.genesis).first.size == 2
    only = decode(data, ForkProof, len(data), "test").roots[:1]
    assert code(verify_fork_proof, changed(data, roots=only), at) == "missing-signature"


# a log in one file


def test_a_saved_log_is_checked_whole() -> None:
    world = World()
    world.join("lisbon", "utrecht")
    data = saved_head(world.checkpoint()) + pack_entries(world.leaves)
    assert parse_saved(data) == (world.checkpoint(), world.leaves)
    assert verify_saved(data, world.now, world.genesis).size == 3
    assert verify_saved(data, world.now).directory.genesis == world.genesis
    assert code(verify_saved, data, world.now, seed("other")) == "wrong-genesis"
    assert code(verify_saved, data[:-1], world.now) == "truncated"
    assert code(verify_saved, b"something else", world.now) == "wrong-value"
    assert code(verify_saved, data[: len(saved_head(world.checkpoint()))], world.now) == "truncated"
    without = saved_head(world.checkpoint()) + pack_entries(world.leaves[:-1])
    assert code(verify_saved, without, world.now) == "truncated"
    other = saved_head(world.checkpoint()) + pack_entries([*world.leaves[:-1], world.leaves[0]])
    assert code(verify_saved, other, world.now) == "bad-checkpoint"
    assert code(verify_saved, data, world.now - DAY) == "clock"


# witnesses


def with_witnesses(count: int, quorum: int) -> tuple[World, list[Signer]]:
    world = World()
    keys = [signer(f"witness {n}") for n in range(count)]
    witnesses = tuple(
        Witness(f"witness-{n}.example", key.public, id_of(f"member {n}"), None)
        for n, key in enumerate(keys)
    )
    world.found(msgspec.structs.replace(world.root, witnesses=witnesses, quorum=quorum))
    return world, keys


def cosigned(world: World, note: bytes, *who: tuple[int, Signer, int]) -> bytes:
    text = note.decode().partition("\n\n")[0] + "\n"
    lines = [cosign(text, f"witness-{n}.example", key, at) for n, key, at in who]
    return note + "".join(lines).encode()


def test_a_key_stands_since_its_entry_and_by_whoever_cosigned_after_it() -> None:
    world, keys = with_witnesses(4, 3)
    world.join("lisbon")
    note = cosigned(
        world, world.checkpoint(), (0, keys[0], world.now), (2, keys[2], world.now + 1000)
    )
    root = world.directory.root_at(world.now).root
    found = cosignatures(note, len(world.leaves), root, world.now + 2000)
    assert [(each.witness, each.size) for each in found] == [
        (keys[0].public, 2),
        (keys[2].public, 2),
    ]
    first = standing(world.member("lisbon"), root, found)
    assert (first.since, first.entry, first.quorum) == (world.now, 1, 3)
    assert [w.name for w in first.witnessed] == ["witness-0.example", "witness-2.example"]
    assert [w.name for w in first.awaited] == ["witness-1.example", "witness-3.example"]
    assert not first.enough

    world.now += DAY
    world.join("utrecht")
    later = cosigned(world, world.checkpoint(), (0, keys[0], world.now), (3, keys[3], world.now))
    found += cosignatures(later, len(world.leaves), root, world.now)
    first = standing(world.member("lisbon"), root, found)
    assert first.witnessed[0].at == world.now - DAY
    assert first.enough
    assert not standing(world.member("utrecht"), root, found).enough


def test_a_witness_that_lies_is_not_counted() -> None:
    world, keys = with_witnesses(4, 3)
    root = world.directory.root_at(world.now).root
    note = world.checkpoint()
    ahead = cosigned(world, note, (0, keys[0], world.now + DAY))
    assert cosignatures(ahead, 1, root, world.now) == []
    stranger = cosigned(world, note, (0, keys[1], world.now))
    assert cosignatures(stranger, 1, root, world.now) == []  # a key of another name is unknown
    bad = bytearray(cosigned(world, note, (0, keys[0], world.now)))
    place = bytes(bad).rindex(b" ") + 30
    bad[place] = ord("A") if bad[place] != ord("A") else ord("B")
    assert code(cosignatures, bytes(bad), 1, root, world.now) == "bad-signature"


def test_leaf_hashes_alone_tell_where_two_logs_part() -> None:
    hashes = [leaf_hash(seed(str(n))) for n in range(5000)]
    other = [*hashes[:4500], leaf_hash(b"other"), *hashes[4501:]]
    assert common(Tree(hashes), Tree(other)) == 4500
    assert common(Tree(hashes[:9]), Tree(hashes)) == 9
