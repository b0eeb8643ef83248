"""Attachments: files that open, ranges and their answers."""

from collections.abc import Iterator
from typing import Any, Final

from referral_protocol import attachments, labels, uploads
from referral_protocol.attachments import CHUNK, LARGEST, SMALLEST, sealed_size
from referral_protocol.statements import Attachment, SignedStatement
from referral_protocol.suite import SUITE, Signer, digest
from referral_protocol.uploads import Progress, ProgressEnvelope, RangeHead, make_range
from referral_protocol.wire import encode
from referral_tools.conformance.scenes.scene import Scene, changed, flipped, ok, packed, refused
from referral_tools.conformance.world import LISBON, LVIV, NOW, UTRECHT, fixed, opener, say

KEY: Final = fixed("attachment key")
HEADER: Final = fixed("attachment header")[:24]
LAST: Final = 3
FILE: Final = b"a" * 100_000
SIZE: Final = sealed_size(len(FILE))
BYTES: Final = b"b" * 600


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from opened()
    yield from not_opened()
    yield from listed()
    yield from ranges()
    yield from bad_ranges()
    yield from answers()


# --- files ----------------------------------------------------------------------------------------


def sealed(padded: bytes, tags: list[int] | None = None, **change: Any) -> dict[str, Any]:
    """A padded file in its chunks."""
    chunks = [padded[at : at + CHUNK] for at in range(0, len(padded), CHUNK)]
    tags = tags or [0] * (len(chunks) - 1) + [LAST]
    given = {"key": KEY, "header": HEADER, "chunks": chunks, "tags": tags, "length": len(FILE)}
    return {**given, **change}


def padded(file: bytes) -> bytes:
    return file.ljust(attachments.padded_size(len(file)), b"\0")


def opened() -> Iterator[Scene]:
    whole = b"c" * SMALLEST
    more = b"d" * (SMALLEST + 1)
    yield ok("attachment with its pad", "attachment", **sealed(padded(FILE)))
    yield ok("attachment of no bytes", "attachment", **sealed(padded(b""), length=0))
    yield ok("attachment without a pad", "attachment", **sealed(whole, length=len(whole)))
    longer = sealed(padded(more), length=len(more))
    yield ok("attachment whose last chunk is a short one", "attachment", **longer)
    for length in (SMALLEST, SMALLEST + 1, 1024 * 1024, LARGEST):
        yield ok(f"attachment size of {length}", "attachment size", length=length)


def not_opened() -> Iterator[Scene]:
    def one(code: str, field: str, cause: str, **given: Any) -> Scene:
        return refused(code, field, cause, "attachment", **given)

    good = padded(FILE)
    yield one(
        "does-not-open", "attachment.key", "another", **sealed(good, opened_with=LISBON.id * 2)
    )
    early = sealed(good, [0, LAST, 0, LAST])
    yield one("does-not-open", "attachment.tag", "the last one is marked too early", **early)
    unmarked = sealed(good, [0, 0, 0, 0])
    yield one("does-not-open", "attachment.tag", "the last one is not marked", **unmarked)
    rekeyed = sealed(good, [0, 2, 0, LAST])
    yield one("does-not-open", "attachment.tag", "a new key in between", **rekeyed)
    smudged = sealed(FILE.ljust(SMALLEST - 1, b"\0") + b"\1")
    yield one("pad-not-zero", "attachment.pad", "its last byte", **smudged)
    shorter = sealed(good, length=len(FILE) - 1)
    yield one("pad-not-zero", "attachment.pad", "the file is longer than said", **shorter)
    yield one("truncated", "attachment", "its last byte is missing", **sealed(good, cut=1))
    lost = sealed(good[:-CHUNK], [0, 0, LAST])
    yield one("does-not-open", "attachment", "a chunk less than its size needs", **lost)
    yield one("trailing", "attachment", "a byte more", **sealed(good, extra=b"\0"))
    large = {"length": LARGEST + 1}
    yield refused("too-large", "attachment.length", "over 50 MiB", "attachment size", **large)


