"""The bytes of a content: one encoding, refusals with their codes, and bounded memory."""

import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol import examples, forms
from referral_protocol.errors import ProtocolError
from referral_protocol.forms.content import (
    KEY_FORM,
    MAX_CONTENT,
    MAX_ORDINARY,
    allowed_text,
    decode,
    encode,
)
from referral_protocol.wire import MAX_DEPTH

KEYS = st.from_regex(KEY_FORM, fullmatch=True)
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\u202d\u202e")
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(0, 2**53 - 1), st.binary(max_size=40)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
CONTENTS = st.dictionaries(KEYS, VALUES, max_size=6)


def refused(data: bytes) -> str:
    """The code with which these bytes are refused."""
    with pytest.raises(ProtocolError) as caught:
        decode(data)
    return caught.value.code


def packed(value: Any) -> bytes:
    data: bytes = msgpack.packb(value, use_bin_type=True)
    return data


def nested(levels: int) -> Any:
    """A content of that many maps and lists inside one another."""
    value: Any = "x"
    for _ in range(levels - 1):
        value = [value]
    return {"deep": value}


def levels_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(levels_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(levels_of, value), default=0)
    return 0


@given(CONTENTS)
def test_what_is_encoded_comes_back_and_encodes_to_the_same_bytes(content: dict[str, Any]) -> None:
    if levels_of(content) > MAX_DEPTH:
        with pytest.raises(ProtocolError, match="too-deep"):
            encode(content)
        return
    data = encode(content)
    assert decode(data) == content
    assert encode(decode(data)) == data


@given(CONTENTS, st.randoms(use_true_random=False))
def test_the_order_of_keys_in_memory_does_not_matter(content: dict[str, Any], luck: Any) -> None:
    keys = list(content)
    luck.shuffle(keys)
    if levels_of(content) <= MAX_DEPTH:
        assert encode({key: content[key] for key in keys}) == encode(content)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_canonical(data: bytes) -> None:
    try:
        content = decode(data)
    except ProtocolError:
        return
    assert encode(content) == data


@given(st.data())
def test_one_changed_byte_never_gives_the_same_content(data: st.DataObject) -> None:
    right = forms.encode(forms.body(examples.referral(bytes(16)))[0])
    place = data.draw(st.integers(0, len(right) - 1))
    wrong = bytearray(right)
    wrong[place] ^= data.draw(st.integers(1, 255))
    try:
        assert forms.read(bytes(wrong), "referral") != forms.decode(right)
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "wrong-type"),
        ("text", "wrong-type"),
        ({"a": None}, "wrong-type"),
        ({"a": 1.5}, "wrong-type"),
        ({"a": msgpack.ExtType(5, b"x")}, "wrong-type"),
        ({"a": msgpack.Timestamp(0)}, "wrong-type"),
        ({b"a": 1}, "wrong-type"),
        ({"a": -1}, "wrong-value"),
        ({"a": 2**53}, "wrong-value"),
        ({"A": 1}, "wrong-value"),
        ({"": 1}, "wrong-value"),
        ({"a-b": 1}, "wrong-value"),
        ({"a" * 33: 1}, "wrong-value"),
        ({"ä": 1}, "wrong-value"),
        ({"b": 1, "a": 2}, "not-canonical"),
        ({"a": {"b": 1, "a": 2}}, "not-canonical"),
        ({"a": "nul\x00"}, "not-text"),
        ({"a": "tab\t"}, "not-text"),
        ({"a": "return\r\n"}, "not-text"),
        ({"a": "delete\x7f"}, "not-text"),
        ({"a": "next line\x85"}, "not-text"),
        ({"a": "line separator\u2028"}, "not-text"),
        ({"a": "turned\u202e"}, "not-text"),
        (nested(MAX_DEPTH + 1), "too-deep"),
        ({"a": list(range(1025))}, "too-large"),
    ],
)
def test_values_that_no_content_has(value: Any, code: str) -> None:
    assert refused(packed(value)) == code


