"""Doing something in a thread: the small form of each act, and what happens when it is sent.

Law: what was typed is never lost: a field that is wrong, a page that became old, a thread that
moved on meanwhile and a full disk all show the form again, with the reason. What the form's own
rules refuse is never sent.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from aiohttp import web

from referral_node.exchange import NotAllowed, author, set_follow_up
from referral_node.store import StoreError
from referral_node.web import faults, ladder_view, top_lines
from referral_node.web.act import Act
from referral_node.web.act_view import fields_of, filled, prefilled
from referral_node.web.acts import ACTS, ENDED_WELL
from referral_node.web.case import Case
from referral_node.web.form_binding import Bound, InputError, as_form, bind, from_data, placed
from referral_node.web.offers import allowed
from referral_node.web.pages.referral import case_of, look
from referral_node.web.pages.step_view import order
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Posted, Visit
from referral_protocol import forms
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import STATE, Head
from referral_ui.forms import Form
from referral_ui.parts import Choice
from referral_ui.problems import Problem
from referral_ui.times import DAY, at

Typed = Mapping[str, list[str]]
MOST: Final = 60_000
"""Characters in one form of an act: far more than any of its fields may hold."""


@dataclass(frozen=True)
class Said:
    """What a form said, ready to go: the content, its head, and what is wrong with it."""

    content: dict[str, Any]
    head: Head
    errors: tuple[InputError, ...]


async def ask(visit: Visit) -> web.StreamResponse:
    """The form of an act."""
    act = _act(visit)
    case = await look(visit)
    typed = prefilled(act, case, visit.actor)
    return _page(visit, case, act, typed, (), "" if allowed(case, act) else _late(case))


async def do(visit: Visit) -> web.StreamResponse:
    """The form came back."""
    act = _act(visit)
    posted = await visit.posted()
    case = await case_of(visit)
    typed = from_data(posted.data)
    if not allowed(case, act):
        return _page(visit, case, act, typed, (), _late(case), status=409)
    said = understand(act, typed, case, visit)
    refused = _refused(posted, typed)
    if refused or said.errors:
        return _page(visit, case, act, typed, said.errors, refused, status=422)

    async def work() -> str:
        await visit.exchange.voice.say(
            visit.vault, visit.actor, case.view.id, act.kind, said.head, said.content
        )
        if act.then:
            over = {"form": act.form, "author": author(visit.actor), "outcome": "got-help"}
            over["language"] = said.content["language"]
            with suppress(NotAllowed):  # the answer is given; they took the question back meanwhile
                await visit.exchange.voice.say(
                    visit.vault, visit.actor, case.view.id, act.kind, Head(state=act.then), over
                )
        visit.tell_sent(filled(act.told, case))
        return f"/referral/{case.view.id.hex()}"

    try:
        return await visit.once(posted, work)
    except NotAllowed:
        now = await case_of(visit)
        return _page(visit, now, act, typed, (), _late(now), status=409)
    except StoreError as error:
        return _page(visit, case, act, typed, (), faults.of_store(error), status=503)
    except ProtocolError as error:
        return _page(visit, case, act, typed, (), faults.of_protocol(error), status=422)


def understand(act: Act, typed: Typed, case: Case, visit: Visit) -> Said:
    """What was typed as one message, with every problem that it has."""
    bound = bind(act.fields, typed, visit.here)
    values = dict(bound.values)
    checked = values.pop("checked", None)
    draft: dict[str, Any] = {
        "form": act.form,
        "author": author(visit.actor),
        **act.fixed,
        **values,
    }
    _complete(draft, act, case, visit, checked == "yes")
    state = _state(act, draft)
    problems = forms.validate(draft, for_writing=True, state=state or None, now=visit.now)
    content, head = forms.body(draft)
    missing = _missing(act, checked, draft)
    errors = (*bound.errors, *missing, *_words(bound, placed(bound, problems, 0)))
    return Said(
        content,
        Head(
            priority=head.priority or None,
            respond_by=head.respond_by,
            state=state if act.kind == STATE else None,
        ),
        tuple(errors),
    )


def _complete(draft: dict[str, Any], act: Act, case: Case, visit: Visit, checked: bool) -> None:
    """What an act adds of itself to what was typed."""
    if act.code == "meeting":
        draft["step_at"] = visit.now
        if isinstance(draft.get("meeting"), dict):
            draft["meeting"] = {**draft["meeting"], "zone": visit.here.zone}
    if act.code in ("join", "another-time") and case.meeting is not None:
        draft["answers"] = case.meeting.message.hash
    if act.code in ("erased", "add-information"):
        purposes = ("erase",) if act.code == "erased" else ("information",)
        for asked in case.asked:
            if (asked.content or {}).get("purpose") in purposes:
                draft["answers"] = asked.hash
    safe = case.content.get("safe_contact")
    if act.code == "reached" and checked and isinstance(safe, Mapping):
        at = draft.get("step_at")
        draft["safe_contact"] = {
            **safe,
            "checked_at": at if isinstance(at, int) else visit.now,
            "checked_by": visit.us.plain,
        }


def _state(act: Act, draft: Mapping[str, Any]) -> str:
    if act.code == "outcome" and draft.get("outcome") not in ENDED_WELL:
        return "failed"
    return act.state


def _missing(act: Act, checked: object, draft: Mapping[str, Any]) -> tuple[InputError, ...]:
    """What the page alone asks for."""
    absent = [key for key in act.needed if not draft.get(key)]
    if absent:
        return tuple(InputError(key, act.needed[key], key) for key in absent)
    if act.code == "reached" and checked not in ("yes", "no"):
        return (InputError("checked", "Say whether safe contact is still right", "checked"),)
    return ()


def _words(bound: Bound, errors: list[InputError]) -> list[InputError]:
    """One error for each input: what could not be read says so already."""
    said = {each.at for each in bound.errors}
    return [each for each in errors if each.at not in said]


def _refused(posted: Posted, typed: Typed) -> str:
    """Why this form cannot be taken at all; "" when it can."""
    if posted.stale:
        return next(line.message for line in posted.form().problems)
    count = sum(len(value) for values in typed.values() for value in values)
    if count > MOST:
        return f"This is too long to be sent: {count:,} characters, at most {MOST:,}. Shorten it"
    return ""


def _late(case: Case) -> str:
    return (
        f"{top_lines.meanwhile(case)} So this cannot be sent any more, and nothing was sent."
        " What you typed stands below"
    )


def _page(
    visit: Visit,
    case: Case,
    act: Act,
    typed: Typed,
    errors: tuple[InputError, ...],
    refused: str,
    *,
    status: int = 200,
) -> web.Response:
    wrong = frozenset(error.name for error in errors)
    views = fields_of(act, typed, case, wrong)
    form: Form = as_form(order(views), typed, errors)
    if refused:
        form.wrong_because("", refused)
    return visit.page(
        "act.html",
        status=status,
        case=case,
        act=replace(
            act,
            title=filled(act.title, case),
            lead=filled(act.lead, case),
            send=filled(act.send, case),
        ),
        views=views,
        form=form,
        possible=allowed(case, act),
        rungs=ladder_view.rungs(case),
        base=f"/referral/{case.view.id.hex()}",
    )


def _act(visit: Visit) -> Act:
    act = ACTS.get(visit.request.match_info["act"])
    if act is None:
        raise web.HTTPNotFound
    return act


# The follow-up: a date of our own, never sent.


async def follow_up(visit: Visit) -> web.StreamResponse:
    """Was the person reached?"""
    case = await look(visit)
    later = visit.times.long_day(visit.here.local(visit.now + 14 * DAY).date())
    return _follow_up_page(visit, case, Form(("reached", "later"), {"later": later}))


async def followed_up(visit: Visit) -> web.StreamResponse:
    """Yes: done. Not yet: asked again on another day."""
    posted = await visit.posted()
    case = await case_of(visit)
    form = posted.form(("reached", "later"))
    reached = form.choice("reached", ("yes", "no"), missing="Say whether the person was reached")
    day = form.day("later", missing="Type the day") if reached == "no" else None
    if day is not None and day <= visit.here.local(visit.now).date():
        form.wrong_because("later", "Type a day after today")
    if not form.valid:
        return _follow_up_page(visit, case, form, status=422)

    async def work() -> str:
        when = None if day is None else at(day, "08:00", visit.here)
        await set_follow_up(visit.exchange.core, visit.actor, case.view.id, when)
        visit.tell("Noted." if when is None else "Noted. You are asked again on that day.")
        return f"/referral/{case.view.id.hex()}"

    return await visit.once(posted, work)


def _follow_up_page(visit: Visit, case: Case, form: Form, *, status: int = 200) -> web.Response:
    if case.receiving:
        raise Problem(404, "no-follow-up", "Only the organisation that referred follows up.")
    return visit.page(
        "follow-up.html",
        status=status,
        case=case,
        form=form,
        answers=(Choice("yes", "Yes"), Choice("no", "Not yet")),
        rungs=ladder_view.rungs(case),
        base=f"/referral/{case.view.id.hex()}",
    )


_BASE: Final = "/referral/{thread}"
routes: Final[list[Route]] = [
    get(_BASE + "/do/{act}", ask),
    post(_BASE + "/do/{act}", do),
    get(_BASE + "/follow-up", follow_up),
    post(_BASE + "/follow-up", followed_up),
]
