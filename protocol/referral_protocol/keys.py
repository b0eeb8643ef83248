"""What identifies a member: its id, its fingerprint, its recovery kit (SPEC 3).

Law: an id never changes; a fingerprint covers both keys that speak for a member, so whoever
replaces either changes what is read out on the telephone.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from referral_protocol import labels
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import derive, digest

KIT_SIZE: Final = 32
_KIT_TEXT: Final = 52
_KIT_CHECK: Final = 4


def member_id(first_vault_key: bytes) -> bytes:
    """The 16 bytes that name a member for ever, from its first vault key."""
    return digest(labels.MEMBER_ID, first_vault_key)[:16]


def prekey_id(public: bytes) -> bytes:
    """The 16 bytes that name a prekey, from its public half."""
    return digest(labels.PREKEY_ID, public)[:16]


def fingerprint(vault_key: bytes, node_key: bytes) -> str:
    """Sixty digits: twelve groups of five, each from five bytes of SHA-512 modulo 100,000."""
    state = hashlib.sha512(labels.FINGERPRINT + vault_key + node_key).digest()
    groups = (int.from_bytes(state[i : i + 5], "big") % 100_000 for i in range(0, 60, 5))
    return " ".join(f"{group:05d}" for group in groups)


def same_fingerprint(typed: str, expected: str) -> bool:
    """Whether a person typed these sixty digits; spaces and line ends do not count."""
    digits = "".join(c for c in typed if c.isascii() and c.isdigit())
    wanted = expected.replace(" ", "")
    return len(digits) == len(wanted) and hmac.compare_digest(digits, wanted)


def kit_text(secret: bytes) -> str:
    """A recovery kit as it is printed: fourteen groups of four, the last one a check."""
    if len(secret) != KIT_SIZE:
        raise ProtocolError("bad-key", "a recovery kit has 32 bytes")
    body = base64.b32encode(secret).decode("ascii").rstrip("=")
    text = body + _check(secret)
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def kit_secret(text: str) -> bytes:
    """The 32 bytes of a typed recovery kit; ``bad-key`` says that a character is wrong."""
    # 0, 1 and 8 are not in the alphabet: they can only be O, I and B misread from paper.
    folded = "".join(text.split()).replace("-", "").upper()
    folded = folded.replace("0", "O").replace("1", "I").replace("8", "B")
    if len(folded) != _KIT_TEXT + _KIT_CHECK:
        raise ProtocolError("bad-key", "a recovery kit has fourteen groups of four characters")
    try:
        secret = base64.b32decode(folded[:_KIT_TEXT] + "====")
    except (binascii.Error, ValueError):
        raise ProtocolError("bad-key", "a recovery kit has only letters and 2 to 7") from None
    canonical = base64.b32encode(secret).decode("ascii").rstrip("=")
    typed = folded.encode("utf-8")
    if not hmac.compare_digest((canonical + _check(secret)).encode("ascii"), typed):
        raise ProtocolError("bad-key", "a character of the recovery kit is wrong")
    return secret


def _check(secret: bytes) -> str:
    return base64.b32encode(digest(labels.KIT_CHECK, secret)).decode("ascii")[:_KIT_CHECK]


def kit_slot_key(secret: bytes) -> bytes:
    """The 32-byte key of the vault slot that the kit opens."""
    return derive(secret, labels.KIT_SLOT)


def kit_backup_seed(secret: bytes) -> bytes:
    """The 32-byte seed of the HPKE pair that backups are sealed to."""
    return derive(secret, labels.KIT_BACKUP)
