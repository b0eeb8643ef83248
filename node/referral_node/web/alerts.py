"""What stands above every page of the node: that the directory cannot be trusted as it was, or
that our own organisation is suspended.

Law: it is shown to everybody, whoever is signed in and before; it says what is safe to go on with
and what to do next, and goes when the administrator has settled it, never by itself.
"""

from typing import Final

from referral_node.exchange import Exchange
from referral_node.exchange.directory.stopped import Stopped, stopped
from referral_protocol.directory.entries import REMOVED
from referral_ui.parts import Alert
from referral_ui.times import Times, lower

FORKED: Final = Alert(
    "Two versions of the directory were shown",
    "They cannot both be true: somebody may be trying to pass false keys to you or to others. Tell"
    " your administrator now, and telephone VSE on a number that you know from elsewhere. You can"
    " go on working with organisations that you already exchanged messages with. Nothing goes to"
    " keys that are new until this is cleared up.",
)
KEPT_BACK: Final = Alert(
    "Something of the directory does not reach you",
    "For over a day another organisation has known more of the directory than anybody gives to your"
    " node: a suspension or a change of keys may be missing here. Tell your administrator, and"
    " telephone an organisation before you send to it for the first time.",
    "warn",
)


def alerts(exchange: Exchange, times: Times) -> tuple[Alert, ...]:
    """What stands above every page: nothing, nearly always."""
    views, directory = exchange.views, exchange.members.directory
    ours = None if directory is None else directory.member(exchange.us)
    held = stopped(ours, times.now)
    # One that the key before has stopped is told of by that: key_alerts.
    found = () if held is None or held.vetoed else (_stopped(held, times),)
    if views.unsettled:
        return (*found, FORKED)
    return (*found, KEPT_BACK) if views.alarms(exchange.clock()) else found


def _stopped(held: Stopped, times: Times) -> Alert:
    since = lower(times.moment(held.since))
    if held.status == REMOVED:
        return Alert(
            "Your organisation is not a member any more",
            f"The directory has removed it, {since}. Nothing can be sent or received here. What is"
            " here stays readable. If nobody of yours asked for that, telephone VSE.",
        )
    until = "nobody has said until when"
    if held.until is not None:
        until = f"until {lower(times.moment(held.until, tomorrow=True, comma=True))}"
    return Alert(
        "Your organisation is suspended",
        f"Since {since}; {until}. What you send waits here, and nothing new reaches you. All"
        " members see that. Telephone VSE to have it ended, and telephone whoever waits for you.",
    )
