"""What the protocol refuses, and what the other side may do about it.

Law: every refusal anywhere in this package is a :class:`ProtocolError` whose code stands in
:data:`CODES`. A code belongs to one layer and one retry class; SPEC 9 lists the same table. The
detail names the field or the rule, never a value that came from a person or a key.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Layer(StrEnum):
    """The check that refuses, in the order in which the checks are made (SPEC 9)."""

    SIZE = "size"
    ENCODING = "encoding"
    CANONICAL = "canonical form"
    TYPE = "type"
    SIGNATURE = "signature"
    KEY = "key"
    SEAL = "seal"
    PADDING = "padding"
    COMMITMENT = "commitment"
    CHAIN = "chain"
    COUNTER = "counter"
    STATE = "state"
    EXPIRY = "expiry"
    DIRECTORY = "directory"
    DELIVERY = "delivery"


class Retry(StrEnum):
    """What the sender does after a refusal."""

    NEVER = "never again"
    LATER = "later"
    REFRESH = "refresh and retry"


class Refusal(NamedTuple):
    """One row of the table of codes."""

    layer: Layer
    retry: Retry
    meaning: str


CODES: Final[dict[str, Refusal]] = {
    # size
    "too-large": Refusal(Layer.SIZE, Retry.NEVER, "longer than the limit of this structure"),
    "truncated": Refusal(Layer.SIZE, Retry.NEVER, "ends before its own length says"),
    "trailing": Refusal(Layer.SIZE, Retry.NEVER, "bytes follow where the structure ends"),
    "wrong-length": Refusal(
        Layer.SIZE, Retry.NEVER, "not one of the lengths that this structure may have"
    ),
    # encoding
    "not-msgpack": Refusal(Layer.ENCODING, Retry.NEVER, "not one well-formed msgpack value"),
    "not-text": Refusal(Layer.ENCODING, Retry.NEVER, "text that is not UTF-8 or not allowed"),
    "too-deep": Refusal(Layer.ENCODING, Retry.NEVER, "nested deeper than eight levels"),
    # canonical form
    "not-canonical": Refusal(
        Layer.CANONICAL, Retry.NEVER, "packing the value again gives other bytes"
    ),
    # type
    "wrong-type": Refusal(Layer.TYPE, Retry.NEVER, "a field is missing, extra or of another type"),
    "wrong-value": Refusal(Layer.TYPE, Retry.NEVER, "a field has a value that it may not have"),
    "unknown-suite": Refusal(Layer.TYPE, Retry.NEVER, "a suite that this node does not know"),
    # signature
    "bad-signature": Refusal(Layer.SIGNATURE, Retry.NEVER, "the signature does not verify"),
    "missing-signature": Refusal(
        Layer.SIGNATURE, Retry.NEVER, "a signature that the rule asks for is not there"
    ),
    # key
    "bad-key": Refusal(Layer.KEY, Retry.NEVER, "not a usable public key"),
    "wrong-key": Refusal(Layer.KEY, Retry.REFRESH, "not the key that this member has now"),
    "bad-prekey": Refusal(Layer.KEY, Retry.NEVER, "prekey dates that the rule does not allow"),
    "prekey-unknown": Refusal(
        Layer.KEY, Retry.REFRESH, "sealed to a prekey that this node does not have"
    ),
    "stale-prekey": Refusal(Layer.KEY, Retry.REFRESH, "sealed to a prekey that has ended"),
    # seal
    "does-not-open": Refusal(Layer.SEAL, Retry.NEVER, "the seal does not open with this key"),
    "wrong-seal": Refusal(Layer.SEAL, Retry.NEVER, "not the sealed part that was signed for"),
    # padding
    "wrong-class": Refusal(Layer.PADDING, Retry.NEVER, "a larger size class than needed"),
    "pad-not-zero": Refusal(Layer.PADDING, Retry.NEVER, "a byte of the pad is not zero"),
    "bad-length": Refusal(Layer.PADDING, Retry.NEVER, "the inner length exceeds the padded size"),
    # commitment
    "wrong-commitment": Refusal(
        Layer.COMMITMENT, Retry.NEVER, "the content is not what the statement committed to"
    ),
    "wrong-attachment": Refusal(
        Layer.COMMITMENT, Retry.NEVER, "not the attachment that the statement lists"
    ),
    # chain
    "not-for-us": Refusal(Layer.CHAIN, Retry.NEVER, "addressed to another member"),
    "wrong-sender": Refusal(Layer.CHAIN, Retry.NEVER, "not from the member that delivers it"),
    "foreign-thread": Refusal(Layer.CHAIN, Retry.NEVER, "the thread is between other parties"),
    "bad-thread": Refusal(
        Layer.CHAIN, Retry.NEVER, "an opener inside a thread, or another kind without one"
    ),
    "wrong-role": Refusal(
        Layer.CHAIN, Retry.NEVER, "a kind that this side of the thread may not say"
    ),
    "foreign-previous": Refusal(
        Layer.CHAIN, Retry.NEVER, "previous or seen names a statement of another thread or side"
    ),
    # counter
    "counter-reused": Refusal(
        Layer.COUNTER, Retry.NEVER, "the counter or the place in the chain is taken by other bytes"
    ),
    "old-number": Refusal(Layer.COUNTER, Retry.NEVER, "an entry number that was already used"),
    "counter-gap": Refusal(Layer.COUNTER, Retry.NEVER, "an entry number that leaves a gap"),
    # state
    "state-not-allowed": Refusal(
        Layer.STATE, Retry.NEVER, "the table of states does not allow this step"
    ),
    "withdrawn": Refusal(Layer.STATE, Retry.NEVER, "withdrawn: may not be opened any more"),
    # expiry
    "expired": Refusal(
        Layer.EXPIRY, Retry.NEVER, "the body came after its last day; send the husk"
    ),
    "bad-times": Refusal(Layer.EXPIRY, Retry.NEVER, "expires before it begins, or too late after"),
    "clock": Refusal(Layer.EXPIRY, Retry.LATER, "more than ten minutes ahead of this node's clock"),
    # directory
    "unknown-member": Refusal(
        Layer.DIRECTORY, Retry.REFRESH, "a member that this node's directory does not know yet"
    ),
    "suspended": Refusal(Layer.DIRECTORY, Retry.LATER, "a member that is suspended now"),
    "removed": Refusal(Layer.DIRECTORY, Retry.NEVER, "a member that has left the exchange"),
    "wrong-genesis": Refusal(Layer.DIRECTORY, Retry.NEVER, "an entry of another directory"),
    "broken-chain": Refusal(
        Layer.DIRECTORY, Retry.NEVER, "an entry that does not follow the member's previous one"
    ),
    "key-in-use": Refusal(Layer.DIRECTORY, Retry.NEVER, "a key that another entry already uses"),
    "wrong-id": Refusal(Layer.DIRECTORY, Retry.NEVER, "a member id that is not its first key's"),
    "bad-endpoint": Refusal(Layer.DIRECTORY, Retry.NEVER, "an endpoint that is not allowed"),
    "wrong-record": Refusal(
        Layer.DIRECTORY, Retry.NEVER, "a record that is not the one that the log names"
    ),
    "bad-checkpoint": Refusal(Layer.DIRECTORY, Retry.NEVER, "not a checkpoint of this log"),
    "older-checkpoint": Refusal(
        Layer.DIRECTORY, Retry.NEVER, "a checkpoint of a smaller tree than the one held"
    ),
    "forked-log": Refusal(
        Layer.DIRECTORY, Retry.NEVER, "a checkpoint that does not extend the tree that is held"
    ),
    "bad-proof": Refusal(Layer.DIRECTORY, Retry.NEVER, "a proof that does not lead to the root"),
    # delivery: never about the bytes
    "disk": Refusal(Layer.DELIVERY, Retry.LATER, "no room to store it safely now"),
    "attachment-missing": Refusal(
        Layer.DELIVERY, Retry.LATER, "an attachment that the statement lists is not here yet"
    ),
    "busy": Refusal(Layer.DELIVERY, Retry.LATER, "too much at once"),
    "bad-range": Refusal(
        Layer.DELIVERY, Retry.LATER, "a range that does not begin where what is held ends"
    ),
    "quota": Refusal(Layer.DELIVERY, Retry.LATER, "this member's room for attachments is full"),
}


class ProtocolError(Exception):
    """A refusal. ``code`` stands in :data:`CODES`; ``detail`` names the field or the rule."""

    def __init__(self, code: str, detail: str = "") -> None:
        refusal = CODES[code]
        self.code = code
        self.detail = detail
        self.layer = refusal.layer
        self.retry = refusal.retry
        super().__init__(f"{code}: {detail or refusal.meaning}")
