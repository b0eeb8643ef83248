"""The bytes of a backup (deploy/BACKUP.md): a head in the clear, then one encrypted stream.

Law: nothing is taken from a file before it was authenticated, and a file counts only when its last
chunk was seen: whoever reads must not act on what a cut or changed file seems to say. The key of a
file exists in memory only, and sealed to the recovery kit. Everything is read and written in pieces
of 64 KiB, whatever the size.
"""

import hashlib
import os
import re
import struct
from collections.abc import Iterable, Iterator
from typing import Annotated, BinaryIO, Final, NamedTuple

from msgspec import Meta
from nacl import bindings
from nacl.exceptions import CryptoError

from referral_node.trouble import Trouble
from referral_protocol import labels
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import prekey_id
from referral_protocol.suite import SEAL_OVERHEAD, SUITE, Opener, SealKey, digest
from referral_protocol.wire import Count, Id, Time, Wire, decode, encode

MAGIC: Final = b"referral-exchange backup 1\n"
CHUNK: Final = 64 * 1024
"""Bytes of plaintext in each chunk but the last."""
KEY_SIZE: Final = 32
MAX_NAME: Final = 1024
"""Longest name of a part, in bytes of UTF-8."""
MAX_PARTS: Final = 1_000_000
"""Most parts of one backup: a bound for what a reader keeps in memory."""

_OVERHEAD: Final = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_START: Final = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_MESSAGE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_FIXED: Final = struct.Struct(">QH")
_LENGTH: Final = struct.Struct(">I")
_CHECK: Final = 32
_MAX_HEAD: Final = 2048
_VERSION: Final = re.compile(rb"referral-exchange backup (\d{1,9})\n")
_SEALED: Final = SEAL_OVERHEAD + KEY_SIZE


class Head(Wire, frozen=True):
    """What stands in the clear: whose backup, of when, and to which kit its key is sealed."""

    suite: Count
    member: Id
    made_at: Time
    kit: Id
    sealed: Annotated[bytes, Meta(min_length=_SEALED, max_length=_SEALED)]


class Part(NamedTuple):
    """One file inside: its name, its size in bytes, its SHA-256."""

    name: str
    size: int
    hash: bytes


class _Label(Wire, frozen=True):
    """What precedes each part's bytes."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    size: Count


class BackupTrouble(Trouble):
    """A backup that cannot be used."""


def make_head(kit_public: bytes, member: bytes, made_at: int, key: bytes) -> Head:
    """The head of a new file whose key is ``key``."""
    kit = prekey_id(kit_public)
    sealed = SealKey(kit_public).seal(_info(SUITE, member, made_at, kit), key)
    return Head(SUITE, member, made_at, kit, sealed)


def open_key(head: Head, kit: Opener, where: str) -> bytes:
    """The key of a file, by the kit's pair; BackupTrouble if it is sealed to another one."""
    if head.kit != prekey_id(kit.public):
        raise BackupTrouble(
            f"{where}: is sealed to another recovery kit than this one: take the kit that member "
            f"{head.member.hex()} printed when its node was made"
        )
    info = _info(head.suite, head.member, head.made_at, head.kit)
    try:
        return kit.open(info, head.sealed, "backup")
    except ProtocolError:
        raise damaged(where, 0) from None


def read_head(file: BinaryIO, where: str) -> Head:
    """Read and check the head; the file's place is then the beginning of the stream.

    BackupTrouble: not a backup, a newer one, cut off, or damaged.
    """
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        found = _VERSION.match(magic + file.read(16))
        if found is not None and int(found[1]) > 1:
            raise _newer(where)
        raise BackupTrouble(
            f"{where}: not a backup of a node, or damaged at its beginning: choose another file"
        )
    fixed = file.read(_FIXED.size)
    if len(fixed) < _FIXED.size:
        raise _cut(where)
    whole, length = _FIXED.unpack(fixed)
    if length > _MAX_HEAD:
        raise damaged(where, 0)
    packed, check = file.read(length), file.read(_CHECK)
    if len(check) < _CHECK:
        raise _cut(where)
    if check != _checksum(fixed, packed):
        raise damaged(where, 0)
    place, held = file.tell(), file.seek(0, os.SEEK_END)
    file.seek(place)
    if held < whole:
        raise _cut(where)
    if held > whole:
        raise BackupTrouble(
            f"{where}: other bytes follow its end: copy it again from where it was made"
        )
    try:
        head = decode(packed, Head, _MAX_HEAD, "backup head")
    except ProtocolError:
        raise damaged(where, 0) from None
    if head.suite != SUITE:
        raise _newer(where)
    return head


