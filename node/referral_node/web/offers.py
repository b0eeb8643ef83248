"""Which acts a thread offers now, and which of them first. Pure.

Law: what the state does not allow is not offered; what is offered may still be refused, since the
other side may have moved meanwhile. One act is the main one at most.
"""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from referral_node.web.act import Act
from referral_node.web.acts import ACTS, ROLE
from referral_node.web.case import GOING, WAITING, Case
from referral_node.web.going_on import can_go_on
from referral_protocol.statements import STATE, WITHDRAW
from referral_ui.parts import Text


@dataclass(frozen=True)
class Offer:
    """The box of buttons: its heading, a sentence, the main act, others, and rare or grave ones."""

    title: str
    lead: Text = ""
    main: Act | None = None
    second: tuple[Act, ...] = ()
    links: tuple[Act, ...] = ()
    follow_up: bool = False
    again: str = ""
    """How a referral to another service is offered: main, second, link; "room": to them, since they
    have room; "" for not at all."""
    close: bool = False
    """Whether somebody may say that nothing more is to do."""

    @property
    def empty(self) -> bool:
        acts = self.main or self.second or self.links
        return not (self.lead or acts or self.follow_up or self.again)


_GRAVE: Final = (
    "ask-news",
    "change",
    "ask-cancel",
    "consent-withdrawn",
    "not-needed",
    "sent-by-mistake",
    "ask-erase",
)


def lost(case: Case) -> bool:
    """Whether its opening content was lost here: nobody says anything to what cannot be read."""
    return case.view.opener is None and case.view.opener_standing == "lost"


def allowed(case: Case, act: Act) -> bool:
    """Whether an act is possible in a thread as it stands."""
    if ROLE.get(act.code, case.view.role) != case.view.role or lost(case):
        return False
    if act.kinds and case.view.kind not in act.kinds:
        return False
    if case.view.erased_at is not None:
        return False  # nothing is here any more that an act could be about
    if case.receiving and case.view.opener is None and act.kind != STATE:
        return False
    if case.withdrawn and act.code in ("decline", "no-room", "no-advice", "ask-information"):
        return False  # whoever did not know of the withdrawal is told, instead of answering past it
    if act.code == "outcome":
        return "completed" in case.view.allowed or "failed" in case.view.allowed
    if act.kind == STATE:
        return act.state in case.view.allowed
    if act.kind == WITHDRAW:
        return not case.withdrawn and not case.ended
    if act.code in ("join", "another-time"):
        return case.meeting is not None and case.meeting.join and not case.ended
    if act.code in ("reached", "step", "meeting"):
        once = act.code != "reached" or case.contacted_at is None
        return case.state in GOING and not case.withdrawn and once
    if act.code == "change":
        return case.state in WAITING and not case.withdrawn
    if act.code in ("ask-news", "ask-cancel"):
        return not case.ended and not case.withdrawn
    return True


def offers(case: Case) -> Offer:
    """The box for this reader, now."""
    if lost(case):
        return Offer("What you can do")
    found = _receiving(case) if case.receiving else _referring(case)
    shown = [act for act in found if allowed(case, act)]
    main, second, links = _ranked(case, shown)
    title = "Your answer" if case.receiving and case.state in WAITING else "What you can do"
    return Offer(
        title,
        _lead(case),
        main,
        second,
        links,
        follow_up=_follow_up(case),
        again=_again(case),
        close=case.view.undecided,
    )


def _again(case: Case) -> str:
    if not can_go_on(case):
        return ""
    if case.query:
        return "room"
    return "main" if case.view.undecided else "link" if case.ended or case.withdrawn else "second"


def _follow_up(case: Case) -> bool:
    return not case.receiving and case.state in GOING and case.view.follow_up_at is not None


def _ranked(case: Case, shown: list[Act]) -> tuple[Act | None, tuple[Act, ...], tuple[Act, ...]]:
    first = _first(case)
    main = next((act for act in shown if act.code == first), None)
    grave = _GRAVE if not case.receiving else _RARE.get(case.state, ("mistake",))
    links = tuple(act for act in shown if act.code in grave and act is not main)
    second = tuple(act for act in shown if act is not main and act not in links)
    return main, second, links


_RARE: Final = {
    "requested": ("mistake", "cancel"),
    "received": ("mistake", "cancel"),
    "accepted": ("mistake", "cancel", "decline", "hold", "start"),
    "in-progress": ("mistake", "cancel", "hold"),
    "on-hold": ("mistake", "cancel"),
}


def _receiving(case: Case) -> list[Act]:
    if case.withdrawn:
        codes = ["cancel", "erased"] if not case.erased else ["cancel"]
    elif case.state in WAITING:
        codes = ["accept", "room", "advise"]
        codes += ["ask-information", "decline", "no-room", "no-advice", "mistake"]
    elif case.state in GOING:
        codes = ["reached", "meeting", "step", "outcome", "ask-information"]
        codes += ["start", "hold", "decline", "cancel", "mistake"]
    else:
        codes = []
    if any(m.content and m.content.get("purpose") == "erase" for m in case.asked):
        codes.append("erased")
    return [ACTS[code] for code in dict.fromkeys(codes)]


def _referring(case: Case) -> list[Act]:
    if case.withdrawn or case.ended:
        return [ACTS["ask-erase"]] if not case.erased else []
    meeting = case.meeting
    codes = ["join", "another-time"] if meeting is not None and not meeting.answer else []
    codes += ["add-information", "ask-news"]
    if case.state in WAITING:
        codes += ["change", "not-needed", "consent-withdrawn", "sent-by-mistake"]
    else:
        codes += ["ask-cancel", "consent-withdrawn"]
    return [ACTS[code] for code in codes]


def _first(case: Case) -> str:
    """The code of the act that is everybody's wish now; "" for none."""
    if not case.receiving:
        if case.meeting is not None and case.meeting.join and not case.meeting.answer:
            return "join"
        asked = any((m.content or {}).get("purpose") == "information" for m in case.asked)
        return "add-information" if asked else ""
    if case.withdrawn:
        return "erased" if not case.erased and case.ended else "cancel"
    if case.state in WAITING:
        return {"capacity": "room", "advice": "advise"}.get(case.view.kind, "accept")
    if case.state == "on-hold":
        return "start"
    if case.state in GOING:
        return _next_step(case)
    return "erased"


def _next_step(case: Case) -> str:
    """Of a referral that goes on: reach the person, meet, then say how it ended."""
    if case.contacted_at is None:
        return "reached"
    if case.meeting is None:
        return "meeting"
    starts = case.meeting.starts
    if starts is not None and starts > case.now:
        return ""
    return "outcome" if case.met else "step"


def _lead(case: Case) -> Text:
    call = case.subject.call
    if case.view.undecided:
        return Markup(
            "Nobody helps {} now. Refer again, or say that nothing more is to do."
        ).format(call)
    if case.receiving and case.withdrawn:
        return "Stop now. Erase what no law obliges you to keep, and say so."
    if case.receiving and case.state in WAITING:
        if case.view.kind == "capacity":
            return "If you have room, they may refer the person to you. You can still decline that."
        if case.view.kind == "advice":
            return "What you write is read by them alone."
        return Markup(
            "If you accept, they see it at once. You then contact {}, at a safe time."
        ).format(call)
    return ""
