"""One thread as its page sees it: whose turn it is, what was said last of each thing. Pure.

Law: what stands here follows from the thread's messages and nothing else. A part that a later
message replaced is shown as it was replaced; what either side cannot read is said to be so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from referral_node.exchange import MessageView, ThreadView
from referral_node.web.members import Organisation
from referral_protocol import forms
from referral_protocol.statements import ASK, NOTE, OPEN, STATE, UNREADABLE, WITHDRAW
from referral_ui import names
from referral_ui.parts import Text
from referral_ui.times import Place, Times

WAITING: Final = frozenset({"requested", "received"})
"""States in which nobody has answered yet."""
QUERIES: Final = frozenset({"advice", "capacity"})
"""Kinds of thread that hold no personal data."""
GOING: Final = frozenset({"accepted", "in-progress", "on-hold"})
ANSWERED_BY_A_STATE: Final = frozenset({"information", "news", "cancel"})
"""Requests that a new state answers as well as a message does."""


@dataclass(frozen=True)
class Subject:
    """Whom or what a thread is about. ``call``: the name to use in sentences; ``plain``: the same
    without markup; ``full``: the name in its own script, the Latin form beside it."""

    call: Text
    plain: str
    full: Text
    known: bool = True


@dataclass(frozen=True)
class Meeting:
    """A meeting that was fixed. ``answer``: of the referring side; None while it has not said."""

    message: MessageView
    values: Mapping[str, Any]
    answer: str | None

    @property
    def starts(self) -> int | None:
        return _whole(self.values.get("starts"))

    @property
    def minutes(self) -> int | None:
        return _whole(self.values.get("minutes"))

    @property
    def confirm_by(self) -> int | None:
        return _whole(self.values.get("confirm_by"))

    @property
    def join(self) -> bool:
        return self.values.get("join") is True


@dataclass(frozen=True)
class Case:
    """A thread, and who reads it when."""

    view: ThreadView
    us: Organisation
    peer: Organisation
    times: Times

    @property
    def receiving(self) -> bool:
        return self.view.role == "receiving"

    @property
    def query(self) -> bool:
        """Whether it is a question between professionals, about no person."""
        return self.view.kind in QUERIES

    @property
    def thing(self) -> str:
        """What a sentence calls it."""
        return "question" if self.query else "referral"

    @property
    def state(self) -> str:
        return self.view.state.state

    @property
    def withdrawn(self) -> bool:
        return self.view.state.withdrawn is not None

    @property
    def ended(self) -> bool:
        return self.view.state.ended

    @property
    def there(self) -> Place:
        """The other side's place, whose time stands in brackets."""
        return self.peer.place

    @property
    def now(self) -> int:
        return self.times.now

    @cached_property
    def known(self) -> tuple[MessageView, ...]:
        """Messages whose content is here and in order."""
        return tuple(m for m in self.view.messages if m.known and m.content is not None)

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """The opening as it stands now: a part that a later message carried has replaced it."""
        notes = [m.content for m in self.known if m.kind == NOTE and m.content is not None]
        return forms.as_it_stands(self.view.opener or {}, notes)

    @cached_property
    def subject(self) -> Subject:
        """The person, or what the question is about."""
        said = forms.summary(self.content)
        if said.form in ("question", "capacity"):
            title = said.subject or (
                "Question for advice" if said.form == "question" else "Capacity query"
            )
            return Subject("the person", "the person", title, known=False)
        if not said.name:
            return Subject("the person", "the person", "A person without a name", known=False)
        lang = said.name_language or None
        plain = said.name_to_use or said.name
        return Subject(
            names.name(plain, lang), plain, names.name(said.name, lang, said.name_latin or None)
        )

    @cached_property
    def meeting(self) -> Meeting | None:
        """The meeting fixed last, with what the other side said to it."""
        found: Meeting | None = None
        for message in self.known:
            said = message.content or {}
            if isinstance(said.get("meeting"), Mapping):
                found = Meeting(message, said["meeting"], None)
            elif found is not None and message.mine != found.message.mine:
                answer = said.get("meeting_answer")
                if isinstance(answer, str) and said.get("answers") in (None, found.message.hash):
                    found = Meeting(found.message, found.values, answer)
        return found

    @property
    def met(self) -> bool:
        """Whether a meeting was held, or the person did not come, since one was fixed."""
        fixed = self.meeting.message.at if self.meeting is not None else 0
        after = ("meeting-held", "joint-meeting-held", "no-show")
        return any(self.said(m, "step") in after and m.at >= fixed for m in self.known)

    @cached_property
    def asked(self) -> tuple[MessageView, ...]:
        """Requests that the other side made and we have not answered, oldest first."""
        return _open_requests(self.known, mine=False)

    @cached_property
    def asking(self) -> tuple[MessageView, ...]:
        """Requests of ours that they have not answered, oldest first."""
        return _open_requests(self.known, mine=True)

    @cached_property
    def withdrawal(self) -> MessageView | None:
        """The withdrawal, if there is one."""
        return next((m for m in self.view.messages if m.hash == self.view.state.withdrawn), None)

    @property
    def consent_withdrawn(self) -> bool:
        said = self.withdrawal.content if self.withdrawal is not None else None
        return said is not None and said.get("reason") == "consent-withdrawn"

    @cached_property
    def erased(self) -> bool:
        """Whether the receiving side has said what became of the content."""
        receiving = self.receiving
        return any(
            (m.content or {}).get("erased") is not None for m in self.known if m.mine == receiving
        )

    def moved(self, state: str) -> MessageView | None:
        """The message that moved the thread to this state, the last one if several did."""
        for message in reversed(self.view.messages):
            counts = message.kind == STATE and message.known and not message.ignored
            if counts and message.state == state:
                return message
        return None

    def said(self, message: MessageView | None, key: str) -> str:
        """A text or code of a message, "" where there is none."""
        found = ((message.content if message else None) or {}).get(key)
        return found if isinstance(found, str) else ""

    @property
    def language(self) -> str:
        """The language that we wrote in last in this thread; else the one it began in."""
        for message in reversed(self.known):
            tag = (message.content or {}).get("language")
            if message.mine and isinstance(tag, str) and message.state != "received":
                return tag
        tag = self.content.get("language")
        return tag if isinstance(tag, str) else "en"

    @property
    def contacted_at(self) -> int | None:
        return self.view.evidence.contacted_at


