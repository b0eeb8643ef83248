"""Catching up: asks as they arrive, answers as they come back, content that is given back."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from referral_protocol import asks, forms, labels
from referral_protocol.asks import (
    BODIES,
    GAPS,
    RESTORE,
    AnswerHead,
    AnswerHeader,
    Ask,
    AskEnvelope,
    Brought,
    Number,
    Outcome,
    Page,
)
from referral_protocol.keys import prekey_id
from referral_protocol.parcels import pad_content
from referral_protocol.returns import FORM
from referral_protocol.statements import SignedStatement
from referral_protocol.suite import SUITE, SealKey, Signer, digest
from referral_protocol.wire import encode
from referral_tools.conformance.scenes.scene import (
    Scene,
    changed,
    flipped,
    ok,
    packed,
    raw,
    refused,
)
from referral_tools.conformance.world import (
    EPOCH,
    LISBON,
    LVIV,
    NOW,
    UTRECHT,
    fixed,
    opener,
    salt,
    say,
)

CONTENT: Final = forms.encode({"form": "note", "text": "made up", "language": "en"})
OPENED: Final = opener(b"made up")
NOTE: Final = say(LISBON, UTRECHT, "note", thread=OPENED, after=OPENED, content=CONTENT)
STATE: Final = say(UTRECHT, LISBON, "state", thread=OPENED, state="received", seen=OPENED.hash)
SINCE: Final = NOW - 86_400_000


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from good_asks()
    yield from bad_asks()
    yield from good_answers()
    yield from bad_answers()
    yield from returns()


# --- asks -----------------------------------------------------------------------------------------


def ask(kind: str = RESTORE, **changes: Any) -> Ask:
    """Lisbon's ask of Utrecht."""
    base = Ask(SUITE, fixed("ask")[:16], LISBON.id, UTRECHT.id, NOW, kind)
    if kind == RESTORE:
        base = msgspec.structs.replace(base, since=SINCE)
    return msgspec.structs.replace(base, **changes)


def envelope(
    content: Ask | bytes,
    *,
    node: Signer = LISBON.node,
    label: bytes = labels.ASK,
    certificate: bytes = LISBON.certificate,
    prekey: bytes | None = None,
) -> bytes:
    """An ask as it travels, checked by nobody."""
    data = content if isinstance(content, bytes) else encode(content)
    return encode(
        AskEnvelope(data, node.sign(label, data), certificate, prekey or LISBON.transport_prekey())
    )


def arriving(data: bytes, **change: Any) -> dict[str, Any]:
    return {
        "data": data,
        "us": UTRECHT.id,
        "vault_key": LISBON.vault.public,
        "now": NOW,
        **change,
    }


def good_asks() -> Iterator[Scene]:
    yield ok("ask for everything since a time", "ask", **arriving(envelope(ask())))
    further = ask(cursor=b"\x01" * 16)
    yield ok("ask for the next page", "ask", **arriving(envelope(further)))
    missing = ask(GAPS, numbers=(Number(EPOCH, 3), Number(EPOCH, 4)), hashes=(OPENED.hash,))
    yield ok("ask for what is missing", "ask", **arriving(envelope(missing)))
    yield ok("ask only for the highest counter", "ask", **arriving(envelope(ask(GAPS))))
    lost = ask(BODIES, hashes=(OPENED.hash, NOTE.hash))
    yield ok("ask for contents", "ask", **arriving(envelope(lost)))


