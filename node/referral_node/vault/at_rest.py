"""Encryption at rest: XChaCha20-Poly1305, every ciphertext bound to its place.

Law: the place (table, row, version) is associated data, so whoever can write to the database can
move no ciphertext to another table, another row or an older version without its failing to open. A
sealed value is nonce (24 bytes) || ciphertext || tag (16 bytes). The nonce is drawn here and is
nobody's to choose: with the same one twice under a key, both texts could be read.
"""

import os
import struct
from typing import Final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from referral_node.trouble import Trouble

Place = tuple[str, bytes, int]
"""Table, row id, version of the row's content: what a ciphertext belongs to."""

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 24
OVERHEAD: Final = NONCE_SIZE + 16
"""Bytes that sealing adds."""

_LABEL: Final = b"referral-node/1 at rest\n"


class Unsealable(Trouble):
    """A stored value that does not open: another key, another place, or changed bytes."""

    def __init__(self, place: Place) -> None:
        self.place = place
        super().__init__(
            f"a stored value does not open (table {place[0]}): the database was changed or "
            "damaged; keep the folder as it is and restore the last backup"
        )


def seal(key: bytes, plain: bytes, *, place: Place) -> bytes:
    """Encrypt ``plain`` under a 32-byte key for one place."""
    nonce = os.urandom(NONCE_SIZE)
    sealed: bytes = crypto_aead_xchacha20poly1305_ietf_encrypt(plain, _bound(place), nonce, key)
    return nonce + sealed


def unseal(key: bytes, sealed: bytes, *, place: Place) -> bytes:
    """Decrypt what :func:`seal` made for this place; raises :class:`Unsealable` otherwise."""
    if len(sealed) < OVERHEAD:
        raise Unsealable(place)
    nonce, rest = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
    try:
        plain: bytes = crypto_aead_xchacha20poly1305_ietf_decrypt(rest, _bound(place), nonce, key)
    except CryptoError:
        raise Unsealable(place) from None
    return plain


def _bound(place: Place) -> bytes:
    """The associated data: each part with its length first, so that no two places are the same."""
    table, row, version = place
    name = table.encode("utf-8")
    return b"".join(
        (_LABEL, struct.pack(">H", len(name)), name, struct.pack(">HQ", len(row), version), row)
    )
