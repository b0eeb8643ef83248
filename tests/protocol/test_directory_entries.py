"""Entries byte by byte: what may stand in one, and what is refused before the log is even asked."""

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory_world import ORIGIN, START, World, card_of, id_of, seed, signer
from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.directory.entries import (
    MAX_CONTENT,
    MAX_LEAF,
    Body,
    Entry,
    Leaf,
    RecordHash,
    Recovery,
    Root,
    Status,
    Update,
    Witness,
    anchor_text,
    check_entry,
    entry_hash,
    make_member_entry,
    make_root_entry,
    parse_anchor,
    parse_entry,
    parse_leaf,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import digest
from referral_protocol.wire import encode

WORLD = World()
MEMBER = Entry(1, "member", WORLD.genesis, id_of("a"), 1, None, START, card_of("a"))
replace = msgspec.structs.replace


def refused(code: str, content: bytes) -> None:
    with pytest.raises(ProtocolError) as error:
        parse_entry(content)
    assert error.value.code == code


def test_bytes_of_an_entry() -> None:
    """The order and the types of DIRECTORY 2, written by hand."""
    card = card_of("a")
    plain = [
        1,
        "member",
        WORLD.genesis,
        id_of("a"),
        1,
        None,
        START,
        [
            [1],
            signer("a vault").public,
            signer("a node").public,
            "https://a.example.org",
            [],
            [[r.name, r.hash] for r in card.records],
        ],
    ]
    content = make_member_entry(WORLD.genesis, id_of("a"), card, START)
    assert content == msgpack.packb(plain)
    assert parse_entry(content) == MEMBER
    assert entry_hash(content) == digest(b"referral-exchange/1 directory entry\n", content)


def test_bytes_of_a_leaf() -> None:
    signature = seed("s") * 2
    leaf = Leaf(START, b"content", ())
    packed = encode((START, b"content", [[seed("k"), signature]]))
    assert packed == msgpack.packb([START, b"content", [[seed("k"), signature]]])
    assert parse_leaf(packed).content == leaf.content
    with pytest.raises(ProtocolError, match="wrong-type"):
        parse_leaf(leaf.pack())  # a leaf without any signature


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"suite": 2}, "unknown-suite"),
        ({"kind": "note"}, "wrong-value"),
        ({"kind": "update"}, "wrong-type"),
        ({"kind": "Member"}, "wrong-type"),
        ({"genesis": None}, "wrong-value"),
        ({"genesis": bytes(31)}, "wrong-type"),
        ({"member": None}, "wrong-value"),
        ({"member": bytes(15)}, "wrong-type"),
        ({"number": 0}, "wrong-type"),
        ({"number": 2}, "wrong-value"),
        ({"number": 2, "previous": bytes(32)}, "wrong-value"),
        ({"previous": bytes(32)}, "wrong-value"),
        ({"at": -1}, "wrong-type"),
        ({"at": 2**53}, "wrong-type"),
        ({"at": 1.5}, "wrong-type"),
        ({"body": ()}, "wrong-type"),
        ({"body": Status("active", None, "x")}, "wrong-type"),
        ({"body": replace(card_of("a"), suites=())}, "wrong-type"),
        ({"body": replace(card_of("a"), suites=(2, 1))}, "wrong-value"),
        ({"body": replace(card_of("a"), suites=(1, 1))}, "wrong-value"),
        ({"body": replace(card_of("a"), vault_key=bytes(31))}, "wrong-type"),
        ({"body": replace(card_of("a"), node_key=card_of("a").vault_key)}, "key-in-use"),
        ({"body": replace(card_of("a"), endpoint="")}, "wrong-type"),
        ({"body": replace(card_of("a"), endpoint=b"https://a.example.org")}, "wrong-type"),
        ({"body": replace(card_of("a"), pins=(bytes(31),))}, "wrong-type"),
        ({"body": replace(card_of("a"), pins=(b"b" * 32, b"a" * 32))}, "wrong-value"),
        (
            {"body": replace(card_of("a"), pins=tuple(bytes([i]) * 32 for i in range(5)))},
            "wrong-type",
        ),
        ({"body": replace(card_of("a"), records=None)}, "wrong-type"),
        ({"body": replace(card_of("a"), records=card_of("a").records[::-1])}, "wrong-value"),
        ({"body": replace(card_of("a"), records=card_of("a").records[:1] * 2)}, "wrong-value"),
        ({"body": replace(card_of("a"), records=(RecordHash("A b", bytes(32)),))}, "wrong-type"),
    ],
)
def test_member_fields(change: dict[str, object], code: str) -> None:
    refused(code, replace(MEMBER, **change).encode())


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("update", Update(card_of("a"), "stolen"), "wrong-value"),
        ("update", Recovery(card_of("a")), "wrong-type"),
        ("recovery", card_of("a"), "wrong-type"),
        ("recovery", Update(card_of("a"), "lost"), "wrong-type"),
        ("recovery", Recovery(card_of("a", pins=(bytes([2]) * 32, bytes(32)))), "wrong-value"),
        ("recovery", Recovery(card_of("a", node_key=card_of("a").vault_key)), "key-in-use"),
        ("update", card_of("a"), "wrong-type"),
        ("status", Status("paused", None, "x"), "wrong-value"),
        ("status", Status("active", START, "x"), "wrong-value"),
        ("status", Status("removed", START, "x"), "wrong-value"),
        ("status", Status("suspended", START, "Free text."), "wrong-type"),
    ],
)
def test_update_and_status_fields(kind: str, body: Body, code: str) -> None:
    refused(code, Entry(1, kind, bytes(32), id_of("a"), 2, bytes(32), START, body).encode())


