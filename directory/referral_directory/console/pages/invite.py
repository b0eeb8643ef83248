"""Invite a member: one line to paste, the same as a QR code, and the anchor for paper."""

from typing import Final

from aiohttp import web
from markupsafe import Markup

from referral_directory.console.qr import qr
from referral_directory.console.routing import Route, get
from referral_directory.console.visit import Visit
from referral_protocol.directory.entries import anchor_text
from referral_protocol.directory.invitation import make_invitation
from referral_protocol.errors import ProtocolError


async def show(visit: Visit) -> web.StreamResponse:
    """The invitation; the same for everybody, since it lets nobody in."""
    genesis = visit.site.ledger.directory.genesis
    line: str | None = None
    drawn: Markup | None = None
    try:
        line = make_invitation(visit.site.address, genesis)
        drawn = qr(line, "The same invitation as a QR code")
    except ProtocolError:
        pass  # the address in directory.toml is none that a member could use; the page says so
    return visit.page(
        "invite.html",
        line=line,
        qr=drawn,
        address=visit.site.address,
        anchor=anchor_text(genesis),
    )


routes: Final[list[Route]] = [get("/invite", show)]
