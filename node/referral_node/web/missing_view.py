"""What is missing here and was asked for, in words: after a restore, after a gap.

Law: a page never shows a case as whole while it is known not to be. What is said here is where the
asking stands now, and what that means for whoever works on meanwhile.
"""

from typing import Final

from markupsafe import Markup

from referral_node.exchange.catchup.gaps import Gap, shown
from referral_node.exchange.catchup.progress import Standing, standing
from referral_node.web.members import Organisation
from referral_node.web.top_lines import Banner
from referral_node.web.visit import Visit
from referral_protocol.certificates import DAY
from referral_ui.times import Times, lower

TOLD_FOR: Final = 3 * DAY
"""How long it is told that all came back."""


async def banners(visit: Visit) -> tuple[Banner, ...]:
    """What Today says of it; nothing while nothing is missing."""
    exchange = visit.exchange
    found = []
    now = await standing(exchange.store)
    back = words(now, visit.times)
    if back is not None:
        found.append(back)
    site = visit.site
    for gap in await shown(exchange.store, visit.now):
        found.append(gap_words(gap, site.organisation(gap.peer), visit.times))
    return tuple(found)


def words(told: Standing, times: Times) -> Banner | None:
    """The banner while this node asks for what it lost, and for a while after. Pure."""
    lost = _lost(told.lost)
    if told.begun_at is None:
        return Banner("Something came back without its content", lost, "warn") if lost else None
    going = told.since is not None and told.answered < told.asked
    over = not going and not told.lost
    if over and times.now >= told.begun_at + TOLD_FOR:
        return None
    rolled = told.rolled_back_at is not None and told.rolled_back_at >= (told.restored_at or 0)
    if rolled:
        title = "This node was put back to an earlier state"
        when = f"Found {lower(times.moment(told.begun_at))}."
    else:
        title = "This node was restored from a backup"
        when = f"Others are asked since {lower(times.moment(told.begun_at))}."
    back = f"{_messages(told.found)} came back"
    if not going:
        text = f"{when} All who were asked have said what is missing here: {back}. {lost}"
        return Banner(title, text.strip(), "warn" if lost else "ok")
    text = (
        f"{when} {told.answered:,} of {told.asked:,} organisations have said what is missing here:"
        f" {back} so far. Until all have answered, a case may look older than it is. {lost}"
    )
    return Banner(title, text.strip(), "warn")


def gap_words(gap: Gap, peer: Organisation, times: Times) -> Banner:
    """The banner for messages of one organisation that never came. Pure."""
    since = lower(times.moment(gap.since))
    if gap.count == 1:
        said = Markup("A message from {} has been missing since {}.").format(peer.name, since)
        asked = "We asked for it." if gap.asked_at is not None else "We are asking for it."
        title = "A message is missing"
    else:
        said = Markup("{} from {} have been missing, the first since {}.").format(
            _messages(gap.count), peer.name, since
        )
        asked = "We asked for them." if gap.asked_at is not None else "We are asking for them."
        title = "Messages are missing"
    return Banner(title, Markup("{} {}").format(said, asked), "warn")


def _lost(count: int) -> str:
    if not count:
        return ""
    verb = "waits" if count == 1 else "wait"
    return (
        f"{_messages(count)} still {verb} for content: it comes when somebody at the other"
        " organisation signs in."
    )


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"
