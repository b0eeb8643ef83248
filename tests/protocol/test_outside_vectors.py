"""Vectors from outside our house, read from the packages that ship them.

RFC 8032's for Ed25519; RFC 9180's for the key schedule; for the hybrid KEM the vectors of its
draft, and those of ML-KEM. What libsodium refuses and other libraries accept is listed with the
reason: on exactly these a network of mixed libraries would fork.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Opener, SealKey, Signer, verify

VECTORS = Path(cryptography_vectors.__path__[0])


def unhex(text: str) -> bytes:
    return bytes.fromhex(text)


# --- Ed25519 --------------------------------------------------------------------------------------


def test_ed25519_signs_and_verifies_as_in_rfc_8032() -> None:
    lines = (VECTORS / "asymmetric/Ed25519/sign.input").read_text("ascii").splitlines()
    assert len(lines) == 1024
    for line in lines:
        seed, public, message, signed = (unhex(part) for part in line.split(":")[:4])
        signer = Signer(seed[:32])
        assert signer.public == public
        assert signer.sign(b"", message) == signed[:64]
        verify(public, b"", message, signed[:64], "test")
        with pytest.raises(ProtocolError, match="bad-signature"):
            verify(public, b"\0", message, signed[:64], "test")


ORDER = 2**252 + 27742317777372353535851937790883648493
"""Order of the base point."""
IDENTITY = (1).to_bytes(32, "little")
ORDER_2 = (2**255 - 20).to_bytes(32, "little")
NOT_REDUCED = (2**255 - 19 + 1).to_bytes(32, "little")
"""The identity again, its coordinate not reduced modulo the prime."""
ZERO = bytes(32)


class Strict(NamedTuple):
    """A signature that libsodium refuses, and why; ``others``: whether OpenSSL accepts it."""

    reason: str
    public: bytes
    signature: bytes
    others: bool


def _twice_signed() -> tuple[bytes, bytes]:
    signer = Signer(bytes(32))
    good = signer.sign(b"", b"message")
    number = int.from_bytes(good[32:], "little") + ORDER
    return signer.public, good[:32] + number.to_bytes(32, "little")


STRICT = [
    Strict("S beyond the order: two signatures for one", *_twice_signed(), False),
    Strict("key of order 1: it would sign every message", IDENTITY, IDENTITY + ZERO, True),
    Strict("key of order 2: it would sign every second one", ORDER_2, IDENTITY + ZERO, True),
    Strict("key not reduced: two keys would be one", NOT_REDUCED, IDENTITY + ZERO, True),
    Strict("R of order 1, under a good key", Signer(bytes(32)).public, IDENTITY + ZERO, False),
]


@pytest.mark.parametrize("case", STRICT, ids=[case.reason for case in STRICT])
def test_what_libsodium_refuses_and_others_may_accept(case: Strict) -> None:
    messages = [b"message %d" % number for number in range(8)]
    accepted_elsewhere = False
    for message in messages:
        with pytest.raises(ProtocolError, match="bad-signature"):
            verify(case.public, b"", message, case.signature, "test")
        accepted_elsewhere |= _openssl_accepts(case, message)
    assert accepted_elsewhere == case.others


def _openssl_accepts(case: Strict, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(case.public).verify(case.signature, message)
    except Exception:  # noqa: BLE001 - whatever it raises, it does not accept
        return False
    return True


# --- HPKE -----------------------------------------------------------------------------------------


def hybrid() -> dict[str, Any]:
    """The published vector of exactly our suite."""
    found = [
        vector
        for vector in json.loads((VECTORS / "HPKE/hpke-pq-test-vectors.json").read_text("ascii"))
        if (vector["mode"], vector["kem_id"], vector["kdf_id"], vector["aead_id"])
        == (0, 0x647A, 1, 3)
    ]
    assert len(found) == 1
    vector: dict[str, Any] = found[0]
    return vector


def test_the_hybrid_makes_its_public_key_from_the_published_seed() -> None:
    vector = hybrid()
    assert Opener(unhex(vector["skRm"])).public == unhex(vector["pkRm"])


def test_the_hybrid_opens_what_the_published_key_sealed() -> None:
    vector = hybrid()
    opener, info, enc = (unhex(vector[name]) for name in ("skRm", "info", "enc"))
    # Ours carries no associated data, the published ciphertexts do: so seal with the published key,
    # which stands at the end of decapsulation and key schedule.
    cipher = ChaCha20Poly1305(unhex(vector["key"]))
    sealed = enc + cipher.encrypt(unhex(vector["base_nonce"]), b"plain", b"")
    assert Opener(opener).open(info, sealed, "test") == b"plain"
    with pytest.raises(ProtocolError, match="does-not-open"):
        Opener(opener).open(info + b"\0", sealed, "test")
    first = vector["encryptions"][0]
    assert unhex(first["nonce"]) == unhex(vector["base_nonce"])
    opened = cipher.decrypt(unhex(first["nonce"]), unhex(first["ct"]), unhex(first["aad"]))
    assert opened == unhex(first["pt"])


def test_what_we_seal_to_the_published_key_opens_with_the_published_seed() -> None:
    vector = hybrid()
    sealed = SealKey(unhex(vector["pkRm"])).seal(b"info", b"plain")
    assert len(sealed) == len(unhex(vector["enc"])) + 5 + 16
    assert Opener(unhex(vector["skRm"])).open(b"info", sealed, "test") == b"plain"


def test_the_key_schedule_is_that_of_rfc_9180() -> None:
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    count = 0
    for vector in json.loads((VECTORS / "HPKE/test-vectors.json").read_text("ascii")):
        if (vector["mode"], vector["kem_id"], vector["kdf_id"], vector["aead_id"]) != (0, 32, 1, 3):
            continue
        count += 1
        cipher = ChaCha20Poly1305(unhex(vector["key"]))
        sealed = unhex(vector["enc"]) + cipher.encrypt(unhex(vector["base_nonce"]), b"p", b"")
        private = X25519PrivateKey.from_private_bytes(unhex(vector["skRm"]))
        assert suite.decrypt(sealed, private, unhex(vector["info"])) == b"p"
    assert count == 1


def kat() -> Iterator[dict[str, bytes]]:
    """The first fifty records of ML-KEM-768's known answers."""
    record: dict[str, bytes] = {}
    with (VECTORS / "asymmetric/MLKEM/kat_MLKEM_768.rsp").open(encoding="ascii") as lines:
        for line in lines:
            name, _, value = line.strip().partition(" = ")
            if name == "count":
                if record:
                    yield record
                if int(value) == 50:
                    return
                record = {}
            elif name:
                record[name] = unhex(value)


def test_the_lattice_half_is_ml_kem_768_from_its_64_byte_seed() -> None:
    records = list(kat())
    assert len(records) == 50
    for record in records:
        private = MLKEM768PrivateKey.from_seed_bytes(record["d"] + record["z"])
        assert private.public_key().public_bytes_raw() == record["pk"]
        assert private.decapsulate(record["ct"]) == record["ss"]
        assert private.decapsulate(record["ct_n"]) == record["ss_n"]


def test_our_seed_is_stretched_by_shake_256_into_both_halves() -> None:
    seed = bytes(range(32))
    stretched = hashlib.shake_256(seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(stretched[:64]).public_key().public_bytes_raw()
    curve = X25519PrivateKey.from_private_bytes(stretched[64:]).public_key().public_bytes_raw()
    assert Opener(seed).public == lattice + curve
