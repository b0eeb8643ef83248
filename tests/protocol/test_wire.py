"""One encoding for each value, and memory that the input cannot choose."""

import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from referral_protocol import parcels, receipts, statements, wire
from referral_protocol.certificates import Certificate
from referral_protocol.errors import ProtocolError
from referral_protocol.wire import MAX_DEPTH, MAX_ITEMS, Wire, check_form, decode, encode, unpack


class Pair(Wire, frozen=True):
    """A structure with a field that may be left out when it is made, but never on the wire."""

    number: wire.Count
    text: str | None = None


class Loose(Wire, frozen=True):
    """A structure that leaves a field to another reader."""

    body: Any


def refused(data: bytes, kind: type[Any] = Pair, limit: int = 1 << 20) -> str:
    """The code with which these bytes are refused."""
    with pytest.raises(ProtocolError) as caught:
        decode(data, kind, limit, "test")
    return caught.value.code


def test_a_value_comes_back_from_its_bytes() -> None:
    assert decode(encode(Pair(7, "é")), Pair, 100, "test") == Pair(7, "é")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "truncated"),
        (b"\x92\x01", "truncated"),
        (b"\x92\x01\xa5abc", "truncated"),
        (b"\x92\xcd\x01", "truncated"),
        (b"\x92\x01\xc0\xc0", "trailing"),
        (b"\xdd\xff\xff\xff\xff", "too-large"),
        (b"\x92\x01\xdf\xff\xff\xff\xff", "too-large"),
        (b"\xdc\x03\xff" + b"\x90" * 100, "truncated"),
        (b"\xc1", "not-msgpack"),
        (b"\x92\x01\xc1", "not-msgpack"),
        (b"\x92\x01\xa1\xff", "not-text"),
        (b"\x92\x01\xa3\xed\xa0\x80", "not-text"),
        (b"\x91" * 9 + b"\xc0", "too-deep"),
        (b"\x92\xcc\x01\xc0", "not-canonical"),
        (b"\x92\xcf\x00\x00\x00\x00\x00\x00\x00\x01\xc0", "not-canonical"),
        (b"\x92\xd0\x01\xc0", "not-canonical"),
        (b"\x92\x01\xd9\x01a", "not-canonical"),
        (b"\xdc\x00\x02\x01\xc0", "not-canonical"),
        (b"\x92\x01\xc5\x00\x01a", "not-canonical"),
        (b"\x91\x01", "wrong-type"),
        (b"\x90", "wrong-type"),
        (b"\x93\x01\xc0\xc0", "wrong-type"),
        (b"\x92\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xc0", "wrong-type"),
        (b"\x92\xc3\xc0", "wrong-type"),
        (b"\x92\xff\xc0", "wrong-type"),
        (b"\x92\xcf\x00\x20\x00\x00\x00\x00\x00\x00\xc0", "wrong-type"),
        (b"\x92\x01\xc4\x01a", "wrong-type"),
        (b"\x92\x01\xd4\x01a", "wrong-type"),
        (b"\x81\x01\xc0", "wrong-type"),
        (b"\x01", "wrong-type"),
    ],
)
def test_every_other_form_is_refused_with_its_code(data: bytes, code: str) -> None:
    assert refused(data) == code


def test_a_field_with_a_default_may_not_be_left_out_on_the_wire() -> None:
    # Otherwise one value would have two encodings, and one statement two names.
    assert refused(msgpack.packb([bytes(32), None, "held"]), receipts.Answer) == "wrong-type"
    assert refused(msgpack.packb([]), statements.Head) == "wrong-type"
    with pytest.raises(ProtocolError, match="wrong-type"):
        wire.typed([1], Pair, "test")


def test_what_is_over_the_limit_is_not_looked_at() -> None:
    assert refused(b"\xc1" * 101, limit=100) == "too-large"


def test_the_first_fault_in_the_order_of_the_checks_counts() -> None:
    assert refused(b"\x92\xcc\x01\xc1") == "not-msgpack"
    assert refused(b"\x92\xcc\x01\xc3\x00") == "trailing"
    assert refused(b"\x92\xcc\x01\xc3") == "not-canonical"


def peak_of(data: bytes, kind: type[Any]) -> int:
    """Bytes of memory that decoding needs at most, beyond the input."""
    _refuse_quietly(data, kind)  # the first call builds the decoder, which stays
    tracemalloc.start()
    try:
        _refuse_quietly(data, kind)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _refuse_quietly(data: bytes, kind: type[Any]) -> None:
    try:
        if kind is Loose:
            unpack(data, 1 << 20, "test")
        decode(data, kind, 1 << 20, "test")
    except ProtocolError:
        pass


CLAIMS = [
    b"\xdd\x00\x00\x04\x00" * 1000 + bytes(60_000),
    b"\xdc\x04\x00" * 682,
    b"\x92\xc0\xdd\xff\xff\xff\xff",
    b"\x92\xc0\xdc\x01\x00" + b"\x94\xdd\x00\x00\x04\x00" * 300,
    b"\xdf\xff\xff\xff\xff" * 200,
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\x7f\xff\xff\xff" + b"a" * 1000,
    b"\xc9\xff\xff\xff\xff\x01",
    b"\x91" * 1_000_000,
    b"\x81\xa1a" * 300_000,
    b"\xdc\x04\x00" + (b"\xdc\x04\x00" + b"\x91\xc0" * 1024) * 200,
    b"\xdc\x04\x00" + b"\x97\x90\x90\x90\x90\x90\x90\x90" * 1024,
]


@pytest.mark.parametrize("kind", [Pair, parcels.ParcelContent, receipts.Receipt, Certificate])
@pytest.mark.parametrize("data", CLAIMS, ids=range(len(CLAIMS)))
def test_memory_follows_the_input_and_not_its_claims(data: bytes, kind: type[Any]) -> None:
    assert peak_of(data, kind) <= 4 * len(data) + 32_000


@pytest.mark.parametrize("data", CLAIMS, ids=range(len(CLAIMS)))
def test_memory_of_an_untyped_field_is_bounded_by_the_number_of_values(data: bytes) -> None:
    assert peak_of(data, Loose) <= 4 * len(data) + 2_000_000


@given(st.binary(max_size=200))
@example(b"\xd4\x00\x00")
def test_unpack_gives_a_value_or_a_refusal(data: bytes) -> None:
    try:
        plain = unpack(data, 200, "test")
    except ProtocolError:
        return
    assert msgpack.packb(plain, use_bin_type=True) == data


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=20).map(tuple) | st.dictionaries(st.text(), inner, max_size=20)
    ),
    max_leaves=30,
)


@given(PLAIN)
def test_the_walk_accepts_exactly_what_the_packer_makes(plain: Any) -> None:
    data = msgpack.packb(plain, use_bin_type=True)
    try:
        check_form(data, len(data), "test")
    except ProtocolError as error:
        assert error.code == "too-deep"  # noqa: PT017 - the only refusal that such a value may get
    else:
        assert unpack(data, len(data), "test") == plain


def test_bounds_of_depth_and_number() -> None:
    check_form(b"\x91" * (MAX_DEPTH - 1) + b"\x90", 100, "test")
    check_form(msgpack.packb([0] * MAX_ITEMS), 1 << 20, "test")
    with pytest.raises(ProtocolError, match="too-large"):
        check_form(msgpack.packb([0] * (MAX_ITEMS + 1)), 1 << 20, "test")
    assert wire._decoder(Loose)[1] is True
    assert wire._decoder(parcels.ParcelContent)[1] is False
