"""A message as it travels in a parcel: statement, signature, and the sealed body or a husk's mark.

Law: a message has a sealed body or says why it has none, never both (SPEC 5.3). A husk keeps chain
and counter whole after its body has gone; it is accepted at any age.
"""

from typing import Annotated, Final

from msgspec import Meta

from referral_protocol.bodies import SEALED_SIZES, SealedBody, check_sealed, sealed_hash
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import MAX_STATEMENT, SignedStatement, verify_statement
from referral_protocol.wire import Code, Signature, Wire

EXPIRED: Final = "expired"
WITHDRAWN: Final = "withdrawn"
ERASED: Final = "erased"
WITHHELD: Final = (EXPIRED, WITHDRAWN, ERASED)


class Message(Wire, frozen=True):
    """One message of a parcel. Exactly one of ``sealed`` and ``withheld`` is there."""

    content: Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT)]
    signature: Signature
    sealed: Annotated[bytes, Meta(min_length=1, max_length=max(SEALED_SIZES))] | None = None
    withheld: Code | None = None

    @property
    def sealed_hash(self) -> bytes | None:
        """What the receipt names the sealed body by; None for a husk."""
        return None if self.sealed is None else sealed_hash(self.sealed)


def make_message(signed: SignedStatement, sealed: SealedBody) -> Message:
    """A message with its sealed body."""
    return Message(signed.content, signed.signature, sealed)


def make_husk(signed: SignedStatement, withheld: str) -> Message:
    """A statement without its body, and why: expired, withdrawn or erased."""
    if withheld not in WITHHELD:
        raise ProtocolError("wrong-value", "message: withheld")
    return Message(signed.content, signed.signature, None, withheld)


def verify_message(message: Message, vault_key: bytes) -> SignedStatement:
    """Check a message's shape, its statement and the sender's signature."""
    check_message(message)
    return verify_statement(message.content, message.signature, vault_key)


def check_message(message: Message) -> None:
    """Exactly one of body and mark; the body of a class's size."""
    if (message.sealed is None) == (message.withheld is None):
        raise ProtocolError("wrong-value", "message: a body or the reason why there is none")
    if message.sealed is not None:
        check_sealed(message.sealed)
