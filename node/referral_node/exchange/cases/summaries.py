"""What lists need of each case, sealed under its case key and folded forward message by message.

Law: beside what its messages say, a summary holds only what somebody here decided of the case and
never sends. It is replaced in the transaction that stores or imports a message, or a decision.
Erasing the case key erases it too. Of what it says one bit stands
beside it in the clear, that somebody here should look: it tells less than the statements do.
"""

from typing import Any, Final

import msgspec

from referral_node.store import Tx
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import CaseKey
from referral_protocol import forms
from referral_protocol.statements import ASK, NOTE, OPEN, STATE, WITHDRAW

ANSWERS: Final = frozenset({"accepted", "rejected"})
OUTCOMES: Final = frozenset({"completed", "failed", "cancelled"})
WITHOUT_HELP: Final = frozenset({"rejected", "failed", "cancelled", "entered-in-error"})
"""Ends after which whoever referred a person has to decide what is next."""
MISTAKE: Final = "entered-in-error"
"""Of the reasons to withdraw the one after which the person still has no service."""
CONSENT_WITHDRAWN: Final = "consent-withdrawn"
"""After it whoever had opened the case erases what no law obliges it to keep, and says so."""
NOT_NEEDED: Final = "no-longer-needed"


class Pending(msgspec.Struct, frozen=True):
    """A request that the other side has not answered yet. ``mine``: we asked."""

    mine: bool
    purpose: str
    at: int


class Closing(msgspec.Struct, frozen=True):
    """Why nothing more is to do for a person whom nobody took on. Kept here, never sent."""

    reason: str
    text: str
    by: str
    at: int


class CaseSummary(msgspec.Struct, frozen=True):
    """One case in a list. Times in ms; dates as written in the form."""

    name: str = ""
    latin: str = ""
    name_to_use: str = ""
    language: str = ""
    birth_date: str = ""
    case_number: str = ""
    needs: tuple[str, ...] = ()
    age_band: str = ""
    lives_in: str = ""
    incident: str = ""
    threat: bool = False
    risk_level: str = ""
    consent_until: str = ""
    opened_at: int | None = None
    answer: str = ""
    answered_at: int | None = None
    contacted_at: int | None = None
    step: str = ""
    outcome: str = ""
    outcome_at: int | None = None
    reason: str = ""
    withdrawn: str = ""
    """Why the referring side took it back: the reason's code."""
    pending: Pending | None = None
    unread: int = 0
    last_at: int = 0
    form: str = ""
    """Of the opening body."""
    undecided: bool = False
    """We referred a person, nobody helps them now, and nobody here has said what is next."""
    earlier: bytes | None = None
    """The thread that this one goes on from."""
    later: tuple[bytes, ...] = ()
    """The threads that go on from this one."""
    owes_word: bool = False
    """They withdrew consent after we had opened it, and we have not said what was erased."""
    closing: Closing | None = None
    asked_for: bytes | None = None
    """The draft for which we asked this question."""

    @property
    def attention(self) -> bool:
        """Whether somebody here should look: something was not read, they wait for our word, or
        somebody has to decide what is next."""
        waits = self.pending is not None and not self.pending.mine
        return bool(self.unread) or waits or self.undecided or self.owes_word


class Summarised(msgspec.Struct, frozen=True):
    """The message that is folded in."""

    thread: bytes
    hash: bytes
    mine: bool
    kind: str
    state: str | None
    at: int


FIRST: Final = 1
"""Version of a summary that was made of an opener."""


def first_summary(case_key: CaseKey, said: Summarised, content: dict[str, Any]) -> bytes:
    """The sealed summary of a thread that begins with this message."""
    return _sealed(case_key, said.thread, FIRST, fold(CaseSummary(), said, content))


def _sealed(case_key: CaseKey, thread: bytes, version: int, summary: CaseSummary) -> bytes:
    return case_key.seal(msgspec.msgpack.encode(summary), ("threads", thread, version))


async def summarise(tx: Tx, case_key: CaseKey, said: Summarised, content: dict[str, Any]) -> None:
    """Fold one message into its thread's summary."""
    row = await tx.row("SELECT summary, summary_version FROM threads WHERE id = ?", (said.thread,))
    if row is None:
        return
    version = int(row["summary_version"])
    before = CaseSummary()
    if row["summary"] is not None:
        try:
            before = read_summary(case_key, said.thread, version, bytes(row["summary"]))
        except Unsealable:
            return  # damaged: it stays so and is shown so; the message itself is not held up
    await keep_summary(tx, case_key, said.thread, version + 1, fold(before, said, content))


