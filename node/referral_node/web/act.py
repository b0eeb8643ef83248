"""What an act is: one thing that can be done in a thread, with a small form of its own.

Law: an act says one message of one form, or keeps a date of our own. Which fields a form has, and
what it may hold, stands in the protocol's tables; here stands only what is asked, in which words.
``{name}`` is the person, ``{peer}`` the other organisation, ``{thing}`` a referral or a question.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from referral_node.web.pages.layout import Ask, Block, Folded, Side
from referral_protocol.forms import FORMS, Field, Kind
from referral_protocol.statements import ASK, NOTE, STATE, WITHDRAW

KINDS: Final = {"answer": STATE, "ask": ASK, "note": NOTE, "withdraw": WITHDRAW}
"""The kind of message that carries a form."""
LANGUAGE: Final = Ask(
    "language",
    "Written in",
    "They see the language’s name; nothing is translated",
    choices="languages",
)
CHECKED: Final = Field("checked", Kind.CODE, "Checked", codes="answers")
"""Asked of the page alone: whether safe contact was gone through again."""


@dataclass(frozen=True)
class Act:
    """One thing to do. ``code`` stands in its address; ``button`` leads to it, ``send`` does it;
    ``state`` is the new state; ``fixed`` what the act itself says of its form."""

    code: str
    button: str
    title: str
    lead: str
    send: str
    form: str = "note"
    blocks: tuple[Block, ...] = ()
    state: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    told: str = "Sent."
    kinds: tuple[str, ...] = ("referral", "transfer")
    """Kinds of thread that it is for; none: all."""
    then: str = ""
    """A second state that is said with it: what was asked is answered, and over."""
    needed: Mapping[str, str] = field(default_factory=dict)
    """Fields that this act cannot be without, and what is said where they are."""

    @property
    def kind(self) -> str:
        return KINDS[self.form]

    @property
    def fields(self) -> tuple[Field, ...]:
        """What its page binds: the form's fields that it asks for, and the page's own."""
        wanted = {key.split(".")[0] for key in _keys(self.blocks)}
        own = (CHECKED,) if "checked" in wanted else ()
        return (*(f for f in FORMS[self.form].all_fields() if f.key in wanted), *own)


def _keys(blocks: tuple[Block, ...]) -> list[str]:
    found: list[str] = []
    for block in blocks:
        if isinstance(block, Ask):
            found.append(block.key)
        elif isinstance(block, Side):
            found += [ask.key for ask in block.asks]
        elif isinstance(block, Folded):
            found += _keys(block.blocks)
    return found


WHY: Final = Ask("text", "In your own words, if you like", "Only they can read it.")
