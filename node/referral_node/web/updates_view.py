"""A change of our card that is under way or was refused, in the page's words. Pure."""

from typing import Final

from referral_node.exchange import WaitingUpdate
from referral_node.web.top_lines import Banner
from referral_ui import words
from referral_ui.times import Times, lower

NAMES: Final = {
    "organisation": "your organisation’s description",
    "contacts": "your contacts",
    "services": "your services",
    "endpoint": "your node’s address",
    "pins": "the keys of its TLS certificate",
    "node-key": "your node’s key",
    "vault-key": "your organisation’s key",
    "veto": "who speaks for you",
}
_WHY: Final = {
    "old-number": "In the meantime the directory wrote something else about you. Send it again.",
    "broken-chain": "In the meantime the directory wrote something else about you. Send it again.",
    "bad-times": "It had waited for too long. Send it again.",
    "bad-endpoint": "The address is not one that other nodes may call.",
    "key-in-use": "One of the keys was used before.",
    "wrong-key": "Your organisation’s key is another one now. Send it again.",
    "missing-signature": "Your organisation’s key is another one now. Send it again.",
    "wrong-record": "What was sent does not fit together. Send it again.",
    "removed": "Your organisation was removed from the directory. Telephone VSE.",
    "too-large": "It is too long. Shorten some texts.",
}


def why(code: str, said: str) -> str:
    """Why a change was refused, and what to do next."""
    known = _WHY.get(code)
    if known is not None:
        return known
    quoted = f"It says: “{said}” ({code})." if said else f"Its code is {code}."
    return f"{quoted} Change it, or telephone VSE."


def banner(waiting: WaitingUpdate | None, times: Times) -> Banner | None:
    """What stands above our profile while a change is under way."""
    if waiting is None:
        return None
    what = words.listing([NAMES.get(code, code) for code in waiting.changed])
    made = lower(times.moment(waiting.made_at))
    if waiting.code is not None:
        text = f"The directory refused your change of {what}. {why(waiting.code, waiting.said)}"
        return Banner("Not sent", text, "danger")
    if waiting.sent_at is not None:
        text = f"The directory took your change of {what}. It shows here within minutes."
        return Banner("On its way", text)
    text = (
        f"Your change of {what}, signed {made}, is on its way to the directory. It is sent again"
        " until it arrives; you need not wait for it."
    )
    return Banner("On its way", text)
