"""Codes of six digits from a telephone: RFC 6238 with SHA-1, 30 seconds, 160 bits of secret, which
is what every authenticator program reads.

Law: time is an argument. A code counts in its own half minute and in those beside it, and for one
person at most once: whoever keeps the last step that was used passes it in.
"""

import base64
import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SECRET_SIZE: Final = 20
DIGITS: Final = 6
STEP_SECONDS: Final = 30
DRIFT: Final = 1
"""Steps that a telephone's clock may be off, either way."""


def new_secret(random: Callable[[int], bytes]) -> bytes:
    """A secret of 20 random bytes, as RFC 4226 recommends."""
    return random(SECRET_SIZE)


def step_at(now: int) -> int:
    """The half minute in which a time (milliseconds UTC) lies, counted from 1970."""
    return now // (STEP_SECONDS * 1000)


def code_at(secret: bytes, now: int) -> str:
    """The code that a telephone shows at this time."""
    return _code(secret, step_at(now))


def used_step(secret: bytes, typed: str, now: int, last: int) -> int | None:
    """The step whose code was typed; None if it is none that counts, or one not after ``last``.

    Takes the same time for every wrong code.
    """
    given = "".join(typed.split()).encode("utf-8")
    found: int | None = None
    for step in range(step_at(now) - DRIFT, step_at(now) + DRIFT + 1):
        same = step >= 0 and hmac.compare_digest(_code(secret, step).encode("ascii"), given)
        if same and step > last:
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """For typing in: base32 in groups of four."""
    text = base64.b32encode(secret).decode("ascii").rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def secret_uri(secret: bytes, issuer: str, account: str) -> str:
    """What the QR code says, as authenticator programs read it."""
    values = {
        "secret": secret_text(secret).replace(" ", ""),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": str(DIGITS),
        "period": str(STEP_SECONDS),
    }
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{urlencode(values, quote_via=quote)}"


def _code(secret: bytes, step: int) -> str:
    totp = TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - what the programs can; HMAC
    return totp.generate(step * STEP_SECONDS).decode("ascii")
