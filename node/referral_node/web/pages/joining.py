"""Joining a directory in the browser: the invitation, the confirmation, and how the request stands.

Law: the vault is open in the session, so nobody types a password again, but a person says that they
may speak for their organisation. Each state says what happens next and who acts. The fingerprint is
shown in the three lines in which it is read out on the telephone.
"""

from typing import Final

from aiohttp import web

from referral_node.exchange.directory.own_profile import Mine
from referral_node.exchange.directory.request import OurRequest, our_fingerprint, our_request
from referral_node.profile_file import ProfileTrouble, parse_profile
from referral_node.trouble import Trouble
from referral_node.web.pages import own_editing, own_profile
from referral_node.web.pages.own_editing import StaleProfile
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Posted, Visit
from referral_protocol import profiles
from referral_protocol.directory.coming import coming
from referral_protocol.directory.entries import parse_anchor
from referral_protocol.directory.invitation import Invitation, parse_invitation
from referral_protocol.errors import ProtocolError
from referral_ui.forms import Form
from referral_ui.parts import Choice
from referral_ui.times import lower

HERE: Final = "/settings/join"
FIELDS: Final = ("invitation", "url", "anchor", "sure")
MAX_FILE: Final = 256 * 1024
SURE: Final = (Choice("yes", "Yes, I may ask for my organisation"),)


async def show(visit: Visit) -> web.StreamResponse:
    """Where we stand: each state has its own words. Looking asks the directory at once."""
    visit.exchange.core.ask_directory()
    return await _page(visit)


async def ask(visit: Visit) -> web.StreamResponse:
    """Ask to be admitted, or ask again."""
    posted = await visit.posted()
    form = posted.form(FIELDS)
    request = await our_request(visit.exchange.core)
    mine = await visit.exchange.own_profile.load(visit.vault)
    found = _which(form, posted, request)
    if posted.data.get("sure") != "yes":
        form.wrong_because("sure", "Say that you may ask for your organisation")
    if own_profile.todo(mine.values):
        form.wrong_because("", "Your profile is not complete yet: what is missing stands below")
    joins = visit.site.joins
    if not form.valid or found is None or joins is None:
        return await _page(visit, form, status=422)

    async def work() -> str:
        await joins.join(
            found.url,
            found.anchor,
            profiles.encode(mine.values),
            visit.vault,
            anew=request is not None and request.state in ("asked-again", "declined"),
        )
        return HERE

    try:
        return await visit.once(posted, work)
    except Trouble as trouble:
        words = str(trouble)
        form.wrong_because("", f"{words[:1].upper()}{words[1:]}")
        return await _page(visit, form, status=422)


async def ask_file(visit: Visit) -> web.StreamResponse:
    """A profile that somebody has written in a file."""
    return visit.page("join-file.html", form=Form(("text",), {}), back=HERE)


async def load_file(visit: Visit) -> web.StreamResponse:
    """Its text: read with every mistake by its line, or taken as it is."""
    posted = await visit.posted()
    form = posted.form(("text",))
    text = posted.data.get("text")
    mine = await visit.exchange.own_profile.load(visit.vault)
    values = mine.values
    if len(text) > MAX_FILE:
        form.wrong_because("text", "This is too long to be a profile")
    elif not text.strip():
        form.wrong_because("text", "Paste the text of the file here")
    else:
        try:
            values = profiles.plain(profiles.split(parse_profile(text, "This text")))
        except ProfileTrouble as trouble:
            form.wrong_because("text", "; ".join(trouble.found[:12]))
    if not form.valid:
        return visit.page("join-file.html", form=form, back=HERE, status=422)

    async def work() -> str:
        try:
            await own_editing.keep(visit, values, mine.version)
            visit.tell(own_profile.SAVED)
        except StaleProfile:
            visit.tell(own_editing.OTHER_WINDOW)
        return own_profile.HERE

    return await visit.once(posted, work)


def _which(form: Form, posted: Posted, request: OurRequest | None) -> Invitation | None:
    """Which directory: the line, or address and anchor, or the one that was asked before."""
    line = posted.data.get("invitation").strip()
    url, anchor = posted.data.get("url").strip(), posted.data.get("anchor").strip()
    try:
        if line:
            return parse_invitation(line)
        if url or anchor:
            return _typed(form, url, anchor)
    except ProtocolError as error:
        words = error.detail.removeprefix("invitation: ")
        form.wrong_because(
            "invitation", f"This is not an invitation: {words}. Copy the whole line as you got it"
        )
        return None
    if request is not None:
        return _earlier(request)
    form.wrong_because("invitation", "Paste the line that VSE sent you")
    return None


def _typed(form: Form, url: str, anchor: str) -> Invitation | None:
    if not url:
        form.wrong_because("url", "Enter the address of the directory")
        return None
    try:
        return Invitation(url, parse_anchor(anchor))
    except ProtocolError as error:
        words = error.detail.removeprefix("anchor: ")
        form.wrong_because("anchor", f"The anchor has {words}: compare it with the paper")
        return None


def _earlier(request: OurRequest) -> Invitation:
    """The directory that was asked before."""
    return Invitation(request.url, parse_anchor(request.anchor))


async def _page(visit: Visit, form: Form | None = None, *, status: int = 200) -> web.Response:
    core = visit.exchange.core
    request = await our_request(core)
    mine = await visit.exchange.own_profile.load(visit.vault)
    joined = own_profile.joined(visit)
    state = "joined" if joined else ("" if request is None else request.state)
    member = visit.exchange.members.get(visit.exchange.us)
    return visit.page(
        "join.html",
        status=status,
        form=form or Form(FIELDS, {}),
        state=state,
        request=request,
        since="" if request is None or request.at is None else _when(visit, request.at),
        coming=_coming(visit),
        member_since="" if member is None else _when(visit, member.since),
        fingerprint=await our_fingerprint(core),
        todo=own_profile.todo(mine.values),
        name=_name(mine),
        telephone=_telephone(mine),
        sure=SURE,
        back=HERE,
    )


def _coming(visit: Visit) -> list[str]:
    """New roots of the directory that do not act yet, a sentence each."""
    return [
        f"Root {each.version} acts from {_when(visit, each.acts_from)} on. It changes {each.words}."
        for each in coming(visit.exchange.members.roots, visit.exchange.clock())
    ]


def _when(visit: Visit, at: int) -> str:
    return lower(visit.times.moment(at)).mine


def _name(mine: Mine) -> str:
    return str(mine.values.get("organisation", {}).get("name", ""))


def _telephone(mine: Mine) -> str:
    for row in mine.values.get("contacts", ()):
        if row.get("role") == "point-of-contact":
            return str(row.get("telephone", ""))
    return ""


routes: Final[list[Route]] = [
    get(HERE, show),
    post(HERE, ask),
    get(f"{HERE}/file", ask_file),
    post(f"{HERE}/file", load_file),
]
