"""What went wrong, in the words of a page: what failed, whose fault it is, what to do next.

Law: the words come from this table alone, by code. Nothing that an error carries is shown, since it
may name a path or quote a value.
"""

from typing import Final

from referral_node.store import StoreError
from referral_protocol.errors import ProtocolError

GONE_TITLE: Final = "There is no such referral"
GONE: Final = "It is not here, or it was erased. Nothing was sent."
DAMAGED: Final = "Something stored here cannot be read"
UNSEALABLE: Final = (
    "What is stored of this was changed or damaged outside the exchange, so it is not shown. Tell"
    " your administrator at once: the last backup may hold it."
)
_STORE: Final = {
    "disk": "The node's disk is full, so nothing was saved and nothing was sent. Tell your"
    " administrator. What was saved before is still there.",
    "read-only": "The node may not write to its folder, so nothing was saved and nothing was sent."
    " Tell your administrator.",
    "locked": "Another program holds the node's database, so nothing was saved and nothing was"
    " sent. Tell your administrator.",
    "damaged": "The node's database is damaged, so nothing was saved and nothing was sent. Tell"
    " your administrator at once: the last backup is needed.",
    "closed": "The node is being stopped, so nothing was saved and nothing was sent. Try again in"
    " a minute.",
}
_STORE_ELSE: Final = (
    "The node could not save this, so nothing was sent. Try again; if it happens twice, tell your"
    " administrator."
)
_PROTOCOL: Final = {
    "unknown-member": "This organisation is not in your node's copy of the directory, so nothing"
    " can be sent to it. If it has joined today, try again in a few minutes.",
    "too-large": "This is longer than one message may be, so nothing was sent. Shorten the longest"
    " text, then send it again.",
    "not-text": "This holds a character that cannot be sent. Type it again without signs that are"
    " not letters, numbers or punctuation.",
    "state-not-allowed": "The referral has moved on meanwhile, so nothing was sent. Look at where"
    " it stands now.",
    "withdrawn": "The referral was withdrawn meanwhile, so nothing was sent.",
}
_PROTOCOL_ELSE: Final = (
    "Your node could not make a message of this, so nothing was sent. This is our fault, not yours:"
    " give your administrator this word: {code}."
)


def of_store(error: StoreError) -> str:
    """A store's fault, for a person."""
    return _STORE.get(error.code, _STORE_ELSE)


def of_protocol(error: ProtocolError) -> str:
    """A message that could not be made, for a person."""
    return _PROTOCOL.get(error.code, _PROTOCOL_ELSE.format(code=error.code))


_REFUSED: Final = {
    "undelivered": "their node could not be reached for 14 days",
    "removed": "they have left the exchange",
    "withdrawn": "it was withdrawn before a person had opened it",
    "too-large": "their node does not take anything this long",
    "expired": "it came too late",
    "wrong-attachment": "a file with it is damaged in your node: send its files again",
    "erased": "they have erased the case",
    "counter-reused": "their node holds another message under its number: send it again",
}


def of_refusal(code: str) -> str:
    """Why a message of ours did not get through, for the middle of a sentence; an unknown code as
    such."""
    return _REFUSED.get(code, f"their node refused it ({code})")
