"""What was said in a thread, message by message, oldest first. Pure.

Law: nothing that came is left out: a message of an unknown kind, one that could not be read and one
that counts for nothing are shown as what they are. Free text stands as it was written, with its
language named; what a message says beside its text can be unfolded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from referral_node.exchange import MessageView
from referral_node.web import faults, query_words
from referral_node.web.case import SPOKEN, Case, author_of
from referral_node.web.file_view import FileLink, links
from referral_node.web.reading import read
from referral_node.web.reading_rows import Reader, Reading
from referral_node.web.safe_view import governed
from referral_protocol import codes
from referral_protocol.statements import ASK, NOTE, OPEN, RETURN, STATE, UNREADABLE, WITHDRAW
from referral_ui import names
from referral_ui.parts import Text
from referral_ui.words import lowered

SHOWN_AS_TEXT: Final = frozenset(
    {
        *("form", "author", "language", "topic", "text", "step", "purpose", "reason"),
        *("meeting_answer", "files"),
    }
)
"""Keys that the line itself says."""
_LOST: Final = "its content was lost here; they are asked for it"
_STANDINGS: Final = {
    "waiting-for-key": "waits for their key",
    "queued": "waiting to be delivered",
    "unknown": "not known whether it arrived",
    "held": "held by their node",
    "lost": _LOST,
}


@dataclass(frozen=True)
class Line:
    """One message. ``said``: what it is about, in words ("Accepted"); ``text`` as it was written;
    ``notes``: how far it came; ``more``: what else it says."""

    mine: bool
    when: Text
    who: Text
    organisation: Text | None
    said: str
    text: str
    lang: str | None
    dir: str
    language: str
    notes: tuple[str, ...]
    more: tuple[Reading, ...] = ()
    files: tuple[FileLink, ...] = ()


def conversation(
    case: Case, reader: Reader, person: str = "", *, revealed: bool = False
) -> tuple[Line, ...]:
    """Every message but the opening one and the bare note that somebody opened it. ``person`` is
    who reads: their own messages are "You"."""
    return tuple(
        _line(case, message, reader, person, revealed)
        for message in case.view.messages
        if message.kind != OPEN and not _silent(message, case)
    )


def _silent(message: MessageView, case: Case) -> bool:
    """A state that the ladder shows and that says nothing beside: that it was opened, or that a
    question is over since it was answered."""
    if message.kind == RETURN and message.known:
        return True  # what it brought stands where it belongs
    bare = set(message.content or {}) <= {"form", "author", "language"}
    fine = message.known and not message.ignored and message.content is not None
    if case.query and message.state == "completed":
        return fine and set(message.content or {}) <= {"form", "author", "language", "outcome"}
    return message.kind == STATE and message.state == "received" and bare and fine


def _line(case: Case, message: MessageView, reader: Reader, person: str, revealed: bool) -> Line:
    content = governed(case, message.content or {}, revealed=revealed)
    text = content.get("text")
    text = text if isinstance(text, str) else ""
    tag = content.get("language")
    lang = tag if isinstance(tag, str) else None
    own = author_of(message)
    who: Text = own or (case.us.name if message.mine else case.peer.name)
    return Line(
        mine=message.mine,
        when=case.times.moment(message.at, case.there),
        who="You" if message.mine and own in (person, "") else names.name(own) if own else who,
        organisation=None if message.mine else case.peer.name,
        said=said(message, case),
        text=text,
        lang=names.lang_of(text, lang) if text else None,
        dir=names.direction(lang) if lang else "auto",
        language=codes.language_label(lang) if lang and text else "",
        notes=tuple(_notes(message)),
        more=_more(content, reader),
        files=links(content, reader.files),
    )


def said(message: MessageView, case: Case) -> str:
    """What a message is, beside its words; "" for a plain one."""
    content = message.content or {}
    answer = query_words.ANSWERS.get((case.view.kind, message.state or ""))

    def of(key: str, listed: str) -> str:
        code = content.get(key)
        return codes.label(listed, code) if isinstance(code, str) else ""

    match message.kind:
        case "state":
            state = answer[0] if answer else codes.label("states", message.state or "")
            reason = of("reason", "decline-reasons") or of("outcome", "outcomes")
            return f"{state}: {lowered(reason)}" if reason else state
        case "ask":
            purpose = of("purpose", "ask-purposes")
            return f"Request: {lowered(purpose)}" if purpose else "Request"
        case "withdraw":
            reason = of("reason", "withdraw-reasons")
            return f"Withdrawn: {lowered(reason)}" if reason else "Withdrawn"
        case "note":
            return _note(content, of("step", "steps"), of("meeting_answer", "meeting-answers"))
        case "unreadable":
            return "Could not be read"
        case kind if kind in SPOKEN:
            return codes.label("message-kinds", kind)
        case kind:
            return f"{kind} (unknown kind of message)"


def _note(content: Mapping[str, Any], step: str, meeting: str) -> str:
    topic = content.get("topic")
    if step or meeting:
        return step or meeting
    if isinstance(topic, str) and topic != "message":
        return codes.label("note-topics", topic)
    return ""


def _notes(message: MessageView) -> list[str]:
    """How far a message came, or why it counts for nothing."""
    notes = []
    if message.mine:
        if message.seen:
            notes.append("read by them")
        elif message.standing == "refused":
            notes.append(f"not delivered: {faults.of_refusal(message.code or '')}")
        elif message.standing in _STANDINGS:
            notes.append(_STANDINGS[message.standing])
        if message.code and message.standing == "held":
            # Held with a code: it was sealed again as often as it ever will be.
            notes.append(f"they cannot read it ({message.code}); it is not sealed again")
        elif message.code and message.standing != "refused":
            notes.append(f"they could not read it ({message.code}); sealed again")
    elif message.standing == "unreadable":
        notes.append(f"cannot be read here ({message.code}); its sender was told")
    elif message.standing == "withheld":
        notes.append("came without its content")
    elif message.standing == "lost":
        notes.append(_LOST)
    elif message.content is None and message.standing != "imported":
        notes.append("not opened yet")
    if message.ignored:
        notes.append("not possible at that point, so it changes nothing")
    if not message.known:
        notes.append("an earlier message is still missing")
    return notes


def _more(content: Mapping[str, Any], reader: Reader) -> tuple[Reading, ...]:
    """What a message says beyond its line."""
    if content.get("form") not in (NOTE, "answer", ASK, WITHDRAW, UNREADABLE):
        return read(content, reader) if content else ()
    rest = {key: value for key, value in content.items() if key not in SHOWN_AS_TEXT}
    if not rest:
        return ()
    return read({**rest, "form": content["form"]}, reader)
