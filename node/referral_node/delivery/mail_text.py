"""What a mail says: how many, how urgent, by when. Pure.

Law: never anything of a case: no name, no organisation, no place, no need, no address of a case. A
mail is made of these sentences, counts, priorities and times, and of nothing else that is stored.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import msgspec

from referral_node.exchange.notices import finding as n
from referral_node.exchange.notices import judging as j
from referral_node.exchange.notices import troubles as t
from referral_node.exchange.notices.judging import Finding
from referral_ui.times import Place, Times

PRODUCT: Final = "Referral exchange"
LONGEST_SUBJECT: Final = 120


class Words(msgspec.Struct, frozen=True):
    """One reason in words. ``{what}`` is a count with a noun, ``{at}`` the earliest time due."""

    one: str
    many: str
    noun: str = "referral"


_PEER: Final = "organisation"
_SENTENCES: Final[dict[str, Words]] = {
    j.OVERDUE: Words(
        "{what} is overdue: the answer was due by {at}",
        "{what} are overdue: the first answer was due by {at}",
    ),
    j.WITHDRAWN: Words(
        "{what} was withdrawn by its sender: end it, and say what you erased",
        "{what} were withdrawn by their senders: end them, and say what you erased",
    ),
    j.UNANSWERED: Words(
        "{what} awaits an answer by {at}", "{what} await an answer, the first by {at}"
    ),
    j.UNOPENED: Words(
        "{what} is not opened yet and awaits an answer by {at}",
        "{what} are not opened yet and await an answer, the first by {at}",
    ),
    j.ARRIVED: Words(
        "{what} has arrived and awaits an answer by {at}",
        "{what} have arrived and await an answer, the first by {at}",
    ),
    j.NOT_DELIVERED: Words(
        "{what} that you sent did not arrive: telephone them",
        "{what} that you sent did not arrive: telephone them",
    ),
    j.NO_ANSWER: Words(
        "{what} that you sent has no answer, which was due by {at}: telephone them",
        "{what} that you sent have no answer, the first was due by {at}: telephone them",
    ),
    j.NOT_HELD: Words(
        "{what} that you sent is not confirmed by the other side yet: telephone them",
        "{what} that you sent are not confirmed by the other side yet: telephone them",
    ),
    n.MESSAGE_NOT_DELIVERED: Words(
        "There are messages in {what} that did not arrive: telephone them",
        "There are messages in {what} that did not arrive: telephone them",
    ),
    n.MESSAGE_NOT_HELD: Words(
        "There are messages in {what} that are not confirmed by the other side yet",
        "There are messages in {what} that are not confirmed by the other side yet",
    ),
    n.MESSAGE: Words("There is news in {what}", "There is news in {what}"),
    t.FORKED: Words(
        "Two versions of the directory were shown that cannot both be true: somebody may be trying"
        " to pass false keys. Telephone VSE, and keep the proof in the node's folder",
        "Several times the directory was shown in versions that cannot all be true: somebody may be"
        " trying to pass false keys. Telephone VSE, and keep the proofs in the node's folder",
    ),
    t.RECOVERY: Words(
        "VSE was told that your organisation has lost its key, and announced a new one: if that was"
        " not you, a keyholder has three days to stop it. Sign in today",
        "VSE has announced a new key for your organisation again: if that was not you, a keyholder"
        " has three days to stop it. Sign in today",
    ),
    t.KEPT_BACK: Words(
        "Other members know more of the directory than this node was given for a day: somebody may"
        " be keeping something back. Telephone VSE",
        "",
    ),
    t.NEW_ROOT: Words(
        "The directory has a new root, which acts from {at} on: it says who decides there. If VSE"
        " has not told you, telephone VSE before that",
        "",
    ),
    t.DISK: Words(
        "The disk of the node is nearly full: it takes nothing more in. Make room", "", ""
    ),
    t.STOPPED: Words(
        "Something for {what} could not be delivered and is not tried any more",
        "Something for {what} could not be delivered and is not tried any more",
        _PEER,
    ),
    t.UNREACHABLE: Words(
        "The node of {what} has not been reached for a day, and something waits for it",
        "The nodes of {what} have not been reached for a day, and something waits for them",
        _PEER,
    ),
    t.BACKUP_FAILED: Words("The last backup of the node failed", "", ""),
    t.BACKUP_OLD: Words("The last good backup of the node is over two days old", "", ""),
    t.DIRECTORY: Words("The directory has not been reached for a day", "", ""),
}
"""In the order in which they stand in a mail; what is immediate stands before all others."""
_ORDER: Final = {reason: place for place, reason in enumerate(_SENTENCES)}
_PRIORITIES: Final = {"immediate": 0, "urgent": 1}

TEST: Final = (
    "This is a test: mail of your node reaches you at this address.",
    "You are told here how many referrals wait, how urgent they are and by when; never more.",
)


class Letter(msgspec.Struct, frozen=True):
    """Subject and text, before they are addressed."""

    subject: str
    text: str


def letter(findings: Iterable[Finding], now: int, zone: str, link: str | None) -> Letter:
    """One mail for all of these, which is at least one. ``link`` None: for an administrator."""
    times = Times(now, Place(zone, zone))
    lines = _lines(findings, times)
    more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
    subject = f"{PRODUCT}: {lines[0]}"[:LONGEST_SUBJECT] + more
    body = [f"{line}." for line in lines]
    if link is None:
        body += ["", "`referral node status` on the node's machine says more."]
    else:
        body += ["", f"Sign in: {link}"]
    return Letter(subject, _closed(body, f"Times are those of {zone}. "))


def trial_letter(link: str | None) -> Letter:
    """The mail by which somebody tries their address."""
    body = [*TEST] if link is None else [*TEST, "", f"Sign in: {link}"]
    return Letter(f"{PRODUCT}: a test", _closed(body, ""))


def _closed(body: Sequence[str], times: str) -> str:
    foot = f"{times}Nothing of a case is ever mailed. Nobody reads answers to this address."
    return "\n".join([*body, "", "-- ", foot, ""])


def envelope(made: Letter, *, sender: str, to: str, now: int, name: str) -> EmailMessage:
    """The message as it goes. ``name`` makes its Message-ID: the same for the same notices."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = made.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now // 1000, UTC))
    message["Message-ID"] = f"<{name}@{sender.rpartition('@')[2]}>"
    # Nobody's absence note shall come back, and no list takes this for a person's word.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(made.text, cte="7bit")
    return message


