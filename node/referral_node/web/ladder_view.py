"""Where it stands: the evidence ladder as rungs, in words that say whose turn it is. Pure.

Law: a rung is drawn as done only where the ladder says that it is proved. Colour and sign repeat
what the words say.
"""

from typing import Final, Literal

from markupsafe import Markup

from referral_node.exchange.directory.stopped import WAITS
from referral_node.web import faults, query_words
from referral_node.web.case import Case, author_of
from referral_protocol import codes
from referral_protocol.ladder import Rung, Standing, Step
from referral_ui import parts
from referral_ui.parts import Text
from referral_ui.times import When, lower
from referral_ui.words import lowered

Drawn = Literal["done", "now", "todo", "unknown"]
_DRAWN: Final[dict[Standing, Drawn]] = {
    Standing.DONE: "done",
    Standing.WAITING: "now",
    Standing.WARN: "now",
    Standing.FAILED: "now",
    Standing.UNKNOWN: "unknown",
    Standing.NOT_YET: "todo",
}
_LATER: Final = "Proved by the next line"


def rungs(case: Case) -> tuple[parts.Rung, ...]:
    """The ladder of a case, from the top."""
    steps = {step.rung: step for step in case.view.steps}
    first = (*_delivery(case, steps), _opened(case, steps[Rung.OPENED]))
    if case.query:
        return (*first, _query_answered(case, steps[Rung.ANSWERED]))
    return (
        *first,
        _answered(case, steps[Rung.ANSWERED]),
        _contacted(case, steps[Rung.CONTACTED]),
        _outcome(case, steps[Rung.OUTCOME]),
    )


def _delivery(case: Case, steps: dict[Rung, Step]) -> tuple[parts.Rung, ...]:
    sent, held = steps[Rung.SENT], steps[Rung.HELD]
    if case.receiving:
        first: Text = Markup("Sent by {}").format(case.peer.name)
        return (
            parts.Rung("done", first, _when(case, sent.at)),
            parts.Rung("done", "Held by your node", _when(case, held.at)),
        )
    if held.standing is Standing.DONE:
        return (
            parts.Rung("done", "Sent", _when(case, sent.at)),
            parts.Rung("done", "Held by their node", _when(case, held.at)),
        )
    title, detail = _not_held(case, held)
    return (
        parts.Rung(_DRAWN[held.standing], title, detail),
        parts.Rung("todo", "Held by their node: not yet"),
    )


def _not_held(case: Case, held: Step) -> tuple[Text, Text]:
    """What stands in the first rung before there is a receipt."""
    made = _when(case, case.view.evidence.sent_at)
    if held.standing is Standing.UNKNOWN:
        left = lower(made) if isinstance(made, When) else made
        again = _call_from(case, held) if held.code is None else Markup(" Telephone them.")
        keeps = "We keep trying." if held.code is None else "It is not sent any more."
        return "Not known", Markup(
            "Their node may have it; it left {}, and no receipt came back. {}{}"
        ).format(left, keeps, again)
    if held.code is not None:
        return "Not delivered", Markup("{}.").format(faults.of_refusal(held.code).capitalize())
    if case.view.opener_standing == "waiting-for-key":
        return "Waiting for their key", Markup("Signed {}").format(made)
    if held.standing is Standing.FAILED:
        return "Not delivered", Markup("Since {}. We keep trying. Telephone them.").format(made)
    if case.us.status == "suspended":
        return "Waiting to be delivered", Markup("Since {}. {}").format(made, WAITS)
    return "Waiting to be delivered", Markup("Since {}.{}").format(made, _call_from(case, held))


def _call_from(case: Case, held: Step) -> Text:
    """From when to telephone, or that it is time: what a person needs to know about a delay."""
    if held.warn is None:
        return ""
    if held.warn <= case.now:
        return Markup(" Telephone them.")
    when = lower(case.times.moment(held.warn, tomorrow=True))
    return Markup(" If nothing comes by {}, telephone them.").format(when)


