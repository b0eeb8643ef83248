"""Parcels as they arrive, receipts as they come back."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from referral_protocol import labels, parcels
from referral_protocol.keys import prekey_id
from referral_protocol.messages import make_husk
from referral_protocol.parcels import Header, ParcelContent
from referral_protocol.receipts import (
    HELD,
    HELD_WITHOUT_BODY,
    REFUSED,
    Answer,
    Envelope,
    Receipt,
)
from referral_protocol.suite import SUITE, SealKey, Signer, digest
from referral_protocol.wire import Wire, encode
from referral_tools.conformance.scenes.scene import (
    Scene,
    changed,
    fields,
    flipped,
    ok,
    packed,
    raw,
    refused,
)
from referral_tools.conformance.world import (
    LISBON,
    LVIV,
    NOW,
    UTRECHT,
    Party,
    fixed,
    opener,
    parcel,
    sealed_message,
)

OPENED: Final = opener(b"made up")
HUSK: Final = make_husk(OPENED, "erased")
SECOND: Final = make_husk(opener(b"second", seq=2), "expired")


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from whole_parcels()
    yield from heads()
    yield from sealed_parts()
    yield from good_receipts()
    yield from bad_receipts()
    yield from prekey_answers()


# --- parcels --------------------------------------------------------------------------------------


def arriving(data: bytes, **change: Any) -> dict[str, Any]:
    """A parcel of Lisbon's node as it comes to Utrecht's."""
    return {
        "data": data,
        "us": UTRECHT.id,
        "vault_key": LISBON.vault.public,
        "seeds": [UTRECHT.transport.seed()],
        "now": NOW,
        **change,
    }


def made(
    padded: bytes | None = None,
    *,
    seal: dict[str, Any] | None = None,
    node: Signer = LISBON.node,
    label: bytes = labels.PARCEL,
    certificate: bytes = LISBON.certificate,
    to: Party = UTRECHT,
    **header: Any,
) -> bytes:
    """A parcel made by hand: ``header`` replaces fields of the signed header, ``seal`` those that
    the sealed part is bound to."""
    if padded is None:
        content = encode(ParcelContent(None, (HUSK,)))
        padded = (len(content).to_bytes(4, "big") + content).ljust(8192, b"\0")
    prekey = to.verified_transport_prekey()
    draft = Header(
        SUITE,
        fixed("parcel")[:16],
        LISBON.id,
        UTRECHT.id,
        NOW,
        prekey_id(prekey.public),
        0,
        bytes(32),
    )
    bound = msgspec.structs.replace(draft, **(seal or {}))
    sealed = SealKey(prekey.public).seal(parcels.parcel_info(bound), padded)
    values = {"length": len(sealed), "hash": digest(labels.SEALED_PARCEL, sealed)}
    content = encode(msgspec.structs.replace(draft, **{**values, **header}))
    head = encode(parcels.Head(content, node.sign(label, content), certificate))
    return len(head).to_bytes(2, "big") + head + sealed


def whole_parcels() -> Iterator[Scene]:
    one = parcel(LISBON, UTRECHT, HUSK)
    yield ok("parcel of one husk", "parcel", True, **arriving(one))
    message = sealed_message(OPENED, b"made up", UTRECHT)
    two = parcel(LISBON, UTRECHT, message, SECOND, checkpoint="a checkpoint, in its place\n")
    yield ok("parcel of a body and a husk, with a checkpoint", "parcel", True, **arriving(two))
    earlier = [LVIV.transport.seed(), UTRECHT.transport.seed()]
    yield ok("parcel to a prekey of two", "parcel", True, **arriving(one, seeds=earlier))
    ahead = arriving(one, now=NOW - 600_000)
    yield ok("parcel from a clock ten minutes ahead", "parcel", True, **ahead)

    def bad(code: str, field: str, cause: str, data: bytes, **change: Any) -> Scene:
        return refused(code, f"parcel{field}", cause, "parcel", True, **arriving(data, **change))

    long = one.ljust(parcels.MAX_PARCEL + 1, b"\0")
    yield bad("too-large", "", "a byte more than the largest", long)
    yield bad("trailing", ".sealed", "a byte follows", one + b"\0")
    yield bad("truncated", ".sealed", "its last byte is missing", one[:-1])
    yield bad("truncated", ".head", "cut off", one[:100])
    yield bad("truncated", ".head", "of no bytes", b"\0\0" + one[2:])
    yield bad("truncated", "", "one byte", one[:1])
    yield bad("too-large", ".head", "1025 bytes", b"\x04\x01" + one[2:])


def heads() -> Iterator[Scene]:
    def bad(code: str, field: str, cause: str, data: bytes, **change: Any) -> Scene:
        field = f"parcel header.{field}"
        return refused(code, field, cause, "parcel", True, **arriving(data, **change))

    good = made()
    yield bad("not-for-us", "recipient", "another member", good, us=LVIV.id)
    yield bad("unknown-suite", "suite", "2", made(suite=2))
    yield bad("clock", "at", "over ten minutes ahead", good, now=NOW - 600_001)
    yield bad("wrong-length", "length", "not of a class", made(length=8192))
    yield bad("wrong-key", "certificate", "of another member", made(certificate=LVIV.certificate))
    yield bad(
        "bad-signature", "certificate", "under another vault key", good, vault_key=LVIV.vault.public
    )
    yield bad("bad-signature", "signature", "of another node", made(node=LVIV.node))
    yield bad("bad-signature", "signature", "of the vault key", made(node=LISBON.vault))
    yield bad(
        "bad-signature", "signature", "under the label of a receipt", made(label=labels.RECEIPT)
    )
    yield bad("prekey-unknown", "prekey", "not one of this node", made(to=LVIV))
    yield bad("prekey-unknown", "prekey", "destroyed", good, seeds=[])
    head = good[2 : 2 + int.from_bytes(good[:2], "big")]
    rest = good[2 + len(head) :]

    def with_head(data: bytes) -> bytes:
        return len(data).to_bytes(2, "big") + data + rest

    content = fields(head)[0]
    loose = raw(content, 1, b"\xc5\x00\x10" + fields(content)[1])
    yield bad(
        "not-canonical",
        "parcel",
        "bytes with a length of 16 bits",
        with_head(changed(head, 0, loose)),
    )
    yield bad(
        "not-msgpack",
        "suite",
        "a byte that begins nothing",
        with_head(changed(head, 0, raw(content, 0, b"\xc1"))),
    )
    yield bad(
        "wrong-type",
        "hash",
        "31 bytes",
        with_head(changed(head, 0, changed(content, 7, bytes(31)))),
    )
    yield bad("wrong-type", "certificate", "missing", with_head(packed(fields(head)[:2])))


def sealed_parts() -> Iterator[Scene]:
    def bad(code: str, field: str, cause: str, data: bytes) -> Scene:
        return refused(code, f"parcel.{field}", cause, "parcel", True, **arriving(data))

    good = made()
    yield bad("wrong-seal", "sealed", "a bit flipped", flipped(good, -1))
    yield bad("wrong-seal", "sealed", "hash of another", made(hash=fixed("another")))
    for name, value in (
        ("parcel", fixed("another")[:16]),
        ("sender", LVIV.id),
        ("at", NOW - 1),
    ):
        yield bad("does-not-open", "sealed", f"bound to another {name}", made(seal={name: value}))
    content = encode(ParcelContent(None, (HUSK,)))
    length = len(content).to_bytes(4, "big")
    padded = (length + content).ljust(8192, b"\0")
    end = 4 + len(content)
    yield bad("pad-not-zero", "pad", "its first byte is not zero", made(flipped(padded, end)))
    yield bad("pad-not-zero", "pad", "its last byte is not zero", made(flipped(padded, -1)))
    yield bad("wrong-class", "size", "twice what is needed", made(padded.ljust(16384, b"\0")))
    over = (8189).to_bytes(4, "big") + padded[4:]
    yield bad("bad-length", "length", "a byte over its class", made(over))

    def inside(code: str, field: str, cause: str, value: bytes) -> Scene:
        data = (len(value).to_bytes(4, "big") + value).ljust(8192, b"\0")
        return bad(code, f"content{field}", cause, made(data))

    yield inside("not-text", ".checkpoint", "text that is not UTF-8", raw(content, 0, b"\xa1\xff"))
    yield inside(
        "not-canonical",
        ".messages",
        "array header of 16 bits",
        b"\x92\xc0\xdc\x00\x01" + content[3:],
    )
    yield inside("wrong-type", ".messages", "none", packed([None, []]))
    husk = fields(encode(HUSK))
    yield inside(
        "wrong-value",
        ".messages",
        "the same statement twice",
        packed([None, [husk, [*husk[:3], "expired"]]]),
    )
    yield inside("truncated", "", "no bytes", b"")
    yield inside("too-deep", "", "nine levels", b"\x91" * 9 + b"\xc0")


# --- receipts -------------------------------------------------------------------------------------

ONE: Final = Answer(fixed("one"), fixed("one sealed"), HELD)
TWO: Final = Answer(fixed("two"), None, HELD_WITHOUT_BODY)
THREE: Final = Answer(fixed("three"), fixed("three sealed"), REFUSED, "expired")
GOOD: Final = Receipt(
    SUITE, fixed("parcel")[:16], LISBON.id, UTRECHT.id, NOW, None, (ONE, TWO, THREE)
)


def answered(
    receipt: Wire | bytes = GOOD, node: Signer = UTRECHT.node, **change: Any
) -> dict[str, Any]:
    """The answer of Utrecht's node to Lisbon's parcel of three messages."""
    content = receipt if isinstance(receipt, bytes) else encode(receipt)
    signature = node.sign(labels.RECEIPT, content)
    envelope = Envelope(
        content, signature, UTRECHT.certificate, UTRECHT.transport_prekey(), "a checkpoint\n"
    )
    return {
        "data": encode(envelope),
        "vault_key": UTRECHT.vault.public,
        "parcel": GOOD.parcel,
        "sender": LISBON.id,
        "recipient": UTRECHT.id,
        "sent": {a.statement.hex(): plain_hash(a.sealed) for a in GOOD.answers},
        "made_at": NOW - 1000,
        "now": NOW,
        **change,
    }


def plain_hash(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def but(**change: Any) -> Receipt:
    return msgspec.structs.replace(GOOD, **change)


def good_receipts() -> Iterator[Scene]:
    yield ok("receipt that holds, holds without body and refuses", "receipt", **answered())
    turned = answered(but(answers=(THREE, ONE, TWO)))
    yield ok("receipt in another order", "receipt", **turned)
    yield ok("receipt that refuses the parcel", "receipt", **answered(but(code="busy", answers=())))
    slow = answered(but(code="clock", answers=()), made_at=NOW + 900_000)
    yield ok("receipt that refuses the parcel by a slow clock", "receipt", **slow)
    early = answered(made_at=NOW + 600_000)
    yield ok("receipt just ten minutes before the parcel", "receipt", **early)
    bare = fields(answered()["data"])
    bare[3:] = [None, None]
    yield ok("receipt without a prekey or checkpoint", "receipt", **answered(data=packed(bare)))
    not_kept = msgspec.structs.replace(ONE, status=HELD_WITHOUT_BODY)
    later = answered(but(answers=(not_kept, TWO, THREE)))
    yield ok("receipt for a body that came after its husk", "receipt", **later)


def bad_receipts() -> Iterator[Scene]:
    def bad(code: str, field: str, cause: str, **given: Any) -> Scene:
        return refused(code, f"receipt{field}", cause, "receipt", **given)

    def answer(code: str, field: str, cause: str, *answers: Answer) -> Scene:
        return bad(code, f".answers{field}", cause, **answered(but(answers=answers)))

    other = Answer(fixed("other"), None, HELD_WITHOUT_BODY)
    yield bad("bad-signature", ".signature", "of another node", **answered(node=LVIV.node))
    yield bad("bad-signature", ".signature", "of the vault key", **answered(node=UTRECHT.vault))
    yield bad("unknown-suite", ".suite", "2", **answered(but(suite=2)))
    yield bad("wrong-seal", ".parcel", "another parcel", **answered(but(parcel=bytes(16))))
    yield bad("not-for-us", ".sender", "another member", **answered(but(sender=LVIV.id)))
    yield bad("wrong-sender", ".recipient", "another member", **answered(but(recipient=LVIV.id)))
    yield bad("clock", ".at", "over ten minutes ahead", **answered(now=NOW - 600_001))
    yield bad("clock", ".at", "ten minutes before the parcel", **answered(made_at=NOW + 600_001))
    yield bad(
        "wrong-value", ".answers", "beside a refusal of the parcel", **answered(but(code="busy"))
    )
    yield answer("wrong-seal", "", "one is missing", ONE, TWO)
    yield answer("wrong-seal", "", "one that was not sent", ONE, TWO, THREE, other)
    yield answer("wrong-value", "", "one twice", ONE, TWO, THREE, ONE)
    many = (Answer(fixed("answer", n), None, HELD_WITHOUT_BODY) for n in range(257))
    yield answer("wrong-type", "", "257", *many)
    swapped = msgspec.structs.replace(ONE, sealed=fixed("another"))
    yield answer("wrong-seal", ".sealed", "another body", swapped, TWO, THREE)
    empty = msgspec.structs.replace(ONE, sealed=None)
    yield answer("wrong-value", ".sealed", "missing for what is held", empty, TWO, THREE)
    read = msgspec.structs.replace(ONE, status="read")
    yield answer("wrong-value", ".status", "a word that is none", read, TWO, THREE)
    bare = msgspec.structs.replace(THREE, code=None)
    yield answer("wrong-value", ".code", "missing in a refusal", ONE, TWO, bare)
    busy = msgspec.structs.replace(ONE, code="busy")
    yield answer("wrong-value", ".code", "beside what is held", busy, TWO, THREE)
    content = encode(GOOD)
    yield bad("wrong-type", "", "six fields", **answered(packed(fields(content)[:6])))
    at = b"\xd3" + NOW.to_bytes(8, "big")
    yield bad("not-canonical", ".at", "a signed number", **answered(raw(content, 4, at)))
    yield bad(
        "not-text", ".code", "text that is not UTF-8", **answered(raw(content, 5, b"\xa1\xff"))
    )
    yield bad(
        "too-deep", ".answers", "nine levels", **answered(raw(content, 6, b"\x91" * 9 + b"\xc0"))
    )
    envelope = answered()["data"]
    for code, field, cause, data in (
        ("too-large", "", "over 64 KiB", envelope.ljust(65_537, b"\0")),
        ("wrong-type", ".signature", "65 bytes", changed(envelope, 1, bytes(65))),
        ("wrong-type", ".checkpoint", "empty", changed(envelope, 4, "")),
        ("wrong-type", ".checkpoint", "bytes", changed(envelope, 4, b"a checkpoint")),
        ("wrong-key", ".certificate", "of another member", changed(envelope, 2, LVIV.certificate)),
    ):
        yield bad(code, f" envelope{field}", cause, **answered(data=data))


def prekey_answers() -> Iterator[Scene]:
    """What a node without a receipt fetches first."""
    good = [UTRECHT.transport_prekey(), UTRECHT.certificate, "a checkpoint\n"]
    long = "x" * parcels.MAX_CHECKPOINT
    yield ok("prekey answer", "prekey answer", data=packed(good))
    yield ok("prekey answer without a checkpoint", "prekey answer", data=packed([*good[:2], None]))
    yield ok(
        "prekey answer with the longest checkpoint", "prekey answer", data=packed([*good[:2], long])
    )
    for code, field, cause, value in (
        ("wrong-type", ".checkpoint", "a character too long", [*good[:2], long + "x"]),
        ("wrong-type", ".prekey", "nil", [None, *good[1:]]),
        ("too-large", "", "over 20 KiB", [*good[:2], "x" * 20_480]),
    ):
        yield refused(code, f"prekey answer{field}", cause, "prekey answer", data=packed(value))
