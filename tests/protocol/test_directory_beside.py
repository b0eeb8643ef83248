"""What lies beside the log: tiles, records, the board, and what members send in."""

import hashlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory_world import (
    DAY,
    World,
    bundle_of,
    card_of,
    id_of,
    records_of,
    seed,
    signer,
)
from referral_protocol.certificates import MAX_BUNDLE
from referral_protocol.directory.board import (
    bundle_member,
    check_newer,
    read_board_tile,
    verify_posted,
)
from referral_protocol.directory.entries import (
    Leaf,
    Status,
    make_status_entry,
    sign_entry,
)
from referral_protocol.directory.records import (
    MAX_TOTAL,
    Records,
    Salted,
    held_records,
    parse_records,
    read_records_tile,
    record_hashes,
    salted,
)
from referral_protocol.directory.requests import (
    RequestState,
    Submission,
    check_change,
    check_join,
    join_leaf,
    make_join,
    make_update,
    parse_request_state,
    parse_submission,
)
from referral_protocol.directory.tiles import (
    EMPTY_TILE,
    TILE_MEMBERS,
    Index,
    pack_tile,
    parse_index,
    parse_tile,
    tile_hash,
)
from referral_protocol.errors import ProtocolError


@pytest.fixture
def world() -> World:
    made = World()
    made.join("a", "b")
    return made


def refusal(call, *arguments: object) -> str:  # type: ignore[no-untyped-def]  # any function
    with pytest.raises(ProtocolError) as error:
        call(*arguments)
    return error.value.code


def all_of(name: str) -> Records:
    return Records(id_of(name), records_of(name))


# tiles


@given(st.lists(st.binary(max_size=100), max_size=TILE_MEMBERS))
def test_tile_and_back(items: list[bytes]) -> None:
    tile = pack_tile(items)
    assert parse_tile(tile, tile_hash(tile), 100, "test") == items


def test_tile_of_another_name() -> None:
    assert refusal(parse_tile, pack_tile([b"x"]), bytes(32), 100, "test") == "wrong-record"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x00\x00\x00\x05abcd", "truncated"),
        (b"\x00\x00\x00", "truncated"),
        (b"\xff\xff\xff\xff", "truncated"),
        (b"\x00\x00\x00\x65" + bytes(101), "too-large"),
        (b"\x00\x00\x00\x00" * (TILE_MEMBERS + 1), "too-large"),
        (bytes(TILE_MEMBERS * 104 + 1), "too-large"),
    ],
)
def test_tile_that_does_not_hold(data: bytes, code: str) -> None:
    assert refusal(parse_tile, data, tile_hash(data), 100, "test") == code


@given(st.binary(max_size=300))
def test_any_tile_raises_only_our_own_errors(data: bytes) -> None:
    try:
        items = parse_tile(data, tile_hash(data), 100, "test")
    except ProtocolError:
        return
    assert pack_tile(items) == data


def test_index() -> None:
    one, two = tile_hash(b"one"), tile_hash(b"two")
    index = Index((one, EMPTY_TILE, two, one))
    assert parse_index(index.pack()) == index
    assert index.missing([]) == [one, two]
    assert index.missing([two]) == [one]
    assert hashlib.sha256(b"").digest() == EMPTY_TILE
    assert refusal(parse_index, Index((one,) * 1025).pack()) == "too-large"
    assert refusal(parse_index, msgpack.packb([[b"short"]])) == "wrong-type"
    assert refusal(parse_index, bytes(64 * 1024 + 1)) == "too-large"


# records


def test_record_counts_while_the_log_names_it(world: World) -> None:
    held, refused = held_records(all_of("a"), world.directory)
    assert (held, refused) == (all_of("a"), [])
    contacts, organisation = records_of("a")
    for wrong in (
        Salted("contacts", contacts.salt, b"another"),
        Salted("contacts", seed("another salt"), contacts.content),
        Salted("services", contacts.salt, contacts.content),
        records_of("b")[0],
    ):
        held, refused = held_records(
            Records(id_of("a"), tuple(sorted((wrong, organisation), key=lambda r: r.name))),
            world.directory,
        )
        assert held.records == (organisation,)
        assert [error.code for error in refused] == ["wrong-record"]
    assert refusal(held_records, all_of("z"), world.directory) == "unknown-member"


def test_records_tile_leaves_out_what_does_not_hold(world: World) -> None:
    forged = Records(id_of("b"), (Salted("contacts", seed("b contacts"), b"forged"),))
    tile = pack_tile([all_of("a").pack(), forged.pack(), b"nonsense", all_of("z").pack()])
    found, refused = read_records_tile(tile, tile_hash(tile), world.directory)
    assert found == [all_of("a"), Records(id_of("b"), ())]
    assert [error.code for error in refused] == ["wrong-record", "trailing", "unknown-member"]
    assert found[0].contents() == {
        "contacts": b"contacts of a",
        "organisation": b"profile of a",
    }


