"""A question between professionals in words: whether there is room, or how a thing is done. Pure.

Law: what was answered is said as what it is: room or none, an answer or none, and nothing of a
person, since there is none in it.
"""

from typing import Final

from markupsafe import Markup

from referral_node.web.case import Case
from referral_protocol import codes
from referral_ui.parts import Text
from referral_ui.words import lowered

ANSWERS: Final = {
    ("capacity", "accepted"): ("Room", "{} has room."),
    ("capacity", "rejected"): ("No room", "{} has no room{}."),
    ("advice", "accepted"): ("Answered", "{} answered your question: see the conversation."),
    ("advice", "rejected"): ("Not answered", "{} cannot answer it{}."),
}
"""By kind and answer: the tag, and what whoever asked reads."""
_OURS: Final = {
    ("capacity", "accepted"): "You said that you have room.",
    ("capacity", "rejected"): "You said that you have no room{}.",
    ("advice", "accepted"): "You answered the question.",
    ("advice", "rejected"): "You said that you cannot answer it{}.",
}
_SHORT: Final = {
    ("capacity", "accepted"): "they have room",
    ("capacity", "rejected"): "they have no room",
    ("advice", "accepted"): "answered",
    ("advice", "rejected"): "they cannot answer it",
}


def answer_of(case: Case) -> str:
    """The answer that was given: accepted, rejected, or "" for none."""
    return next((code for code in ("rejected", "accepted") if case.moved(code) is not None), "")


def has_room(case: Case) -> bool:
    """Whether they said that a person may come."""
    return not case.receiving and case.view.kind == "capacity" and answer_of(case) == "accepted"


def tag(case: Case) -> str:
    """The answer as a tag; "" while there is none."""
    return ANSWERS.get((case.view.kind, answer_of(case)), ("", ""))[0]


def line(case: Case) -> Text:
    """The sentence under the heading once it was answered; "" while it was not."""
    answer = answer_of(case)
    if not answer:
        return ""
    reason = case.said(case.moved("rejected"), "reason") if answer == "rejected" else ""
    why = f": {lowered(codes.label('decline-reasons', reason))}" if reason else ""
    if case.receiving:
        return _OURS[case.view.kind, answer].format(why)
    words = ANSWERS[case.view.kind, answer][1]
    return Markup(words).format(case.peer.name, why)  # noqa: S704 - a constant of this module


def short(kind: str, answer: str) -> str:
    """The answer in a row of Today; "" for a referral's."""
    return _SHORT.get((kind, answer), "")