class Writer:
    """Writes one backup to an open file. The head comes last, when the length is known."""

    def __init__(self, file: BinaryIO, head: Head, key: bytes) -> None:
        self._file = file
        self._head = encode(head)
        self._waiting = bytearray()
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        start = bindings.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        file.seek(len(MAGIC) + _FIXED.size + len(self._head) + _CHECK)
        file.write(start)

    def add(self, name: str, size: int, pieces: Iterable[bytes]) -> Part:
        """Write one part; its pieces must be ``size`` bytes together, else ValueError."""
        label = encode(_Label(name, size))
        self._write(_LENGTH.pack(len(label)) + label)
        state, count = hashlib.sha256(), 0
        for piece in pieces:
            state.update(piece)
            count += len(piece)
            self._write(piece)
        if count != size:
            raise ValueError(f"{name}: {count} bytes, announced as {size}")
        self._write(state.digest())
        return Part(name, size, state.digest())

    def end(self) -> None:
        """Write the last chunk, then the head: until now the file is none."""
        self._write(_LENGTH.pack(0))
        self._push(bytes(self._waiting), _FINAL)
        fixed = _FIXED.pack(self._file.tell(), len(self._head))
        self._file.seek(0)
        self._file.write(MAGIC + fixed + self._head + _checksum(fixed, self._head))

    def _write(self, data: bytes) -> None:
        self._waiting += data
        # More than a chunk, not one: the last one is written by `end`, and may be full.
        while len(self._waiting) > CHUNK:
            self._push(bytes(self._waiting[:CHUNK]), _MESSAGE)
            del self._waiting[:CHUNK]

    def _push(self, chunk: bytes, tag: int) -> None:
        push = bindings.crypto_secretstream_xchacha20poly1305_push
        self._file.write(push(self._state, chunk, None, tag))


class Reader:
    """Reads the parts of a backup, each authenticated before it is handed on.

    ``file`` stands where :func:`read_head` left it.
    """

    def __init__(self, file: BinaryIO, key: bytes, where: str) -> None:
        self._file = file
        self._where = where
        self._ready = bytearray()
        self._ended = False
        self.seen: list[Part] = []
        """The parts that were read to their end, in order."""
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        start = self._read(_START)
        if len(start) < _START:
            raise _cut(where)
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, start, key)

    def parts(self) -> Iterator[tuple[str, int, Iterator[bytes]]]:
        """Name, size and pieces of each part in turn; the pieces must be taken to their end.

        After the last one the file was whole. BackupTrouble at the first byte that is not right.
        """
        for _ in range(MAX_PARTS):
            (length,) = _LENGTH.unpack(self._take(_LENGTH.size))
            if not length:
                self._finish()
                return
            if length > MAX_NAME + 16:
                raise damaged(self._where, self._file.tell())
            try:
                label = decode(self._take(length), _Label, MAX_NAME + 16, "backup part")
            except ProtocolError:
                raise damaged(self._where, self._file.tell()) from None
            yield label.name, label.size, self._pieces(label.name, label.size)
        raise damaged(self._where, self._file.tell())

    def _pieces(self, name: str, size: int) -> Iterator[bytes]:
        state, left = hashlib.sha256(), size
        while left:
            piece = self._take(min(left, CHUNK))
            state.update(piece)
            left -= len(piece)
            yield piece
        if self._take(32) != state.digest():
            raise damaged(self._where, self._file.tell())
        self.seen.append(Part(name, size, state.digest()))

    def _take(self, size: int) -> bytes:
        while len(self._ready) < size:
            self._pull()
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    def _pull(self) -> None:
        if self._ended:
            raise damaged(self._where, self._file.tell())
        place = self._file.tell()
        chunk = self._read(CHUNK + _OVERHEAD)
        if len(chunk) < _OVERHEAD:
            raise _cut(self._where)
        try:
            plain, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, chunk)
        except CryptoError:
            raise damaged(self._where, place) from None
        self._ended = tag == _FINAL
        if tag not in (_MESSAGE, _FINAL) or (not self._ended and len(plain) != CHUNK):
            raise damaged(self._where, place)
        self._ready += plain

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise BackupTrouble(
                f"{self._where}: cannot be read ({error.strerror}): its disk may be failing; take "
                "another copy of this backup"
            ) from None

    def _finish(self) -> None:
        """After the last part nothing may follow, inside or outside the stream."""
        if not self._ended or self._ready or self._read(1):
            raise damaged(self._where, self._file.tell())


def damaged(where: str, place: int) -> BackupTrouble:
    """Some byte is not as it was written."""
    return BackupTrouble(
        f"{where}: damaged, near byte {place:,}: nothing was taken from it; copy it again from "
        "where it was made, or take an older backup"
    )


def _newer(where: str) -> BackupTrouble:
    return BackupTrouble(
        f"{where}: was made by a newer version of this program: install that one first"
    )


def _cut(where: str) -> BackupTrouble:
    return BackupTrouble(
        f"{where}: is cut off: copy it again from where it was made, or take an older backup"
    )


def _info(suite: int, member: bytes, made_at: int, kit: bytes) -> bytes:
    fields = digest(labels.SEAL_BACKUP, encode((suite, member, made_at, kit)))
    return labels.SEAL_BACKUP + fields


def _checksum(fixed: bytes, packed: bytes) -> bytes:
    """Tells a damaged head from another kit; what guards the content is the stream."""
    return digest(labels.SEAL_BACKUP, MAGIC, fixed, packed)