def _opened(case: Case, step: Step) -> parts.Rung:
    if step.standing is Standing.DONE:
        who = case.view.opened_by if case.receiving else None
        title = f"Opened by {who}" if who else "Opened by a person"
        return parts.Rung("done", title, _when(case, step.at))
    if case.ended:  # nobody waits for it any more, and who looks now is not told to them
        return parts.Rung("todo", "Opened by a person: not before it ended")
    if step.standing is Standing.NOT_YET:
        return parts.Rung("todo", "Opened by a person: not yet")
    title = "Not opened yet" if case.receiving else "Waiting for a person to open it"
    return parts.Rung("now", title, _due(case, step, "Answer by"))


def _answered(case: Case, step: Step) -> parts.Rung:
    if step.standing is Standing.DONE:
        verb = "Declined" if step.code == "rejected" else "Accepted"
        who: Text = case.peer.name
        if case.receiving:
            who = author_of(case.moved(step.code or "")) or case.view.answered_by or "us"
        return parts.Rung("done", Markup("{} by {}").format(verb, who), _when(case, step.at))
    if step.standing is Standing.NOT_YET:
        ended = "no answer" if case.ended else "not yet"
        return parts.Rung("todo", f"Accepted or declined: {ended}")
    if case.withdrawn:
        stop = "Waiting for you: cancel it" if case.receiving else "Waiting for them to cancel it"
        return parts.Rung("now", stop, "It was withdrawn")
    title = "Waiting for you: accept or decline" if case.receiving else "Waiting for their answer"
    return parts.Rung("now", title, _due(case, step, "By"))


def _query_answered(case: Case, step: Step) -> parts.Rung:
    """The last rung of a question: nobody is to be reached, and there is no outcome."""
    if step.standing is Standing.DONE:
        return parts.Rung("done", query_words.tag(case) or "Answered", _when(case, step.at))
    if case.ended:
        return parts.Rung("done", codes.label("states", case.state), _ended_at(case))
    if step.standing is Standing.NOT_YET:
        return parts.Rung("todo", "Answered: not yet")
    title = "Waiting for your answer" if case.receiving else "Waiting for their answer"
    return parts.Rung("now", title, _due(case, step, "By"))


def _contacted(case: Case, step: Step) -> parts.Rung:
    if step.standing is Standing.DONE:
        return parts.Rung("done", "Victim contacted", _when(case, step.at))
    if step.standing is Standing.NOT_YET:
        return parts.Rung("todo", f"Victim contacted: {'no' if case.ended else 'not yet'}")
    title: Text = "Waiting: victim contacted"
    if case.receiving:
        title = Markup("Waiting for you: contact {}").format(case.subject.call)
    reminder = None if case.receiving else _reminder(case)
    return parts.Rung("now", title, reminder or _due(case, step, "By"))


def _outcome(case: Case, step: Step) -> parts.Rung:
    if case.ended and step.standing is not Standing.DONE:
        return parts.Rung("done", codes.label("states", case.state), _ended_at(case))
    if step.standing is Standing.DONE:
        code = step.code or case.state
        known = codes.known("outcomes", code)
        label = codes.label("outcomes" if known else "states", code)
        return parts.Rung("done", f"Outcome: {lowered(label)}", _when(case, step.at))
    if step.standing is Standing.NOT_YET:
        return parts.Rung("todo", "Outcome: not yet")
    title = "Waiting for you: the outcome" if case.receiving else "Waiting for the outcome"
    reminder = None if case.receiving else _reminder(case)
    return parts.Rung("now", title, reminder or _due(case, step, "By"))


def _ended_at(case: Case) -> Text:
    last = case.moved(case.state) or case.withdrawal
    return _when(case, last.at if last is not None else None)


def _reminder(case: Case) -> Text | None:
    at = case.view.follow_up_at
    return None if at is None else f"Reminder on Today: {case.times.day(at)}"


def _when(case: Case, at: int | None) -> Text:
    return _LATER if at is None else case.times.moment(at, case.there)


def _due(case: Case, step: Step, word: str) -> Text | None:
    """By when, and whether that is late."""
    if step.fail is None:
        return None
    when = lower(case.times.moment(step.fail, case.there, tomorrow=True))
    late = f" – {case.times.distance(step.fail)}" if step.fail < case.now else ""
    if late and not case.receiving:
        late += ". Telephone them."
    return Markup("{} {}{}").format(word, when, late)
