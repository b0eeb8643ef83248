"""The file of a backup: what goes in comes out, and not one byte may be another (deploy/BACKUP.md).

Each damage is tried on a whole file as `restore` reads it: the head, the key, every part to its
end.
"""

import hashlib
import io
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from referral_node.backup import format as form
from referral_node.backup.contents import allowed, inside
from referral_node.backup.format import (
    CHUNK,
    MAGIC,
    BackupTrouble,
    Part,
    Reader,
    Writer,
    make_head,
    open_key,
    read_head,
)
from referral_node.vault import Kit
from referral_protocol import labels
from referral_protocol.keys import kit_backup_seed, prekey_id
from referral_protocol.suite import Opener, digest

KIT = Kit(b"k" * 32)
MEMBER = bytes(range(16))
KEY = b"f" * 32
WHERE = "last.backup"


def pieces(data: bytes, size: int = 10_000) -> Iterator[bytes]:
    yield from (data[at : at + size] for at in range(0, len(data), size))


def written(*parts: tuple[str, bytes]) -> bytes:
    """The bytes of a backup with these parts."""
    file = io.BytesIO()
    writer = Writer(file, make_head(KIT.backup_public(), MEMBER, 1_000, KEY), KEY)
    for name, data in parts:
        writer.add(name, len(data), pieces(data))
    writer.end()
    return file.getvalue()


def read(data: bytes, kit: Kit = KIT) -> list[tuple[str, bytes]]:
    """All parts, as `restore` gets them."""
    file = io.BytesIO(data)
    head = read_head(file, WHERE)
    reader = Reader(file, open_key(head, kit.backup_pair(), WHERE), WHERE)
    return [(name, b"".join(content)) for name, _, content in reader.parts()]


def refused(data: bytes, words: str = r"^last\.backup: ") -> None:
    with pytest.raises(BackupTrouble, match=words) as told:
        read(data)
    line = str(told.value)
    assert line.startswith(f"{WHERE}: ")
    assert "\n" not in line


@pytest.fixture(scope="module")
def whole() -> bytes:
    """A backup of three chunks: its last one is neither full nor empty."""
    return written(("node.toml", b"x" * 500), ("node.db", os.urandom(2 * CHUNK)), ("empty", b""))


STREAM = 27 + 10 + (1 + 1 + 18 + 3 + 18 + 3 + 1168) + 32
"""Where the stream begins, for this member and moment: what BACKUP.md says, added up."""


def test_the_layout_is_the_one_that_is_written_down(whole: bytes) -> None:
    assert whole.startswith(b"referral-exchange backup 1\n")
    length, head = struct.unpack(">QH", whole[27:37])
    assert length == len(whole)
    assert 37 + head + 32 == STREAM
    check = digest(labels.SEAL_BACKUP, whole[: 37 + head])
    assert whole[37 + head : STREAM] == check
    assert (len(whole) - STREAM - 24) % (CHUNK + 17) == len(whole) - STREAM - 24 - 2 * (CHUNK + 17)


def test_a_reader_made_from_the_page_alone_reads_it(whole: bytes) -> None:
    """Nothing of the program's own reader: msgpack, HPKE and libsodium, as BACKUP.md says."""
    (count,) = struct.unpack(">H", whole[35:37])
    suite, member, made_at, kit, sealed = msgpack.unpackb(whole[37 : 37 + count])
    pair = Opener(kit_backup_seed(b"k" * 32))
    assert (suite, member, made_at, kit) == (1, MEMBER, 1_000, prekey_id(pair.public))
    fields = msgpack.packb([suite, member, made_at, kit])
    label = b"referral-exchange/1 seal backup\n"
    info = label + hashlib.sha256(label + fields).digest()
    key = pair.open(info, sealed, "key")
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    start = 37 + count + 32
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, whole[start : start + 24], key)
    plain, tags = b"", []
    for at in range(start + 24, len(whole), 65_536 + 17):
        chunk, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(
            state, whole[at : at + 65_536 + 17]
        )
        plain += chunk
        tags.append(tag)
    assert tags == [0, 0, 3]
    (size,) = struct.unpack(">I", plain[:4])
    name, length = msgpack.unpackb(plain[4 : 4 + size])
    content = plain[4 + size : 4 + size + length]
    assert (name, content) == ("node.toml", b"x" * 500)
    after = plain[4 + size + length :]
    assert after[:32] == hashlib.sha256(content).digest()
    assert plain.endswith(bytes(4))


