"""Our own profile: what others read about us, a page for each part, a last look, and sending it.

Law: what is changed here stays here until a keyholder has read it word for word and sends it; then
only the records that differ go to the directory, signed. Nobody's words are lost when something is
wrong with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from aiohttp import web

from referral_node.exchange import NotJoined, UpdateRefused, UpdateWaits
from referral_node.exchange.directory.own_profile import Mine, NotWhole, Values
from referral_node.web import updates_view
from referral_node.web.pages import own_editing
from referral_node.web.pages.own_editing import Edited, Frame, Place, StaleProfile
from referral_node.web.pages.profile_parts import (
    ABOUT,
    CONTACT,
    CONTACTS,
    ORGANISATION,
    PARTS,
    SERVICE,
    SERVICES,
    Part,
)
from referral_node.web.reading_rows import Part as Rows
from referral_node.web.reading_rows import Reader, weekly
from referral_node.web.reading_rows import joined as joined_rows
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Visit
from referral_protocol import profiles
from referral_protocol.forms import FormProblem
from referral_ui.parts import Fact, Text

HERE: Final = "/settings/profile"
ASSURED_FOR: Final = 183
"""Days after which a member is asked whether its profile is still right."""
SAVED: Final = "Saved on this node. Nobody else sees it before you send it to the directory."
_QUIET_WITHIN: Final = 3.0
"""Seconds for which a page waits until an earlier change has arrived."""


@dataclass(frozen=True)
class Section:
    """One part, word for word, and where it is changed."""

    title: Text
    change: str
    what: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class ToDo:
    """Something missing or wrong, and where it is put right."""

    words: str
    href: str


async def show(visit: Visit) -> web.StreamResponse:
    """All of it, as it stands on this node."""
    await visit.exchange.own_profile.tidy(visit.vault)
    mine = await visit.exchange.own_profile.load(visit.vault)
    waiting = await visit.exchange.updating.status()
    return visit.page(
        "own-profile.html",
        sections=_organisation(visit, mine.values),
        people=contacts(visit, mine.values),
        services=services(visit, mine.values),
        joined=joined(visit),
        changed=bool(mine.changed) and bool(mine.version),
        saved=mine.saved_at and visit.times.clock(mine.saved_at),
        update=updates_view.banner(waiting, visit.times),
        refused=waiting is not None and waiting.state == "refused",
        assurance=assurance(mine, visit),
        todo=todo(mine.values),
        base=HERE,
    )


async def ask(visit: Visit) -> web.StreamResponse:
    """The page of one part."""
    part = _part(visit)
    mine = await visit.exchange.own_profile.load(visit.vault)
    typed = own_editing.stored(part, _PLACE, mine)
    if part is ABOUT and not typed:
        typed = _from_the_configuration(visit)
    return own_editing.page(visit, part, _frame(part), Edited(typed), mine)


async def save(visit: Visit) -> web.StreamResponse:
    """One part came back."""
    part = _part(visit)
    posted = await visit.posted()
    mine = await visit.exchange.own_profile.load(visit.vault)
    edited = await own_editing.understood(visit, posted, part, _PLACE, mine)
    values = edited.values
    if values is None:
        status = 422 if edited.errors or edited.refused else 200
        return own_editing.page(visit, part, _frame(part), edited, mine, status=status)

    async def work() -> str:
        await own_editing.keep(visit, values, mine.version)
        visit.tell(SAVED)
        return HERE

    try:
        return await visit.once(posted, work)
    except StaleProfile:
        stale = Edited(edited.typed, refused=own_editing.OTHER_WINDOW)
        return own_editing.page(visit, part, _frame(part), stale, mine, status=409)


async def check(visit: Visit) -> web.StreamResponse:
    """What would go to the directory, word for word."""
    mine = await visit.exchange.own_profile.load(visit.vault)
    waiting = await visit.exchange.updating.status()
    sections: list[Section] = []
    if "organisation" in mine.changed:
        sections += _organisation(visit, mine.values)
    if "contacts" in mine.changed:
        sections += contacts(visit, mine.values)
    if "services" in mine.changed:
        sections += services(visit, mine.values)
    return visit.page(
        "own-send.html",
        sections=sections,
        todo=todo(mine.values),
        joined=joined(visit),
        waits=waiting is not None and waiting.state == "waiting",
        seen=mine.version,
        base=HERE,
    )


async def send(visit: Visit) -> web.StreamResponse:
    """It is right: sign it, and let it go."""
    posted = await visit.posted()
    mine = await visit.exchange.own_profile.load(visit.vault)
    if posted.stale or posted.data.get("seen") != str(mine.version):
        visit.tell("Your profile was changed in the meantime, so nothing was sent. Look again.")
        return visit.go(f"{HERE}/send")

    async def work() -> str:
        visit.tell(await sent(visit, mine.values))
        return HERE

    return await visit.once(posted, work)


async def sent(visit: Visit, values: Values) -> str:
    """Propose what differs; in words, what came of it."""
    exchange = visit.exchange
    try:
        await exchange.updating.quiet(_QUIET_WITHIN)
        made = await exchange.own_profile.send(visit.vault, visit.actor, values)
    except UpdateWaits:
        return (
            "An earlier change is still on its way to the directory. This one is saved here: send"
            " it when the earlier one has arrived."
        )
    except UpdateRefused as refusal:
        why = updates_view.why(refusal.code, refusal.detail)
        return f"Nothing was sent: the directory would refuse it. {why}"
    except NotWhole:
        return "Nothing was sent: something is still missing. It stands below."
    except NotJoined:
        return "Saved here. It goes to the directory when you have joined one."
    if made is None:
        return "The directory says this already. Nothing had to be sent."
    if await exchange.updating.quiet(_QUIET_WITHIN):
        await exchange.own_profile.tidy(visit.vault)
        return "The directory has it. Other organisations read it within minutes."
    return "It is signed and on its way to the directory. You need not wait for it."


async def still_right(visit: Visit) -> web.StreamResponse:
    """One click: everything is still right, as of today."""
    posted = await visit.posted()
    mine = await visit.exchange.own_profile.load(visit.vault)
    values = assured(visit, mine.values)
    if posted.stale or not values:
        return visit.go(HERE)

    async def work() -> str:
        if mine.version:
            await own_editing.keep(visit, values, mine.version)
            visit.tell(f"Noted, together with what you changed. {SAVED}")
            return f"{HERE}/send"
        visit.tell(f"Thank you. {await sent(visit, values)}")
        return HERE

    return await visit.once(posted, work)


async def forget(visit: Visit) -> web.StreamResponse:
    """Away with what was changed here: what the directory says stands."""
    posted = await visit.posted()
    if not posted.stale and joined(visit):
        await visit.exchange.own_profile.discard()
        visit.tell("Your changes were thrown away. This is what the directory says.")
    return visit.go(HERE)


async def noted(visit: Visit) -> web.StreamResponse:
    """Somebody has read why a change was refused."""
    posted = await visit.posted()
    if not posted.stale:
        await visit.exchange.updating.forget_refused()
    return visit.go(HERE)


def assured(visit: Visit, values: Values) -> Values:
    """The profile with today's date as the day on which it was right; {} if there is none yet."""
    if not values.get("organisation"):
        return {}
    organisation = dict(values["organisation"])
    by = str(organisation.get("name", ""))[:120]
    organisation["assured"] = {"on": today(visit).isoformat(), "by": by}
    return {**values, "organisation": organisation}