# --- bodies ---------------------------------------------------------------------------------------


def filed(*listed: Attachment) -> SignedStatement:
    return say(LISBON, UTRECHT, "note", thread=opener(b"made up"), seq=3, attachments=listed)


def listed() -> Iterator[Scene]:
    row: dict[str, Any] = {
        "hash": fixed("file"),
        "key": KEY,
        "name": "a.pdf",
        "type": "application/pdf",
    }
    first, second = {**row, "size": 5}, {**row, "hash": fixed("other"), "size": SMALLEST + 1}
    both = [Attachment(each["hash"], sealed_size(each["size"])) for each in (first, second)]

    def given(statement: SignedStatement, *files: dict[str, Any]) -> dict[str, Any]:
        said = {"form": "note", **({"files": list(files)} if files else {})}
        return {"content": statement.content, "data": packed(said)}

    def one(field: str, cause: str, **values: Any) -> Scene:
        return refused("wrong-attachment", field, cause, "files", **values)

    yield ok("files that the statement lists", "files", **given(filed(*both), first, second))
    yield ok("files of neither", "files", **given(filed()))
    yield one("files", "none, and the statement lists two", **given(filed(*both)))
    yield one("files", "two, and the statement lists none", **given(filed(), first, second))
    yield one("files", "in another order", **given(filed(*both), second, first))
    yield one("files", "one less", **given(filed(*both), first))
    another = {**first, "hash": fixed("another")}
    yield one("files.hash", "another one", **given(filed(both[0]), another))
    larger = {**first, "size": SMALLEST + 1}
    yield one("files.size", "of another step", **given(filed(both[0]), larger))
    endless = {**first, "size": LARGEST + 1}
    yield one("files.size", "larger than any file", **given(filed(both[0]), endless))


# --- ranges ---------------------------------------------------------------------------------------


def head_of(offset: int = 0, data: bytes = BYTES, **change: Any) -> tuple[RangeHead, bytes]:
    said: dict[str, Any] = {
        "sender": LISBON.id,
        "recipient": UTRECHT.id,
        "hash": fixed("file"),
        "size": SIZE,
        "now": NOW,
        **change,
    }
    return make_range(LISBON.node, LISBON.certificate, offset=offset, data=data, **said)


def request(content: bytes, data: bytes = BYTES, node: Signer = LISBON.node, **other: Any) -> bytes:
    """A range made by hand."""
    label = other.get("label", labels.ATTACHMENT_RANGE)
    certificate = other.get("certificate", LISBON.certificate)
    head = packed([content, node.sign(label, content), certificate])
    return len(head).to_bytes(2, "big") + head + data


def arriving(data: bytes, **change: Any) -> dict[str, Any]:
    given = {"data": data, "us": UTRECHT.id, "vault_key": LISBON.vault.public, "now": NOW}
    return {**given, "held": 0, **change}


def ranges() -> Iterator[Scene]:
    yield ok("range that begins an attachment", "range", **arriving(head_of()[1]))
    on = arriving(head_of(600)[1], held=600)
    yield ok("range that goes on where what is held ends", "range", **on)
    end = arriving(head_of(SIZE - 600)[1], held=SIZE - 600)
    yield ok("range that ends an attachment", "range", **end)
    asked = head_of(0, b"")[1]
    yield ok("range of no bytes asks", "range", **arriving(asked, held=12_345))
    yield ok("range of no bytes when all is held", "range", **arriving(asked, held=SIZE))


