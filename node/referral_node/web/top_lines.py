"""What stands at the very top of a case: one sentence on where it is, what is due, what is amiss.
Pure.

Law: a sentence says only what the evidence shows, and whose turn it is.
"""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from referral_node.exchange.directory.stopped import WAITS
from referral_node.web import faults, query_words
from referral_node.web.case import GOING, WAITING, Case, author_of
from referral_protocol import codes, forms
from referral_protocol.ladder import Rung, Standing
from referral_ui import words
from referral_ui.parts import Tag, Text
from referral_ui.times import lower
from referral_ui.words import lowered

JUST_NOW: Final = 2 * 60 * 1000
"""Milliseconds for which most of what was sent arrives before anybody has to think of it."""
_GOOD: Final = frozenset({"accepted", "completed"})
_PURPOSES: Final = {
    "information": "ask for information",
    "news": "ask for news",
    "cancel": "ask to cancel",
    "erase": "ask to erase what is held",
    "confirm": "ask to confirm the meeting",
    "another-time": "ask for another time",
}


@dataclass(frozen=True)
class ByLine:
    """Under the heading: a tag, what is due by when, and how far off that is (not on paper)."""

    tag: Tag | None
    due: Text = ""
    rest: Text = ""
    distance: str = ""


@dataclass(frozen=True)
class Banner:
    """What is not as it should be, above everything else. ``tone``: plain, warn or danger."""

    title: str
    text: Text
    tone: str = "plain"


def ask_line(case: Case) -> Text:
    """The sentence under the name."""
    if case.view.erased_at is not None:
        when = lower(case.times.moment(case.view.erased_at))
        return Markup("The content was erased here {}. The signed evidence stays.").format(when)
    first = _received(case) if case.receiving else _sent(case)
    asked = _asked(case)
    return Markup(" ").join(each for each in (first, asked) if each)


def _received(case: Case) -> Text:
    if case.view.opener is None:
        return _unread(case)
    if case.withdrawn:
        why = _why_withdrawn(case)
        return Markup("{} withdrew this {}{}.").format(case.peer.name, case.thing, why)
    if case.state in WAITING:
        return _they_ask(case)
    if case.query and query_words.answer_of(case):
        return query_words.line(case)
    if case.state == "rejected":
        return f"You declined this referral{_reason(case, 'rejected')}."
    if case.state in GOING:
        return _going(case, "You accepted this referral")
    return _ended(case)


def _sent(case: Case) -> Text:
    peer = case.peer.name
    if case.withdrawn and not case.ended:
        return Markup("You withdrew this {}{}. {} has not answered that yet.").format(
            case.thing, _why_withdrawn(case), peer
        )
    if case.withdrawn:
        return Markup("You withdrew this {}{}.").format(case.thing, _why_withdrawn(case))
    if case.state in WAITING:
        return _unanswered(case)
    if case.query and query_words.answer_of(case):
        return query_words.line(case)
    if case.state == "rejected":
        return Markup("{} declined this referral{}.").format(peer, _reason(case, "rejected"))
    if case.state in GOING:
        return _going(case, Markup("{} accepted this referral").format(peer))
    return _ended(case)


def _unanswered(case: Case) -> Text:
    """How far a referral has come that nobody answered."""
    peer = case.peer.name
    held = next(step for step in case.view.steps if step.rung is Rung.HELD)
    if case.state == "received":
        return Markup("A person at {} has opened it. They have not answered yet.").format(peer)
    if held.standing is Standing.DONE:
        return Markup("{} holds it. No person has opened it yet.").format(peer)
    if held.standing is Standing.UNKNOWN:
        again = "We keep trying." if held.code is None else "It is not sent any more."
        return Markup("It is not known whether {} holds it: no receipt came back. {}").format(
            peer, again
        )
    if held.code is not None:
        return Markup("It did not reach {}: {}.").format(peer, faults.of_refusal(held.code))
    if case.view.opener_standing == "waiting-for-key":
        return Markup(
            "It waits for a key of {}. It is sealed and sent as soon as one is here."
        ).format(peer)
    if case.us.status == "suspended":
        return Markup("It has not reached {} yet. {}").format(peer, WAITS)
    if case.now - case.view.evidence.sent_at < JUST_NOW:
        return Markup(
            "It has not reached {} yet. Mostly that takes seconds: reload this page. It is sent"
            " again until it has."
        ).format(peer)
    return Markup("It has not reached {} yet. It is sent again until it has.").format(peer)


