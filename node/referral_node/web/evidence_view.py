"""The timeline of a thread with what proves each line. Pure.

Law: every statement of both sides is listed, in the order of its time; what is not proved is said
to be so.
"""

from dataclasses import dataclass

from markupsafe import Markup

from referral_node.exchange import MessageView
from referral_node.web import faults
from referral_node.web.case import Case, author_of
from referral_node.web.conversation_view import said
from referral_protocol.statements import OPEN
from referral_ui.parts import Text


@dataclass(frozen=True)
class Event:
    """One statement. ``proof``: what shows that it arrived; ``name``: its hash in hex."""

    title: Text
    who: Text
    when: Text
    proof: Text
    name: str


def events(case: Case) -> tuple[Event, ...]:
    """All statements, oldest first."""
    return tuple(_event(case, message) for message in case.view.messages)


def _event(case: Case, message: MessageView) -> Event:
    organisation = case.us.name if message.mine else case.peer.name
    author = author_of(message)
    who: Text = Markup("{}, {}").format(author, organisation) if author else organisation
    title = (
        f"{case.thing.capitalize()} sent"
        if message.kind == OPEN
        else said(message, case) or "Message"
    )
    return Event(
        title=title,
        who=who,
        when=case.times.record(message.at, case.there),
        proof=_proof(case, message),
        name=message.hash.hex(),
    )


def _proof(case: Case, message: MessageView) -> Text:
    signed = "Signed by you" if message.mine else Markup("Signed by {}").format(case.peer.name)
    if not message.mine:
        held = case.times.record(message.held_at, case.there) if message.held_at else None
        arrived: Text = Markup("; held by your node {}").format(held) if held else ""
        return Markup("{}{}.").format(signed, arrived)
    if message.held_at is not None:
        held = case.times.record(message.held_at, case.there)
        read = "; read by them, as a later statement of theirs says" if message.seen else ""
        return Markup("{}. Receipt of {}: {}{}.").format(signed, case.peer.name, held, read)
    if message.standing == "refused":
        return Markup("{}. Not delivered: {}.").format(
            signed, faults.of_refusal(message.code or "")
        )
    if message.standing == "unknown":
        return Markup("{}. It left, and no receipt came: not known whether it arrived.").format(
            signed
        )
    return Markup("{}. Not delivered yet.").format(signed)