def bad_ranges() -> Iterator[Scene]:
    def one(code: str, field: str, cause: str, data: bytes, **change: Any) -> Scene:
        return refused(code, f"range.{field}", cause, "range", **arriving(data, **change))

    good, whole = head_of()
    content = good.content
    yield one("bad-range", "offset", "goes back", head_of(0)[1], held=600)
    yield one("bad-range", "offset", "overlaps", head_of(300)[1], held=600)
    yield one("bad-range", "offset", "leaves a gap", head_of(601)[1], held=600)
    past = head_of(SIZE - 599)[1]
    yield one("bad-range", "length", "goes past the end", past, held=SIZE - 599)
    yield one("bad-range", "length", "after all is held", head_of(SIZE)[1], held=SIZE)
    yield one("wrong-seal", "part", "other bytes", whole[:-1] + b"c")
    yield one("truncated", "bytes", "one less", whole[:-1])
    yield one("trailing", "bytes", "one more", whole + b"b")
    odd = request(changed(content, 4, SIZE + 1))
    yield one("wrong-length", "size", "of no step", odd)
    long = request(changed(content, 7, uploads.MAX_RANGE + 1))
    yield one("too-large", "length", "over 1 MiB", long)
    yield one("unknown-suite", "suite", "2", request(changed(content, 0, 2)))
    yield one("not-for-us", "recipient", "another member", whole, us=LVIV.id)
    yield one("clock", "at", "over ten minutes ahead", head_of(now=NOW + 600_001)[1])
    yield one("bad-signature", "signature", "by another node", request(content, node=LVIV.node))
    parcel = request(content, label=labels.PARCEL)
    yield one("bad-signature", "signature", "as that of a parcel", parcel)
    theirs = request(content, certificate=LVIV.certificate)
    yield one("wrong-key", "certificate", "of another member", theirs)
    yield one("wrong-type", "hash", "31 bytes", request(changed(content, 3, bytes(31))))
    broken = request(content[:-1])
    yield one("truncated", "content", "its last byte is missing", broken)


# --- answers --------------------------------------------------------------------------------------


def answers() -> Iterator[Scene]:
    head, whole = head_of()
    sent = whole[2 : 2 + int.from_bytes(whole[:2], "big")]

    def given(data: bytes) -> dict[str, Any]:
        return {"data": data, "head": sent, "vault_key": UTRECHT.vault.public, "now": NOW}

    def answer(held: int, code: str | None = None, now: int = NOW) -> bytes:
        return uploads.make_progress(UTRECHT.node, UTRECHT.certificate, head, now, held, code)

    def made(node: Signer = UTRECHT.node, **fields: Any) -> bytes:
        name = digest(labels.ATTACHMENT_RANGE, head.content)
        values: dict[str, Any] = {
            "suite": SUITE,
            "sender": LISBON.id,
            "recipient": UTRECHT.id,
            "range": name,
            "at": NOW,
            "held": 600,
            "code": None,
            **fields,
        }
        content = encode(Progress(**values))
        signature = node.sign(labels.ATTACHMENT_PROGRESS, content)
        return encode(ProgressEnvelope(content, signature, UTRECHT.certificate))

    def one(code: str, field: str, cause: str, data: bytes) -> Scene:
        return refused(code, f"range answer.{field}", cause, "range answer", **given(data))

    envelope = uploads.parse_progress(answer(600))
    bent = changed(answer(600), 1, flipped(envelope.signature, 0))
    yield ok("range answer", "range answer", **given(answer(600)))
    yield ok("range answer that all is held", "range answer", **given(answer(SIZE)))
    refusal = given(answer(300, "bad-range"))
    yield ok("range answer that refuses and says where to go on", "range answer", **refusal)
    yield one("wrong-seal", "range", "another one", made(range=fixed("another")))
    yield one("wrong-sender", "sender", "another member", made(sender=LVIV.id))
    yield one("wrong-value", "held", "more than there is", made(held=SIZE + 1))
    yield one("clock", "at", "over ten minutes ahead", answer(600, now=NOW + 600_001))
    yield one("bad-signature", "signature", "by another node", made(LVIV.node))
    yield one("bad-signature", "signature", "one bit", bent)
    yield one("unknown-suite", "suite", "2", made(suite=2))
    yield one("trailing", "data", "a byte more", answer(600) + b"\0")