def _they_ask(case: Case) -> Text:
    said = forms.summary(case.content)
    asked = [lowered(codes.label("needs", need)) for need in said.needs]
    if said.form == "capacity":
        return f"They ask if you could take such a case: {words.listing(asked)}."
    if said.form == "question" or not asked:
        return "They ask you for advice." if said.form == "question" else "They ask for your help."
    return f"They ask you for: {words.listing(asked)}."


def _unread(case: Case) -> Text:
    if case.view.opener_withheld == "withdrawn" or case.withdrawn:
        return "It was withdrawn before anybody here had opened it."
    if case.view.opener_standing == "unreadable":
        return "Your node cannot read it. Its sender was told and will send it again."
    if case.view.opener_standing == "lost":
        return Markup("Its content was lost here. {} sends it again.").format(case.peer.name)
    if case.view.opener_withheld == "gone":
        return "Its content was lost, and its sender does not have it any more."
    if case.view.opener_withheld:
        said = codes.label("withheld-bodies", case.view.opener_withheld)
        return f"It came without its content: {lowered(said)}."
    return "It is not opened yet."


def _going(case: Case, first: Text) -> Text:
    """Accepted: what has been done since, and what is asked."""
    call, meeting = case.subject.call, case.meeting
    done: list[Text] = []
    if case.contacted_at is not None:
        done.append(Markup("reached {}").format(call))
    line = Markup(" and ").join((first, *done)) + Markup(".")
    if case.contacted_at is None:
        line += Markup(" {} has not been contacted yet.").format(call)
    if case.state == "on-hold":
        hold = case.said(case.moved("on-hold"), "hold")
        why = f": {lowered(codes.label('hold-reasons', hold))}" if hold else ""
        line += Markup(" It is on hold{}.").format(why)
    if meeting is not None:
        who = "You" if case.receiving else "They"
        ask = " and ask you to join" if meeting.join and not case.receiving else ""
        if meeting.join and case.receiving:
            ask = " and ask them to join"
        if meeting.answer:
            said = "confirmed" if meeting.answer == "joins" else "answered"
            other = "You" if not case.receiving else "They"
            line += Markup(" {} fixed a meeting. {} {}.").format(who, other, said)
        else:
            line += Markup(" {} fixed a first meeting{}.").format(who, ask)
    return line


def _ended(case: Case) -> Text:
    last = case.moved(case.state)
    label = codes.label("states", case.state)
    outcome = case.said(last, "outcome")
    if outcome:
        return f"{label}: {lowered(codes.label('outcomes', outcome))}."
    return f"{label}."


def _reason(case: Case, state: str) -> str:
    reason = case.said(case.moved(state), "reason")
    return f": {lowered(codes.label('decline-reasons', reason))}" if reason else ""


def _why_withdrawn(case: Case) -> str:
    reason = case.said(case.withdrawal, "reason")
    return f": {lowered(codes.label('withdraw-reasons', reason))}" if reason else ""


def _asked(case: Case) -> Text:
    """What they wait for from us, beside the answer itself."""
    wanted = [
        _PURPOSES.get(str((m.content or {}).get("purpose")), "ask you something")
        for m in case.asked
    ]
    return f"They {words.listing(list(dict.fromkeys(wanted)))}." if wanted else ""


# What is due.


def by_line(case: Case) -> ByLine:
    """The tag, and what is due by when."""
    meeting = case.meeting
    if case.state in WAITING and not case.withdrawn:
        verb = "Answer by" if case.receiving else "They answer by"
        return _due(case, _priority(case), verb, case.view.respond_by)
    tag = Tag(_state_word(case), "ok" if case.state in _GOOD else "plain")
    if case.ended or case.withdrawn or meeting is None or meeting.answer or not meeting.join:
        return ByLine(tag, rest=_since(case))
    due = meeting.confirm_by or meeting.starts
    if due is None or due < case.now:
        return ByLine(tag, rest=_since(case))
    return _due(case, tag, "They confirm by" if case.receiving else "Confirm by", due)


