"""What stands above every page of the node: that the directory cannot be trusted as it was.

Law: it is shown to everybody, whoever is signed in and before; it says what is safe to go on with
and what to do next, and goes when the administrator has settled it, never by itself.
"""

from typing import Final

from referral_node.exchange import Exchange
from referral_ui.parts import Alert

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


def alerts(exchange: Exchange) -> tuple[Alert, ...]:
    """What stands above every page: nothing, nearly always."""
    views = exchange.views
    if views.unsettled:
        return (FORKED,)
    return (KEPT_BACK,) if views.alarms(exchange.clock()) else ()