def test_names_can_be_erased(world: World) -> None:
    """The contacts are gone for good, the rest counts, and the log still verifies, whole."""
    left = Records(id_of("a"), records_of("a")[1:])
    tile = pack_tile([left.pack()])
    found, refused = read_records_tile(tile, tile_hash(tile), world.directory)
    assert (found, refused) == ([left], [])
    assert world.replica().directory.known(id_of("a")).records["contacts"]
    assert all(b"contacts of" not in leaf for leaf in world.leaves)


BIG = Salted("a", bytes(32), bytes(MAX_TOTAL))


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ((Salted("a", bytes(31), b"x"),), "wrong-type"),
        ((Salted("a", bytes(32), b""),), "wrong-type"),
        ((Salted("A b", bytes(32), b"x"),), "wrong-type"),
        (records_of("a")[::-1], "wrong-value"),
        (records_of("a")[:1] * 2, "wrong-value"),
        (tuple(Salted(f"r{i}", bytes(32), b"x") for i in range(9)), "wrong-type"),
        ((Salted("a", bytes(32), bytes(MAX_TOTAL + 1)),), "wrong-type"),
        ((BIG, Salted("b", bytes(32), b"x")), "too-large"),
        ((BIG, Salted("b", bytes(32), bytes(2000))), "too-large"),
    ],
)
def test_record_fields(records: tuple[Salted, ...], code: str) -> None:
    assert refusal(parse_records, Records(id_of("a"), records).pack()) == code


def test_salted_by_name() -> None:
    contents = {"services": b"s", "organisation": b"o"}
    made = salted(contents, {"organisation": seed("1"), "services": seed("2")})
    assert made == (Salted("organisation", seed("1"), b"o"), Salted("services", seed("2"), b"s"))
    assert [h.hash for h in record_hashes(made)] == [
        hashlib.sha256(b"referral-exchange/1 profile record\n" + seed("1") + b"o").digest(),
        made[1].hash,
    ]


# board


def test_board_tile(world: World) -> None:
    good = bundle_of("a", world.now)
    forged = bundle_of("b", world.now, vault=signer("a vault"))
    unknown = bundle_of("z", world.now)
    early = bundle_of("b", world.now + DAY)
    tile = pack_tile([good, forged, unknown, early])
    posted, refused = read_board_tile(tile, tile_hash(tile), world.directory, world.now)
    assert [(p.member, p.data) for p in posted] == [(id_of("a"), good)]
    assert [error.code for error in refused] == ["bad-signature", "unknown-member", "clock"]
    assert bundle_member(forged) == id_of("b")


def test_board_never_goes_back(world: World) -> None:
    older = verify_posted(bundle_of("a", world.now - DAY), world.directory, world.now)
    newer = verify_posted(bundle_of("a", world.now), world.directory, world.now)
    assert check_newer(older, None)
    assert check_newer(newer, older.bundle)
    assert not check_newer(newer, newer.bundle)
    assert refusal(check_newer, older, newer.bundle) == "old-number"


def test_bundle_of_a_member_that_has_left(world: World) -> None:
    world.log_in(world.status_content("a", "removed"), signer("a vault"))
    data = bundle_of("a", world.now)
    assert refusal(verify_posted, data, world.directory, world.now) == "removed"


def test_bundle_by_a_vault_key_that_is_gone(world: World) -> None:
    new = signer("a vault 2")
    content = world.update_content("a", "compromised", vault_key=new.public)
    world.log_in(content, signer("a vault"), new)
    data = bundle_of("a", world.now)
    assert refusal(verify_posted, data, world.directory, world.now) == "bad-signature"


# submissions


def join_of(world: World, **changes: object) -> Submission:
    fields: dict[str, object] = {
        "genesis": world.genesis,
        "vault": signer("c vault"),
        "node": signer("c node"),
        "endpoint": "https://c.example.org",
        "pins": (b"b" * 32, b"a" * 32),
        "records": records_of("c"),
        "bundle": bundle_of("c", world.now),
        "now": world.now,
    }
    return make_join(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def test_joining_from_request_to_log(world: World) -> None:
    sent = join_of(world)
    submission = parse_submission(sent.pack())
    assert submission == sent
    join = check_join(submission, world.directory, world.now)
    assert (join.member, join.records) == (id_of("c"), all_of("c"))
    assert join.card.pins == (b"a" * 32, b"b" * 32)
    world.append(join_leaf(submission, sign_entry(sent.content, world.registrars[0]), world.now))
    assert world.member("c").card.records == record_hashes(records_of("c"))
    assert refusal(check_join, submission, world.directory, world.now) == "old-number"


def test_request_s_name_is_its_content_s(world: World) -> None:
    other = join_of(world, records=records_of("d"))
    assert len(join_of(world).id) == 16
    assert join_of(world).id == join_of(world, bundle=None).id != other.id


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"genesis": bytes(32)}, "wrong-genesis"),
        ({"endpoint": "http://c.example.org"}, "bad-endpoint"),
        ({"node": signer("a node")}, "key-in-use"),
        ({"bundle": bundle_of("d", 1_790_000_000_000)}, "wrong-key"),
        ({"bundle": b"\x90"}, "wrong-type"),
    ],
)
def test_requests_that_are_refused(world: World, changes: dict[str, object], code: str) -> None:
    assert refusal(check_join, join_of(world, **changes), world.directory, world.now) == code


