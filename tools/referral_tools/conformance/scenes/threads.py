"""Statements in their thread: what is held, what is refused, which state follows."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from referral_protocol.certificates import DAY
from referral_protocol.statements import Attachment, SignedStatement
from referral_tools.conformance.scenes.scene import Scene, ok, refused
from referral_tools.conformance.world import (
    EPOCH,
    LISBON,
    LVIV,
    NOW,
    UTRECHT,
    fixed,
    opener,
    say,
)

OPENED: Final = opener(b"made up")
OTHER: Final = opener(b"another", seq=2)
NOTE: Final = say(LISBON, UTRECHT, "note", thread=OPENED, after=OPENED, seq=3)
TWIN: Final = say(LISBON, UTRECHT, "note", thread=OPENED, after=OPENED, seq=3, content=b"twin")
SIBLING: Final = say(LISBON, UTRECHT, "note", thread=OPENED, after=OPENED, seq=4)
FILED: Final = say(
    LISBON,
    UTRECHT,
    "note",
    thread=OPENED,
    after=OPENED,
    seq=3,
    attachments=(Attachment(fixed("file"), 262_144),),
)
WITHDRAWN: Final = say(LISBON, UTRECHT, "withdraw", thread=OPENED, after=NOTE)
RECEIVED: Final = say(UTRECHT, LISBON, "state", thread=OPENED, state="received", seen=OPENED.hash)


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from admitted()
    yield from not_admitted()
    yield from states()
    yield from not_allowed()


def given(signed: SignedStatement, *held: SignedStatement, **change: Any) -> dict[str, Any]:
    """A statement that comes to its recipient, from its sender, beside what is held."""
    return {
        "content": signed.content,
        "held": [h.content for h in held],
        "us": signed.statement.recipient,
        "sender": signed.statement.sender,
        "has_body": True,
        "now": NOW,
        **change,
    }


def admitted() -> Iterator[Scene]:
    last = OPENED.statement.expires
    fork = say(LISBON, UTRECHT, "note", thread=OPENED, previous=OPENED.hash, epoch=EPOCH + 1, seq=1)
    yield ok("admit an opener", "admit", **given(OPENED))
    yield ok("admit what comes after its opener", "admit", **given(NOTE, OPENED))
    yield ok("admit what comes before its opener", "admit", **given(NOTE))
    yield ok("admit the same again", "admit", **given(NOTE, OPENED, NOTE))
    yield ok("admit what is ahead of a gap", "admit", **given(WITHDRAWN, OPENED))
    yield ok("admit a body in the last millisecond", "admit", **given(OPENED, now=last))
    husk = given(OPENED, now=last + 3650 * DAY, has_body=False)
    yield ok("admit a husk ten years later", "admit", **husk)
    yield ok("admit a second successor in a new epoch", "admit", **given(fork, OPENED, NOTE))
    yield ok("admit from a clock ten minutes ahead", "admit", **given(OPENED, now=NOW - 600_000))
    filed = given(FILED, OPENED, has_attachments=True)
    yield ok("admit what has its attachments", "admit", **filed)
    unfiled = given(FILED, OPENED, has_body=False)
    yield ok("admit a husk without its attachments", "admit", **unfiled)
    yield ok("admit a state of the receiving side", "admit", **given(RECEIVED, OPENED))


def not_admitted() -> Iterator[Scene]:
    def one(
        code: str, field: str, cause: str, *statements: SignedStatement, **change: Any
    ) -> Scene:
        return refused(code, field, cause, "admit", **given(*statements, **change))

    note = say(UTRECHT, LISBON, "note", thread=OPENED, previous=NOTE.hash)
    yield one("not-for-us", "statement.recipient", "another member", OPENED, us=LVIV.id)
    yield one("wrong-sender", "statement.sender", "not who delivers it", OPENED, sender=LVIV.id)
    yield one("clock", "statement.at", "over ten minutes ahead", OPENED, now=NOW - 600_001)
    yield one("counter-reused", "statement.seq", "held with other bytes", TWIN, OPENED, NOTE)
    yield one(
        "counter-reused",
        "statement.seq",
        "held in another thread",
        say(LISBON, UTRECHT, "note", thread=OPENED, seq=2, previous=OPENED.hash),
        OPENED,
        OTHER,
    )
    yield one(
        "counter-reused", "statement.seq", "held with another opener", opener(b"twin"), OPENED
    )
    yield one(
        "counter-reused",
        "statement.previous",
        "has another successor in this epoch",
        SIBLING,
        OPENED,
        NOTE,
    )
    stranger = say(LVIV, UTRECHT, "note", thread=OPENED)
    yield one("foreign-thread", "statement.thread", "between two others", stranger, OPENED)
    astray = say(LISBON, UTRECHT, "note", seq=5, previous=NOTE.hash, thread=NOTE.hash)
    yield one("bad-thread", "statement.thread", "names a note", astray, OPENED, NOTE)
    moved = say(LISBON, UTRECHT, "state", thread=OPENED, after=OPENED, seq=3, state="accepted")
    yield one("wrong-role", "statement.kind", "a state by the referring side", moved, OPENED)
    back = say(UTRECHT, LISBON, "withdraw", thread=OPENED)
    yield one("wrong-role", "statement.kind", "a withdrawal by the receiving side", back, OPENED)
    elsewhere = say(LISBON, UTRECHT, "note", thread=OPENED, previous=OTHER.hash, seq=3)
    yield one(
        "foreign-previous", "statement.previous", "of another thread", elsewhere, OPENED, OTHER
    )
    yield one("foreign-previous", "statement.previous", "of the other side", note, OPENED, NOTE)
    seen = say(LISBON, UTRECHT, "note", thread=OPENED, after=OPENED, seq=3, seen=OPENED.hash)
    yield one("foreign-previous", "statement.seen", "of its own side", seen, OPENED)
    seen = say(UTRECHT, LISBON, "note", thread=OPENED, seen=OTHER.hash)
    yield one("foreign-previous", "statement.seen", "of another thread", seen, OPENED, OTHER)
    late = OPENED.statement.expires + 1
    yield one("expired", "body", "a millisecond after its last", OPENED, now=late)
    yield one("attachment-missing", "statement.attachments", "not here yet", FILED, OPENED)
    brief = opener(b"brief", expires=NOW + 1)
    yield one("expired", "body", "after the two milliseconds that it had", brief, now=NOW + 2)


# --- states ---------------------------------------------------------------------------------------


def answers(*said: str, seen: SignedStatement = OPENED) -> list[SignedStatement]:
    """States of the receiving side, one after the other."""
    chain: list[SignedStatement] = []
    for state in said:
        after = chain[-1] if chain else None
        chain.append(
            say(UTRECHT, LISBON, "state", thread=OPENED, after=after, state=state, seen=seen.hash)
        )
    return chain


def of(*statements: SignedStatement, **more: Any) -> dict[str, Any]:
    return {"statements": [s.content for s in statements], **more}


def states() -> Iterator[Scene]:
    paths: Sequence[Sequence[str]] = (
        (),
        ("received",),
        ("received", "accepted"),
        ("accepted", "in-progress", "on-hold", "in-progress", "completed"),
        ("accepted", "rejected"),
        ("received", "cancelled"),
        ("entered-in-error",),
    )
    for path in paths:
        words = " then ".join(path) or "nothing said"
        yield ok(f"state after {words}", "state", **of(OPENED, *answers(*path)))
    chain = answers("received", "accepted", "in-progress", "completed")
    reordered = [*chain[::-1], OPENED, chain[1]]
    yield ok("state does not depend on order or repetition", "state", **of(*reordered))
    yield ok("state waits for what is missing", "state", **of(OPENED, chain[0], *chain[2:]))
    ignored = answers("completed", "accepted")
    yield ok("state ignores what the table does not allow", "state", **of(OPENED, *ignored))
    unknown = answers("received", "state-of-tomorrow")
    yield ok("state ignores a state that it does not know", "state", **of(OPENED, *unknown))
    yield ok("withdrawal cancels what nobody opened", "state", **of(OPENED, NOTE, WITHDRAWN))
    crossed = of(OPENED, NOTE, WITHDRAWN, *answers("accepted"))
    yield ok("withdrawal that crosses an answer does not undo it", "state", **crossed)
    covered = of(OPENED, NOTE, WITHDRAWN, *answers("accepted", seen=WITHDRAWN))
    yield ok("withdrawal that was seen cannot be answered by accepting", "state", **covered)
    ended = of(OPENED, NOTE, WITHDRAWN, *answers("rejected", seen=WITHDRAWN))
    yield ok("withdrawal that was seen can be answered by an end", "state", **ended)
    behind = of(OPENED, WITHDRAWN, *answers("received", seen=WITHDRAWN))
    yield ok("withdrawal ahead of a gap does not count yet", "state", **behind)
    stranger = say(LVIV, UTRECHT, "withdraw", thread=OPENED)
    yield ok("state is nobody else's business", "state", **of(OPENED, stranger))
    restored = say(
        UTRECHT,
        LISBON,
        "state",
        thread=OPENED,
        previous=chain[0].hash,
        epoch=EPOCH + DAY,
        seq=1,
        state="rejected",
    )
    forked = of(OPENED, chain[0], chain[1], restored)
    yield ok("state of two epochs is that of the later one where allowed", "state", **forked)
    yield ok("state without the opener is unknown", "state", **of(*chain))


def not_allowed() -> Iterator[Scene]:
    def one(code: str, field: str, cause: str, *said: SignedStatement, **more: Any) -> Scene:
        return refused(code, field, cause, "state", **of(OPENED, *said, **more))

    for after, following in (
        ((), "in-progress"),
        ((), "completed"),
        (("received",), "received"),
        (("received",), "on-hold"),
        (("accepted",), "received"),
        (("accepted", "in-progress"), "rejected"),
        (("accepted", "completed"), "in-progress"),
        (("rejected",), "accepted"),
        (("received",), "state-of-tomorrow"),
    ):
        cause = f"{following} after {after[-1] if after else 'requested'}"
        yield one("state-not-allowed", "head.state", cause, *answers(*after), next=following)
    withdrawal = (NOTE, WITHDRAWN)
    received = answers("received")
    yield one(
        "withdrawn",
        "head.state",
        "accepted after a withdrawal",
        *withdrawal,
        *received,
        next="accepted",
    )
    in_progress = answers("accepted")
    yield one(
        "withdrawn",
        "head.state",
        "in-progress after a withdrawal",
        *withdrawal,
        *in_progress,
        next="in-progress",
    )
    yield one(
        "state-not-allowed",
        "head.state",
        "received after a withdrawal",
        *withdrawal,
        next="received",
    )
    yield one("withdrawn", "body", "withdrawn before it was opened", *withdrawal, open=True)
