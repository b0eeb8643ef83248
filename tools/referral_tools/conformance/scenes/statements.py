"""Statements and messages by themselves, whatever thread they may belong to."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from referral_protocol import labels
from referral_protocol.certificates import DAY
from referral_protocol.messages import make_husk
from referral_protocol.statements import Attachment, Head, SignedStatement
from referral_protocol.suite import Signer
from referral_protocol.wire import encode
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
    OPEN_HEAD,
    UTRECHT,
    fixed,
    opener,
    say,
    sealed_message,
)

OPENED: Final = opener(b"made up")
NOTE: Final = say(LISBON, UTRECHT, "note", thread=OPENED, after=OPENED)
STATE: Final = say(UTRECHT, LISBON, "state", thread=OPENED, state="received", seen=OPENED.hash)
ORDER: Final = 2**252 + 27742317777372353535851937790883648493

(
    SUITE_AT,
    SENDER_AT,
    RECIPIENT_AT,
    EPOCH_AT,
    SEQ_AT,
    THREAD_AT,
    PREVIOUS_AT,
    SEEN_AT,
    AT_AT,
    EXPIRES_AT,
    KIND_AT,
    HEAD_AT,
    COMMITMENT_AT,
    ATTACHMENTS_AT,
) = range(14)


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from good_statements()
    yield from bad_forms()
    yield from bad_statements()
    yield from signatures()
    yield from messages()


# --- statements -----------------------------------------------------------------------------------


def content_given(content: bytes, signer: Signer = LISBON.vault) -> dict[str, Any]:
    """A statement's content, signed by its sender as it stands, whatever it is."""
    return {
        "content": content,
        "signature": signer.sign(labels.STATEMENT, content),
        "vault_key": signer.public,
    }


def good(about: str, signed: SignedStatement) -> Scene:
    sender = next(p for p in (LISBON, UTRECHT) if p.id == signed.statement.sender)
    return ok(
        about,
        "statement",
        content=signed.content,
        signature=signed.signature,
        vault_key=sender.vault.public,
    )


def good_statements() -> Iterator[Scene]:
    for kind in ("referral", "transfer", "advice", "capacity-query", "kind-of-tomorrow"):
        head = msgspec.structs.replace(OPEN_HEAD, thread_kind=kind)
        yield good(f"statement opens a thread of kind {kind}", opener(b"made up", head=head))
    yield good("statement moves the state", STATE)
    yield good("statement is a note", NOTE)
    head = Head(priority="immediate", respond_by=NOW + DAY)
    changes = say(LISBON, UTRECHT, "note", thread=OPENED, after=OPENED, head=head)
    yield good("statement is a note that changes priority and deadline", changes)
    asks = say(LISBON, UTRECHT, "ask", thread=OPENED, after=OPENED, head=Head(respond_by=NOW + DAY))
    yield good("statement asks", asks)
    for kind in ("withdraw", "unreadable", "return"):
        yield good(f"statement is of kind {kind}", say(LISBON, UTRECHT, kind, thread=OPENED))
    unknown = say(LISBON, UTRECHT, "kind-of-tomorrow", thread=OPENED, head=OPEN_HEAD)
    yield good("statement of an unknown kind is kept, whatever its head", unknown)
    full = say(
        UTRECHT,
        LISBON,
        "note",
        thread=OPENED,
        after=STATE,
        seen=NOTE.hash,
        attachments=tuple(Attachment(fixed("attachment", n), 262_144 * n) for n in range(1, 11)),
    )
    yield good("statement with ten attachments", full)
    last = say(LISBON, UTRECHT, "note", thread=OPENED, seq=2**53 - 1, epoch=2**53 - 1)
    yield good("statement with the largest counters", last)
    brief = say(LISBON, UTRECHT, "note", thread=OPENED, expires=NOW + 1)
    yield good("statement whose body lasts one millisecond", brief)


def form(code: str, field: str, cause: str, content: bytes) -> Scene:
    return refused(code, field, cause, "statement", **content_given(content))


