"""The record of access: who looked at what and what was done, of one case or of everything."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from referral_node.exchange import Summary
from referral_node.exchange.records import Line
from referral_node.web import referral_view
from referral_node.web.number_reasons import REASONS
from referral_node.web.pages.referral import look
from referral_node.web.routing import Route, get
from referral_node.web.visit import Visit
from referral_protocol import codes
from referral_ui import names
from referral_ui.parts import Text

MOST: Final = 500
WORDS: Final = {
    "looked": "Looked at the case",
    "imported": "Opened what had come",
    "held": "Took in a message",
    "unreadable": "Could not read a message",
    "not-opened": "Did not open a message",
    "refused": "Refused a message",
    "refused-by-peer": "Was refused by their node",
    "signed-in": "Signed in",
    "signed-out": "Signed out",
    "number-seen": "Saw the number outside its safe time",
    "file-opened": "Opened a file",
    "file-added": "Added a file",
    "file-removed": "Removed a file before it was sent",
    "follow-up": "Set the follow-up",
    "evidence": "Downloaded the evidence",
    "compared": "Compared the fingerprint by telephone",
    "member-note": "Noted something on an organisation",
    "draft-begun": "Began a draft",
    "closed": "Said that nothing more is to do",
    "node-made": "Made this node",
    "restored": "Restored this node from a backup",
    "rolled-back": "Found that this node was put back to an earlier state",
    "catch-up": "Began to ask others for what is missing here",
    "caught-up": "Had answers from all who were asked",
    "brought-back": "Got back a message without its content",
    "returned": "Got back the content of a message",
    "asked-again": "Was asked for a message once more",
    "said-again": "Said once more what their node could not hold",
    "not-said-again": "Did not repeat what their node could not hold: it was too late",
    "password-reset": "Set a new password",
    "user-added": "Let a keyholder in",
    "user-ended": "Ended a keyholder’s access",
    "mail-set": "Set an e-mail address for notifications",
    "mail-removed": "Took away an e-mail address for notifications",
    "absence-set": "Entered days away",
    "absence-ended": "Took days away back",
    "draft-discarded": "Deleted a draft",
    "prekeys-made": "Made keys for the coming months",
    "machine-key-replaced": "Replaced the machine’s key",
    "vault-key-made": "Began to replace the organisation’s key",
    "vault-key-replaced": "Replaced the organisation’s key",
    "recovery-asked": "Asked to take the place of the old node",
    "recovery-vetoed": "Stopped a new key that VSE had announced",
    "recovery-ours": "Said that the new key that VSE announced is ours",
    "recovered": "Took the place of the old node",
    "profile-saved": "Changed what others read about us; it was not sent yet",
    "update-made": "Signed a change for the directory",
    "update-done": "Saw a change of ours in the directory",
    "update-refused": "Learned that the directory refuses a change of ours",
    "said-open": "Sent the referral",
    "said-state": "Changed the state",
    "said-ask": "Asked for something",
    "said-note": "Wrote a message",
    "said-withdraw": "Withdrew the referral",
    "said-unreadable": "Said that a message could not be read",
    "said-return": "Gave back content that they had lost",
}
_CODES: Final = {
    **REASONS,
    "same": "all digits were the same",
    "different": "the digits were different",
    "with-contents": "with what was said",
    "routine": "as a matter of routine",
    "compromised": "somebody else may have had it",
    "lost": "it was lost",
    "done": "done",
}


@dataclass(frozen=True)
class Row:
    """One line for the page. ``href``: the case, if it is one of ours."""

    when: Text
    who: Text
    what: str
    about: Text
    href: str


async def of_case(visit: Visit) -> web.StreamResponse:
    """Everything that was done with one case."""
    case = await look(visit)
    lines = await visit.exchange.records.of(case.view.id, MOST)
    rows = [row(visit, line, {}) for line in lines]
    base = f"/referral/{case.view.id.hex()}"
    printed = referral_view.printed(case, visit.actor.display)
    return visit.page(
        "access.html",
        rows=rows,
        subject=case.subject.full,
        base=base,
        most=MOST,
        printed=printed,
    )


async def of_all(visit: Visit) -> web.StreamResponse:
    """Everything that was done here."""
    lines = await visit.exchange.records.of(None, MOST)
    subjects = [subject for line in lines if (subject := line.thread or line.subject)]
    known = await visit.exchange.lists.some(visit.vault, subjects)
    rows = [row(visit, line, known) for line in lines]
    return visit.page("access.html", rows=rows, subject=None, base="", most=MOST, printed="")


def row(visit: Visit, line: Line, known: dict[bytes, Summary]) -> Row:
    """A line of the record in words."""
    what = WORDS.get(line.action, f"{line.action} (unknown action)")
    if line.code:
        what = f"{what}: {_CODES.get(line.code, line.code)}"
    about, href = _about(visit, line, known)
    return Row(visit.times.record(line.at), line.actor or "The node itself", what, about, href)


def _about(visit: Visit, line: Line, known: dict[bytes, Summary]) -> tuple[Text, str]:
    subject = line.thread or line.subject
    if subject is None:
        return "", ""
    if subject in known:
        case = known[subject].case
        shown: Text = names.name(case.name, case.language or None) if case and case.name else ""
        return shown or codes.label(
            "thread-kinds", known[subject].kind
        ), f"/referral/{subject.hex()}"
    if len(subject) == 16 and visit.exchange.members.get(subject) is not None:
        return visit.site.organisation(subject).name, f"/organisation/{subject.hex()}"
    return "", ""


routes: Final[list[Route]] = [
    get("/access", of_all),
    get("/referral/{thread}/access", of_case),
]
