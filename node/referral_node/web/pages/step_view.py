"""A step as its template draws it: every input with its widget, label, hint and choices.

Law: pure; the layout and the form's table say what is asked, this says how it looks. Labels are
about the person by name, never by a pronoun. The template only walks what is made here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from markupsafe import escape

from referral_node.web.form_binding import LISTS, Typed, row_numbers
from referral_node.web.pages.layout import (
    Ask,
    Block,
    Folded,
    Group,
    Heading,
    Rows,
    Say,
    Side,
    Special,
    Step,
)
from referral_node.web.pages.steps import DAY_SETS, WAYS, way_input
from referral_node.web.reading_rows import named
from referral_protocol import codes
from referral_protocol.forms import Field, Kind
from referral_ui.parts import Choice, ChoiceGroup, Text

Choices = tuple[Choice | ChoiceGroup, ...]

RADIOS_UP_TO: Final = 7
"""Lists up to this long are shown whole; longer ones fold into a select."""


@dataclass(frozen=True)
class View:
    """One thing to draw. ``kind``: an input's widget, or heading, say, side, folded, group, rows,
    row, special. ``name`` is the input's; ``inner`` what stands inside."""

    kind: str
    name: str = ""
    label: Text = ""
    hint: Text = ""
    choices: Choices = ()
    width: int = 20
    lines: int = 3
    inline: bool = False
    small: bool = False
    opened: bool = False
    note: Text = ""
    inner: tuple["View", ...] = ()
    add: str = ""
    remove: str = ""
    remove_label: str = ""
    empty: str | None = None


@dataclass(frozen=True)
class About:
    """What a step's page knows beside what was typed: the person, and lists that depend on the
    draft by the name that the layout gives them."""

    person: Text = "the person"
    lists: Mapping[str, Choices] = field(default_factory=dict)
    hints: Mapping[str, Text] = field(default_factory=dict)
    notes: Mapping[str, Text] = field(default_factory=dict)
    wrong: frozenset[str] = frozenset()


def views(step: Step, typed: Typed, about: About) -> tuple[View, ...]:
    """A step's page, from the top."""
    fields = {each.key: each for each in step.fields}
    return tuple(_block(block, fields, typed, about, "") for block in step.blocks)


def order(drawn: Iterable[View]) -> tuple[str, ...]:
    """The names of all inputs, and of what holds errors, in the order of the page."""
    return tuple(dict.fromkeys(_names(drawn)))


def _names(drawn: Iterable[View]) -> Iterator[str]:
    for view in drawn:
        if view.kind == "special" and view.name == "ways":
            yield "ways"
            yield from (way_input(way) for way in WAYS)
        elif view.name:
            yield view.name
        yield from _names(view.inner)


def fill(text: str, person: Text) -> str:
    """A sentence of the layout or the form with the person's name in it."""
    if "{name}" in text:
        return escape(person).join(escape(piece) for piece in text.split("{name}"))
    return named(text, person)


def plain(text: Text) -> str:
    """Without its markup, for an option or an attribute."""
    return escape(text).striptags()


def _block(
    block: Block, fields: Mapping[str, Field], typed: Typed, about: About, prefix: str
) -> View:
    match block:
        case Ask():
            return _ask(block, _field(fields, block.key), about, prefix)
        case Side(asks):
            inner = tuple(_block(each, fields, typed, about, prefix) for each in asks)
            return View("side", inner=inner)
        case Heading(text):
            return View("heading", label=fill(text, about.person))
        case Say(text):
            return View("say", label=fill(text, about.person))
        case Folded(summary, blocks):
            inner = tuple(_block(each, fields, typed, about, prefix) for each in blocks)
            opened = _used(inner, typed, about)
            return View("folded", label=fill(summary, about.person), inner=inner, opened=opened)
        case Group(legend, blocks, hint):
            inner = tuple(_block(each, fields, typed, about, prefix) for each in blocks)
            label, words = fill(legend, about.person), fill(hint, about.person)
            return View("group", label=label, hint=words, inner=_all_small(inner))
        case Rows():
            return _rows(block, fields, typed, about, prefix)
        case Special(name):
            return View("special", name=name)


def _all_small(drawn: tuple[View, ...]) -> tuple[View, ...]:
    """Labels under a legend are plain: the legend is what is bold."""
    return tuple(replace(each, small=True, inner=_all_small(each.inner)) for each in drawn)


def _field(fields: Mapping[str, Field], key: str) -> Field:
    first, *rest = key.split(".")
    found = fields[first]
    for part in rest:
        found = found.field(part)
    return found


def _used(inner: Sequence[View], typed: Typed, about: About) -> bool:
    """Whether a folded part holds something typed, or something wrong."""
    names = set(order(inner))
    dated = {f"{name}-{part}" for name in names for part in ("day", "month", "year")}
    filled = any(value.strip() for name in (*names, *dated) for value in typed.get(name, ()))
    return filled or bool(names & about.wrong)


