"""Codes for signing in: RFC 6238's own examples, drift, and that a code counts once."""

import pytest

from directory_world import seed
from referral_directory.totp import (
    code_at,
    new_secret,
    secret_text,
    secret_uri,
    step_at,
    used_step,
)

RFC_SECRET = b"12345678901234567890"
# RFC 6238, appendix B, SHA-1: seconds, the code of eight digits. Ours are its last six.
RFC_CODES = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
NOW = 1_790_000_010_000


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES)
def test_rfc_6238(seconds: int, code: str) -> None:
    assert code_at(RFC_SECRET, seconds * 1000) == code[2:]
    assert code_at(RFC_SECRET, seconds * 1000 + 999) == code[2:]
    assert used_step(RFC_SECRET, code[2:], seconds * 1000, -1) == seconds // 30


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_one_step_of_drift(off: int) -> None:
    secret = seed("totp")[:20]
    code = code_at(secret, NOW + off * 30_000)
    assert used_step(secret, code, NOW, -1) == step_at(NOW) + off


@pytest.mark.parametrize("off", [-2, 2, -1000])
def test_more_drift_is_refused(off: int) -> None:
    secret = seed("totp")[:20]
    assert used_step(secret, code_at(secret, NOW + off * 30_000), NOW, -1) is None


def test_a_code_counts_once() -> None:
    secret = seed("totp")[:20]
    code = code_at(secret, NOW)
    step = used_step(secret, code, NOW, -1)
    assert step is not None
    assert used_step(secret, code, NOW, step) is None
    assert used_step(secret, code, NOW + 30_000, step) is None
    assert used_step(secret, code_at(secret, NOW - 30_000), NOW, step) is None
    following = code_at(secret, NOW + 30_000)
    assert used_step(secret, following, NOW, step) == step + 1


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345", "\x00" * 6]
)
def test_rubbish(typed: str) -> None:
    assert used_step(seed("totp")[:20], typed, NOW, -1) is None


def test_a_code_may_be_typed_in_groups() -> None:
    code = code_at(RFC_SECRET, NOW)
    assert used_step(RFC_SECRET, f" {code[:3]} {code[3:]} ", NOW, -1) == step_at(NOW)


def test_what_the_telephone_reads() -> None:
    assert secret_text(RFC_SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    uri = secret_uri(RFC_SECRET, "directory.example.org", "ewa")
    assert uri == (
        "otpauth://totp/directory.example.org:ewa?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&issuer=directory.example.org&algorithm=SHA1&digits=6&period=30"
    )
    assert new_secret(bytes) == bytes(20)
