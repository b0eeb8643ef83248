"""One request of a signed-in keyholder: everything a handler needs, and nothing of any other.

Law: the vault is open for the length of this one request. Forms carry a token that belongs to this
session, this address and one page that was drawn: sent again unchanged it leads where it led;
sent again with other content, or from another session, it does nothing and keeps what was typed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import hdrs, web

from referral_node.exchange import Actor, Cases, Exchange, ImportResult
from referral_node.exchange.directory.stopped import WAITS
from referral_node.vault import Session, UnlockedVault
from referral_node.web.kept import Kept, OtherContent, digest
from referral_node.web.members import Organisation
from referral_node.web.site import Site
from referral_ui.formdata import FormData, read_form
from referral_ui.forms import Form
from referral_ui.parts import Frame
from referral_ui.times import Place, Times
from referral_ui.tokens import FIELD, FormTokens

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
    """Made by the session's middleware for each request."""

    def __init__(
        self, request: web.Request, site: Site, session: Session, vault: UnlockedVault
    ) -> None:
        self.request = request
        self.site = site
        self.session = session
        self.vault = vault
        self.kept = Kept.of(session)
        user = session.user
        self.actor = Actor(user.id, user.display, user.role)
        self.now: int = site.exchange.clock()
        self.us: Organisation = site.us()
        self.times = Times(self.now, self.us.place)
        self.imported = ImportResult()
        """What importing did before this page."""
        self.trouble: str | None = None
        """Why importing failed, in words."""
        self._tokens = FormTokens(session.form_secret)

    @property
    def exchange(self) -> Exchange:
        return self.site.exchange

    @property
    def here(self) -> Place:
        """Where the reader's clock hangs."""
        return self.us.place

    def id(self, name: str, length: int) -> bytes:
        """An id in the address, ``length`` bytes as small hex digits; 404 for anything else."""
        given = self.request.match_info.get(name, "")
        if len(given) != 2 * length or set(given) - set("0123456789abcdef"):
            raise web.HTTPNotFound
        return bytes.fromhex(given)

    async def cases(self) -> Cases:
        """The cases that may need somebody, as they are now."""
        return await self.exchange.lists.cases(self.vault, self.kept.cases)

    # Answers.

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """A page: ``frame``, ``times`` and ``told`` are always there."""
        told, self.kept.told = self.kept.told, None
        text = self.site.template(template).render(
            frame=self.frame(), times=self.times, told=told, **values
        )
        return web.Response(status=status, text=text, content_type="text/html")

    def frame(self) -> Frame:
        """What surrounds the page's own content."""
        return self.site.frame(
            self.us, self.session.user.display, self.request.path, self._new_token
        )

    def go(self, where: str) -> web.Response:
        """To another page, by GET."""
        return web.Response(status=303, headers={hdrs.LOCATION: where})

    def tell(self, words: str) -> None:
        """Say this on the next page, once."""
        self.kept.told = words

    def tell_sent(self, words: str) -> None:
        """Say on the next page that something was sent; it waits while we are suspended."""
        self.tell(f"It is signed. {WAITS}" if self.us.status == "suspended" else words)

    # Forms.

    async def posted(self) -> Posted:
        """The form of this request, its token looked at. Nothing may be done if it is stale.

        If this very form came before, this goes where it led (a redirect, as an exception).
        """
        data = await read_form(self.request)
        nonce, good = self.nonce_of(data.get(FIELD))
        posted = Posted(data.without(FIELD), nonce, not good)
        if good:
            try:
                where = await self.led(posted)
            except OtherContent:
                return Posted(posted.data, nonce, True)
            if where is not None:
                raise web.HTTPSeeOther(where)
        return posted

    def nonce_of(self, token: str) -> tuple[str, bool]:
        """What a token names its page by, and whether it is of this session and address."""
        nonce, _, mac = token.partition(".")
        return nonce, len(nonce) == 32 and self._tokens.check(nonce, self.request.path, mac)

    async def led(self, posted: Posted) -> str | None:
        """Where this very form led before; None if it did not come before."""
        content = digest(self.session.form_secret, posted.data)
        return await self.kept.outcome(posted.nonce, content)

    async def once(self, posted: Posted, work: Callable[[], Awaitable[str]]) -> web.Response:
        """Do what a form asks for and go where ``work`` says; sent twice, it is done once."""
        if posted.stale:
            raise OtherContent
        content = digest(self.session.form_secret, posted.data)
        return self.go(await self.kept.once(posted.nonce, content, work))

    def _new_token(self, action: str) -> str:
        nonce = self.exchange.entropy(16).hex()
        return f"{nonce}.{self._tokens.make(nonce, action)}"