def _lines(findings: Iterable[Finding], times: Times) -> list[str]:
    groups: dict[tuple[int, int, str, bool], list[Finding]] = {}
    for each in _strongest(findings):
        place = (
            0 if each.urgent else 1,
            _ORDER[each.reason],
            each.priority,
            each.plain,
        )
        groups.setdefault(place, []).append(each)
    order = sorted(groups, key=lambda g: (g[0], g[1], _PRIORITIES.get(g[2], 2), g[3]))
    return [_line(groups[each], times) for each in order]


def _strongest(findings: Iterable[Finding]) -> list[Finding]:
    """Of what is said of one referral's answer, only the gravest; a mail counts it once."""
    kept: dict[tuple[bool, bytes], Finding] = {}
    others = []
    for each in findings:
        if each.reason not in j.OF_THREADS:
            others.append(each)
            continue
        before = kept.get((True, each.subject))
        if before is None or _ORDER[each.reason] < _ORDER[before.reason]:
            kept[True, each.subject] = each
    unique = {(each.reason, each.subject): each for each in others}
    return [*kept.values(), *unique.values()]


def _line(group: Sequence[Finding], times: Times) -> str:
    first = group[0]
    words = _SENTENCES[first.reason]
    what = ""
    if words.noun:
        what = _counted(len(group), words, first)
    due = min((each.due for each in group if each.due is not None), default=None)
    sentence = words.one if len(group) == 1 or not words.many else words.many
    return sentence.format(what=what, at="" if due is None else _at(due, times))


def _counted(count: int, words: Words, first: Finding) -> str:
    """ "1 urgent referral", "3 referrals", "2 organisations"."""
    noun = "request" if first.plain and words.noun == "referral" else words.noun
    noun = noun if count == 1 else f"{noun}s"
    if words.noun != "referral" or first.priority not in _PRIORITIES:
        return f"{count} {noun}"
    return f"{count} {first.priority} {noun}"


def _at(due: int, times: Times) -> str:
    """The day is always named: nobody knows on which day a mail is read."""
    local = times.here.local(due)
    return f"{times.short_day(local.date())}, {local:%H:%M}"