def assurance(mine: Mine, visit: Visit) -> str:
    """When somebody last said that all of it is right, if that was too long ago; else ""."""
    if not mine.sent.get("organisation"):
        return ""
    stated = mine.sent["organisation"].get("assured", {}).get("on", "")
    return looked_at(stated, visit)


def looked_at(stated: str, visit: Visit) -> str:
    """The words for a day (ISO) that lies too far back, or for none long after joining, which is
    when VSE read it; "" when it is recent."""
    try:
        day = date.fromisoformat(stated)
    except ValueError:
        since = _joined_on(visit)
        if since is not None and (today(visit) - since).days < ASSURED_FOR:
            return ""
        return "Nobody has said yet that all of it is right."
    if (today(visit) - day).days < ASSURED_FOR:
        return ""
    return f"It was last said to be right on {visit.times.long_day(day)}."


def _joined_on(visit: Visit) -> date | None:
    directory = visit.exchange.members.directory
    member = None if directory is None else directory.member(visit.exchange.us)
    return None if member is None else visit.here.local(member.joined_at).date()


def stated_on(visit: Visit, day: str) -> str:
    """ "Stated on 16 November 2026", "" for no day."""
    try:
        return f"Stated on {visit.times.long_day(date.fromisoformat(day))}"
    except ValueError:
        return ""


