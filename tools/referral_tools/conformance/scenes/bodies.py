"""Sealed bodies: their seal, their pad, what their statement committed to, what they say."""

from collections.abc import Iterator
from typing import Any, Final

from referral_protocol import bodies, keys, labels
from referral_protocol.forms import content
from referral_protocol.suite import SealKey, digest
from referral_tools.conformance.scenes.scene import Scene, flipped, ok, packed, refused
from referral_tools.conformance.world import LISBON, UTRECHT, fixed, opener, salt

CONTENT: Final = "Ana, 34, harmed in Lisbon; Олена, 27, lives in Lviv.".encode()
SIGNED: Final = opener(CONTENT)
SALT: Final = salt(CONTENT)


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from seals()
    yield from pads()
    yield from commitments()
    yield from contents()


def sealed(padded: bytes, info: bytes | None = None) -> bytes:
    """A sealed body of any padded bytes, to Utrecht's case prekey."""
    key = UTRECHT.case.public
    info = bodies.body_info(SIGNED.hash) if info is None else info
    return keys.prekey_id(key) + SealKey(key).seal(info, padded)


def given(data: bytes, **change: Any) -> dict[str, Any]:
    """What opens a body of the opener."""
    return {
        "seed": UTRECHT.case.seed(),
        "sealed": data,
        "statement": SIGNED.hash,
        "commitment": SIGNED.statement.commitment,
        **change,
    }


def seals() -> Iterator[Scene]:
    good = sealed(bodies.pad(SALT, CONTENT))
    yield ok("body that opens for its statement", "body", True, **given(good))
    empty = opener(b"")
    no_content = sealed(bodies.pad(salt(b""), b""), bodies.body_info(empty.hash))
    yield ok(
        "body of no content",
        "body",
        True,
        **given(no_content, statement=empty.hash, commitment=empty.statement.commitment),
    )
    for cause, change in (
        ("a bit of the ML-KEM ciphertext flipped", {"sealed": flipped(good, 16 + 100)}),
        ("a bit of the X25519 share flipped", {"sealed": flipped(good, 16 + 1088)}),
        ("a bit of the ciphertext flipped", {"sealed": flipped(good, 16 + 1120)}),
        ("a bit of the tag flipped", {"sealed": flipped(good, -1)}),
        ("an X25519 share of zeros", {"sealed": good[:1104] + bytes(32) + good[1136:]}),
        ("under the hash of another statement", {"statement": fixed("another statement")}),
        ("with another member's prekey", {"seed": LISBON.case.seed()}),
    ):
        yield refused("does-not-open", "body.seal", cause, "body", True, **given(good) | change)
    bare = sealed(bodies.pad(SALT, CONTENT), SIGNED.hash)
    cause = "info without its label"
    yield refused("does-not-open", "body.seal", cause, "body", True, **given(bare))
    short = good[:-1]
    yield refused("wrong-length", "body", "a byte less than a class", "body", True, **given(short))


def pads() -> Iterator[Scene]:
    yield ok("padded body of no content", "padded body", padded=bodies.pad(SALT, b""))
    yield ok(
        "padded body that fills its class", "padded body", padded=bodies.pad(SALT, bytes(4060))
    )
    over = bodies.pad(SALT, bytes(4061))
    yield ok("padded body a byte over a class", "padded body", padded=over)
    most = bodies.pad(SALT, bytes(bodies.MAX_CONTENT))
    yield ok("padded body of the largest content", "padded body", padded=most)
    good = bodies.pad(SALT, CONTENT)
    end = bodies.HEADER_SIZE + len(CONTENT)
    too_long = (4096 - 35).to_bytes(4, "big")
    for code, field, cause, padded in (
        ("pad-not-zero", "body.pad", "its first byte is not zero", flipped(good, end)),
        ("pad-not-zero", "body.pad", "its last byte is not zero", flipped(good, -1)),
        ("wrong-class", "body.size", "twice what is needed", good + bytes(4096)),
        ("wrong-class", "body.size", "the largest class for little", good.ljust(262_144, b"\0")),
        ("bad-length", "body.length", "a byte over its class", too_long + good[4:]),
        ("bad-length", "body.length", "the largest number", b"\xff" * 4 + good[4:]),
        ("wrong-length", "body.size", "not the size of a class", good[:-1]),
        ("wrong-length", "body.size", "no bytes", b""),
    ):
        yield refused(code, field, cause, "padded body", padded=padded)


def commitments() -> Iterator[Scene]:
    right = bodies.commitment(SALT, CONTENT)

    def one(field: str, cause: str, **change: bytes) -> Scene:
        values: dict[str, Any] = {"salt": SALT, "content": CONTENT, "commitment": right}
        return refused("wrong-commitment", field, cause, "commitment", **(values | change))

    yield ok(
        "commitment to salt and content", "commitment", salt=SALT, content=CONTENT, commitment=right
    )
    yield one("salt", "of another content", salt=fixed("other"))
    yield one("salt", "one bit flipped", salt=flipped(SALT, 0))
    yield one("content", "one bit flipped", content=flipped(CONTENT, 0))
    yield one("content", "its last byte missing", content=CONTENT[:-1])
    yield one("content", "with its pad", content=CONTENT + b"\0")
    yield one("commitment", "of another statement", commitment=fixed("other"))
    yield one("commitment", "made without its label", commitment=digest(b"", SALT, CONTENT))
    swapped = digest(labels.COMMITMENT, CONTENT, SALT)
    yield one("commitment", "made over content and then salt", commitment=swapped)
    plain = digest(labels.COMMITMENT, CONTENT)
    yield one("commitment", "made without a salt", commitment=plain)
    good = sealed(bodies.pad(SALT, CONTENT))
    yield refused(
        "wrong-commitment",
        "body",
        "opens, and is not what was committed to",
        "body",
        True,
        **given(good, commitment=fixed("other")),
    )
    short: dict[str, Any] = {"salt": SALT[:-1], "content": CONTENT, "commitment": right}
    yield refused("wrong-length", "salt", "31 bytes", "commitment", **short)


def contents() -> Iterator[Scene]:
    """The bytes of a content; what it says is the business of FORMS."""
    data = content.encode({"form": "note", "text": "Привіт, Olá"})
    yield ok("content of a note", "content", data=data)
    for code, field, cause, wrong in (
        ("not-text", "content.text", "a control character", packed({"text": "a\x00b"})),
        (
            "not-text",
            "content.text",
            "an override of the reading direction",
            packed({"text": "a\u202eb"}),
        ),
        ("not-canonical", "content", "the same key twice", b"\x82\xa1a\x01\xa1a\x01"),
        ("wrong-type", "content", "an array", packed([1, 2])),
        ("wrong-type", "content", "the key of a map is a number", packed({1: 2})),
        ("too-large", "content", "a list of 1025", packed({"a": [1] * 1025})),
    ):
        yield refused(code, field, cause, "content", data=wrong)
