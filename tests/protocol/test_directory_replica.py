"""What a node keeps: only checkpoints that extend what it holds; a refusal changes nothing."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory_world import DAY, ORIGIN, START, World, id_of, signer
from referral_protocol.directory.entries import make_root_entry
from referral_protocol.directory.notes import (
    TreeHead,
    cosign,
    make_checkpoint,
    parse_note,
    sign_note,
    tree_head_text,
    verify_checkpoint,
)
from referral_protocol.directory.paths import (
    entries_paths,
    pack_entries,
    parse_entries,
    parse_tile_suffix,
    tile_suffix,
)
from referral_protocol.directory.replica import Freshness, Replica, Standing, freshness
from referral_protocol.directory.state import log_keys
from referral_protocol.errors import ProtocolError

HOUR = 3600 * 1000


@pytest.fixture
def world() -> World:
    made = World()
    made.join("a", "b", "c")
    return made


def refused(code: str, replica: Replica, note: bytes, leaves: list[bytes], now: int) -> None:
    before = (replica.size, replica.tree.root(), replica.checkpoint)
    with pytest.raises(ProtocolError) as error:
        replica.extend(note, leaves, now)
    assert error.value.code == code, error.value
    assert before == (replica.size, replica.tree.root(), replica.checkpoint)


def test_first_sync_and_an_increment(world: World) -> None:
    replica = world.replica()
    assert replica.size == 4
    world.now += HOUR
    world.join("d")
    newer = replica.extend(world.checkpoint(), world.leaves[4:], world.now)
    assert newer.directory.status(id_of("d"), world.now) == "active"
    assert newer.checkpoint is not None
    assert newer.checkpoint.at == world.now
    assert (replica.size, replica.directory.member(id_of("d"))) == (4, None)


def test_a_clock_that_is_behind_restores_what_was_verified(world: World) -> None:
    behind = world.now - 400 * DAY
    again = Replica.restore(world.genesis, world.checkpoint(), world.leaves, behind)
    assert again.checkpoint is not None
    assert again.checkpoint.at == world.now
    refused("clock", Replica(world.genesis), world.checkpoint(), world.leaves, behind)


def test_restore_gives_the_same(world: World) -> None:
    replica = world.replica()
    again = Replica.restore(world.genesis, world.checkpoint(), world.leaves, world.now)
    assert again.checkpoint == replica.checkpoint
    assert list(again.directory.members()) == list(replica.directory.members())
    mixed = world.leaves[:-1] + world.leaves[:1]
    with pytest.raises(ProtocolError, match="bad-checkpoint"):
        Replica.restore(world.genesis, world.checkpoint(), mixed, world.now)


def test_same_tree_later(world: World) -> None:
    replica = world.replica()
    world.now += HOUR
    newer = replica.extend(world.checkpoint(), [], world.now)
    assert newer.checkpoint is not None
    assert newer.checkpoint.at == world.now
    world.now -= HOUR // 2
    assert newer.extend(world.checkpoint(), [], world.now).checkpoint == newer.checkpoint


def test_older_checkpoint(world: World) -> None:
    refused("older-checkpoint", world.replica(), world.checkpoint(size=3), [], world.now)


def test_other_history_of_a_held_size(world: World) -> None:
    for size in (2, 3, 4):
        lie = World()
        lie.join("a", "x", "y")
        if size > 2:
            refused("forked-log", world.replica(), lie.checkpoint(size=size), [], world.now)
    same = World()
    same.join("a")  # up to here both histories are one
    refused("older-checkpoint", world.replica(), same.checkpoint(), [], world.now)


def test_other_history_that_is_longer(world: World) -> None:
    """A signed checkpoint whose leaves do not continue ours: the proof that the log lied."""
    lie = World()
    lie.join("a", "b", "x", "y", "z")
    refused("forked-log", world.replica(), lie.checkpoint(), lie.leaves[4:], world.now)


def test_first_sync_with_other_leaves(world: World) -> None:
    other = World()
    other.join("a", "b", "x")
    empty = Replica(world.genesis)
    refused("bad-checkpoint", empty, world.checkpoint(), other.leaves, world.now)


def test_first_sync_of_another_directory(world: World) -> None:
    refused("wrong-genesis", Replica(bytes(32)), world.checkpoint(), world.leaves, world.now)


def test_too_few_and_too_many_leaves(world: World) -> None:
    empty = Replica(world.genesis)
    refused("truncated", empty, world.checkpoint(), world.leaves[:-1], world.now)
    refused("trailing", empty, world.checkpoint(), [*world.leaves, b"x"], world.now)
    refused("trailing", world.replica(), world.checkpoint(), [b"x"], world.now)


def test_entry_that_breaks_a_rule_refuses_the_whole(world: World) -> None:
    replica = world.replica()
    world.join("d")
    world.append_unchecked(world.leaf(world.member_content("e"), *world.joining("e")[:2]))
    refused("missing-signature", replica, world.checkpoint(), world.leaves[4:], world.now)
    assert replica.directory.member(id_of("d")) is None


def test_note_of_another_key(world: World) -> None:
    replica = world.replica()
    world.join("d")
    head = TreeHead(ORIGIN, 5, world.tree.root())
    forged = make_checkpoint(head, signer("thief"), world.now)
    refused("missing-signature", replica, forged, world.leaves[4:], world.now)
    refused("missing-signature", Replica(world.genesis), forged, world.leaves, world.now)
    held = make_checkpoint(head._replace(size=4), signer("thief"), world.now)
    refused("missing-signature", replica, held, [], world.now)


def test_unsigned_nonsense_is_no_proof_of_a_fork(world: World) -> None:
    """Whoever stands in the line can alter bytes; only the log can sign two histories."""
    head = TreeHead(ORIGIN, 5, bytes(32))
    forged = make_checkpoint(head, signer("thief"), world.now)
    refused("missing-signature", world.replica(), forged, [b"leaf"], world.now)


def test_log_that_runs_ahead_of_the_clock(world: World) -> None:
    replica = world.replica()
    now = world.now
    world.now += HOUR
    world.join("d")
    refused("clock", replica, world.checkpoint(), world.leaves[4:], now)
    world.now = now
    refused("clock", replica, world.checkpoint(), world.leaves[4:], now)


def test_empty_log_is_no_log(world: World) -> None:
    note = make_checkpoint(TreeHead(ORIGIN, 0, Replica(bytes(32)).tree.root()), world.log, START)
    refused("bad-checkpoint", Replica(world.genesis), note, [], world.now)


def test_what_a_peer_shows(world: World) -> None:
    replica = world.replica()
    assert replica.compare(world.checkpoint(), world.now) is Standing.SAME
    assert replica.compare(world.checkpoint(size=2), world.now) is Standing.BEHIND
    world.join("d")
    assert replica.compare(world.checkpoint(), world.now) is Standing.AHEAD
    lie = World()
    lie.join("a", "b", "x")
    with pytest.raises(ProtocolError, match="forked-log"):
        replica.compare(lie.checkpoint(), world.now)
    with pytest.raises(ProtocolError, match="bad-checkpoint"):
        Replica(world.genesis).compare(world.checkpoint(), world.now)


def test_log_key_changes_hands(world: World) -> None:
    """While the new root waits, a checkpoint carries both keys; then only the new one counts."""
    replica = world.replica()
    old, new = world.log, signer("log 2")
    root = msgspec.structs.replace(world.root, log_key=new.public)
    content = make_root_entry(root, world.now, world.genesis, world.directory.roots[0].hash, 2)
    world.log_in(content, *world.root_keys)
    text = tree_head_text(TreeHead(ORIGIN, 5, world.tree.root()))
    lines = [line(text, ORIGIN, key) for key in (old, new) for line in (sign_note, at(world.now))]
    both = f"{text}\n{''.join(lines)}".encode()
    waiting = replica.extend(both, world.leaves[4:], world.now)
    acting = world.now + 3 * DAY
    assert Replica.restore(world.genesis, both, world.leaves, acting).checkpoint is not None
    refused("missing-signature", waiting, world.checkpoint(), [], acting)
    world.log, world.now = new, acting
    assert waiting.extend(world.checkpoint(), [], acting).checkpoint != waiting.checkpoint
    assert replica.extend(world.checkpoint(), world.leaves[4:], acting).size == 5


def at(now: int):  # type: ignore[no-untyped-def]  # a signer of one time
    return lambda text, name, key: cosign(text, name, key, now)


@pytest.mark.parametrize(
    ("age", "tier"),
    [
        (-HOUR, Freshness.CURRENT),
        (DAY, Freshness.CURRENT),
        (DAY + 1, Freshness.LATE),
        (7 * DAY, Freshness.LATE),
        (7 * DAY + 1, Freshness.STALE),
        (30 * DAY, Freshness.STALE),
        (30 * DAY + 1, Freshness.LOST),
    ],
)
def test_freshness(age: int, tier: Freshness) -> None:
    assert freshness(START, START + age) is tier


# entry bundles and their paths


@pytest.mark.parametrize(
    ("number", "width", "text"),
    [
        (0, 256, "000"),
        (0, 1, "000.p/1"),
        (999, 256, "999"),
        (1000, 256, "x001/000"),
        (1234067, 256, "x001/x234/067"),  # the example of tlog-tiles
        (1234067, 255, "x001/x234/067.p/255"),
    ],
)
def test_tile_paths(number: int, width: int, text: str) -> None:
    assert tile_suffix(number, width) == text
    assert parse_tile_suffix(text) == (number, width)


@pytest.mark.parametrize(
    "text",
    ["", "0", "00", "0000", "x000/001", "001/002", "x1/002", "000.p/0", "000.p/256", "000.p/01",
     "000.p/", "000.p", "000/", "x001", "٠٠٠", "000.p/1.p/1", "x001/x234/067/", "-01",
     "x999/x999/x999/x999/999"],
)  # fmt: skip
def test_wrong_tile_paths(text: str) -> None:
    with pytest.raises(ProtocolError, match="wrong-value"):
        parse_tile_suffix(text)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_paths_cover_exactly_what_is_missing(held: int, more: int) -> None:
    got: list[int] = []
    for place in entries_paths(held, held + more):
        number, width = parse_tile_suffix(place.path.removeprefix("/tile/entries/"))
        assert width == place.width
        got.extend(range(number * 256 + place.skip, number * 256 + width))
    assert got == list(range(held, held + more))


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entries_and_back(leaves: list[bytes]) -> None:
    packed = pack_entries(leaves)
    assert parse_entries(packed, len(leaves)) == leaves
    with pytest.raises(ProtocolError, match="truncated"):
        parse_entries(packed, len(leaves) + 1)
    if leaves:
        with pytest.raises(ProtocolError, match="trailing"):
            parse_entries(packed, len(leaves) - 1)
        with pytest.raises(ProtocolError, match="truncated"):
            parse_entries(packed[:-1], len(leaves))


def test_entries_of_more_bytes_than_a_leaf_may_have() -> None:
    with pytest.raises(ProtocolError, match="too-large"):
        parse_entries(pack_entries([bytes(24 * 1024 + 1)]), 1)
    with pytest.raises(ProtocolError, match="too-large"):
        parse_entries(bytes(256 * (2 + 24 * 1024) + 1), 256)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 8), max_size=6))
def test_any_sequence_of_increments_ends_alike(steps: list[int]) -> None:
    world = World()
    replica = world.replica()
    for step, count in enumerate(steps):
        world.join(*(f"{step}/{i}".replace("/", "-") for i in range(count)))
        replica = replica.extend(world.checkpoint(), world.leaves[replica.size :], world.now)
    assert replica.tree.root() == world.replica().tree.root()
    assert list(replica.directory.members()) == list(world.directory.members())


# which log keys sign when


def test_log_keys_of_each_time(world: World) -> None:
    """The old one signs until a day after the new one acts, the new one from when it is logged."""
    old, new, third = world.log.public, signer("log 2").public, signer("log 3").public

    def needed(at: int) -> set[bytes]:
        return set(log_keys(world.directory.roots, at))

    assert needed(world.now) == {old}
    world.change_root(log_key=new)
    logged, acts = world.now, world.now + 3 * DAY
    assert needed(logged) == needed(acts) == needed(acts + DAY - 1) == {old, new}
    assert needed(acts + DAY) == {new}
    world.now += DAY  # another one, before the second acts
    world.change_root(log_key=third)
    assert needed(world.now) == {old, new, third}
    assert needed(acts + DAY) == {new, third}
    assert needed(acts + 2 * DAY) == {third}


def test_log_key_that_stays_signs_once(world: World) -> None:
    world.change_root(registrars=(signer("new registrar").public,))
    assert log_keys(world.directory.roots, world.now) == (world.log.public,)


def test_note_of_two_log_keys_holds_for_both(world: World) -> None:
    head, other = TreeHead(ORIGIN, 4, world.tree.root()), signer("log 2")
    note = make_checkpoint(head, world.log, world.now, other)
    for key in (world.log, other):
        assert verify_checkpoint(note, ORIGIN, key.public, world.now).size == 4
    assert len(parse_note(note).signatures) == 4


def test_the_same_checkpoint_with_a_witness_s_line_is_taken(world: World) -> None:
    replica = world.replica()
    text = tree_head_text(TreeHead(ORIGIN, 4, world.tree.root()))
    line = cosign(text, "witness.example.org", signer("witness"), world.now)
    more = world.checkpoint() + line.encode()
    renewed = replica.extend(more, [], world.now)
    assert renewed.checkpoint is not None
    assert renewed.checkpoint.note == more
    world.now -= HOUR
    assert renewed.extend(world.checkpoint(), [], world.now + HOUR).checkpoint == renewed.checkpoint
