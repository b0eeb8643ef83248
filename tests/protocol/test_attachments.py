"""Files into their ciphertexts and back, piece by piece; ranges; and what ATTACHMENTS.md says."""

import hashlib
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from referral_protocol import attachments, uploads, wire
from referral_protocol.attachments import (
    CHUNK,
    LADDER,
    LARGEST,
    SEALED_SIZES,
    SMALLEST,
    Opening,
    Sealing,
    check_files,
    listed,
    padded_size,
    sealed_size,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.forms.parts import FILES
from referral_protocol.statements import MAX_ATTACHMENT_SIZE, MAX_ATTACHMENTS
from referral_protocol.uploads import MAX_RANGE, check_part, check_place, make_range, parse_range
from referral_tools.conformance.specification import SPEC
from referral_tools.conformance.world import LISBON, NOW, UTRECHT, fixed

KEY = fixed("key")
TEXT = re.sub(r"\s+", " ", (SPEC.parent / "ATTACHMENTS.md").read_text("utf-8"))


def sealed(file: bytes, *cuts: int) -> tuple[bytes, Sealing]:
    """The ciphertext of a file that came in pieces."""
    sealing = Sealing(KEY)
    places = sorted({0, len(file), *(cut % (len(file) + 1) for cut in cuts)})
    data = b"".join(sealing.add(file[a:b]) for a, b in pairwise(places))
    return data + b"".join(sealing.finish()), sealing


def opened(data: bytes, length: int, step: int = 1 << 20, key: bytes = KEY) -> bytes:
    opening = Opening(key, length)
    plain = b"".join(opening.add(data[at : at + step]) for at in range(0, len(data), step))
    opening.finish()
    return plain


# the ladder


def test_the_ladder_climbs_by_at_most_twelve_in_a_hundred() -> None:
    assert LADDER[0] == SMALLEST == 256 * 1024
    assert LADDER[-1] == LARGEST == 50 * 1024 * 1024
    assert all(a < b <= a * 1.12 for a, b in pairwise(LADDER))
    assert all(step % 4096 == 0 for step in LADDER)
    assert len(LADDER) < 60


@given(st.integers(0, LARGEST))
def test_a_file_is_padded_to_the_least_step_that_holds_it(length: int) -> None:
    step = padded_size(length)
    assert step in LADDER
    assert step >= length
    assert all(smaller < length for smaller in LADDER if smaller < step)
    assert sealed_size(length) in SEALED_SIZES


def test_what_is_too_large_is_refused_with_its_first_byte_too_many() -> None:
    with pytest.raises(ProtocolError, match="too-large"):
        padded_size(LARGEST + 1)
    sealing = Sealing(KEY)
    for _ in range(50):
        sealing.add(bytes(1 << 20))
    with pytest.raises(ProtocolError, match="too-large"):
        sealing.add(b"\0")
    assert max(SEALED_SIZES) <= MAX_ATTACHMENT_SIZE


# a file and its ciphertext


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        st.integers(0, 300_000),
        st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, SMALLEST, SMALLEST + 1, *LADDER[1:4]]),
    ),
    st.lists(st.integers(0, 400_000), max_size=6),
    st.sampled_from([1000, CHUNK, CHUNK + 17, 1 << 20]),
)
def test_what_goes_in_comes_out_however_it_is_cut(length: int, cuts: list[int], step: int) -> None:
    file = hashlib.shake_256(length.to_bytes(4, "big")).digest(length)
    data, sealing = sealed(file, *cuts)
    assert (sealing.length, sealing.size) == (length, len(data))
    assert sealing.hash == hashlib.sha256(data).digest()
    assert len(data) == sealed_size(length)
    assert opened(data, length, step) == file


def test_never_more_than_some_chunks_are_in_memory() -> None:
    sealing, most, total = Sealing(KEY), 0, 0
    for _ in range(800):
        piece = sealing.add(bytes(CHUNK))
        most, total = max(most, len(piece)), total + len(piece)
    for piece in sealing.finish():
        most, total = max(most, len(piece)), total + len(piece)
    assert total == sealed_size(800 * CHUNK)
    assert most <= 2 * (CHUNK + 64)


def test_the_same_file_has_another_ciphertext_each_time() -> None:
    assert sealed(b"the same")[0] != sealed(b"the same")[0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, sealed_size(100_000) - 1), st.integers(0, 7))
