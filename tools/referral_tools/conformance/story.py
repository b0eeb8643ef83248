"""One referral from Lisbon to Utrecht with all that both sides signed, and its evidence.

The same story in every use: opened, held, received, accepted, the victim contacted, completed.
"""

from typing import Final, NamedTuple

from referral_protocol.certificates import DAY
from referral_protocol.evidence import Disclosed, Given, log_entries, make_evidence
from referral_protocol.forms import content
from referral_protocol.receipts import HELD, Answer, Receipt, make_receipt
from referral_protocol.statements import SignedStatement
from referral_protocol.suite import SUITE
from referral_tools.conformance.log import Log
from referral_tools.conformance.world import (
    LISBON,
    LVIV,
    NOW,
    UTRECHT,
    Party,
    fixed,
    opener,
    salt,
    say,
)

HOUR: Final = 3_600_000
BODY: Final = content.encode({"form": "note", "step": "contact-made"})


class Story(NamedTuple):
    """The directory's log, every statement by its name, the receipts of both nodes."""

    log: Log
    statements: dict[str, SignedStatement]
    receipts: tuple[Given, ...]

    @property
    def end(self) -> int:
        """When it was over: the time at which its evidence is made."""
        return NOW + 9 * DAY


def receipt(by: Party, to: Party, at: int, *held: SignedStatement) -> Given:
    """The receipt of a node for a parcel that held these statements with their bodies."""
    answers = tuple(Answer(s.hash, fixed("sealed", s.hash.hex()), HELD) for s in held)
    parcel = fixed("parcel", at)[:16]
    said = Receipt(SUITE, parcel, to.id, by.id, at, None, answers)
    return Given(*make_receipt(by.node, said), by.certificate)


def tell() -> Story:
    """The whole story, made anew: no sealing in it, so it is the same each time."""
    log = Log(LISBON, LVIV, UTRECHT)
    opened = opener(b"made up", at=NOW, expires=NOW + 14 * DAY)
    states: list[SignedStatement] = []
    for state, after in (("received", HOUR), ("accepted", DAY), ("in-progress", 2 * DAY)):
        states.append(
            say(
                UTRECHT,
                LISBON,
                "state",
                thread=opened,
                after=states[-1] if states else None,
                state=state,
                seen=opened.hash,
                at=NOW + after,
                expires=NOW + after + 14 * DAY,
            )
        )
    note = say(
        UTRECHT,
        LISBON,
        "note",
        thread=opened,
        after=states[-1],
        content=BODY,
        seen=opened.hash,
        at=NOW + 3 * DAY,
    )
    done = say(
        UTRECHT,
        LISBON,
        "state",
        thread=opened,
        after=note,
        state="completed",
        seen=opened.hash,
        at=NOW + 8 * DAY,
        expires=NOW + 20 * DAY,
    )
    names = ("opened", "received", "accepted", "in-progress", "contacted", "completed")
    statements = dict(zip(names, (opened, *states, note, done), strict=True))
    receipts = (
        receipt(UTRECHT, LISBON, NOW + 60_000, opened),
        receipt(LISBON, UTRECHT, NOW + HOUR + 60_000, states[0]),
    )
    return Story(log, statements, receipts)


def disclosed(signed: SignedStatement, body: bytes) -> Disclosed:
    """A content of this world, with its salt."""
    return Disclosed(signed.hash, salt(body), body)


def evidence(story: Story, *contents: Disclosed) -> bytes:
    """Lisbon's evidence of the whole story."""
    entries = log_entries(story.log.leaves, story.log.tree, {LISBON.id, UTRECHT.id})
    return make_evidence(
        made_by=LISBON.id,
        now=story.end,
        checkpoint=story.log.checkpoint(story.end),
        entries=entries,
        statements=list(story.statements.values()),
        receipts=story.receipts,
        contents=contents,
    )
