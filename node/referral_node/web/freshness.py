"""How fresh this node's copy of the directory is, in words that say what that means today.

Law: staleness stops nobody who is known; it limits first uses of keys never seen, and says so.
"""

from typing import Final

from markupsafe import Markup

from referral_node.web.top_lines import Banner
from referral_node.web.visit import Visit
from referral_ui.times import DAY, Times, lower

NORMAL: Final = DAY
NO_FIRST_USE: Final = 7 * DAY
CONFIRM: Final = 30 * DAY


def banners(visit: Visit) -> tuple[Banner, ...]:
    """What the pages say about it; nothing while it is fresh."""
    found = []
    if visit.trouble is not None:
        found.append(Banner("What has come cannot be opened now", visit.trouble, "danger"))
    checked = visit.exchange.members.checked_at
    if visit.exchange.members.directory is None:
        text = "This node has not joined a directory yet, so nothing can be sent or received."
        found.append(Banner("Not joined", text, "warn"))
    else:
        stale = words(checked, visit.times)
        if stale is not None:
            found.append(stale)
    return tuple(found)


def words(checked: int | None, times: Times) -> Banner | None:
    """The banner for a directory that answered last at ``checked`` (ms UTC). Pure."""
    if checked is None:
        since = "has never been reached"
        age = CONFIRM
    else:
        age = times.now - checked
        since = f"was last reached {lower(times.moment(checked))}"
    if age < NORMAL:
        return None
    text = f"The directory {since}. Organisations that you know are not affected."
    if age >= CONFIRM:
        text += " Confirm keys by telephone before you send to anybody."
    elif age >= NO_FIRST_USE:
        text += " An organisation that you have never written to cannot be chosen until then."
    return Banner("The directory cannot be reached", Markup("{}").format(text), "warn")
