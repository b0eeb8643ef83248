"""An organisation's page: can they help, and is it really them? With the check by telephone.

Law: the fingerprint is compared on a number known from elsewhere, and its result is kept with who
spoke with whom. A "No" stops every sending to them until a later comparison says otherwise.
"""

from functools import partial
from typing import Final

from aiohttp import web

from referral_node.exchange import NO_ANSWERS, Member
from referral_node.web import freshness
from referral_node.web.members import organisation
from referral_node.web.pages import keys_view, organisation_view, standing_view
from referral_node.web.pages.at_hand import at_hand, draft_of
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Visit
from referral_ui.forms import Form
from referral_ui.parts import Choice, Text

ANSWERS: Final = (
    Choice("yes", "Yes, all of them"),
    Choice("no", "No. Send nothing, and tell VSE"),
)
_NO: Final = (
    "You said that the fingerprint is not the same. Nothing can be sent to {name} now."
    " Tell VSE by telephone before you do anything else."
)
_YES: Final = "The fingerprint was compared. You can send to {name}."


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    return await _page(visit, _member(visit), visit.request.query.get("draft", ""))


async def compare(visit: Visit) -> web.StreamResponse:
    """The result of the telephone check."""
    posted = await visit.posted()
    member = _member(visit)
    form = posted.form(("same", "spoke_with"))
    same = form.choice(
        "same", ("yes", "no"), missing="Say whether they read out the same 60 digits"
    )
    spoke = form.text("spoke_with", missing="Enter with whom you spoke", at_most=200)
    if posted.data.get("fingerprint") != member.fingerprint.replace(" ", ""):
        form.wrong_because("", "Their keys have changed since you opened this page: compare again")
    if not form.valid or spoke is None:
        return await _page(visit, member, posted.data.get("draft"), form, status=422)
    name = organisation(member.id, member).plain

    async def work() -> str:
        await visit.exchange.contacts.compared(
            visit.vault, visit.actor, member.id, same=same == "yes", spoke_with=spoke
        )
        visit.tell((_YES if same == "yes" else _NO).format(name=name))
        return _here(member, posted.data.get("draft"))

    return await visit.once(posted, work)


async def note(visit: Visit) -> web.StreamResponse:
    """A note of ours on them."""
    posted = await visit.posted()
    member = _member(visit)
    form = posted.form(("note",), "n-")
    text = form.text("note", missing="Write the note", at_most=2_000)
    if not form.valid or text is None:
        return await _page(visit, member, posted.data.get("draft"), note_form=form, status=422)

    async def work() -> str:
        await visit.exchange.contacts.add_note(visit.vault, visit.actor, member.id, text)
        return f"{_here(member, posted.data.get('draft'))}#known"

    return await visit.once(posted, work)


def _here(member: Member, draft: str) -> str:
    return f"/organisation/{member.id.hex()}" + (f"?draft={draft}" if draft.isalnum() else "")


def _member(visit: Visit) -> Member:
    found = visit.exchange.members.get(visit.id("member", 16))
    if found is None:
        raise web.HTTPNotFound
    return found


async def _page(
    visit: Visit,
    member: Member,
    draft: str,
    form: Form | None = None,
    note_form: Form | None = None,
    *,
    status: int = 200,
) -> web.Response:
    check_form, note_form = form or Form(), note_form or Form()
    hand = at_hand(visit, await draft_of(visit, draft)) if draft else None
    exchange = visit.exchange
    answers = await exchange.figures.answers()
    shown = organisation_view.build(
        organisation(member.id, member),
        member.fingerprint,
        await exchange.contacts.first_contact(visit.vault, member.id),
        await exchange.contacts.notes(visit.vault, member.id),
        answers.get(member.id, NO_ANSWERS),
        hand,
        visit.site.catalogue().towns,
        visit.times,
        exchange.members.node_key_since(member.id),
    )
    return visit.page(
        "organisation.html",
        status=status,
        org=shown,
        no_first_use=freshness.no_first_use(
            exchange.members.freshness,
            await exchange.contacts.seen(member.id),
            shown.plain,
            doubtful=member.id in exchange.members.doubtful,
        ),
        changed=_changed(visit, member, shown.plain),
        key_rows=standing_view.rows(
            exchange.views.standing(member.id), partial(_witness, visit), visit.times
        ),
        form=note_form if note_form.problems else check_form,
        check_form=check_form,
        note_form=note_form,
        answers=ANSWERS,
        base=f"/organisation/{member.id.hex()}",
        query=f"?draft={shown.draft}" if shown.draft else "",
        ourselves=member.id == exchange.us,
    )


def _changed(visit: Visit, member: Member, plain: str) -> Text:
    """What is to be known of their last change of key."""
    if member.id == visit.exchange.us or not member.earlier:
        return ""
    return keys_view.told(plain, member.earlier[0], visit.times)


def _witness(visit: Visit, member: bytes | None, name: str) -> Text:
    """A witness by the name of the member that runs it, where the directory knows one."""
    known = None if member is None else visit.exchange.members.get(member)
    return name if known is None else organisation(known.id, known).name


routes: Final[list[Route]] = [
    get("/organisation/{member}", show),
    post("/organisation/{member}/compare", compare),
    post("/organisation/{member}/note", note),
]
