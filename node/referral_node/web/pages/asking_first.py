"""Asking before anybody is referred: whether there is room, or how a thing is done.

Law: no personal data. What is filled in from a draft are codes that many people share; a text in
which the person of that draft is named is not sent. It goes only where a referral could go.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup

from referral_node.exchange import Member, author
from referral_node.web import freshness
from referral_node.web.act import LANGUAGE
from referral_node.web.form_binding import InputError, as_form, bind, from_data, placed
from referral_node.web.members import Organisation, organisation
from referral_node.web.pages.at_hand import AtHand, at_hand, draft_of
from referral_node.web.pages.draft_content import answer_by
from referral_node.web.pages.layout import Ask, Block, Folded, Rows, Special, Step
from referral_node.web.pages.new_referral import Sent, rows_done
from referral_node.web.pages.step_view import About, Choices, order, views
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import STALE, Visit
from referral_protocol import codes, forms
from referral_protocol.fit import wanted
from referral_protocol.forms import FORMS, Section
from referral_protocol.statements import Head
from referral_ui.parts import Choice
from referral_ui.times import lower

Typed = dict[str, list[str]]
MOST: Final = 20_000
"""Characters of one question: more than its form may hold."""


@dataclass(frozen=True)
class Query:
    """One kind of question. ``kind``: of the thread; ``form``: of its body."""

    kind: str
    form: str
    title: str
    lead: str
    send: str
    told: str
    keys: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def step(self) -> Step:
        """Its inputs as a step asks for them."""
        fields = tuple(each for each in FORMS[self.form].all_fields() if each.key in self.keys)
        return Step(Section(self.kind, self.title, self.title, fields), "", "", self.blocks, fields)


QUERIES: Final = {
    "room": Query(
        "capacity",
        "capacity",
        "Ask if they have room",
        "Ask before you say who it is. Nothing here may tell who the person is.",
        "Ask {peer}",
        "Your question is on its way. Today tells you when they have answered.",
        (
            *("needs", "role", "age_band", "groups", "lives_in", "lives_in_region", "harmed_in"),
            *("languages", "interpreter", "communication", "from", "note"),
            *("priority", "language"),
        ),
        (
            Ask("needs", "What is needed"),
            Ask("age_band", "Age of the person"),
            Rows("languages", "Languages of the person", "Add another language", item="language"),
            Ask("lives_in", "Country where the person lives"),
            Folded(
                "More that decides whether there is room",
                (
                    Ask("role", "In this, the person is", inline=False),
                    Ask("groups", "Groups that some services are for"),
                    Ask("lives_in_region", "Region", "Its code, for example NL-UT", width=5),
                    Ask("harmed_in", "Country where it happened"),
                    Ask("interpreter"),
                    Ask("communication"),
                    Ask("from", "Needed from"),
                ),
            ),
            Ask("note", "What else they have to know", "Nothing that tells who the person is"),
            Special("priority"),
            LANGUAGE,
        ),
    ),
    "advice": Query(
        "advice",
        "question",
        "Ask for advice",
        "A question between colleagues. Nothing here may tell who the person is: no name, no date"
        " of birth, no address, no case number.",
        "Ask {peer}",
        "Your question is on its way. Today tells you when they have answered.",
        ("subject", "question", "needs", "countries", "priority", "language"),
        (
            Ask("subject", "What it is about", "One line", width=30),
            Ask("question", "Your question", "Nothing that tells who the person is", lines=8),
            Folded(
                "Needs and countries that it is about",
                (
                    Ask("needs", "Needs"),
                    Rows("countries", "Country", "Add another country", item="country"),
                ),
            ),
            Special("priority"),
            LANGUAGE,
        ),
    ),
}


@dataclass(frozen=True)
class Shown:
    """What the template draws beside the inputs."""

    query: Query
    action: str
    send: str
    priorities: Choices
    stopped: str
    confirm: str


async def ask(visit: Visit) -> web.StreamResponse:
    """The question, with what a draft says that many people share."""
    query, member = _asked(visit)
    hand = await _hand(visit, visit.request.query.get("draft", ""))
    return await _page(visit, query, member, hand, prefilled(query, hand))


async def send(visit: Visit) -> web.StreamResponse:
    """Ask it."""
    posted = await visit.posted()
    query, member = _asked(visit)
    hand = await _hand(visit, posted.data.get("draft"))
    keys = {each.key for each in query.step.fields}
    given = {n: v for n, v in from_data(posted.data).items() if _root(n) in keys}
    do = posted.data.get("do", "send")
    typed, _ = rows_done(query.step, Sent(given, do, "", ""))
    if do != "send":
        return await _page(visit, query, member, hand, typed)
    draft, errors = understand(query, typed, visit, hand)
    shown = await _shown(visit, query, member)
    if shown.confirm and not posted.data.get("confirm"):
        words = f"Confirm that you asked {organisation(member.id, member).plain} by telephone"
        errors = (*errors, InputError("confirm", words, "confirm"))
    count = sum(len(value) for values in typed.values() for value in values)
    refused = STALE if posted.stale else ""
    if count > MOST:
        refused = f"This is too long to be sent: {count:,} characters, at most {MOST:,}. Shorten it"
    if errors or refused or shown.stopped:
        return await _page(visit, query, member, hand, typed, errors, refused, status=422)
    content, head = forms.body(draft)

    async def work() -> str:
        said = await visit.exchange.voice.open(
            visit.vault,
            visit.actor,
            recipient=member.id,
            head=Head(query.kind, head.priority, head.respond_by, None),
            content=content,
            asked_for=None if hand is None else hand.draft.id,
        )
        visit.tell_sent(query.told)
        return f"/referral/{said.thread.hex()}"

    return await visit.once(posted, work)


def understand(
    query: Query, typed: Typed, visit: Visit, hand: AtHand | None
) -> tuple[dict[str, Any], tuple[InputError, ...]]:
    """What was typed as a content with its head, and everything that is wrong with it."""
    bound = bind(query.step.fields, typed, visit.here)
    draft: dict[str, Any] = {"form": query.form, "author": author(visit.actor), **bound.values}
    by = answer_by(str(draft.get("priority")), visit.now)
    if by is not None:
        draft["respond_by"] = by
    problems = [
        each
        for each in forms.validate(draft, for_writing=True, now=visit.now)
        if each.path != ("respond_by",)
    ]
    said = {each.name for each in bound.errors}
    ruled = [each for each in placed(bound, problems, 0) if each.name not in said]
    return draft, (*bound.errors, *ruled, *_named(bound.values, hand))


def _named(values: Mapping[str, Any], hand: AtHand | None) -> list[InputError]:
    """Texts in which the person of the draft stands by name."""
    who = hand.written.content.get("who", {}) if hand is not None else {}
    known = [str(who.get(key, "")) for key in ("name", "name_latin", "name_to_use", "case_number")]
    found = []
    for key in ("subject", "question", "note"):
        text = str(values.get(key, ""))
        named = [each for each in known if each and _stands_in(each, text)]
        if named:
            words = f"“{named[0]}” stands in it. Take out what tells who the person is"
            found.append(InputError(key, words, key))
    return found


def _stands_in(name: str, text: str) -> bool:
    """Whether a name stands in a text as words of its own."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def prefilled(query: Query, hand: AtHand | None) -> Typed:
    """What a draft says of the person that many share: needs, age band, languages, country."""
    typed: Typed = {"language": ["en"]}
    if hand is None:
        return typed
    content = hand.written.content
    found = hand.wanted
    typed["language"] = [str(content.get("language", "en"))]
    typed["needs"] = list(found.needs)
    if query.kind == "capacity":
        typed |= {f"languages.{n}": [tag] for n, tag in enumerate(found.languages)}
        typed["lives_in"] = [found.lives_country]
        typed["harmed_in"] = [found.harmed_country]
        typed["role"] = [found.role]
        typed["interpreter"] = [str(content.get("communication", {}).get("interpreter", ""))]
        typed["age_band"] = [age_band(found.age_from, found.age_to, hand.desk.now)]
    return {name: values for name, values in typed.items() if any(values)}


