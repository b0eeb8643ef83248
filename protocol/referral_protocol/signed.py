"""Bytes with a signature beside them: the one shape in which signed things travel (SPEC 2).

Law: signed bytes are kept and forwarded exactly as they came; nothing is ever re-encoded to be
verified again.
"""

from typing import Annotated, Final

from msgspec import Meta

from referral_protocol.suite import Signer, verify
from referral_protocol.wire import Signature, Wire, decode, encode

MAX_SIGNED: Final = 16 * 1024

Content = Annotated[bytes, Meta(min_length=1, max_length=MAX_SIGNED)]


class Signed(Wire, frozen=True):
    """``[content, signature]``: the signature is over the purpose's label and the content."""

    content: Content
    signature: Signature

    def pack(self) -> bytes:
        """The bytes that travel."""
        return encode(self)

    def check(self, public: bytes, label: bytes, what: str) -> None:
        """Verify with a public key; ``bad-signature`` if it is not that key's."""
        verify(public, label, self.content, self.signature, what)


def sign(signer: Signer, label: bytes, value: Wire) -> Signed:
    """Encode a value and sign it."""
    content = encode(value)
    return Signed(content, signer.sign(label, content))


def parse_signed(data: bytes, limit: int, what: str) -> Signed:
    """Parse ``[content, signature]`` without verifying it."""
    return decode(data, Signed, limit, what)
