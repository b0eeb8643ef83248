"""Made-up members with fixed keys, and short ways to make what they would say.

Law: nothing here draws chance or reads a clock; a key is the SHA-256 of a sentence. Whatever has to
be sealed differs from run to run all the same, since the library draws the encapsulation itself.
"""

import hashlib
from typing import Any, Final

from referral_protocol import bodies, certificates, keys, messages, parcels, statements
from referral_protocol.certificates import DAY, VerifiedTransportPrekey
from referral_protocol.messages import Message
from referral_protocol.statements import Head, SignedStatement, Statement
from referral_protocol.suite import SUITE, Opener, SealKey, Signer

NOW: Final = 1_750_000_000_000
"""15 June 2025, 15:06:40 UTC: the time of everything that happens in this world."""

EPOCH: Final = NOW - 90 * DAY
OPEN_HEAD: Final = Head("referral", "urgent", NOW + 3 * DAY, None)


def fixed(*words: object) -> bytes:
    """32 bytes that follow from words, for keys, salts and hashes of things that do not exist."""
    return hashlib.sha256(" ".join(str(word) for word in words).encode("utf-8")).digest()


class Party:
    """A member with all its keys: ``id``, ``vault``, ``node``, ``case`` and ``transport``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.vault = Signer(fixed(name, "vault"))
        self.node = Signer(fixed(name, "node"))
        self.case = Opener(fixed(name, "case prekey"))
        self.transport = Opener(fixed(name, "transport prekey"))
        self.id = keys.member_id(self.vault.public)
        self.certificate = certificates.make_certificate(
            self.vault, self.id, self.node.public, EPOCH
        )

    def case_prekey(self) -> certificates.CasePrekey:
        """Its first case prekey, current from ten days ago for thirty days."""
        starts = NOW - 10 * DAY
        return certificates.CasePrekey(SUITE, self.case.public, starts, starts, starts + 30 * DAY)

    def transport_prekey(self) -> bytes:
        """Its signed transport prekey, made an hour ago."""
        return certificates.make_transport_prekey(
            self.node, self.id, self.transport.public, NOW - 3_600_000
        )

    def verified_transport_prekey(self) -> VerifiedTransportPrekey:
        """The same, as a peer holds it."""
        return certificates.verify_transport_prekey(
            self.transport_prekey(), self.id, self.node.public, NOW
        )


LISBON: Final = Party("Lisbon")
UTRECHT: Final = Party("Utrecht")
LVIV: Final = Party("Lviv")


def salt(content: bytes) -> bytes:
    """The salt of a content in this world; a real one is 32 random bytes."""
    return fixed("salt", content.hex())


def say(
    sender: Party,
    recipient: Party,
    kind: str,
    *,
    content: bytes = b"",
    after: SignedStatement | None = None,
    thread: SignedStatement | bytes | None = None,
    seq: int | None = None,
    **fields: Any,
) -> SignedStatement:
    """A signed statement; ``after`` is the sender's previous one, ``thread`` the opener or any
    hash, other fields as they are named.

    ``state="accepted"`` is short for a head with this state.
    """
    if "state" in fields:
        fields["head"] = Head(state=fields.pop("state"))
    values: dict[str, Any] = {
        "suite": SUITE,
        "sender": sender.id,
        "recipient": recipient.id,
        "epoch": EPOCH,
        "seq": seq or (1 if after is None else after.statement.seq + 1),
        "thread": thread.thread if isinstance(thread, SignedStatement) else thread,
        "previous": None if after is None else after.hash,
        "seen": None,
        "at": NOW,
        "expires": NOW + 30 * DAY,
        "kind": kind,
        "head": OPEN_HEAD if kind == statements.OPEN else Head(),
        "commitment": bodies.commitment(salt(content), content),
    }
    return statements.make_statement(sender.vault, Statement(**{**values, **fields}))


def opener(content: bytes = b"", **fields: Any) -> SignedStatement:
    """Lisbon's referral to Utrecht."""
    return say(LISBON, UTRECHT, statements.OPEN, content=content, **fields)


def sealed_message(signed: SignedStatement, content: bytes, recipient: Party) -> Message:
    """The statement with its content sealed to the recipient's case prekey."""
    public = recipient.case.public
    sealed = bodies.seal_body(
        SealKey(public), keys.prekey_id(public), signed.hash, salt(content), content
    )
    return messages.make_message(signed, sealed)


def parcel(
    sender: Party,
    recipient: Party,
    *content: Message,
    number: int = 1,
    checkpoint: str | None = None,
    now: int = NOW,
) -> bytes:
    """A parcel of these messages; ``number`` stands for its random id."""
    prekey = recipient.verified_transport_prekey()
    return parcels.make_parcel(
        sender.node,
        sender.certificate,
        SealKey(prekey.public),
        prekey,
        parcel=fixed("parcel", number)[:16],
        sender=sender.id,
        now=now,
        content=parcels.ParcelContent(checkpoint, content),
    )