def bad_asks() -> Iterator[Scene]:
    def bad(code: str, field: str, cause: str, data: bytes, **change: Any) -> Scene:
        return refused(code, field, cause, "ask", **arriving(data, **change))

    good = envelope(ask())
    content = encode(ask())
    yield bad("too-large", "ask envelope", "over 16 KiB", bytes(16 * 1024 + 1))
    yield bad("truncated", "ask envelope", "its last byte is missing", good[:-1])
    yield bad("trailing", "ask envelope", "a byte after it", good + b"\0")
    yield bad("not-canonical", "ask.at", "a longer form of the number", envelope(
        raw(content, 4, b"\xd3" + NOW.to_bytes(8, "big"))))  # fmt: skip
    yield bad("wrong-type", "ask.cursor", "of 33 bytes", envelope(changed(content, 7, bytes(33))))
    over = [[EPOCH, number] for number in range(1, 258)]
    gaps = encode(ask(GAPS))
    yield bad("wrong-type", "ask.numbers", "257 of them", envelope(changed(gaps, 8, over)))
    yield bad("wrong-type", "ask.numbers", "a counter of 0", envelope(
        changed(gaps, 8, [[EPOCH, 0]])))  # fmt: skip
    yield bad("unknown-suite", "ask.suite", "2", envelope(ask(suite=2)))
    yield bad("wrong-value", "ask.recipient", "its sender", envelope(ask(recipient=LISBON.id)))
    yield bad("wrong-value", "ask.kind", "an unknown one", envelope(ask("news")))
    yield bad("wrong-value", "ask.since", "missing", envelope(ask(since=None)))
    yield bad("wrong-value", "ask.since", "for contents", envelope(
        ask(BODIES, since=SINCE, hashes=(OPENED.hash,))))  # fmt: skip
    yield bad("wrong-value", "ask.cursor", "for what is missing", envelope(ask(GAPS, cursor=b"1")))
    yield bad("wrong-value", "ask.numbers", "for contents", envelope(
        ask(BODIES, numbers=(Number(EPOCH, 1),), hashes=(OPENED.hash,))))  # fmt: skip
    yield bad("wrong-value", "ask.hashes", "none, for contents", envelope(ask(BODIES)))
    yield bad("wrong-value", "ask.hashes", "for everything since a time", envelope(
        ask(hashes=(OPENED.hash,))))  # fmt: skip
    yield bad("wrong-value", "ask.hashes", "the same twice", envelope(
        ask(BODIES, hashes=(OPENED.hash, OPENED.hash))))  # fmt: skip
    yield bad("wrong-value", "ask.numbers", "the same twice", envelope(
        ask(GAPS, numbers=(Number(EPOCH, 1), Number(EPOCH, 1)))))  # fmt: skip
    yield bad("not-for-us", "ask.recipient", "another member", envelope(ask(recipient=LVIV.id)))
    yield bad("bad-signature", "ask.signature", "of another node", envelope(ask(), node=LVIV.node))
    yield bad("bad-signature", "ask.signature", "under the label of a receipt", envelope(
        ask(), label=labels.RECEIPT))  # fmt: skip
    yield bad("wrong-key", "ask.certificate", "of another member", envelope(
        ask(), certificate=LVIV.certificate))  # fmt: skip
    yield bad("clock", "ask.at", "over ten minutes ahead", envelope(ask(at=NOW + 600_001)))
    yield bad("wrong-key", "ask.prekey", "of another member", envelope(
        ask(), prekey=LVIV.transport_prekey()))  # fmt: skip
    yield bad("stale-prekey", "ask.prekey", "it has ended", good, now=NOW + 86_400_000)


# --- answers --------------------------------------------------------------------------------------


def brought(*signed: SignedStatement) -> tuple[Brought, ...]:
    return tuple(Brought(each.content, each.signature) for each in signed)


def answer(
    page: Page | bytes,
    *,
    to: Ask | None = None,
    node: Signer = UTRECHT.node,
    label: bytes = labels.ANSWER,
    bound: dict[str, Any] | None = None,
    padded: bytes | None = None,
    **header: Any,
) -> bytes:
    """Utrecht's answer, made by hand: ``header`` replaces signed fields, ``bound`` those that the
    sealed part is bound to."""
    asked = to or ask()
    prekey = LISBON.verified_transport_prekey()
    draft = AnswerHeader(
        SUITE, asked.ask, UTRECHT.id, LISBON.id, NOW, None, prekey_id(prekey.public), 0, None
    )
    content = page if isinstance(page, bytes) else encode(page)
    info = asks.answer_info(msgspec.structs.replace(draft, **(bound or {})))
    sealed = SealKey(prekey.public).seal(info, padded or pad_content(content))
    values = {"length": len(sealed), "hash": digest(labels.SEALED_ANSWER, sealed), **header}
    return signed_head(msgspec.structs.replace(draft, **values), node, label) + sealed


def signed_head(header: AnswerHeader, node: Signer = UTRECHT.node, label: bytes = b"") -> bytes:
    data = encode(header)
    signature = node.sign(label or labels.ANSWER, data)
    head = encode(AnswerHead(data, signature, UTRECHT.certificate))
    return len(head).to_bytes(2, "big") + head


def coming(data: bytes, **change: Any) -> dict[str, Any]:
    return {
        "data": data,
        "ask": encode(ask()),
        "vault_key": UTRECHT.vault.public,
        "our_key": LISBON.vault.public,
        "seed": LISBON.transport.seed(),
        "now": NOW,
        **change,
    }


def refusal(**change: Any) -> AnswerHeader:
    base = AnswerHeader(
        SUITE, ask().ask, UTRECHT.id, LISBON.id, NOW, "busy", None, 0, None
    )  # fmt: skip
    return msgspec.structs.replace(base, **change)


WHOLE: Final = Page(
    Number(EPOCH, 2), brought(OPENED, NOTE, STATE), b"\x02" * 16, (Outcome(NOTE.hash, "coming"),)
)


def good_answers() -> Iterator[Scene]:
    yield ok("answer with statements of both sides", "answer", True, **coming(answer(WHOLE)))
    yield ok("answer with nothing", "answer", True, **coming(answer(Page(None))))
    yield ok("answer that refuses", "answer", **coming(signed_head(refusal())))