async def keep_summary(
    tx: Tx, case_key: CaseKey, thread: bytes, version: int, summary: CaseSummary
) -> None:
    """Store a summary as this version of its thread's."""
    sealed = _sealed(case_key, thread, version, summary)
    await tx.execute(
        "UPDATE threads SET summary = ?, summary_version = ?, attention = ? WHERE id = ?",
        (sealed, version, int(summary.attention), thread),
    )


def read_summary(case_key: CaseKey, thread: bytes, version: int, sealed: bytes) -> CaseSummary:
    """A stored summary; raises Unsealable if it was moved or altered."""
    plain = case_key.unseal(sealed, ("threads", thread, version))
    return msgspec.msgpack.decode(plain, type=CaseSummary)


def fold(before: CaseSummary, said: Summarised, content: dict[str, Any]) -> CaseSummary:
    """The summary after one more message. Pure."""
    after = msgspec.structs.replace(before, last_at=max(before.last_at, said.at))
    if not said.mine and said.kind != OPEN:
        after = msgspec.structs.replace(after, unread=after.unread + 1)
    if said.mine and "erased" in content:
        after = msgspec.structs.replace(after, owes_word=False)
    if said.kind == OPEN:
        return _opened(after, content)
    if said.kind == STATE:
        return _moved(after, said, content)
    if said.kind == ASK:
        asked = Pending(said.mine, str(content.get("purpose", "")), said.at)
        return msgspec.structs.replace(after, pending=asked)
    if said.kind == NOTE:
        return _noted(after, said, content)
    if said.kind == WITHDRAW and not after.withdrawn:
        why = str(content.get("reason", "other"))
        again = said.mine and why == MISTAKE and _open_ended(after)
        owes = not said.mine and why == CONSENT_WITHDRAWN and after.form != ""
        return msgspec.structs.replace(after, withdrawn=why, undecided=again, owes_word=owes)
    return after


def kept_here(before: CaseSummary) -> CaseSummary:
    """What a summary that is made anew of its messages keeps: what was decided here."""
    return CaseSummary(
        earlier=before.earlier,
        later=before.later,
        closing=before.closing,
        asked_for=before.asked_for,
    )


def _open_ended(case: CaseSummary) -> bool:
    """Whether a person's way could end here: nobody referred again, or said why not."""
    return case.form == "referral" and case.closing is None and not case.later


def _without_help(case: CaseSummary, said: Summarised, outcome: str) -> bool:
    """Whether the other side has ended it, and we neither wished nor said that before."""
    wished = case.pending is not None and case.pending.mine and case.pending.purpose == "cancel"
    ended = not said.mine and (said.state or "") in WITHOUT_HELP and outcome != NOT_NEEDED
    return ended and not wished and not case.withdrawn and _open_ended(case)


def _opened(after: CaseSummary, content: dict[str, Any]) -> CaseSummary:
    said = forms.summary(content)
    return msgspec.structs.replace(
        after,
        name=said.name or said.subject,
        latin=said.name_latin,
        name_to_use=said.name_to_use,
        language=said.name_language,
        birth_date=said.date_of_birth,
        case_number=said.case_number,
        needs=said.needs,
        age_band=said.age_band,
        lives_in=said.lives_in,
        incident=said.incident,
        threat=said.threat,
        risk_level=said.risk_level,
        consent_until=said.consent_until,
        form=said.form,
    )


def _moved(after: CaseSummary, said: Summarised, content: dict[str, Any]) -> CaseSummary:
    state = said.state or ""
    changes: dict[str, Any] = {}
    if state == "received":
        changes = {"opened_at": said.at, "unread": 0 if said.mine else max(after.unread - 1, 0)}
    if state in ANSWERS and not after.answer:
        changes |= {"answer": state, "answered_at": said.at}
    if state in OUTCOMES:
        changes |= {"outcome": str(content.get("outcome", state)), "outcome_at": said.at}
    if "reason" in content:
        changes["reason"] = str(content["reason"])
    if _without_help(after, said, str(content.get("outcome", ""))):
        changes["undecided"] = True
    if after.pending is not None and after.pending.mine != said.mine:
        changes["pending"] = None
    return msgspec.structs.replace(after, **changes)


def _noted(after: CaseSummary, said: Summarised, content: dict[str, Any]) -> CaseSummary:
    changes: dict[str, Any] = {}
    step = str(content.get("step", ""))
    if step:
        changes["step"] = step
    if step == "contact-made" and after.contacted_at is None:
        changes["contacted_at"] = int(content.get("step_at", said.at))
    if step == "information-requested":
        changes["pending"] = Pending(said.mine, "information", said.at)
    elif after.pending is not None and after.pending.mine != said.mine:
        changes["pending"] = None
    consent = content.get("consent")
    if isinstance(consent, dict) and "until" in consent:
        changes["consent_until"] = str(consent["until"])
    return msgspec.structs.replace(after, **changes)