def _priority(case: Case) -> Tag | None:
    if case.view.respond_by < case.now:
        return Tag("Overdue", "danger")
    if case.view.priority == "immediate":
        return Tag(codes.label("priorities", case.view.priority), "danger")
    return None


def _due(case: Case, tag: Tag | None, verb: str, at: int) -> ByLine:
    when = lower(case.times.moment(at, case.there, tomorrow=True, comma=True))
    rest = [f"({when.other})"] if when.other else []
    if tag is None and case.view.priority:
        rest.append(f"– {lowered(codes.label('priorities', case.view.priority))}")
    return ByLine(tag, f"{verb} {when.mine}", " ".join(rest), case.times.distance(at))


def _state_word(case: Case) -> str:
    if case.withdrawn and not case.ended:
        return "Withdrawn"
    answered = query_words.tag(case) if case.query else ""
    return answered or codes.label("states", case.state)


def _since(case: Case) -> Text:
    last = case.moved(case.state) or case.withdrawal
    return str(case.times.moment(last.at, case.there)) if last is not None else ""


# What is amiss.


def banners(case: Case) -> tuple[Banner, ...]:
    """What a person must know before reading on."""
    found = []
    peer = case.peer
    if case.consent_withdrawn:
        words_ = (
            "Stop, erase what no law obliges you to keep, and say so." if case.receiving else ""
        )
        text = Markup("{} no longer agrees to this being shared. {}").format(
            case.subject.call, words_
        )
        found.append(Banner("Consent was withdrawn", text, "danger"))
    if any(m.mine and m.code and m.standing not in ("refused", "held") for m in case.view.messages):
        text = Markup(
            "{} could not read a message of yours. It was sealed again and is being sent."
        ).format(peer.name)
        found.append(Banner("They cannot read it", text, "warn"))
    elif any(m.mine and m.code and m.standing == "held" for m in case.view.messages):
        text = Markup(
            "{} cannot read a message of yours, however often it was sealed again. Nothing more"
            " is sent: telephone them, and write it anew."
        ).format(peer.name)
        found.append(Banner("They cannot read it", text, "danger"))
    if peer.status == "suspended":
        text = Markup(
            "{} is suspended in the directory. What you send waits until that ends: telephone them."
        ).format(peer.name)
        found.append(Banner("Suspended", text, "warn"))
    if peer.status in ("removed", "unknown"):
        text = Markup("{} has left the exchange. Nothing can be sent to them.").format(peer.name)
        found.append(Banner("Not a member any more", text, "warn"))
    if any(not m.known for m in case.view.messages):
        text = Markup("A message of {} is missing. It is asked for; later ones wait.").format(
            peer.name
        )
        found.append(Banner("Something has not arrived", text, "warn"))
    lost = sum(m.standing == "lost" for m in case.view.messages)
    if lost:
        count = "A message" if lost == 1 else f"{lost:,} messages"
        text = Markup("{} of this case came back without content. {} is asked for it.").format(
            count, peer.name
        )
        found.append(Banner("Part of this case was lost here", text, "warn"))
    ends = forms.consent_ends(case.content)
    if ends is not None and ends <= case.now and not case.ended and not case.consent_withdrawn:
        said = Markup("Ask {} again, or end the referral.").format(case.subject.call)
        found.append(Banner("Consent has ended", said, "warn"))
    return tuple(found)


def meanwhile(case: Case) -> str:
    """What happened to a case since its page was drawn, for whoever meant to do something else."""
    message = case.moved(case.state) or case.withdrawal
    state = lowered(codes.label("states", case.state))
    if case.withdrawn and case.withdrawal is not None:
        message, state = case.withdrawal, f"withdrawn{_why_withdrawn(case)}"
    if message is None:
        return f"This {case.thing} is {state} now."
    who = author_of(message) or (case.us.plain if message.mine else case.peer.plain)
    where = "" if message.mine else f", {case.peer.plain}"
    when = lower(case.times.moment(message.at, case.there))
    return f"Meanwhile this {case.thing} was changed: {state} – {who}{where}, {when}."
