"""Our services from a file: choose it, say what foreign words mean, look at what was loaded.

Law: nothing is guessed and nothing is taken by halves. What is loaded is saved on this node, as if
it had been typed; nobody else sees it before somebody sends it. The file itself is not kept.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from referral_node.exchange.directory.own_profile import Mine
from referral_node.exchange.directory.service_files import (
    BadFile,
    joined,
    left_out,
    read_bytes,
    whose,
)
from referral_node.web.pages import own_editing
from referral_node.web.pages.own_editing import StaleProfile
from referral_node.web.pages.step_view import Choices, languages
from referral_node.web.routing import Route, get, post
from referral_node.web.uploading import read_upload
from referral_node.web.visit import STALE, Posted, Visit
from referral_protocol import codes
from referral_protocol.hsds.changes import Merged
from referral_protocol.hsds.reading import LEFT_OUT, MAX_FILE, Problem, Reading, Unknown
from referral_ui.formdata import FormData
from referral_ui.forms import Form
from referral_ui.parts import Choice, ChoiceGroup

HERE: Final = "/settings/services/load"
LIST: Final = "/settings/services"
MOST: Final = 40
"""Foreign words that one page asks about."""
_FIELDS: Final = ("file", "language", "ours")
_NEEDED: Final = {
    "needs": ("needs", "Need"),
    "forms": ("forms-of-help", "Form of help"),
    "served": ("victim-groups", "Whom it serves"),
    "eligibility": ("eligibilities", "Who may use it"),
    "accessibility": ("accessibilities", "Accessibility"),
    "interpreters": ("interpreters", "Interpreters"),
    "cost": ("costs", "Cost"),
    "capacity": ("capacities", "Capacity"),
}
_COUNTED: Final = {"new": "new", "changed": "changed", "same": "as before", "kept": "not in it"}


@dataclass(frozen=True)
class Term:
    """A word of another list, and what it may mean here."""

    number: int
    name: str
    where: str
    choices: Choices


@dataclass(frozen=True)
class Loading:
    """All that the template draws beside its form."""

    languages: Choices
    problems: tuple[Problem, ...] = ()
    terms: tuple[Term, ...] = ()
    more: int = 0
    others: str = ""
    """Services of other organisations, in words."""
    columns: str = ""
    """Columns for which a profile has no place."""


async def ask(visit: Visit) -> web.StreamResponse:
    """The empty page."""
    mine = await visit.exchange.own_profile.load(visit.vault)
    spoken = str(mine.values.get("organisation", {}).get("name_language", ""))
    return _page(visit, Form(_FIELDS, {"language": spoken}), Loading(languages()))


async def load(visit: Visit) -> web.StreamResponse:
    """The file came."""
    data = bytearray()

    async def take(_name: str, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            if len(data) <= MAX_FILE:  # beyond, it is refused by its size and need not be held
                data.extend(piece)

    posted = await read_upload(visit, take)
    given = posted.data
    form = Form(_FIELDS, given)
    mine = await visit.exchange.own_profile.load(visit.vault)
    if posted.stale:
        form.wrong_because("", STALE)
        return _page(visit, form, Loading(languages()), status=422)
    if not data:
        form.wrong_because("file", "Choose a file")
        return _page(visit, form, Loading(languages()), status=422)
    try:
        us = None if form.ticked("ours") else whose(visit.exchange.us, mine.values, mine.sent)
        found = read_bytes(bytes(data), given.get("language"), _mapping(given), us)
    except BadFile as bad:
        form.wrong_because("file", f"This file cannot be read: {bad}")
        return _page(visit, form, Loading(languages()), status=422)
    return await _loaded(visit, posted, form, mine, found)


async def _loaded(
    visit: Visit, posted: Posted, form: Form, mine: Mine, found: Reading
) -> web.StreamResponse:
    values, merged, problems = joined(visit.exchange.us, mine, found.services, found.ids)
    wrong = found.problems or tuple(problems)
    if not found.good or wrong:
        form.wrong_because("file", _why(found, wrong))
        terms = tuple(_term(n, each) for n, each in enumerate(found.unknown[:MOST]))
        more = len(found.unknown) - len(terms)
        left, columns = left_out(found.others), ", ".join(found.ignored)
        shown = Loading(languages(), wrong, terms, more, left, columns)
        return _page(visit, form, shown, status=422)

    async def work() -> str:
        if merged.anything:
            await own_editing.keep(visit, values, mine.version)
        visit.tell(_told(merged, found))
        return LIST

    try:
        return await visit.once(posted, work)
    except StaleProfile:
        form.wrong_because("", own_editing.OTHER_WINDOW)
        return _page(visit, form, Loading(languages()), status=409)


def _page(visit: Visit, form: Form, loading: Loading, *, status: int = 200) -> web.Response:
    return visit.page("own-load.html", status=status, form=form, loading=loading, action=HERE)


def _why(found: Reading, wrong: tuple[Problem, ...]) -> str:
    if wrong:
        rows = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        return f"Nothing was loaded: {rows} wrong in the file. Put it right, then choose it again"
    return "Nothing was loaded yet. Say below what some words mean, then choose the file again"


def _told(merged: Merged, found: Reading) -> str:
    counts = {kind: sum(x.kind == kind for x in merged.changes) for kind in _COUNTED}
    said = ", ".join(f"{count} {_COUNTED[kind]}" for kind, count in counts.items() if count)
    first = "Loaded" if merged.anything else "Nothing to change"
    left = ", ".join(found.ignored)
    over = f" A profile has no place for: {left}." if left else ""
    new = (
        " A new service is not on the public page before you choose that." if counts["new"] else ""
    )
    others = f" {left_out(found.others)}" if found.others else ""
    return f"{first}: {said}.{new}{over}{others}"


def _mapping(given: FormData) -> dict[str, str]:
    """What was chosen for each word: the word stands beside it in a hidden field."""
    pairs = ((given.get(f"term-{n}"), given.get(f"means-{n}")) for n in range(MOST))
    return {term: means for term, means in pairs if term and means}


def _term(number: int, found: Unknown) -> Term:
    places = ", ".join(found.places[:3]) + (" and more" if len(found.places) > 3 else "")
    return Term(number, found.name, places, (Choice(LEFT_OUT, "Leave it out"), *_meanings(found)))


def _meanings(found: Unknown) -> Choices:
    kind = found.name.partition("/")[0]
    if kind == "language":
        return tuple(
            ChoiceGroup(group.text, tuple(_as(each, "languages") for each in group.choices))
            for group in languages()
            if isinstance(group, ChoiceGroup)
        )
    if kind == "area":
        return (
            ChoiceGroup("People who live in", _codes("lives_in", "countries")),
            ChoiceGroup("People harmed in", _codes("harmed_in", "countries")),
        )
    return tuple(ChoiceGroup(title, _codes(field, key)) for field, (key, title) in _NEEDED.items())


def _codes(field: str, key: str) -> tuple[Choice, ...]:
    listed = codes.listed(key).codes
    return tuple(Choice(f"{field}:{code}", row.label) for code, row in listed.items())


def _as(choice: Choice, field: str) -> Choice:
    return Choice(f"{field}:{choice.code}", choice.text)


routes: Final[list[Route]] = [get(HERE, ask), post(HERE, load)]