def some_root(**changes: object) -> Root:
    keys = tuple(sorted(signer(f"root {i}").public for i in range(3)))
    registrars = tuple(sorted(signer(f"registrar {i}").public for i in range(2)))
    root = Root(ORIGIN, signer("log").public, registrars, 1, keys, 2, (), 0)
    return replace(root, **changes)


def witnesses(count: int) -> tuple[Witness, ...]:
    return tuple(
        Witness(f"w{i:02}.example.org", signer(f"witness {i}").public, id_of("a"), None)
        for i in range(count)
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"origin": "Directory.example.org"}, "wrong-type"),
        ({"origin": "two words"}, "wrong-type"),
        ({"origin": "a+b"}, "wrong-type"),
        ({"origin": "line\nfeed"}, "wrong-type"),
        ({"origin": ""}, "wrong-type"),
        ({"registrars": ()}, "wrong-type"),
        ({"registrars": some_root().registrars[::-1]}, "wrong-value"),
        ({"registrar_threshold": 3}, "wrong-value"),
        ({"registrar_threshold": 0}, "wrong-type"),
        ({"root_threshold": 4}, "wrong-value"),
        ({"root_keys": some_root().root_keys[::-1]}, "wrong-value"),
        ({"log_key": some_root().root_keys[0]}, "key-in-use"),
        ({"log_key": some_root().registrars[0]}, "key-in-use"),
        ({"witnesses": witnesses(2)[::-1]}, "wrong-value"),
        ({"witnesses": (replace(witnesses(1)[0], name=ORIGIN),)}, "wrong-value"),
        ({"witnesses": (replace(witnesses(1)[0], key=signer("log").public),)}, "key-in-use"),
        ({"witnesses": witnesses(3), "quorum": 1}, "wrong-value"),
        ({"witnesses": witnesses(4), "quorum": 2}, "wrong-value"),
        ({"witnesses": witnesses(4), "quorum": 5}, "wrong-value"),
        ({"witnesses": witnesses(65), "quorum": 33}, "wrong-type"),
    ],
)
def test_root_fields(changes: dict[str, object], code: str) -> None:
    refused(code, Entry(1, "root", None, None, 1, None, START, some_root(**changes)).encode())


@pytest.mark.parametrize(("count", "quorum"), [(0, 0), (3, 0), (4, 3), (4, 4), (5, 3), (64, 33)])
def test_quorum(count: int, quorum: int) -> None:
    make_root_entry(some_root(witnesses=witnesses(count), quorum=quorum), START)


def test_the_largest_root_fits() -> None:
    """All lists full: DIRECTORY's limits hold together."""
    full = some_root(
        origin="o" * 128,
        registrars=tuple(sorted(signer(f"r {i}").public for i in range(16))),
        root_keys=tuple(sorted(signer(f"k {i}").public for i in range(16))),
        witnesses=tuple(
            Witness(f"{i:02}" + "w" * 126, signer(f"w {i}").public, id_of("a"), "u" * 255)
            for i in range(64)
        ),
        quorum=64,
    )
    with pytest.raises(ProtocolError, match="too-large"):
        make_root_entry(full, START)
    short = tuple(replace(w, name=w.name[:40], url="u" * 100) for w in full.witnesses)
    assert len(make_root_entry(replace(full, witnesses=short), START)) < MAX_CONTENT


def test_too_large_is_refused_before_it_is_read() -> None:
    refused("too-large", bytes(MAX_CONTENT + 1))
    with pytest.raises(ProtocolError, match="too-large"):
        parse_leaf(bytes(MAX_LEAF + 1))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "truncated"),
        (b"\xc1", "not-msgpack"),
        (MEMBER.encode()[:-1], "truncated"),
        (MEMBER.encode() + b"\x00", "trailing"),
        (b"\x90", "wrong-type"),
        (msgpack.packb({"suite": 1}), "wrong-type"),
        (msgpack.packb([*msgpack.unpackb(MEMBER.encode()), 1]), "wrong-type"),
        (b"\xdc\x00\x08" + MEMBER.encode()[1:], "not-canonical"),
        (MEMBER.encode().replace(b"\xa6member", b"\xa6membe\xff", 1), "not-text"),
    ],
)
def test_encoding(content: bytes, code: str) -> None:
    refused(code, content)


