"""What a page says above everything: how fresh the directory is, what cannot be opened or taken.

Law: staleness stops nobody who is known; it limits first uses of keys never seen, and says so. The
tiers are the protocol's (DIRECTORY 4.4), by the time of the newest checkpoint.
"""

from typing import Final

from referral_node.web.top_lines import Banner
from referral_node.web.visit import Visit
from referral_protocol.directory.replica import Freshness, freshness
from referral_ui.times import Times, lower

NO_FIRST_USE: Final = (Freshness.STALE, Freshness.LOST)


NO_ROOM: Final = Banner(
    "The disk of your node is almost full",
    "Nothing that others send is taken until there is room. Their nodes try again by themselves, so"
    " nothing is lost, but it comes late. You can still write and send, but not add files. Tell"
    " your administrator.",
    "warn",
)


def banners(visit: Visit) -> tuple[Banner, ...]:
    """What the pages say about it; nothing while it is fresh."""
    found = []
    if visit.trouble is not None:
        found.append(Banner("What has come cannot be opened now", visit.trouble, "danger"))
    if not visit.exchange.core.room():
        found.append(NO_ROOM)
    members = visit.exchange.members
    if members.directory is not None:  # else Today says how to join one
        stale = words(members.dated, visit.times)
        if stale is not None:
            found.append(stale)
    return tuple(found)


def words(dated: int | None, times: Times) -> Banner | None:
    """The banner for a copy of the directory of ``dated`` (ms UTC). Pure."""
    if dated is None:
        since = "The directory has never been reached."
        tier = Freshness.LOST
    else:
        since = f"What this node knows of it is from {lower(times.moment(dated))}."
        tier = freshness(dated, times.now)
    if tier is Freshness.CURRENT:
        return None
    text = f"{since} Organisations that you know are not affected."
    if tier in NO_FIRST_USE:
        text += (
            " One that you never exchanged anything with cannot be chosen before its fingerprint"
            " was compared by telephone."
        )
    if tier is Freshness.LOST:
        text += " Confirm keys by telephone before you send to anybody."
    return Banner("The directory cannot be reached", text, "warn")


def no_first_use(tier: Freshness, seen: bool, name: str, *, doubtful: bool = False) -> str:
    """Why this organisation cannot be chosen or written to now; "" when it can. No full stop.

    ``doubtful``: its key may stand in one of two versions of the directory only.
    """
    if doubtful:
        return (
            f"Two versions of the directory were shown, and the keys of {name} may be in one of"
            " them only: nothing can be sent there before your administrator has cleared it up with"
            " VSE"
        )
    if seen or tier not in NO_FIRST_USE:
        return ""
    return (
        "What this node knows of the directory is over 7 days old, and you never exchanged anything"
        f" with {name}: first compare its fingerprint by telephone, or wait until the directory"
        " answers"
    )


def confirm(tier: Freshness, name: str) -> str:
    """What a person has to confirm before anything is sent now; "" when nothing."""
    if tier is not Freshness.LOST:
        return ""
    return (
        "What this node knows of the directory is over 30 days old, so nobody here would know if"
        f" {name} had lost its keys or left. I asked them by telephone, and send it"
    )
