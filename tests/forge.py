"""Parcels, statements and bodies as nobody honest makes them; everything not said is made right.

A forge has one member's keys and speaks to another member's node. Each maker takes what is to be
wrong as an argument, so that a test shows just the one thing that it is about.
"""

import io
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from structlog.testing import capture_logs

from directory_world import DAY, signer
from node_world import Entropy, Office
from referral_node.api.listener import PARCEL_TYPE
from referral_protocol import forms, labels
from referral_protocol.bodies import SealedBody, body_info, commitment, seal_body
from referral_protocol.certificates import make_certificate, verify_transport_prekey
from referral_protocol.examples import referral
from referral_protocol.keys import prekey_id
from referral_protocol.messages import Message
from referral_protocol.parcels import Head as ParcelHead
from referral_protocol.parcels import Header, ParcelContent, padded_size, parcel_info
from referral_protocol.receipts import (
    Envelope,
    Receipt,
    SignedReceipt,
    parse_envelope,
    parse_prekey_answer,
    verify_receipt,
)
from referral_protocol.statements import Head, SignedStatement, Statement, statement_hash
from referral_protocol.suite import SUITE, SealKey, Signer, digest
from referral_protocol.wire import encode

SALT = bytes(range(32))


@dataclass(frozen=True)
class Answered:
    """What a node answered: a signed receipt that verifies, or only a status and a body."""

    status: int
    data: bytes
    envelope: Envelope | None
    signed: SignedReceipt | None
    retry_after: str | None = None

    @property
    def receipt(self) -> Receipt:
        assert self.signed is not None, f"{self.status}: {self.data[:300]!r}"
        return self.signed.receipt

    @property
    def code(self) -> str | None:
        """Why the parcel was refused as a whole, or its only message; None if it was held."""
        if self.signed is None:
            return str(msgspec.json.decode(self.data)["code"])
        if self.receipt.code is not None:
            return self.receipt.code
        assert len(self.receipt.answers) == 1
        return self.receipt.answers[0].code


