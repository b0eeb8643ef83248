"""What the layout of a step is made of: inputs, side by side, folded, in rows. ``steps`` uses it.

Law: nothing here knows a form; ``{name}`` in a text is the person's name.
"""

from dataclasses import dataclass

from referral_protocol.forms import Field, Section


@dataclass(frozen=True)
class Ask:
    """One input. ``label`` and ``hint`` replace the form's own ("" for none); ``widget``: line,
    text, select, radios, checkboxes, date or hidden instead of what the kind would have;
    ``choices``: a list that the page makes ("zones", "days", "draft-needs")."""

    key: str
    label: str | None = None
    hint: str | None = None
    widget: str = ""
    width: int = 20
    lines: int = 3
    choices: str = ""
    inline: bool = True


@dataclass(frozen=True)
class Side:
    """Inputs side by side where there is room."""

    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class Heading:
    """A heading inside a step."""

    text: str


@dataclass(frozen=True)
class Say:
    """A sentence inside a step."""

    text: str


@dataclass(frozen=True)
class Folded:
    """Inputs that are rarely needed; open once something in them was typed or is wrong."""

    summary: str
    blocks: tuple["Block", ...]


@dataclass(frozen=True)
class Group:
    """Inputs under one legend."""

    legend: str
    blocks: tuple["Block", ...]
    hint: str = ""


@dataclass(frozen=True)
class Rows:
    """A list: its rows, and a button for one more. ``blocks`` name fields of one row; none: each
    row is one input. ``row``: legend of each row, numbered from the second on; ``item``: what a row
    is called where it is removed."""

    key: str
    legend: str
    add: str
    blocks: tuple["Block", ...] = ()
    row: str = ""
    hint: str = ""
    item: str = "row"


@dataclass(frozen=True)
class Special:
    """A part that has a template of its own: "ways", "recipient", "priority"."""

    name: str


Block = Ask | Side | Heading | Say | Folded | Group | Rows | Special


@dataclass(frozen=True)
class Step:
    """One step. ``fields``: what its page binds; ``blocks``: how it asks."""

    section: Section
    short: str
    intro: str
    blocks: tuple[Block, ...]
    fields: tuple[Field, ...]

    @property
    def code(self) -> str:
        return self.section.code


def lists_of(blocks: tuple[Block, ...]) -> tuple[Rows, ...]:
    """All lists of a step, wherever they stand."""
    found: list[Rows] = []
    for block in blocks:
        if isinstance(block, Rows):
            found.append(block)
            found += lists_of(block.blocks)
        elif isinstance(block, Folded | Group):
            found += lists_of(block.blocks)
    return tuple(found)