def test_request_that_has_become_too_old(world: World) -> None:
    submission = join_of(world)
    assert refusal(check_join, submission, world.directory, world.now + 31 * DAY) == "bad-times"


def changed(submission: Submission, **changes: object) -> Submission:
    fields = {name: getattr(submission, name) for name in submission.__struct_fields__}
    return Submission(**(fields | changes))


def test_request_without_what_it_needs(world: World) -> None:
    good = join_of(world)
    for changes, code in (
        ({"records": ()}, "wrong-record"),
        ({"records": records_of("c")[:1]}, "wrong-record"),
        ({"records": records_of("c")[::-1]}, "wrong-value"),
        ({"records": records_of("d")}, "wrong-record"),
        ({"signatures": good.signatures[:1]}, "missing-signature"),
        (
            {"signatures": sign_entry(good.content, *world.joining("c"))},
            "wrong-key",
        ),
        ({"content": world.update_content("a")}, "wrong-value"),
    ):
        assert refusal(check_join, changed(good, **changes), world.directory, world.now) == code
    wrong = [*good.signatures]
    wrong[0] = type(wrong[0])(wrong[0].key, wrong[1].signature)
    broken = changed(good, signatures=tuple(wrong))
    assert refusal(check_join, broken, world.directory, world.now) == "bad-signature"


def test_submission_limits() -> None:
    assert refusal(parse_submission, bytes(200_000)) == "too-large"
    records = (Salted("a", bytes(32), bytes(MAX_TOTAL)),)
    signatures = sign_entry(b"content", signer("x"))
    big = Submission(b"content", signatures, records, bytes(MAX_BUNDLE))
    assert parse_submission(big.pack()) == big
    over = changed(big, bundle=bytes(MAX_BUNDLE + 1))
    assert refusal(parse_submission, over.pack()) == "wrong-type"


def test_update_brings_its_records(world: World) -> None:
    contacts = Salted("contacts", seed("new salt"), b"new contacts")
    card = card_of("a", records=record_hashes((contacts, records_of("a")[1])))
    vault = (signer("a vault"),)
    bundle = bundle_of("a", world.now)
    arguments = (world.genesis, world.member("a"), card, "routine", vault)
    update = make_update(*arguments, (contacts,), bundle, world.now)
    change = check_change(parse_submission(update.pack()), world.directory, world.now)
    assert change.records == Records(id_of("a"), (contacts,))
    bare = make_update(*arguments, (), None, world.now)
    assert refusal(check_change, bare, world.directory, world.now) == "wrong-record"
    wrong = make_update(*arguments, (Salted("contacts", seed("x"), b"x"),), None, world.now)
    assert refusal(check_change, wrong, world.directory, world.now) == "wrong-record"
    foreign = make_update(*arguments, (contacts,), bundle_of("b", world.now), world.now)
    assert refusal(check_change, foreign, world.directory, world.now) == "wrong-key"
    world.directory.adopt(change.verified)
    assert world.member("a").card == card
    assert refusal(check_change, update, world.directory, world.now) == "old-number"


def test_update_that_keeps_its_records(world: World) -> None:
    card = card_of("a", endpoint="https://new.example.org")
    member, vault = world.member("a"), (signer("a vault"),)
    update = make_update(world.genesis, member, card, "routine", vault, (), None, world.now)
    change = check_change(update, world.directory, world.now)
    assert change.records.records == ()
    assert Leaf(world.now, update.content, update.signatures).pack() == change.verified.leaf


def test_update_with_a_new_vault_key_brings_a_bundle_of_it(world: World) -> None:
    new = signer("a vault 2")
    card = card_of("a", vault_key=new.public)
    signers = (signer("a vault"), new)
    arguments = (world.genesis, world.member("a"), card, "compromised", signers, ())
    good = make_update(*arguments, bundle_of("a", world.now, vault=new), world.now)
    check_change(good, world.directory, world.now)
    old = make_update(*arguments, bundle_of("a", world.now), world.now)
    assert refusal(check_change, old, world.directory, world.now) == "bad-signature"


def test_own_status(world: World) -> None:
    member = world.member("a")
    body = Status("suspended", None, "intruder")
    content = make_status_entry(world.genesis, member.id, 2, member.head, body, world.now)
    own = Submission(content, sign_entry(content, signer("a vault")), (), None)
    check_change(own, world.directory, world.now)
    with_bundle = changed(own, bundle=bundle_of("a", world.now))
    assert refusal(check_change, with_bundle, world.directory, world.now) == "wrong-value"


def test_registrar_s_status_is_no_submission(world: World) -> None:
    """Over the wire only members write; registrars write where their key is sealed."""
    content = world.status_content("a", "suspended")
    signed = Submission(content, sign_entry(content, world.registrars[0]), (), None)
    assert refusal(check_change, signed, world.directory, world.now) == "missing-signature"


def test_request_state() -> None:
    state = RequestState("declined", 5, "We could not reach you on the telephone.")
    assert parse_request_state(state.pack()) == state
    assert refusal(parse_request_state, RequestState("ok", 5, "x" * 1001).pack()) == "wrong-type"