class Forge:
    """Makes what ``name`` would send to the node of ``office``."""

    def __init__(self, name: str, office: Office, sender: bytes) -> None:
        self.office = office
        self.sender = sender
        self.vault = signer(f"{name} vault")
        self.node = signer(f"{name} node")
        self.entropy = Entropy(f"{name} forge")
        self.epoch = office.clock.now
        self._seq = 1000

    @property
    def now(self) -> int:
        return self.office.clock.now

    # statements and messages

    def statement(self, content: dict[str, Any] | bytes | None = None, **changes: Any) -> Statement:
        """An opener, or what ``changes`` make of it; ``content`` is what it commits to."""
        self._seq += 1
        fields: dict[str, Any] = {
            "suite": SUITE,
            "sender": self.sender,
            "recipient": self.office.id,
            "epoch": self.epoch,
            "seq": self._seq,
            "thread": None,
            "previous": None,
            "seen": None,
            "at": self.now,
            "expires": self.now + 30 * DAY,
            "kind": "open",
            "head": Head("referral", "urgent", self.now + 3 * DAY, None),
            "commitment": commitment(SALT, self.packed(content)),
        }
        return Statement(**(fields | changes))

    def packed(self, content: dict[str, Any] | bytes | None = None) -> bytes:
        """The bytes of a content; the story's referral unless told."""
        if isinstance(content, bytes):
            return content
        if content is None:
            content, _ = forms.body(referral(self.office.id, self.now))
        return forms.encode(content)

    def sign(self, statement: Statement, vault: Signer | None = None) -> SignedStatement:
        """Signed without any of the checks that an honest member's node makes."""
        content = encode(statement)
        signature = (vault or self.vault).sign(labels.STATEMENT, content)
        return SignedStatement(content, signature, statement, statement_hash(content))

    def sealed(
        self,
        signed: SignedStatement,
        content: dict[str, Any] | bytes | None = None,
        *,
        padded: bytes | None = None,
        bound: bytes | None = None,
        key: bytes | None = None,
        key_id: bytes | None = None,
    ) -> SealedBody:
        """A sealed body. ``padded``: these bytes inside instead; ``bound``: to another statement's
        hash; ``key``, ``key_id``: to another prekey, or under another one's name."""
        prekey = self.office.exchange.members.current_prekey(self.office.id)
        assert prekey is not None
        public = SealKey(key or prekey.public)
        name = key_id or prekey.id
        info = bound or signed.hash
        if padded is not None:
            return SealedBody(name + public.seal(body_info(info), padded))
        return seal_body(public, name, info, SALT, self.packed(content))

    def message(self, **changes: Any) -> tuple[Message, SignedStatement]:
        """A whole message; ``changes`` are the statement's."""
        signed = self.sign(self.statement(**changes))
        return Message(signed.content, signed.signature, self.sealed(signed)), signed

    def husk(self, signed: SignedStatement, withheld: str = "expired") -> Message:
        return Message(signed.content, signed.signature, None, withheld)

    # parcels

    async def prekey(self) -> bytes:
        """The public half of the node's transport prekey now, asked for as a peer does."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.office.endpoint + "/v1/prekey") as response,
        ):
            data = await response.read()
        given = parse_prekey_answer(data)
        node = signer(f"{self.office.name} node").public
        return verify_transport_prekey(given.prekey, self.office.id, node, self.now).public

    async def parcel(
        self,
        *messages: Message,
        padded: bytes | None = None,
        public: bytes | None = None,
        node: Signer | None = None,
        certificate: bytes | None = None,
        content: bytes | None = None,
        **header: Any,
    ) -> bytes:
        """The bytes of a parcel. ``padded``, ``content``: what is sealed instead; ``public``: the
        prekey that it is sealed to; ``header`` replaces fields of the signed header."""
        public = public or await self.prekey()
        inside = content or encode(ParcelContent(None, messages))
        if padded is None:
            size = padded_size(len(inside))
            padded = len(inside).to_bytes(4, "big") + inside + bytes(size - 4 - len(inside))
        draft = Header(
            SUITE,
            header.pop("parcel", self.entropy(16)),
            header.pop("sender", self.sender),
            header.pop("recipient", self.office.id),
            header.pop("at", self.now),
            header.pop("prekey", prekey_id(public)),
            0,
            bytes(32),
        )
        sealed = SealKey(public).seal(parcel_info(draft), padded)
        named = {"length": len(sealed), "hash": digest(labels.SEALED_PARCEL, sealed)}
        made = encode(msgspec.structs.replace(draft, **(named | header)))
        return self.wrap(made, sealed, node=node, certificate=certificate)

    def wrap(
        self,
        header: bytes,
        sealed: bytes,
        *,
        node: Signer | None = None,
        certificate: bytes | None = None,
    ) -> bytes:
        """Sign a header and put everything together."""
        node = node or self.node
        own = certificate or self.certificate()
        head = encode(ParcelHead(header, node.sign(labels.PARCEL, header), own))
        return len(head).to_bytes(2, "big") + head + sealed

    def certificate(
        self,
        node: bytes | None = None,
        made_at: int | None = None,
        vault: Signer | None = None,
        member: bytes | None = None,
    ) -> bytes:
        """A certificate of the sender's node."""
        return make_certificate(
            vault or self.vault,
            member or self.sender,
            node or self.node.public,
            self.epoch if made_at is None else made_at,
        )

    async def post(self, data: bytes) -> Answered:
        """Send bytes as a parcel; a receipt that comes back is verified."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.office.endpoint + "/v1/parcels",
                data=io.BytesIO(data),
                headers={"Content-Type": PARCEL_TYPE},
            ) as response,
        ):
            body = await response.read()
            later = response.headers.get("Retry-After")
            if response.status != 200:
                assert response.content_type == "application/problem+json"
                return Answered(response.status, body, None, None, later)
        envelope = parse_envelope(body)
        node = signer(f"{self.office.name} node").public
        signed = verify_receipt(envelope.content, envelope.signature, node)
        return Answered(200, body, envelope, signed, later)

    async def send(self, *messages: Message) -> Answered:
        """The messages in one right parcel."""
        return await self.post(await self.parcel(*messages))


def flipped(data: bytes, place: int, bit: int) -> bytes:
    """The bytes with one bit turned over."""
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


TABLES = ("messages", "bodies", "threads", "given", "outbox", "receipts", "answers", "counters")
"""Tables that a parcel may change."""


async def contents(office: Office) -> dict[str, int]:
    """How many rows each table has that a parcel may touch."""
    found = {}
    for table in TABLES:
        row = await office.store.row(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - from the list
        assert row is not None
        found[table] = int(row[0])
    return found


async def refused(forge: Forge, data: bytes, code: str) -> Answered:
    """Send it: refused as a whole with this code, signed; nothing is stored, one line is logged."""
    before = await contents(forge.office)
    with capture_logs() as lines:
        answered = await forge.post(data)
    assert answered.code == code
    assert answered.receipt.answers == ()
    assert await contents(forge.office) == before
    told = [line for line in lines if line["log_level"] != "debug"]
    assert [(line["event"], line["code"]) for line in told] == [("parcel.refused", code)]
    assert set(told[0]) == {"event", "log_level", "peer", "parcel", "code", "ms"}
    return answered
