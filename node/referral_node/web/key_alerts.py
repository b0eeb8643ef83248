"""What stands above every page because of our own keys. Pure.

Law: whoever could stop it is told on every page until they have said what is right, in red; whoever
waits is told what for, and until when.
"""

from typing import Final

from markupsafe import Markup

from referral_node.exchange.directory.recovery import ASKED, VETOED, Recovery
from referral_node.exchange.keys.vault import Keys
from referral_ui.parts import Alert
from referral_ui.times import Times, lower

PLACE: Final = "/settings/keys/recovery"
FOREIGN: Final = Alert(
    "Your organisation has another key now",
    "The directory names a key that this node does not have. If this node was put back from a"
    " backup: your administrator has to restore a newer one. If a new node has taken over: switch"
    " this one off. Nothing can be sent or received here.",
)


def alerts(keys: Keys, times: Times) -> tuple[Alert, ...]:
    """What stands above every page: nothing, nearly always."""
    standing = keys.recovery.standing()
    if standing is not None:
        return (_new(standing, times) if standing.new else _before(standing, times),)
    return (FOREIGN,) if keys.foreign else ()


def _new(standing: Recovery, times: Times) -> Alert:
    """At the node that was set up anew."""
    if standing.state == ASKED:
        text = (
            "VSE was asked to give your organisation the key of this node. They telephone you and"
            " ask for the fingerprint: it stands under Settings, Keys. Nothing can be sent or"
            " received here yet."
        )
        return Alert("This node waits to take the place of your old one", text, "warn")
    if standing.state == VETOED:
        text = (
            "The old node has said that its key is not lost. Your organisation is suspended until"
            " VSE has found out which of the two is yours. Telephone VSE."
        )
        return Alert("Your old node has stopped this one", text)
    when = lower(times.moment(standing.acts_from or times.now))
    text = (
        f"VSE has announced the key of this node. It can take over from {when} on, when VSE has"
        " signed once more. Nothing can be sent or received here before."
    )
    return Alert("This node is going to take the place of your old one", text, "warn")


def _before(standing: Recovery, times: Times) -> Alert:
    """At the node whose key is said to be lost."""
    if standing.state == VETOED:
        text = (
            "Your organisation is suspended until VSE has found out who asked for a new key."
            " What you send waits. Telephone VSE."
        )
        return Alert("The new key for your organisation was stopped", text)
    when = lower(times.moment(standing.acts_from or times.now))
    if standing.ours:
        text = (
            f"A keyholder said that it is yours. From {when} on it can take over, and then nothing"
            " can be sent or received here any more."
        )
        return Alert("Your new node is going to take the place of this one", text, "warn")
    said = Markup(
        'VSE was told that your key is lost. If nobody of yours said that, <a class="govuk-link"'
        ' href="{}">stop it</a> before {}: after that somebody else speaks in your name.'
    )
    return Alert("Somebody wants to give your organisation a new key", said.format(PLACE, when))