def age_band(low: int | None, high: int | None, now: int) -> str:
    """The band that an age, or a band, lies in; "" where none holds all of it."""
    for code in codes.listed("age-bands").codes:
        band = wanted({"age_band": code}, now)
        first, last = band.age_from, band.age_to
        if low is None or high is None or first is None:
            continue
        if first <= low and (last is None or high <= last):
            return code
    return ""


def _root(name: str) -> str:
    root = name.split(".")[0]
    for part in ("-day", "-month", "-year"):
        root = root.removesuffix(part)
    return root


def _asked(visit: Visit) -> tuple[Query, Member]:
    query = QUERIES.get(visit.request.match_info["query"])
    member = visit.exchange.members.get(visit.id("member", 16))
    if query is None or member is None or member.id == visit.exchange.us:
        raise web.HTTPNotFound
    return query, member


async def _hand(visit: Visit, draft: str) -> AtHand | None:
    return at_hand(visit, await draft_of(visit, draft)) if draft else None


async def _shown(visit: Visit, query: Query, member: Member) -> Shown:
    peer = organisation(member.id, member)
    tier = visit.exchange.members.freshness
    return Shown(
        query,
        f"/organisation/{member.id.hex()}/ask/{visit.request.match_info['query']}",
        query.send.replace("{peer}", peer.plain),
        _priorities(visit, peer),
        await _stopped(visit, member, peer),
        freshness.confirm(tier, peer.plain),
    )