def test_any_flipped_bit_is_noticed(place: int, bit: int) -> None:
    data = bytearray(sealed(b"x" * 100_000)[0])
    data[place] ^= 1 << bit
    with pytest.raises(ProtocolError, match="does-not-open"):
        opened(bytes(data), 100_000)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, sealed_size(70_000) - 1))
def test_a_ciphertext_that_ends_early_or_late_is_noticed(end: int) -> None:
    data = sealed(b"x" * 70_000)[0]
    with pytest.raises(ProtocolError, match="truncated"):
        opened(data[:end], 70_000)
    with pytest.raises(ProtocolError, match="trailing"):
        opened(data + data[:1], 70_000)


def test_chunks_in_another_order_do_not_open() -> None:
    data = sealed(b"x" * SMALLEST)[0]
    whole = CHUNK + attachments.CHUNK_OVERHEAD
    chunks = [data[24 + n * whole : 24 + (n + 1) * whole] for n in range(4)]
    with pytest.raises(ProtocolError, match="does-not-open"):
        opened(data[:24] + b"".join([chunks[1], chunks[0], *chunks[2:]]), SMALLEST)


# a body and its statement


def test_a_body_lists_what_its_statement_lists() -> None:
    rows: list[dict[str, Any]] = [
        {"hash": fixed("file", n), "key": KEY, "size": n} for n in range(3)
    ]
    check_files({"files": rows}, listed(rows))
    check_files({}, ())
    other: list[dict[str, Any]] = [{}, {"files": "?"}, {"files": [{}]}]
    for bad in ({"files": rows[:2]}, {"files": rows[::-1]}, *other):
        with pytest.raises(ProtocolError, match="wrong-attachment"):
            check_files(bad, listed(rows))
    with pytest.raises(ProtocolError, match="wrong-attachment"):
        check_files({"files": [{**rows[0], "size": "5"}]}, listed(rows[:1]))


def test_the_form_allows_what_the_statement_does() -> None:
    assert FILES.max == MAX_ATTACHMENTS
    assert FILES.field("size").max == LARGEST


# ranges


@given(st.integers(0, 10), st.integers(0, 10), st.integers(1, 10))
def test_a_range_begins_where_what_is_held_ends(held: int, offset: int, length: int) -> None:
    size = SMALLEST
    step = size // 10
    said = parse_range(head(min(offset * step, size), b"x" * length, size=sealed_size(0))).range
    place = held * step
    if offset == held and place + length <= sealed_size(0):
        check_place(said, place)
    else:
        with pytest.raises(ProtocolError, match="bad-range"):
            check_place(said, place)


def head(offset: int, data: bytes, size: int = 0) -> bytes:
    made = make_range(
        LISBON.node,
        LISBON.certificate,
        sender=LISBON.id,
        recipient=UTRECHT.id,
        hash=fixed("file"),
        size=size or sealed_size(0),
        now=NOW,
        offset=offset,
        data=data,
    )[1]
    return made[2 : 2 + int.from_bytes(made[:2], "big")]


def test_a_question_may_be_asked_at_any_time() -> None:
    said = parse_range(head(0, b"")).range
    for held in (0, 1, sealed_size(0)):
        check_place(said, held)
    check_part(said, b"")


# what the text says


@pytest.mark.parametrize(
    "words",
    [
        "is the largest file (`too-large`)",
        f"the first step is {SMALLEST // 1024} KiB",
        "· 28 ÷ 25, rounded down to a multiple of 4 KiB; the last, 50 MiB",
        f"{attachments.HEADER_SIZE} bytes of header",
        f"chunks of {CHUNK // 1024} KiB",
        f"each with {attachments.CHUNK_OVERHEAD} bytes more",
        f"its length of at most {MAX_RANGE // 1024 // 1024} MiB",
        f"u16 length of the head (1 to {uploads.MAX_HEAD:,})",
        f"at most {uploads.MAX_ANSWER:,} bytes",
    ],
)
def test_every_limit_is_that_of_the_code(words: str) -> None:
    assert words in TEXT


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        (r"Range = `(\[.*?\])`", uploads.Range),
        (r"Progress = `(\[.*?\])`", uploads.Progress),
        (r"at most 1,024 bytes: `(\[.*?\])`", uploads.ProgressEnvelope),
    ],
)
def test_every_structure_has_its_fields_in_order(pattern: str, kind: type[wire.Wire]) -> None:
    found = re.search(pattern, TEXT)
    assert found is not None
    named = [part.split()[0] for part in found[1].strip("[]").split(", ")]
    said = ["content" if name == "progress" else name for name in named]
    assert said == list(kind.__struct_fields__)