@pytest.mark.parametrize(
    "value",
    [
        {"a": None},
        {"a": 1.5},
        {1: 1},
        {"a": -1},
        {"a": {1, 2}},
        {"a": "\ud800"},
        {"a": "\x00"},
        nested(MAX_DEPTH + 1),
        {"a": [0] * 1025},
    ],
)
def test_a_writer_cannot_encode_them_either(value: Any) -> None:
    with pytest.raises(ProtocolError):
        encode(value)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "truncated"),
        (b"\x81", "truncated"),
        (b"\x81\xa1a", "truncated"),
        (b"\x80\x80", "trailing"),
        (b"\x81\xa1a\xcc\x01", "not-canonical"),  # 1 in two bytes
        (b"\x81\xd9\x01a\x01", "not-canonical"),  # a short key with a long header
        (b"\xde\x00\x01\xa1a\x01", "not-canonical"),  # a small map with a long header
        (b"\x82\xa1a\x01\xa1a\x01", "not-canonical"),  # the same key twice
        (b"\x81\xa1a\xa1\xff", "not-text"),
        (b"\x81\xa1a\xa3\xed\xa0\x80", "not-text"),  # a surrogate in UTF-8
        (b"\xc1", "not-msgpack"),
    ],
)
def test_bytes_that_no_content_has(data: bytes, code: str) -> None:
    assert refused(data) == code


@pytest.mark.parametrize(
    "text", ["Оксана", "გიორგი", "خالد\u200f", "می\u200cخواهم", "a\nb", "👩‍👧"]
)
def test_text_of_any_script_is_kept_as_written(text: str) -> None:
    assert decode(encode({"a": text})) == {"a": text}


def test_a_content_may_be_as_long_as_a_return_can_carry_and_not_longer() -> None:
    # Ten bytes are map, key, and the header of a long text.
    head = len(encode({"a": "x" * 70_000})) - 70_000
    full = {"a": "x" * (MAX_ORDINARY - head)}
    assert len(encode(full)) == MAX_ORDINARY
    returned = {
        "form": "return",
        "statement": bytes(32),
        "salt": bytes(32),
        "content": encode(full),
    }
    assert forms.read(encode(returned), "return")["content"] == encode(full)
    assert len(encode(returned)) <= MAX_CONTENT
    with pytest.raises(ProtocolError, match="too-large"):
        encode({"a": full["a"] + "x"})
    assert refused(packed({"a": full["a"] + "x"})) == "too-large"
    assert refused(b"\x81" * (MAX_CONTENT + 1)) == "too-large"


@pytest.mark.parametrize(
    "data",
    [
        b"\xdc\x04\x00" * 87_000,
        b"\xdd\xff\xff\xff\xff" * 50_000,
        b"\xdf\xff\xff\xff\xff\xa1a" * 37_000,
        b"\x81\xa1a" * 87_000,
        b"\xdc\x04\x00" + (b"\xdc\x03\xff" + b"\x90" * 1023) * 255,
        b"\x81\xa1a\xdb\xff\xff\xff\xff" + b"x" * 250_000,
        b"\x81\xa1a\xc6\x00\x03\xd0\x90" + b"x" * 250_000,
    ],
)
def test_memory_stays_at_a_few_times_the_input(data: bytes) -> None:
    tracemalloc.start()
    try:
        decode(data)
    except ProtocolError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * len(data)


def test_both_ways_of_checking_a_text_agree_on_every_character() -> None:
    """ASCII is checked by a table, the rest by an expression: it is one rule."""
    for code in range(0x110000):
        sign = chr(code)
        control = (code < 0x20 and code != 0x0A) or 0x7F <= code < 0xA0
        refused = control or code in {0x2028, 0x2029, 0x202D, 0x202E} or 0xD800 <= code < 0xE000
        assert allowed_text(sign) is not refused, hex(code)
    assert allowed_text("two\nlines")
    assert not allowed_text("a tab\tin ASCII")
