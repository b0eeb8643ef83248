"""Suite 1: the primitives of the exchange, and nothing that chooses between them (SPEC 3).

Ed25519 (RFC 8032, through libsodium: other libraries accept signatures that it refuses, and a
network in which two nodes disagree about a signature forks); HPKE base mode (RFC 9180) with KEM
MLKEM768-X25519 (0x647A), HKDF-SHA256 and ChaCha20-Poly1305; SHA-256.

Law: secrets never show in ``repr`` or in an error. The one thing here that is not a function of its
arguments is sealing: the library draws the encapsulation's randomness itself.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from referral_protocol.errors import ProtocolError

SUITE: Final = 1
"""The number of this suite on the wire."""

SEED_SIZE: Final = 32
KEM_PUBLIC_SIZE: Final = 1216
SEAL_OVERHEAD: Final = 1088 + 32 + 16
"""Bytes that sealing adds: ML-KEM ciphertext, X25519 share, authentication tag."""

_HPKE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def digest(label: bytes, *parts: bytes) -> bytes:
    """SHA-256 over the label and the parts, 32 bytes."""
    state = hashlib.sha256(label)
    for part in parts:
        state.update(part)
    return state.digest()


def check_suite(number: int, what: str) -> None:
    """Refuse a suite that this implementation does not have."""
    if number != SUITE:
        raise ProtocolError("unknown-suite", f"{what}: suite {number}")


class Signer:
    """An Ed25519 private key. Shows its public half only."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise ProtocolError("bad-key", "a signing seed has 32 bytes")
        self._key = SigningKey(seed)
        self.public = bytes(self._key.verify_key)

    def sign(self, label: bytes, data: bytes) -> bytes:
        """Signature over label and data, 64 bytes."""
        return self._key.sign(label + data).signature

    def seed(self) -> bytes:
        """The 32 secret bytes, for storing under a key; never for showing."""
        return bytes(self._key)

    def __repr__(self) -> str:
        return f"Signer(public={self.public.hex()})"


def verify(public: bytes, label: bytes, data: bytes, signature: bytes, what: str) -> None:
    """Check an Ed25519 signature over label and data; ``bad-signature`` or ``bad-key`` if not."""
    try:
        key = VerifyKey(public)
    except (CryptoError, ValueError, TypeError):
        raise ProtocolError("bad-key", what) from None
    try:
        key.verify(label + data, signature)
    except (CryptoError, ValueError, TypeError):
        raise ProtocolError("bad-signature", what) from None


class Opener:
    """An HPKE private key made from a 32-byte seed; ``public`` has 1,216 bytes."""

    __slots__ = ("_key", "_seed", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise ProtocolError("bad-key", "an HPKE seed has 32 bytes")
        stretched = hashlib.shake_256(seed).digest(96)
        lattice = MLKEM768PrivateKey.from_seed_bytes(stretched[:64])
        curve = X25519PrivateKey.from_private_bytes(stretched[64:])
        self._seed = seed
        self._key = MLKEM768X25519PrivateKey(lattice, curve)
        self.public = (
            lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        )

    def open(self, info: bytes, sealed: bytes, what: str) -> bytes:
        """Open what :func:`seal` made under the same info; ``does-not-open`` if it was not."""
        if len(sealed) < SEAL_OVERHEAD:
            raise ProtocolError("truncated", f"{what}: shorter than a seal")
        try:
            return _HPKE.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise ProtocolError("does-not-open", what) from None

    def seed(self) -> bytes:
        """The 32 secret bytes, for storing under a key; never for showing."""
        return self._seed

    def __repr__(self) -> str:
        return f"Opener(public={digest(b'', self.public)[:8].hex()}…)"


class SealKey:
    """An HPKE public key, parsed once: parsing costs as much as a third of a seal."""

    __slots__ = ("_key", "public")

    def __init__(self, public: bytes) -> None:
        if len(public) != KEM_PUBLIC_SIZE:
            raise ProtocolError("bad-key", "an HPKE public key has 1,216 bytes")
        try:
            lattice = MLKEM768PublicKey.from_public_bytes(public[:1184])
            curve = X25519PublicKey.from_public_bytes(public[1184:])
        except ValueError:
            raise ProtocolError("bad-key", "not an HPKE public key of suite 1") from None
        self.public = public
        self._key = MLKEM768X25519PublicKey(lattice, curve)

    def seal(self, info: bytes, plaintext: bytes) -> bytes:
        """Seal to this key: 1,120 bytes of encapsulation, then the ciphertext with its tag."""
        try:
            return _HPKE.encrypt(plaintext, self._key, info)
        except ValueError:
            # An all-zero X25519 result: the key is a point of small order.
            raise ProtocolError("bad-key", "this key cannot be sealed to") from None


def derive(secret: bytes, label: bytes, size: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, the label as info."""
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=label).derive(secret)


def self_test() -> None:
    """Prove at start that this machine has the whole suite; raise ``unknown-suite`` if not."""
    try:
        signer = Signer(bytes(32))
        verify(signer.public, b"", b"test", signer.sign(b"", b"test"), "self-test")
        opener = Opener(bytes(32))
        opened = opener.open(b"i", SealKey(opener.public).seal(b"i", b"test"), "self-test")
    except (UnsupportedAlgorithm, ProtocolError) as error:
        raise ProtocolError("unknown-suite", f"suite 1 does not work here: {error}") from None
    if opened != b"test":
        raise ProtocolError("unknown-suite", "suite 1 gives wrong results here")