def bad_forms() -> Iterator[Scene]:
    """What a decoder refuses before it knows what the value means."""
    good = NOTE.content
    state = fields(good)
    yield form("too-large", "statement", "2049 bytes", good.ljust(2049, b"\0"))
    yield form("truncated", "statement", "no bytes", b"")
    yield form("truncated", "statement", "its last byte is missing", good[:-1])
    yield form(
        "truncated",
        "statement",
        "claims an array of bytes that are not there",
        b"\x91\xc6\x00\x00\xff\xff",
    )
    yield form(
        "too-large",
        "statement",
        "claims more elements than any array may have",
        b"\xdd\xff\xff\xff\xff",
    )
    yield form("trailing", "statement", "a byte follows", good + b"\xc0")
    yield form(
        "not-msgpack", "statement.kind", "a byte that begins nothing", raw(good, KIND_AT, b"\xc1")
    )
    yield form(
        "not-text", "statement.kind", "text that is not UTF-8", raw(good, KIND_AT, b"\xa2\xc3\x28")
    )
    yield form(
        "not-text",
        "statement.kind",
        "a surrogate as UTF-8",
        raw(good, KIND_AT, b"\xa3\xed\xa0\x80"),
    )
    yield form(
        "too-deep", "statement.head", "nine levels", raw(good, HEAD_AT, b"\x91" * 8 + b"\xc0")
    )
    yield form("not-canonical", "statement", "array header of 16 bits", b"\xdc\x00\x0e" + good[1:])
    yield form(
        "not-canonical", "statement.seq", "two bytes where one does", raw(good, SEQ_AT, b"\xcc\x02")
    )
    yield form(
        "not-canonical",
        "statement.at",
        "a signed number",
        raw(good, AT_AT, b"\xd3" + state[AT_AT].to_bytes(8, "big")),
    )
    yield form(
        "not-canonical",
        "statement.kind",
        "text with a length byte",
        raw(good, KIND_AT, b"\xd9\x04note"),
    )
    yield form(
        "not-canonical",
        "statement.sender",
        "bytes with a length of 16 bits",
        raw(good, SENDER_AT, b"\xc5\x00\x10" + LISBON.id),
    )
    yield form(
        "wrong-type", "statement.seq", "a float", raw(good, SEQ_AT, b"\xcb" + b"\x40" + bytes(7))
    )
    yield form("wrong-type", "statement.seq", "an extension", raw(good, SEQ_AT, b"\xd4\x00\x02"))


def bad_statements() -> Iterator[Scene]:
    """What a statement's own fields decide."""
    note, start, state = NOTE.content, OPENED.content, STATE.content

    def one(code: str, field: str, cause: str, data: bytes, place: int, value: Any) -> Scene:
        signer = UTRECHT.vault if data == state else LISBON.vault
        content = changed(data, place, value)
        return refused(code, field, cause, "statement", **content_given(content, signer))

    yield form("wrong-type", "statement", "thirteen fields", packed(fields(note)[:-1]))
    yield form("wrong-type", "statement", "fifteen fields", packed([*fields(note), None]))
    yield form("wrong-type", "statement", "a map", packed({"suite": 1}))
    yield one("unknown-suite", "statement.suite", "2", note, SUITE_AT, 2)
    yield one("unknown-suite", "statement.suite", "0", note, SUITE_AT, 0)
    yield one("wrong-type", "statement.sender", "text", note, SENDER_AT, "a" * 16)
    yield one("wrong-type", "statement.recipient", "15 bytes", note, RECIPIENT_AT, bytes(15))
    yield one("wrong-type", "statement.epoch", "negative", note, EPOCH_AT, -1)
    yield one("wrong-type", "statement.seq", "0", note, SEQ_AT, 0)
    yield one("wrong-type", "statement.seq", "true", note, SEQ_AT, True)
    yield one("wrong-type", "statement.at", "2^53", note, AT_AT, 2**53)
    yield one("wrong-type", "statement.kind", "capital letters", note, KIND_AT, "Note")
    yield one("wrong-type", "statement.kind", "33 characters", note, KIND_AT, "n" * 33)
    yield one("wrong-type", "statement.kind", "empty", note, KIND_AT, "")
    yield one("wrong-type", "statement.kind", "a line feed at the end", note, KIND_AT, "note\n")
    yield one("wrong-type", "statement.head", "three fields", note, HEAD_AT, [None] * 3)
    yield one("wrong-type", "statement.commitment", "nil", note, COMMITMENT_AT, None)
    item = [fixed("attachment"), 262_144]
    eleven = [[fixed("attachment", n), 1] for n in range(11)]
    yield one("wrong-type", "statement.attachments", "eleven", note, ATTACHMENTS_AT, eleven)
    yield one("wrong-type", "statement.attachments", "size 0", note, ATTACHMENTS_AT, [[item[0], 0]])
    yield one("wrong-value", "statement.attachments", "one twice", note, ATTACHMENTS_AT, [item] * 2)
    yield one("wrong-value", "statement.recipient", "the sender", note, RECIPIENT_AT, LISBON.id)
    head = ["referral", "urgent", NOW, None]
    for place, name in enumerate(("thread_kind", "priority", "respond_by")):
        less = [None if number == place else each for number, each in enumerate(head)]
        yield one(
            "wrong-value", f"statement.head.{name}", "missing in an opener", start, HEAD_AT, less
        )
    yield one(
        "wrong-value",
        "statement.head.state",
        "in an opener",
        start,
        HEAD_AT,
        [*head[:3], "received"],
    )
    yield one(
        "wrong-value", "statement.head.state", "missing in a state", state, HEAD_AT, [None] * 4
    )
    yield one(
        "wrong-value",
        "statement.head.state",
        "in a note",
        note,
        HEAD_AT,
        [None, None, None, "received"],
    )
    yield one(
        "wrong-value",
        "statement.head.thread_kind",
        "in a note",
        note,
        HEAD_AT,
        ["referral", None, None, None],
    )
    yield one(
        "bad-thread", "statement.thread", "named by an opener", start, THREAD_AT, fixed("thread")
    )
    yield one(
        "bad-thread", "statement.previous", "named by an opener", start, PREVIOUS_AT, fixed("other")
    )
    yield one("bad-thread", "statement.seen", "named by an opener", start, SEEN_AT, fixed("other"))
    yield one("bad-thread", "statement.thread", "missing in a note", note, THREAD_AT, None)
    yield one("bad-times", "statement.expires", "at the beginning", note, EXPIRES_AT, NOW)
    yield one(
        "bad-times",
        "statement.expires",
        "more than 30 days later",
        note,
        EXPIRES_AT,
        NOW + 30 * DAY + 1,
    )
    unknown = changed(changed(note, KIND_AT, "kind-of-tomorrow"), THREAD_AT, None)
    yield form("bad-thread", "statement.thread", "missing in an unknown kind", unknown)


