"""What Today says about ourselves: not joined yet, a change that was refused, a profile that nobody
has looked at for half a year; and the capacity of our services, each one click away.

Law: what holds up the work is a banner; what should be looked at again is a row with a date.
"""

from typing import Final

from markupsafe import Markup

from referral_node.exchange.directory.members import ACTIVE
from referral_node.exchange.directory.request import our_request
from referral_node.web import updates_view
from referral_node.web.pages import own_profile
from referral_node.web.top_lines import Banner
from referral_node.web.visit import Visit
from referral_protocol import codes
from referral_ui import names
from referral_ui.parts import Job

MOST: Final = 5
"""Services on Today; all of them stand under Settings."""
ERASED: Final = (
    "The others do not see any more whom to call at your organisation. If you did not ask for that,"
    " telephone VSE; then add who is to be called, and send it."
)
_LINK: Final = Markup('{} <a class="govuk-link tap" href="{}">{}</a>')


async def banners(visit: Visit) -> tuple[Banner, ...]:
    """What stands above everything else on Today."""
    if not own_profile.joined(visit):
        return (await _not_joined(visit),)
    waiting = await visit.exchange.updating.status()
    if waiting is None and _erased(visit):
        text = _LINK.format(ERASED, "/settings/contacts", "Point of contact and deputies")
        return (Banner("VSE erased your people from the directory", text, "warn"),)
    if waiting is None or waiting.state != "refused":
        return ()
    found = updates_view.banner(waiting, visit.times)
    if found is None:
        return ()
    text = _LINK.format(found.text, own_profile.HERE, "Our profile")
    return (Banner("A change of your profile was not sent", text, found.tone),)


def _erased(visit: Visit) -> bool:
    """Whether the directory names people of ours of whom nothing is served any more: a profile
    without them is not taken."""
    member = visit.exchange.members.get(visit.exchange.us)
    if member is None or member.status != ACTIVE or member.profile is None:
        return False
    return not member.profile.contacts


async def jobs(visit: Visit) -> tuple[Job, ...]:
    """Rows about what others read of us."""
    if not own_profile.joined(visit):
        return ()
    member = visit.exchange.members.get(visit.exchange.us)
    if member is None or member.profile is None:
        return ()
    found = []
    assured = member.profile.organisation.assured
    old = own_profile.looked_at("" if assured is None else assured.on, visit)
    if old:
        found.append(
            Job(
                "When you have time",
                "Look again at what others read about you",
                own_profile.HERE,
                detail=old,
            )
        )
    for number, service in enumerate(member.profile.services[:MOST]):
        said = codes.label("capacities", service.capacity) if service.capacity else "Not stated"
        found.append(
            Job(
                own_profile.stated_on(visit, service.capacity_on),
                "Change capacity:",
                f"/settings/services/{number}/capacity",
                who=names.name(service.name, service.language),
                detail=said,
            )
        )
    if len(member.profile.services) > MOST:
        count = len(member.profile.services)
        found.append(Job("", "All our services", "/settings/services", detail=f"{count} of them"))
    return tuple(found)


async def _not_joined(visit: Visit) -> Banner:
    request = await our_request(visit.exchange.core)
    nothing = "Until you have joined a directory, nothing can be sent or received."
    if request is None:
        text = _LINK.format(nothing, "/settings/join", "Join the directory")
        return Banner("Not joined", text, "warn")
    words, link = {
        "asked-again": ("VSE asks you for something before it admits you.", "Read it"),
        "declined": ("VSE declined your request to join.", "Read why"),
        "approved": ("You are admitted. Your node fetches the directory now.", "Look again"),
    }.get(request.state, ("VSE looks at your request to join.", "See how it stands"))
    tone = "warn" if request.state in ("asked-again", "declined") else "plain"
    return Banner("Not joined yet", _LINK.format(words, "/settings/join", link), tone)
