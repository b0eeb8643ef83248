"""Bodies: the content of a message, padded, committed to and sealed (SPEC 6).

Law: a sealed body's size tells its class and nothing more; nothing is ever compressed; a body
opens only under the hash of the statement that it was sealed for; and the content is accepted only
if the signed statement committed to it.
"""

import hmac
from typing import Final, NewType

from referral_protocol import labels
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SEAL_OVERHEAD, Opener, SealKey, digest

SALT_SIZE: Final = 32
HEADER_SIZE: Final = 4 + SALT_SIZE
CLASSES: Final = tuple(1024 * n for n in (4, 8, 16, 32, 64, 128, 256))
MAX_CONTENT: Final = CLASSES[-1] - HEADER_SIZE
PREKEY_ID_SIZE: Final = 16
SEALED_SIZES: Final = frozenset(PREKEY_ID_SIZE + SEAL_OVERHEAD + size for size in CLASSES)

SealedBody = NewType("SealedBody", bytes)
"""Prekey id (16), encapsulation (1,120), ciphertext with tag."""


def commitment(salt: bytes, content: bytes) -> bytes:
    """What the statement says of the content, 32 bytes; without the salt it hides it."""
    if len(salt) != SALT_SIZE:
        raise ProtocolError("wrong-length", "body: the salt has 32 bytes")
    return digest(labels.COMMITMENT, salt, content)


def sealed_hash(sealed: bytes) -> bytes:
    """What a receipt names a sealed body by, 32 bytes."""
    return digest(labels.SEALED_BODY, sealed)


def pad(salt: bytes, content: bytes) -> bytes:
    """Length, salt, content and zeros, to the smallest class that holds them."""
    if len(salt) != SALT_SIZE:
        raise ProtocolError("wrong-length", "body: the salt has 32 bytes")
    size = padded_size(len(content))
    head = len(content).to_bytes(4, "big") + salt + content
    return head + bytes(size - len(head))


def padded_size(length: int) -> int:
    """Size in bytes of the class for a content of this length."""
    for size in CLASSES:
        if HEADER_SIZE + length <= size:
            return size
    raise ProtocolError("too-large", f"body: content of at most {MAX_CONTENT} bytes")


def unpad(padded: bytes) -> tuple[bytes, bytes]:
    """Salt and content of a padded body; refuses a wrong class and a pad that is not zero."""
    if len(padded) not in CLASSES:
        raise ProtocolError("wrong-length", "body: not the size of a class")
    length = int.from_bytes(padded[:4], "big")
    end = HEADER_SIZE + length
    if end > len(padded):
        raise ProtocolError("bad-length", "body: longer than its class")
    if padded_size(length) != len(padded):
        raise ProtocolError("wrong-class", "body")
    if padded.count(0, end) != len(padded) - end:
        raise ProtocolError("pad-not-zero", "body")
    return padded[4:HEADER_SIZE], padded[HEADER_SIZE:end]


def body_info(statement: bytes) -> bytes:
    """HPKE info of a body: its label and the hash of its statement."""
    return labels.SEAL_BODY + statement


def seal_body(
    key: SealKey, key_id: bytes, statement: bytes, salt: bytes, content: bytes
) -> SealedBody:
    """Pad and seal content to a case prekey, bound to the statement's hash."""
    return SealedBody(key_id + key.seal(body_info(statement), pad(salt, content)))


def check_sealed(sealed: bytes) -> SealedBody:
    """Refuse what cannot be a sealed body by its size."""
    if len(sealed) not in SEALED_SIZES:
        raise ProtocolError("wrong-length", "sealed body: not the size of a class")
    return SealedBody(sealed)


def sealed_to(sealed: SealedBody) -> bytes:
    """Id of the case prekey that opens this body, 16 bytes."""
    return sealed[:PREKEY_ID_SIZE]


def open_body(
    opener: Opener, sealed: SealedBody, statement: bytes, committed: bytes
) -> tuple[bytes, bytes]:
    """Open, unpad and check against the commitment; returns salt and content."""
    padded = opener.open(body_info(statement), sealed[PREKEY_ID_SIZE:], "body")
    salt, content = unpad(padded)
    check_content(salt, content, committed)
    return salt, content


def check_content(salt: bytes, content: bytes, committed: bytes) -> None:
    """Refuse content that is not what the statement committed to."""
    if not hmac.compare_digest(commitment(salt, content), committed):
        raise ProtocolError("wrong-commitment", "body")