def signatures() -> Iterator[Scene]:
    given = content_given(NOTE.content)
    signature, public = given["signature"], LISBON.vault.public
    number = int.from_bytes(signature[32:], "little") + ORDER
    for cause, change in (
        ("one bit of R flipped", {"signature": flipped(signature, 0)}),
        ("one bit of S flipped", {"signature": flipped(signature, 40)}),
        ("S plus the group's order", {"signature": signature[:32] + number.to_bytes(32, "little")}),
        ("only zeros", {"signature": bytes(64)}),
        (
            "of the sender's node key",
            {"signature": LISBON.node.sign(labels.STATEMENT, NOTE.content)},
        ),
        (
            "made under the label of a receipt",
            {"signature": LISBON.vault.sign(labels.RECEIPT, NOTE.content)},
        ),
        ("made without a label", {"signature": LISBON.vault.sign(b"", NOTE.content)}),
        ("of another member", {"vault_key": LVIV.vault.public}),
        ("of other content", {"content": OPENED.content}),
    ):
        yield refused(
            "bad-signature", "statement.signature", cause, "statement", **(given | change)
        )
    identity = (1).to_bytes(32, "little")
    yield refused(
        "bad-signature",
        "public key",
        "of order 1: it would sign every message",
        "signature",
        key=identity,
        label=labels.STATEMENT,
        data=b"anything",
        signature=identity + bytes(32),
    )
    yield ok(
        "signature over label and data",
        "signature",
        key=public,
        label=labels.STATEMENT,
        data=NOTE.content,
        signature=signature,
    )


# --- messages -------------------------------------------------------------------------------------


def messages() -> Iterator[Scene]:
    key = LISBON.vault.public
    for reason in ("expired", "withdrawn", "erased", "reason-of-tomorrow"):
        husk = changed(encode(make_husk(NOTE, "erased")), 3, reason)
        yield ok(f"husk, {reason}", "message", data=husk, vault_key=key)
    whole = encode(sealed_message(OPENED, b"made up", UTRECHT))
    yield ok("message with its sealed body", "message", True, data=whole, vault_key=key)
    husk = encode(make_husk(NOTE, "erased"))
    for code, field, cause, data in (
        ("wrong-value", "message", "neither body nor mark", changed(husk, 3, None)),
        ("wrong-value", "message", "body and mark", changed(husk, 2, bytes(5248))),
        (
            "wrong-length",
            "message.sealed",
            "not the size of a class",
            changed(changed(husk, 2, bytes(5247)), 3, None),
        ),
        ("wrong-type", "message.withheld", "a text with spaces", changed(husk, 3, "for no reason")),
        ("wrong-type", "message.signature", "63 bytes", changed(husk, 1, bytes(63))),
    ):
        yield refused(code, field, cause, "message", data=data, vault_key=key)