def author_of(message: MessageView | None) -> str:
    """Who wrote a message, as it says itself."""
    named = ((message.content if message else None) or {}).get("author")
    name = named.get("name") if isinstance(named, Mapping) else None
    return name if isinstance(name, str) else ""


def _open_requests(messages: tuple[MessageView, ...], *, mine: bool) -> tuple[MessageView, ...]:
    waiting: list[MessageView] = []
    for message in messages:
        if message.kind == ASK and message.mine == mine:
            waiting.append(message)
        elif message.mine != mine and message.kind in (NOTE, STATE, WITHDRAW):
            waiting = [ask for ask in waiting if not _answers(message, ask)]
    return tuple(waiting)


def _answers(message: MessageView, ask: MessageView) -> bool:
    """Whether a message of the other side settles a request: by naming it, or as the next word."""
    said, asked = message.content or {}, ask.content or {}
    if said.get("answers") is not None:
        return bool(said["answers"] == ask.hash)
    if asked.get("purpose") == "erase":
        return said.get("erased") is not None
    if message.kind == STATE:
        return message.state != "received" and asked.get("purpose") in ANSWERED_BY_A_STATE
    return True


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


SPOKEN: Final = frozenset({OPEN, STATE, ASK, NOTE, WITHDRAW, UNREADABLE, "return"})
"""Kinds that this version knows."""