def bad_answers() -> Iterator[Scene]:
    def bad(code: str, field: str, cause: str, data: bytes, **change: Any) -> Scene:
        return refused(code, field, cause, "answer", True, **coming(data, **change))

    good = answer(WHOLE)
    yield bad("truncated", "answer", "one byte", b"\0")
    yield bad("truncated", "answer head", "it ends early", good[:40])
    yield bad("too-large", "answer head", "over 1,024 bytes", b"\x04\x01" + bytes(1025))
    yield bad("wrong-length", "answer header.length", "of no class", answer(WHOLE, length=9000))
    yield bad("unknown-suite", "answer header.suite", "2", answer(WHOLE, suite=2))
    yield bad("wrong-value", "answer header.code", "beside a prekey", answer(WHOLE, code="busy"))
    yield bad("wrong-value", "answer header.hash", "in a refusal", signed_head(
        refusal(hash=bytes(32))))  # fmt: skip
    yield bad("wrong-seal", "answer header.ask", "another one", answer(
        WHOLE, ask=fixed("another")[:16]))  # fmt: skip
    yield bad("wrong-sender", "answer header.sender", "not who was asked", answer(
        WHOLE, sender=LVIV.id))  # fmt: skip
    yield bad("not-for-us", "answer header.recipient", "not who asked", answer(
        WHOLE, recipient=LVIV.id))  # fmt: skip
    yield bad("bad-signature", "answer.signature", "of another node", answer(
        WHOLE, node=LVIV.node))  # fmt: skip
    yield bad("bad-signature", "answer.signature", "under the label of a parcel", answer(
        WHOLE, label=labels.PARCEL))  # fmt: skip
    yield bad("clock", "answer header.at", "over ten minutes ahead", answer(
        WHOLE, at=NOW + 600_001))  # fmt: skip
    yield bad("truncated", "answer", "its last byte is missing", good[:-1])
    yield bad("trailing", "answer", "a byte after it", good + b"\0")
    yield bad("wrong-seal", "answer", "a bit of the sealed part flipped", flipped(good, -1))
    yield bad("does-not-open", "answer", "bound to another ask", answer(
        WHOLE, bound={"ask": fixed("another")[:16]}))  # fmt: skip
    content = encode(Page(None))
    yield bad("wrong-class", "answer", "a larger class than needed", answer(
        b"", padded=len(content).to_bytes(4, "big") + content.ljust(16_380, b"\0")))  # fmt: skip
    yield bad("pad-not-zero", "answer", "its pad ends in a one", answer(
        b"", padded=pad_content(content)[:-1] + b"\1"))  # fmt: skip
    yield bad("wrong-type", "page.held", "a counter alone", answer(changed(content, 0, 7)))
    yield bad("wrong-value", "page.statements", "the same twice", answer(
        Page(None, brought(OPENED, OPENED))))  # fmt: skip
    twice = (Outcome(NOTE.hash, "gone"), Outcome(NOTE.hash, "coming"))
    yield bad("wrong-value", "page.outcomes", "the same twice", answer(Page(None, outcomes=twice)))
    other = say(LISBON, LVIV, "open")
    yield bad("wrong-sender", "page.statements", "between others", answer(
        Page(None, brought(other))))  # fmt: skip
    forged = (Brought(NOTE.content, STATE.signature),)
    yield bad("bad-signature", "page.statements", "not signed by its sender", answer(
        Page(None, forged)))  # fmt: skip


# --- return ---------------------------------------------------------------------------------------


def given(content: bytes = CONTENT, **change: Any) -> dict[str, Any]:
    said = {"form": FORM, "statement": NOTE.hash, "salt": salt(CONTENT), "content": content}
    return {
        "data": forms.encode(said | change.pop("said", {})),
        "thread": OPENED.hash,
        "named": NOTE.content,
        **change,
    }


def returns() -> Iterator[Scene]:
    yield ok("return of a note", "return", **given())
    yield refused("foreign-previous", "return.statement", "not held", "return", **given(named=None))
    yield refused("foreign-previous", "return.statement", "of another thread", "return",
                  **given(thread=fixed("another")))  # fmt: skip
    yield refused("foreign-previous", "return.statement", "not the one that is named", "return",
                  **given(named=STATE.content))  # fmt: skip
    again = say(LISBON, UTRECHT, "return", thread=OPENED, after=NOTE, content=CONTENT)
    yield refused("wrong-value", "return.statement", "itself a return", "return",
                  **given(named=again.content, said={"statement": again.hash}))  # fmt: skip
    yield refused("wrong-commitment", "return.content", "another one", "return",
                  **given(content=forms.encode({"form": "note", "text": "other"})))  # fmt: skip
    yield refused("wrong-commitment", "return.salt", "another one", "return",
                  **given(said={"salt": fixed("another salt")}))  # fmt: skip
    missing = packed({k: v for k, v in fields_of(given()["data"]).items() if k != "salt"})
    yield refused("wrong-type", "return.salt", "missing", "return", **given(data=missing))


def fields_of(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = forms.decode(data)
    return found