@given(st.binary(max_size=200))
def test_any_bytes_raise_only_our_own_errors(data: bytes) -> None:
    for read in (parse_entry, parse_leaf):
        for attempt in (data, MEMBER.encode()[: len(data)] + data):
            with pytest.raises(ProtocolError):
                read(attempt)


def test_checks_of_a_made_entry_are_those_of_a_read_one() -> None:
    check_entry(MEMBER)
    with pytest.raises(ProtocolError):
        make_member_entry(WORLD.genesis, bytes(15), card_of("a"), START)


# anchor


def test_anchor() -> None:
    text = anchor_text(WORLD.genesis)
    groups = text.split(" ")
    assert len(groups) == 13
    assert {len(group) for group in groups} == {4}
    for typed in (text, text.lower(), text.replace(" ", ""), text.replace(" ", "-"), f" {text}\n"):
        assert parse_anchor(typed) == WORLD.genesis
    assert parse_anchor(text.replace("O", "0").replace("I", "1").replace("B", "8")) == WORLD.genesis


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "AAAA",
        "9" * 52,
        "A" * 51,
        "A" * 53,
        "A" * 51 + "B",
        "A" * 56,
        "ж" * 52,
        "A" * 52 + "====",
    ],
)
def test_wrong_anchor(wrong: str) -> None:
    with pytest.raises(ProtocolError, match="wrong-genesis"):
        parse_anchor(wrong)


@given(st.binary(min_size=32, max_size=32))
def test_anchor_and_back(genesis: bytes) -> None:
    assert parse_anchor(anchor_text(genesis)) == genesis


# endpoints


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://node.example.org", "node.example.org", 443),
        ("https://node.example.org:8700", "node.example.org", 8700),
        ("https://node.example.org/referral", "node.example.org", 443),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example", 443),
        ("https://192.0.2.7", "192.0.2.7", 443),
        ("https://[2001:db8::1]:8700", "2001:db8::1", 8700),
        ("https://172.15.255.255", "172.15.255.255", 443),
        ("https://172.32.0.0", "172.32.0.0", 443),
        ("https://100.63.0.1", "100.63.0.1", 443),
        ("https://[fe00::1]", "fe00::1", 443),
    ],
)
def test_good_endpoints(url: str, host: str, port: int) -> None:
    found = parse_endpoint(url, allow_loopback=False)
    assert (found.host, found.port, found.loopback) == (host, port, False)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8700",
        "http://lisboa.localhost:18701",
        "http://127.0.0.1:8700",
        "http://127.8.9.1:8700",
        "http://[::1]:8700",
        "https://localhost",
    ],
)
def test_loopback_only_where_allowed(url: str) -> None:
    assert parse_endpoint(url, allow_loopback=True).loopback
    with pytest.raises(ProtocolError, match="bad-endpoint"):
        parse_endpoint(url, allow_loopback=False)


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.9",
        "100.64.0.1",
        "100.127.255.255",
        "[fc00::]",
        "[fd00::1]",
    ],
)
def test_private_addresses_only_where_allowed(host: str) -> None:
    assert not parse_endpoint(f"https://{host}:8700", allow_loopback=True).loopback
    with pytest.raises(ProtocolError, match=r"bad-endpoint: endpoint: a private address"):
        parse_endpoint(f"https://{host}", allow_loopback=False)
    with pytest.raises(ProtocolError, match=r"bad-endpoint: endpoint: plain http"):
        parse_endpoint(f"http://{host}", allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "node.example.org",
        "http://node.example.org",
        "ftp://node.example.org",
        "HTTPS://node.example.org",
        "https://Node.example.org",
        "https://node.example.org/",
        "https://node.example.org:443",
        "https://node.example.org:0",
        "https://node.example.org:65536",
        "https://node.example.org:08700",
        "https://user@node.example.org",
        "https://node.example.org?x",
        "https://node.example.org#x",
        "https://node.example.org/a/../b",
        "https://node.example.org/a//b",
        "https://node.example.org/%2e",
        "https://node..example.org",
        "https://-node.example.org",
        "https://node_1.example.org",
        "https://nodé.example.org",
        "https://intranet",
        "https://127.1",
        "https://2130706433",
        "https://0x7f.0.0.1",
        "https://a.0x7f000001",
        "https://192.0.2.07",
        "https://192.0.2.256",
        "https://0.0.0.0",
        "https://[::]",
        "https://[2001:DB8::1]",
        "https://[2001:db8:0:0::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:192.0.2.7]",
        "https://[fe80::1]",
        "https://169.254.169.254",
        "https://224.0.0.1",
        "https://node.example.org\n",
        "https://" + "a" * 64 + ".example.org",
        "https://" + "a." * 130 + "org",
    ],
)
def test_bad_endpoints(url: str) -> None:
    with pytest.raises(ProtocolError, match="bad-endpoint"):
        parse_endpoint(url, allow_loopback=True)
