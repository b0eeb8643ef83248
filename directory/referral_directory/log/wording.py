"""Codes of the log and the journal in words, for the console's pages and for a terminal.

Law: a code that nobody knows is said as it stands, never dropped.
"""

from typing import Final

from referral_directory.log import journal
from referral_directory.log.journal import Act
from referral_protocol.directory.entries import ACTIVE, REMOVED, SUSPENDED
from referral_ui.numbers import grouped

SUSPEND_REASONS: Final = {
    "keys-compromised": "Their keys may be in the wrong hands",
    "not-reachable": "Nobody there can be reached",
    "misuse": "Referrals were misused",
    "under-review": "Something is being looked into",
    "asked-by-member": "They asked for it",
    "other": "Another reason, kept outside of the log",
}
"""Why registrars suspend. The log shows the code to everybody, for ever."""
REMOVE_REASONS: Final = {
    "left": "They have left VSE",
    "closed": "The organisation has closed",
    "merged": "It has merged with another member",
    "joined-anew": "It has joined anew, with new keys",
    "misuse": "Referrals were misused",
    "other": "Another reason, kept outside of the log",
}
LIFT_REASONS: Final = {
    "resolved": "It has been resolved",
    "mistake": "The suspension was a mistake",
    "asked-by-member": "They asked for it",
}
_RECOVERY_REASONS: Final = {
    "veto": "The key that was said to be lost has vetoed the recovery",
    "found": "The key that was said to be lost was found",
    "recovery-ended": "The registrars have ended the recovery",
    "lost": "Its vault key was lost",
}
REASONS: Final = SUSPEND_REASONS | REMOVE_REASONS | LIFT_REASONS | _RECOVERY_REASONS

ENDINGS: Final = ("recovery-ended", "found")
"""Reasons of a status that ends a recovery: the keys stay as they are."""

STATUS: Final = {ACTIVE: "active", SUSPENDED: "suspended", REMOVED: "removed"}
_DECISIONS: Final = {
    SUSPENDED: "suspended",
    ACTIVE: "ended the suspension of",
    REMOVED: "removed",
    "recovery": "announced the recovery of the lost key of",
    "update": "finished the recovery of the lost key of",
}
_ACTS: Final = {
    journal.SIGNED_IN: "signed in",
    journal.SIGNED_OUT: "signed out",
    journal.PASSWORD: "changed the own password",
    journal.TELEPHONE: "took a new secret for codes",
    journal.ADMITTED: "admitted",
    journal.ASKED: "asked",
    journal.DECLINED: "refused the request of",
    journal.DROPPED: "gave up what waited for another registrar about",
    journal.ROOT: "handed in a new root",
    journal.INVITED: "made an invitation",
    journal.ERASED: "erased from the profile of",
    journal.DIFFERED: "heard a fingerprint that was not the one of the request of",
}


def reason(code: str) -> str:
    """A reason in words."""
    return REASONS.get(code, code)


def lowered(words: str) -> str:
    """Words inside a sentence: the first letter small."""
    return words[:1].lower() + words[1:]


def act_words(act: Act) -> tuple[str, str]:
    """What somebody did, before and after the name of the organisation that it was about."""
    if act.what in (journal.DECIDED, journal.SIGNED):
        status, _, why = act.detail.partition(" ")
        did = _DECISIONS.get(status, status)
        waits = act.what == journal.SIGNED
        if why in ENDINGS:
            did = "ended the recovery of"
        before = f"signed, and waits for another registrar: {did}" if waits else did
        if status == "recovery":
            return before, f", having called {grouped(why)}" if why else ""
        return before, f": {lowered(reason(why))}" if why else ""
    before = _ACTS.get(act.what, act.what)
    if not act.detail:
        return before, ""
    if act.what == journal.ADMITTED:
        return before, f", having called {grouped(act.detail)}"
    if act.what == journal.ASKED:
        return before, f" for more: “{act.detail}”"
    if act.what == journal.DECLINED:
        return before, f": “{act.detail}”"
    return before, f": {act.detail}"