async def _stopped(visit: Visit, member: Member, peer: Organisation) -> str:
    """Why nothing can be sent to them now; "" when it can."""
    if peer.status != "active":
        return f"{peer.plain} is {peer.status}: nothing can be sent there"
    contact = await visit.exchange.contacts.first_contact(visit.vault, member.id)
    if contact is not None and not contact.same:
        return f"The fingerprint of {peer.plain} was different. Send nothing, and tell VSE"
    seen = await visit.exchange.contacts.seen(member.id)
    return freshness.no_first_use(visit.exchange.members.freshness, seen, peer.plain)


def _priorities(visit: Visit, peer: Organisation) -> Choices:
    found = []
    for code, row in codes.listed("priorities").codes.items():
        by = answer_by(code, visit.now)
        if by is not None:
            when = lower(visit.times.moment(by, peer.place, tomorrow=True, comma=True))
            found.append(Choice(code, row.label, Markup("Answer by {}").format(when)))
    return tuple(found)


async def _page(
    visit: Visit,
    query: Query,
    member: Member,
    hand: AtHand | None,
    typed: Typed,
    errors: tuple[InputError, ...] = (),
    refused: str = "",
    *,
    status: int = 200,
) -> web.Response:
    about = About(lists={"languages": _languages()}, wrong=frozenset(e.name for e in errors))
    drawn = views(query.step, typed, about)
    form = as_form((*order(drawn), "confirm"), typed, errors)
    if refused:
        form.wrong_because("", refused)
    draft = hand.draft.id.hex() if hand is not None else ""
    return visit.page(
        "ask-first.html",
        status=status,
        peer=organisation(member.id, member),
        shown=await _shown(visit, query, member),
        views=drawn,
        form=form,
        draft=draft,
        back=f"/organisation/{member.id.hex()}" + (f"?draft={draft}" if draft else ""),
    )


def _languages() -> Choices:
    listed = codes.listed("languages")
    return tuple(Choice(code, row.label) for code, row in listed.codes.items())


routes: Final[list[Route]] = [
    get("/organisation/{member}/ask/{query}", ask),
    post("/organisation/{member}/ask/{query}", send),
]
