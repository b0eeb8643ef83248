"""The quick ways of reading take exactly what the checks one by one find nothing wrong with."""

import copy
import random
import sys
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from referral_protocol import examples, forms
from referral_protocol.errors import ProtocolError
from referral_protocol.examples.profiles import PROFILES as PLAINS
from referral_protocol.forms.check import check
from referral_protocol.forms.content import _FORBIDDEN, allowed_text, one_by_one, quickly
from referral_protocol.forms.model import Form
from referral_protocol.forms.quick import compiled, conforms
from referral_protocol.profiles import RECORDS
from referral_protocol.wire import MAX_DEPTH, MAX_ITEMS, MAX_VALUES

AT = examples.SENT
MEMBER = b"m" * 16
CONTENTS: list[dict[str, Any]] = [
    forms.body(examples.referral(MEMBER))[0],
    forms.body(examples.capacity_query())[0],
    forms.body(examples.advice())[0],
    examples.first_message(),
    examples.question_back(),
    examples.accepted(),
    examples.declined(),
    examples.call_made(AT),
    examples.meeting_fixed(AT, AT + 1),
    examples.join_confirmed(),
    examples.outcome(),
    examples.withdrawal(),
    {"form": "unreadable", "statement": b"s" * 32, "sealed": b"h" * 32, "code": "wrong-body"},
]
ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**53 - 1, 2**53, 2**64, 1.5, "", " ", "x", "\n", "x\ny"),
    *(
        "\x00",
        "\u202e",
        "\u2028",
        "é",
        "<b>",
        "x" * 201,
        "x" * 4001,
        "a-code",
        "Not A Code",
        "24:00",
    ),
    *("2026-02-30", "2026-02-28", "+31 30 000 01 42", "name@example.org", "Europe/Amsterdam", "uk"),
    *("NL", "NL-UT", "https://example.org", "mon", "emotional-support", "safe", "a" * 33),
    *(b"", b"x" * 16, b"x" * 32, [], {}, [1], ["mon"], ["mon", "mon"], [{}], [[]], {"x": 1}),
    *({"name": "x"}, ["x"] * 41, [{"need": "emotional-support"}] * 21, msgpack.Timestamp(1)),
]


def slow(data: bytes) -> dict[str, Any] | None:
    try:
        return one_by_one(data)
    except ProtocolError:
        return None


def same(data: bytes) -> None:
    """Both ways take these bytes, as the same content, or neither does."""
    found, expected = quickly(data), slow(data)
    if len(data) <= MAX_VALUES:
        assert found == expected
        assert repr(found) == repr(expected)  # True is not 1
    else:
        assert found is None


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a content."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


def changed(content: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The content with one to three values replaced, left out or added."""
    content = copy.deepcopy(content)
    for _ in range(chance.randint(1, 3)):
        paths = list(places(content))
        if not paths:
            break
        *path, last = chance.choice(paths)
        inside: Any = content
        for key in path:
            inside = inside[key]
        act = chance.randrange(4)
        if act == 0:
            del inside[last]
        elif act == 1 and isinstance(inside, dict):
            inside[chance.choice(["zz", "Zz", "", "x" * 33, 5, "name", "value"])] = "x"
        elif act == 2 and isinstance(inside, list):
            inside.append(copy.deepcopy(inside[0]))
        else:
            inside[last] = copy.deepcopy(chance.choice(ODD))  # or a list could get into itself
    return content


def ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value, key=str)}
    return [ordered(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content["form"])
def test_every_example_is_read_quickly(content: dict[str, Any]) -> None:
    data = forms.encode(content)
    assert quickly(data) == one_by_one(data)
    assert forms.validate(content) == []
    assert conforms(content)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_what_was_changed_is_taken_by_both_or_by_none(seed: int) -> None:
    chance = random.Random(seed)
    content = changed(chance.choice(CONTENTS), chance)
    for value in (content, ordered(content)):
        try:
            data: bytes = msgpack.packb(value, use_bin_type=True, datetime=False)
        except (OverflowError, ValueError):
            continue
        same(data)
        read = quickly(data)
        if read is not None:
            assert conforms(read) == (
                forms.validate(read) == [] and read.get("form") in forms.FORMS
            )


PROFILES: list[tuple[Form, dict[str, Any]]] = [
    (form, {"form": form.code, name: plain[name]})
    for plain in PLAINS.values()
    for name, form in RECORDS.items()
]


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 2**32))
def test_records_of_profiles_likewise(seed: int) -> None:
    chance = random.Random(seed)
    form, whole = chance.choice(PROFILES)
    assert compiled(form)(whole)
    content = changed(whole, chance)
    if content.get("form") == form.code:
        assert compiled(form)(content) == (check(form, content, for_writing=False) == [])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CONTENTS), st.data())
def test_bytes_that_were_damaged(content: dict[str, Any], data: st.DataObject) -> None:
    raw = bytearray(forms.encode(content))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    same(bytes(raw))
    same(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    same(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x90",
        b"\x80\x80",  # something after it
        b"\x81\xa1a\xc0",  # nil
        b"\x81\xa1a\xcb" + b"\x00" * 8,  # a float
        b"\x81\xa1a\xff",  # below zero
        b"\x81\xa1a\xcc\x01",  # a longer integer than needed
        b"\x81\xd9\x01a\x01",  # a longer text than needed
        b"\xde\x00\x01\xa1a\x01",  # a longer map than needed
        b"\x82\xa1b\x01\xa1a\x01",  # keys out of order
        b"\x82\xa1a\x01\xa1a\x01",  # the same key twice
        b"\x81\xa0\x01",  # a key without a letter
        b"\x81\x01\x01",  # a number as a key
        b"\x81\xc4\x01a\x01",  # bytes as a key
        b"\x81\xa1A\x01",  # a capital in a key
        b"\x81\xa1a\xa1\xff",  # not UTF-8
        b"\x81\xa1a\xa3\xed\xa0\x80",  # half of a surrogate pair
        b"\x81\xa1a\xd4\x01\x00",  # an extension
        b"\x81\xa1a\xd6\xff" + b"\x00" * 4,  # a timestamp
        b"\xdf\xff\xff\xff\xff",  # more than there is
        b"\x81\xa1a" + b"\x91" * (MAX_DEPTH - 2) + b"\x90",
        b"\x81\xa1a" + b"\x91" * (MAX_DEPTH - 1) + b"\x90",
        b"\x81\xa1a" + b"\x91" * 5000 + b"\x90",
        b"\x81\xa1a\xdc" + MAX_ITEMS.to_bytes(2, "big") + b"\x01" * MAX_ITEMS,
        b"\x81\xa1a\xdc" + (MAX_ITEMS + 1).to_bytes(2, "big") + b"\x01" * (MAX_ITEMS + 1),
        b"\x81\xa1a\xda" + (MAX_VALUES - 6).to_bytes(2, "big") + b"x" * (MAX_VALUES - 6),
        b"\x81\xa1a\xda" + (MAX_VALUES - 5).to_bytes(2, "big") + b"x" * (MAX_VALUES - 5),
    ],
)
def test_bytes_at_the_edges(data: bytes) -> None:
    same(data)


def test_a_printable_character_is_an_allowed_one() -> None:
    for code in range(sys.maxunicode + 1):
        sign = chr(code)
        assert allowed_text(sign) == (_FORBIDDEN.search(sign) is None)