def today(visit: Visit) -> date:
    """The date where our clock hangs."""
    return visit.here.local(visit.now).date()


def joined(visit: Visit) -> bool:
    """Whether the directory names us."""
    directory = visit.exchange.members.directory
    return directory is not None and directory.member(visit.exchange.us) is not None


def todo(values: Mapping[str, Any]) -> tuple[ToDo, ...]:
    """What is missing or wrong before it can be sent."""
    found = [ToDo(each.words, _where(each)) for each in profiles.validate(values)]
    if not values.get("organisation"):
        found = [each for each in found if each.href != HERE]
        found.insert(0, ToDo("Describe your organisation", f"{HERE}/about"))
    return tuple(dict.fromkeys(found))


def contacts(visit: Visit, values: Mapping[str, Any]) -> tuple[Section, ...]:
    """The people, each with the way to change them."""
    return tuple(
        Section(
            str(row.get("name", "")),
            f"/settings/contacts/{number}",
            str(row.get("name", "")),
            _facts(visit, CONTACT, row),
        )
        for number, row in enumerate(values.get(CONTACTS.key, ()))
    )


def services(visit: Visit, values: Mapping[str, Any]) -> tuple[Section, ...]:
    """The services, each with the way to change it."""
    return tuple(
        Section(
            str(row.get("name", "")),
            f"/settings/services/{number}",
            str(row.get("name", "")),
            _facts(visit, SERVICE, row),
        )
        for number, row in enumerate(values.get(SERVICES.key, ()))
    )


def _organisation(visit: Visit, values: Mapping[str, Any]) -> tuple[Section, ...]:
    said = values.get(ORGANISATION.key, {})
    return tuple(
        Section(part.title, f"{HERE}/{part.code}", part.title.lower(), _facts(visit, part, said))
        for part in PARTS.values()
    )


def _facts(visit: Visit, part: Part, values: Mapping[str, Any]) -> tuple[Fact, ...]:
    keys = {each.key for each in part.fields}
    chosen = {key: value for key, value in values.items() if key in keys}
    lang = str(values.get("language") or values.get("name_language") or "")
    reader = Reader(visit.times, mine=True)
    rows = Rows(chosen, part.fields, reader, lang)
    facts = []
    if chosen.get("hours"):
        said = [weekly(row, reader) for row in rows.value("hours")]
        facts.append(Fact(rows.label("hours"), joined_rows(said, "; ")))
    return (*facts, *rows.rest())


def _where(problem: FormProblem) -> str:
    path = problem.path
    if path and path[0] == ORGANISATION.key and len(path) > 1:
        for part in PARTS.values():
            if any(each.key == path[1] for each in part.fields):
                return f"{HERE}/{part.code}"
    if path and path[0] in (CONTACTS.key, SERVICES.key):
        row = path[1] if len(path) > 1 else "new"
        return f"/settings/{path[0]}/{row}"
    return HERE


_PLACE: Final = Place(ORGANISATION.key)


def _part(visit: Visit) -> Part:
    part = PARTS.get(visit.request.match_info["part"])
    if part is None:
        raise web.HTTPNotFound
    return part


def _from_the_configuration(visit: Visit) -> dict[str, list[str]]:
    """What the administrator has said of us already, proposed for a profile that is empty."""
    config = visit.site.config
    return {"name": [config.name], "country": [config.country or ""], "zone": [config.time_zone]}


def _frame(part: Part) -> Frame:
    return Frame(f"{HERE}/{part.code}", HERE, "Our profile", part.title)


routes: Final[list[Route]] = [
    get(HERE, show),
    get(f"{HERE}/send", check),
    post(f"{HERE}/send", send),
    post(f"{HERE}/still-right", still_right),
    post(f"{HERE}/forget", forget),
    post(f"{HERE}/noted", noted),
    get(HERE + "/{part}", ask),
    post(HERE + "/{part}", save),
]