def _ask(ask: Ask, each: Field, about: About, prefix: str) -> View:
    label = fill(each.label if ask.label is None else ask.label, about.person)
    hint = fill(each.hint if ask.hint is None else ask.hint, about.person)
    name = prefix + ask.key
    widget = ask.widget or _widget(each, ask)
    return View(
        widget,
        name,
        label,
        about.hints.get(ask.choices, hint),
        _choices(ask, each, about),
        ask.width,
        ask.lines,
        inline=ask.inline and widget == "radios" and _short(each),
        small=bool(prefix),
        empty=None if ask.choices in ("zones", "days") else "Choose",
    )


def _widget(each: Field, ask: Ask) -> str:
    if ask.choices in ("zones", "days"):
        return "select"
    match each.kind:
        case Kind.TEXT:
            return "text"
        case Kind.TELEPHONE | Kind.HELPLINE:
            return "telephone"
        case Kind.E_MAIL:
            return "email"
        case Kind.CODE:
            return "radios" if len(codes.listed(each.codes)) <= RADIOS_UP_TO else "select"
        case Kind.CODES:
            return "checkboxes"
        case Kind.DATE:
            return "date"
        case Kind.COUNTRY | Kind.COUNTRIES | Kind.LANGUAGE | Kind.LANGUAGES | Kind.ZONE:
            return "select"
        case _:
            return "line"


def _short(each: Field) -> bool:
    """Whether all choices stand on one line."""
    labels = [code.label for code in codes.listed(each.codes).codes.values()]
    return len(labels) <= 4 and sum(map(len, labels)) < 40


def _choices(ask: Ask, each: Field, about: About) -> Choices:
    if ask.choices == "days":
        return tuple(Choice(code, label) for code, (label, _) in DAY_SETS.items())
    if ask.choices in about.lists:
        return about.lists[ask.choices]
    match each.kind:
        case Kind.CODE | Kind.CODES:
            return _of_list(each, about)
        case Kind.COUNTRY | Kind.COUNTRIES:
            return about.lists.get("countries") or countries()
        case Kind.LANGUAGE | Kind.LANGUAGES:
            return languages()
        case _:
            return ()


def _of_list(each: Field, about: About) -> Choices:
    left_out = {"all"} if each.codes == "victim-groups" else set()
    return tuple(
        Choice(code, _of_person(row.label, about.person))
        for code, row in codes.listed(each.codes).codes.items()
        if code not in left_out
    )


def _of_person(label: str, person: Text) -> str:
    """A choice of a list about this person; it may stand in an option, so without markup."""
    said = plain(fill(label.replace("The person ", "{name} "), person))
    return f"T{said[1:]}" if said.startswith("the person ") else said


def countries(first: Sequence[str] = ()) -> Choices:
    """All countries by name, those that matter here before the others."""
    named_first = tuple(Choice(code, codes.COUNTRIES.label(code)) for code in first)
    rest = tuple(
        Choice(code, row.label)
        for code, row in sorted(codes.COUNTRIES.codes.items(), key=lambda pair: pair[1].label)
        if code not in first
    )
    if not first:
        return rest
    return (ChoiceGroup("Members’ countries", named_first), ChoiceGroup("All others", rest))


def languages() -> Choices:
    """Spoken languages, then sign languages."""
    groups = []
    for key in codes.ALL:
        if key in ("languages", "sign-languages"):
            listed = codes.listed(key)
            rows = tuple(Choice(code, row.label) for code, row in listed.codes.items())
            groups.append(ChoiceGroup(listed.title, rows))
    return tuple(groups)


def _rows(
    block: Rows, fields: Mapping[str, Field], typed: Typed, about: About, prefix: str
) -> View:
    each = _field(fields, block.key)
    key = prefix + block.key
    numbers = row_numbers(typed, key) or [0]
    draw = _list_row if each.kind in LISTS else _group_row
    rows = tuple(
        draw(block, each, typed, about, f"{key}.{number}", place)
        for place, number in enumerate(numbers)
    )
    if len(rows) > 1:
        rows = tuple(
            replace(row, remove=row.name, remove_label=f"{block.item} {place}")
            for place, row in enumerate(rows, 1)
        )
    return View("rows", key, inner=rows, add=block.add)


def _list_row(block: Rows, each: Field, typed: Typed, about: About, name: str, place: int) -> View:
    """One of several values of a list: an input of its own."""
    label = _numbered(block.legend, block.legend, place)
    ask = Ask(name, label=label, hint=_row_hint(block, about, place))
    return replace(_ask(ask, each, about, ""), name=name)


def _group_row(block: Rows, each: Field, typed: Typed, about: About, name: str, place: int) -> View:
    """One row of a list of groups: its inputs under a legend."""
    inner_fields = {inner.key: inner for inner in each.fields}
    inner = tuple(_block(b, inner_fields, typed, about, f"{name}.") for b in block.blocks)
    legend = fill(_numbered(block.legend, block.row or block.legend, place), about.person)
    note = about.notes.get(name, "")
    return View("row", name, legend, _row_hint(block, about, place), inner=inner, note=note)


def _row_hint(block: Rows, about: About, place: int) -> str:
    """What is said of all rows stands above the first one."""
    return fill(block.hint, about.person) if place == 0 else ""


def _numbered(first: str, following: str, place: int) -> str:
    if place == 0:
        return first
    if "{n}" in following:
        return following.replace("{n}", str(place + 1))
    return f"{following} ({place + 1})"