SIZES = st.one_of(
    st.integers(0, 300), st.sampled_from([CHUNK - 40, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)


@given(st.lists(st.tuples(NAMES, SIZES), max_size=6))
def test_what_goes_in_comes_out(parts: list[tuple[str, int]]) -> None:
    given_ = [(name, os.urandom(size)) for name, size in parts]
    assert read(written(*given_)) == given_


def test_the_writer_names_what_it_wrote_as_the_reader_does() -> None:
    file = io.BytesIO()
    writer = Writer(file, make_head(KIT.backup_public(), MEMBER, 1_000, KEY), KEY)
    made = [writer.add("a", 3, [b"abc"]), writer.add("b", 0, [])]
    with pytest.raises(ValueError, match="announced"):
        writer.add("c", 4, [b"abc"])
    assert made[0] == Part("a", 3, bytes.fromhex(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    ))  # fmt: skip
    file = io.BytesIO(written(("a", b"abc"), ("b", b"")))
    reader = Reader(file, open_key(read_head(file, WHERE), KIT.backup_pair(), WHERE), WHERE)
    for _, _, content in reader.parts():
        list(content)
    assert reader.seen == made


def test_every_flipped_byte_is_found(whole: bytes) -> None:
    """All of the head and the stream's header, both ends of each chunk, and many between."""
    chunk = CHUNK + 17
    places = set(range(STREAM + 24 + 64)) | set(range(len(whole) - 64, len(whole)))
    for number in range(3):
        start = STREAM + 24 + number * chunk
        places |= set(range(max(start - 20, 0), min(start + 20, len(whole))))
    places |= {int(x * len(whole)) for x in (n / 97 for n in range(97))}
    for place in sorted(places):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        refused(bytes(damaged))


def test_a_file_cut_anywhere_is_found(whole: bytes) -> None:
    lengths = {0, 1, 26, 27, 36, 37, STREAM - 1, STREAM, STREAM + 23, STREAM + 24, len(whole) - 1}
    lengths |= {STREAM + 24 + n * (CHUNK + 17) for n in range(3)}
    lengths |= {int(x * len(whole)) for x in (n / 31 for n in range(31))}
    for length in sorted(lengths):
        refused(whole[:length], "cut off" if length >= len(MAGIC) else "not a backup")
    refused(whole + b"\0", "other bytes follow")


def repaired(data: bytes) -> bytes:
    """The same stream with a head that fits: what a clever thief would do, who lacks the key."""
    (count,) = struct.unpack(">H", data[35:37])
    head = data[:27] + struct.pack(">QH", len(data), count) + data[37 : 37 + count]
    return head + digest(labels.SEAL_BACKUP, head) + data[STREAM:]


@pytest.mark.parametrize(
    "change",
    [
        lambda chunks: chunks[:-1],
        lambda chunks: chunks[1:],
        lambda chunks: [chunks[1], chunks[0], chunks[2]],
        lambda chunks: [chunks[0], chunks[0], *chunks[1:]],
        lambda chunks: [*chunks, chunks[2]],
        lambda chunks: [*chunks, b""],
        lambda chunks: [],
    ],
    ids=["last gone", "first gone", "swapped", "twice", "last twice", "unchanged", "none"],
)
def test_chunks_are_bound_to_their_place_and_their_end(
    whole: bytes, change: Callable[[list[bytes]], list[bytes]], request: pytest.FixtureRequest
) -> None:
    start = STREAM + 24
    chunks = [whole[at : at + CHUNK + 17] for at in range(start, len(whole), CHUNK + 17)]
    assert len(chunks) == 3
    changed = repaired(whole[:start] + b"".join(change(chunks)))
    if "unchanged" in request.node.name:
        assert len(read(changed)) == 3
    else:
        refused(changed)


def test_a_head_of_another_file_does_not_fit(whole: bytes) -> None:
    """Another moment or member in front of the same sealed key."""
    for old, new in ((b"\xcd\x03\xe8", b"\xcd\x03\xe9"), (MEMBER, MEMBER[::-1])):
        head = whole[:STREAM]
        assert head.count(old) == 1
        refused(repaired(head.replace(old, new) + whole[STREAM:]), "damaged")


def test_each_of_what_can_be_wrong_is_told_apart(whole: bytes) -> None:
    refused(b"PK\x03\x04" + whole, "not a backup of a node")
    refused(whole.replace(b"backup 1\n", b"backup 2\n", 1), "newer version")
    refused(whole.replace(b"backup 1\n", b"backup 12\n", 1), "newer version")
    with pytest.raises(BackupTrouble, match=f"another recovery kit.*{MEMBER.hex()}"):
        read(whole, Kit(b"K" * 32))


def test_a_file_of_another_suite_is_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(form, "SUITE", 2)
        later = written(("a", b"abc"))
    refused(later, "newer version")


def test_parts_that_lie_about_their_size_are_refused() -> None:
    """By whoever has the key, that is the kit's owner with another program."""

    class Liar(Writer):
        def add(self, name: str, size: int, pieces: object) -> Part:
            self._write(name.encode())
            return Part(name, size, b"")

    for said in (
        b"\xff\xff\xff\xff",  # a label of four gigabytes
        b"\0\0\0\x03\x92\xa1a",  # half a label
        b"\0\0\0\x04\x92\xa1a\x05",  # more bytes than follow
        b"\0\0\0\x03\x92\xa0\0",  # no name
        b"\0\0\0\0more",  # bytes after the end
        b"",
    ):
        file = io.BytesIO()
        writer = Liar(file, make_head(KIT.backup_public(), MEMBER, 1_000, KEY), KEY)
        writer._write(said)
        writer.end()
        if said:
            refused(file.getvalue(), "damaged")
        else:
            assert read(file.getvalue()) == []


def test_a_stream_that_was_written_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a program with the key: one that ends without saying so, one with another part's hash."""
    with monkeypatch.context() as patch:
        patch.setattr(form, "_FINAL", form._MESSAGE)
        endless = written(("a", bytes(CHUNK - 4 - 6 - 32 - 4)))
    assert len(endless) == STREAM + 24 + CHUNK + 17
    refused(endless, "damaged")
    file = io.BytesIO()
    writer = Writer(file, make_head(KIT.backup_public(), MEMBER, 1_000, KEY), KEY)
    writer._write(b"\0\0\0\x04\x92\xa1a\x03abc" + hashlib.sha256(b"abd").digest())
    writer.end()
    refused(file.getvalue(), "damaged")
    file = io.BytesIO()
    writer = Writer(file, make_head(KIT.backup_public(), MEMBER, 1_000, KEY), KEY)
    writer._write(b"\0\0\0\x04\x92\xa1a\x03abc" + hashlib.sha256(b"abc").digest())
    writer.end()
    assert read(file.getvalue()) == [("a", b"abc")]


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("node.db", True),
        ("exchange.pem", True),
        ("tls/exchange.pem", True),
        ("attachments/" + "ab" * 32, True),
        ("/etc/passwd", False),
        ("../node.toml", False),
        ("tls/../../x", False),
        ("tls//x", False),
        ("./x", False),
        ("", False),
        ("x\0y", False),
        ("lock", False),
        ("backup.lock", False),
        ("control.sock", False),
        ("node.db-wal", False),
        ("a/" * 9 + "x", False),
        ("x" * 256, False),
    ],
)
def test_a_name_never_leads_out_of_the_folder(name: str, good: bool) -> None:
    assert allowed(name) is good


def test_a_file_that_the_configuration_names_counts_only_inside() -> None:
    folder = Path("/var/lib/node")
    assert inside(folder, "exchange.pem") == "exchange.pem"
    assert inside(folder, "/var/lib/node/tls/x.pem") == "tls/x.pem"
    assert inside(folder, "tls/../x.pem") == "x.pem"
    assert inside(folder, "/etc/ssl/x.pem") is None
    assert inside(folder, "../x.pem") is None
    assert inside(folder, ".") is None
