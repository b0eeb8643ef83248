"""One request of a signed-in registrar: everything a handler needs, and nothing of any other.

Law: the registrar's key is opened for one signature at a time. Forms carry a token that belongs to
this session, this address and one page that was drawn: sent again unchanged it leads where it led;
sent again with other content, or from another session, it does nothing and keeps what was typed.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import hdrs, web

from referral_directory.console.sessions import Session
from referral_directory.console.site import Site
from referral_directory.log.office import Office, Plain, Refused
from referral_protocol.directory.entries import sign_entry
from referral_protocol.directory.rules import Member
from referral_ui.formdata import FormData, read_form
from referral_ui.forms import Form
from referral_ui.parts import Frame
from referral_ui.times import Times
from referral_ui.tokens import FIELD, FormTokens

FORM_BYTES: Final = 256 * 1024
STALE: Final = (
    "This page had become old, so nothing was done. Look at what you typed, then send it again"
)


@dataclass(frozen=True)
class Posted:
    """A form that came. ``stale``: its token is not of this session, or it was used already."""

    data: FormData
    nonce: str
    stale: bool

    def form(self, fields: Sequence[str] = (), prefix: str = "") -> Form:
        """Bound to its fields, in the page's order; a stale page is an error of the whole form."""
        form = Form(fields, self.data, prefix)
        if self.stale:
            form.wrong_because("", STALE)
        return form


class Visit:
    """Made for each request. ``cookie`` opens the session's key."""

    def __init__(self, request: web.Request, site: Site, session: Session, cookie: str) -> None:
        self.request = request
        self.site = site
        self.session = session
        self.now: int = site.ledger.clock()
        self.times = Times(self.now, site.place)
        self._cookie = cookie
        self._tokens = FormTokens(session.form_secret)

    @property
    def office(self) -> Office:
        return self.site.office

    @property
    def by(self) -> str:
        """Who acts, for the journal."""
        return self.session.name

    def id(self, name: str) -> bytes:
        """An id of 16 bytes in the address as small hex digits; 404 for anything else."""
        return _id(self.request.match_info.get(name, ""))

    def member(self) -> Member:
        """The member whom the address names; 404 if there is none."""
        found = self.site.ledger.directory.member(self.id("member"))
        if found is None:
            raise web.HTTPNotFound
        return found

    def asked(self, name: str) -> str:
        """A word of the address's query, cut short."""
        return self.request.query.get(name, "")[:200]

    def asked_member(self) -> bytes | None:
        """The member that a list is narrowed to; 404 for what is no id."""
        given = self.asked("member")
        return _id(given) if given else None

    async def do(self, name: str, **arguments: Any) -> Any:
        """Ask the office, in this registrar's name; Refused says in one line why not."""
        return await self.office.answer(name, arguments)

    def sign_out_others(self) -> None:
        """End this registrar's sessions in other browsers."""
        self.site.sessions.end_others(self._cookie, self.by)

    def signatures(self, content: bytes) -> list[list[bytes]]:
        """The registrar's signature over an entry."""
        key = self.session.key(self._cookie)
        return [[each.key, each.signature] for each in sign_entry(content, key)]

    # Answers.

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """A page: ``frame``, ``times`` and ``told`` are always there."""
        told, self.session.told = self.session.told, None
        text = self.site.template(template).render(
            frame=self.frame(), times=self.times, told=told, **values
        )
        return web.Response(status=status, text=text, content_type="text/html")

    def frame(self) -> Frame:
        """What surrounds the page's own content."""
        return self.site.frame(self.session.display, self.request.path, self._new_token)

    def go(self, where: str) -> web.Response:
        """To another page, by GET."""
        return web.Response(status=303, headers={hdrs.LOCATION: where})

    def tell(self, words: str) -> None:
        """Say this on the next page, once."""
        self.session.told = words

    # Forms.

    async def posted(self) -> Posted:
        """The form of this request, its token looked at. Nothing may be done if it is stale."""
        data = await read_form(self.request, at_most=FORM_BYTES)
        nonce, _, mac = data.get(FIELD).partition(".")
        good = len(nonce) == 32 and self._tokens.check(nonce, self.request.path, mac)
        return Posted(data.without(FIELD), nonce, not good)

    def led(self, posted: Posted) -> web.Response | None:
        """Where this very form led before; None if it did not come before. For forms about what is
        gone once they are carried out."""
        known = self.session.done.get(posted.nonce)
        same = known is not None and known[0] == self._digest(posted.data)
        return self.go(known[1]) if known is not None and same else None

    async def once(
        self, posted: Posted, form: Form, work: Callable[[], Awaitable[str]]
    ) -> web.Response | None:
        """Do what a form asks for and go where ``work`` says; sent twice, it is done once.

        None if it could not be done: the reason stands in ``form``, as an error of the whole.
        """
        content = self._digest(posted.data)
        async with self.session.turn:
            known = self.session.done.get(posted.nonce)
            if known is not None and known[0] == content:
                return self.go(known[1])
            if known is not None or not form.valid:
                if known is not None and form.valid:
                    form.wrong_because("", STALE)
                return None
            try:
                where = await work()
            except Refused as refused:
                form.wrong_because("", said(refused))
                return None
            self.session.remember(posted.nonce, content, where)
            return self.go(where)

    def _digest(self, data: FormData) -> bytes:
        mark = hashlib.blake2b(key=self.session.form_secret, digest_size=16)
        for name in data.names():
            for value in data.all(name):
                for part in (name, value):
                    raw = part.encode("utf-8", "surrogatepass")
                    mark.update(b"%d:" % len(raw) + raw)
        return mark.digest()

    def _new_token(self, action: str) -> str:
        nonce = self.site.random(16).hex()
        return f"{nonce}.{self._tokens.make(nonce, action)}"


def said(refused: Refused) -> str:
    """Why the office did not do it, as a sentence of a page."""
    words = str(refused)
    return f"Nothing was done: {words}"


def plain_id(found: Plain) -> bytes:
    """The id in an answer of the office."""
    return bytes.fromhex(found["id"])


def _id(given: str) -> bytes:
    if len(given) != 32 or set(given) - set("0123456789abcdef"):
        raise web.HTTPNotFound
    return bytes.fromhex(given)
