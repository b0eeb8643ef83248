"""The end of the page before sending: by when, whether they are open, who can see what. Pure."""

from dataclasses import dataclass

from markupsafe import Markup

from referral_node.web import freshness
from referral_node.web.members import Organisation
from referral_node.web.pages.at_hand import AtHand
from referral_protocol import codes, forms
from referral_protocol.directory.replica import Freshness
from referral_protocol.ladder import delivery_times
from referral_ui.parts import Tag, Text
from referral_ui.times import Times, When, lower


@dataclass(frozen=True)
class Send:
    """The end of the page, when it may go."""

    heading: Text
    name: str
    tag: Tag | None
    by: Text
    open_now: Text
    warn: str
    staff: str
    waits: str
    respond_by: int
    version: int
    files: str
    confirm: str = ""
    """What has to be ticked first, and why; "" for nothing."""


def other_day(times: Times, at: int) -> bool:
    """Whether it is of another day than today, here."""
    return times.here.local(at).date() != times.here.local(times.now).date()


def build_send(
    hand: AtHand, head: forms.Head, has_key: bool, tier: Freshness, times: Times
) -> Send | None:
    chosen = hand.recipient
    if chosen is None or head.respond_by is None:
        return None
    urgent = head.priority == "immediate"
    when = lower(times.moment(head.respond_by, chosen.place, tomorrow=True, comma=True))
    label = codes.label("priorities", head.priority)
    lead = "You ask for an answer by" if urgent else f"{label}. You ask for an answer by"
    warn, _ = delivery_times(head.priority, times.now, head.respond_by)
    if other_day(times, warn):
        by: Text = lower(times.moment(warn, tomorrow=True, comma=True))
    else:
        by = times.clock(warn)
    return Send(
        heading=Markup("Send to {}").format(chosen.full),
        name=chosen.plain,
        tag=Tag(label, "danger") if urgent else None,
        by=_strong(lead, when),
        open_now=open_line(chosen, times),
        warn=f"If it is not delivered by {by}, Today tells you to telephone them.",
        staff=f"“{label.lower()}”",
        waits=""
        if has_key
        else f"There is no key of {chosen.plain} here yet, so it waits in your node until "
        "their key has come; Today says so.",
        respond_by=head.respond_by,
        version=hand.draft.version,
        files=hand.files,
        confirm=freshness.confirm(tier, chosen.plain),
    )


def _strong(lead: str, when: When) -> Text:
    said = Markup("<strong>{} {}</strong>").format(lead, when.mine)
    if not when.other:
        return Markup("{}.").format(said)
    return Markup('{} <span class="quiet">({})</span>.').format(said, when.other)


def open_line(chosen: Organisation, times: Times) -> Text:
    """ "They are open now, until 16:00 (17:00 in Utrecht)." """
    now = chosen.open_now(times.now)
    if now is None:
        return "They do not state their opening hours."
    if now.is_open:
        until = times.clock(now.until, chosen.place) if now.until is not None else "every hour"
        return Markup("They are open now, until {}.").format(until)
    if now.next_start is None:
        return "They are closed now."
    opens = times.moment(now.next_start, chosen.place, tomorrow=True, comma=True)
    return Markup("They are closed now and open {}.").format(lower(opens))
