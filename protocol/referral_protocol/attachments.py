"""Attachments: a file's ciphertext, piece by piece, and how its entry stands in a body
(ATTACHMENTS.md).

Law: nothing here ever has a whole file in memory. The size of a ciphertext tells the step of the
ladder and nothing more; a file opens only with the key that lies in a body, in its order, to its
last chunk; and a body lists exactly the ciphertexts that its statement lists.

Wire: 24 bytes of header, then the padded file in chunks of 64 KiB, each with 17 bytes of
libsodium's secretstream (XChaCha20-Poly1305). The library draws the header itself, so the same file
sealed twice has two ciphertexts, and its hash is known when it ends.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from nacl.bindings import crypto_secretstream as stream
from nacl.exceptions import CryptoError

from referral_protocol.errors import ProtocolError
from referral_protocol.statements import Attachment

KEY_SIZE: Final = 32
CHUNK: Final = 64 * 1024
"""Bytes of the padded file in one chunk; the last one may have fewer."""
HEADER_SIZE: Final = 24
CHUNK_OVERHEAD: Final = 17
SMALLEST: Final = 256 * 1024
LARGEST: Final = 50 * 1024 * 1024
"""Most bytes of a file."""
_MORE: Final = 0
_LAST: Final = 3


def _ladder() -> tuple[int, ...]:
    """Each step is the one before it and 12 %, down to a multiple of 4 KiB; the last is 50 MiB."""
    steps = [SMALLEST]
    while (step := steps[-1] * 28 // 25 // 4096 * 4096) < LARGEST:
        steps.append(step)
    return (*steps, LARGEST)


LADDER: Final = _ladder()


def padded_size(length: int) -> int:
    """Bytes of the step that holds a file of this length."""
    if length > LARGEST:
        raise ProtocolError("too-large", f"attachment: at most {LARGEST} bytes")
    return LADDER[bisect_left(LADDER, length)]


def _sealed(padded: int) -> int:
    return HEADER_SIZE + padded + CHUNK_OVERHEAD * -(-padded // CHUNK)


def sealed_size(length: int) -> int:
    """Bytes of the ciphertext of a file of this length."""
    return _sealed(padded_size(length))


SEALED_SIZES: Final = frozenset(map(_sealed, LADDER))
"""Every size that a ciphertext may have."""


class Sealing:
    """A file on its way into its ciphertext. ``add`` pieces of any size, then ``finish``.

    ``length`` counts the file's bytes so far. ``size`` and ``hash`` are those of the ciphertext,
    whole once everything of ``finish`` was taken.
    """

    def __init__(self, key: bytes) -> None:
        self._state = stream.crypto_secretstream_xchacha20poly1305_state()
        self._ready = stream.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        self._pending = bytearray()
        self._hash = hashlib.sha256()
        self._padded = 0
        self.length = 0
        self.size = 0

    @property
    def hash(self) -> bytes:
        """SHA-256 of the ciphertext, 32 bytes: what names it."""
        return self._hash.digest()

    def add(self, piece: bytes) -> bytes:
        """The next bytes of the file; returns what of the ciphertext is ready.

        Raises ``too-large`` with the first byte too many.
        """
        self.length += len(piece)
        padded_size(self.length)
        self._pending += piece
        out = []
        # One chunk is always kept back: it may be the last, and the last is marked.
        while len(self._pending) > CHUNK:
            out.append(self._push(bytes(self._pending[:CHUNK]), _MORE))
            del self._pending[:CHUNK]
        return b"".join(out)

    def finish(self) -> Iterator[bytes]:
        """The rest of the ciphertext, with the pad, in pieces of about a chunk."""
        whole = padded_size(self.length)
        while (left := whole - self._padded) > CHUNK:
            yield self._push(self._next(CHUNK), _MORE)
        yield self._push(self._next(left), _LAST)

    def _next(self, count: int) -> bytes:
        part = bytes(self._pending[:count])
        self._pending.clear()
        return part + bytes(count - len(part))

    def _push(self, plain: bytes, tag: int) -> bytes:
        sealed = self._ready + stream.crypto_secretstream_xchacha20poly1305_push(
            self._state, plain, None, tag
        )
        self._ready = b""
        self._padded += len(plain)
        self._hash.update(sealed)
        self.size += len(sealed)
        return sealed


class Opening:
    """A ciphertext on its way back into its file, of which the body says the ``length``.

    ``add`` pieces of any size, then ``finish``. What comes out was authenticated, but only after
    ``finish`` is it known to be all.
    """

    def __init__(self, key: bytes, length: int) -> None:
        self._key = key
        self._state: Any = None
        self._pending = bytearray()
        self._padded = padded_size(length)
        self._left = length
        self._done = 0

    def add(self, piece: bytes) -> bytes:
        """The next bytes of the ciphertext; returns the file's bytes that they gave."""
        self._pending += piece
        out = []
        if self._state is None and len(self._pending) >= HEADER_SIZE:
            self._begin()
        while self._state is not None:
            count = min(CHUNK, self._padded - self._done)
            if not count or len(self._pending) < count + CHUNK_OVERHEAD:
                break
            out.append(self._pull(count))
        if self._done == self._padded and self._pending:
            raise ProtocolError("trailing", "attachment: bytes after the last chunk")
        return b"".join(out)

    def finish(self) -> None:
        """Refuse a ciphertext that ended early."""
        if self._done != self._padded:
            raise ProtocolError("truncated", "attachment: ends before its last chunk")

    def _begin(self) -> None:
        self._state = stream.crypto_secretstream_xchacha20poly1305_state()
        header = bytes(self._pending[:HEADER_SIZE])
        del self._pending[:HEADER_SIZE]
        stream.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, self._key)

    def _pull(self, count: int) -> bytes:
        sealed = bytes(self._pending[: count + CHUNK_OVERHEAD])
        del self._pending[: count + CHUNK_OVERHEAD]
        try:
            plain, tag = stream.crypto_secretstream_xchacha20poly1305_pull(
                self._state, sealed, None
            )
        except CryptoError:
            raise ProtocolError("does-not-open", "attachment: a chunk") from None
        self._done += count
        if tag != (_LAST if self._done == self._padded else _MORE):
            raise ProtocolError("does-not-open", "attachment: the mark of the last chunk")
        taken = min(count, self._left)
        self._left -= taken
        if plain.count(0, taken) != count - taken:
            raise ProtocolError("pad-not-zero", "attachment")
        return bytes(plain[:taken])


def listed(files: Sequence[Mapping[str, Any]]) -> tuple[Attachment, ...]:
    """What a statement says of the files that its body lists, in their order."""
    return tuple(Attachment(row["hash"], sealed_size(row["size"])) for row in files)


def check_files(content: Mapping[str, Any], attachments: Sequence[Attachment]) -> None:
    """Refuse a body whose ``files`` are not the attachments of its statement, one by one."""
    try:
        same = listed(content.get("files", ())) == tuple(attachments)
    except (TypeError, KeyError, ProtocolError):
        same = False  # of a kind that this node does not know, or larger than any file
    if not same:
        raise ProtocolError("wrong-attachment", "body: files")
