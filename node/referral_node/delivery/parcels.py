"""One parcel: filled from the queue, carried to its peer, its answer believed only if it verifies.

Law: an answer is worth something only if it is a receipt that verifies for exactly these messages.
Whatever else comes back, or nothing, is a failure of this attempt: no message leaves the queue.
"""

import time
from collections.abc import Callable, Collection
from typing import Final

import msgspec
import structlog

from referral_node.delivery.http import Answer, Http, Unreachable
from referral_node.delivery.prekeys import PeerPrekeys
from referral_node.exchange.core import Core
from referral_node.exchange.sending.posting import Posting, Waiting
from referral_protocol.certificates import VerifiedTransportPrekey
from referral_protocol.errors import CODES, ProtocolError, Retry
from referral_protocol.parcels import ParcelContent, make_parcel
from referral_protocol.receipts import (
    MAX_ENVELOPE,
    Envelope,
    SignedReceipt,
    match_receipt,
    parse_envelope,
    verify_receipt,
)

PARCEL_TYPE: Final = "application/vnd.referral-exchange.parcel"
RECEIPT_TYPE: Final = "application/vnd.referral-exchange.receipt"

log = structlog.get_logger()


class Parcel(msgspec.Struct, eq=False):
    """A parcel to be carried: its bytes stay the same over all its attempts."""

    id: bytes
    data: bytes
    sent: list[Waiting]
    prekey: VerifiedTransportPrekey
    at: int


class Filled(msgspec.Struct, frozen=True):
    """A new parcel, and whether more was due than it could take."""

    parcel: Parcel
    more: bool


class Failed(Exception):
    """This attempt is over. ``left``: it may have arrived; ``anew``: these bytes would get the same
    answer again, so their messages go in a new parcel; ``refresh``: their prekey is no good;
    ``final``: the peer signed that it takes nothing from us any more; ``wait``: milliseconds that
    it asked for."""

    def __init__(
        self,
        code: str,
        *,
        left: bool = False,
        anew: bool = False,
        refresh: bool = False,
        final: bool = False,
        wait: int = 0,
    ) -> None:
        self.code = code
        self.left = left
        self.anew = anew
        self.refresh = refresh
        self.final = final
        self.wait = wait
        super().__init__(code)


class Parcels:
    """Fills parcels and carries them. ``later``: when to try again what was refused for now."""

    def __init__(
        self,
        core: Core,
        http: Http,
        posting: Posting,
        prekeys: PeerPrekeys,
        later: Callable[[], int],
    ) -> None:
        self._core = core
        self._http = http
        self._posting = posting
        self._prekeys = prekeys
        self._later = later

    async def fill(self, peer: bytes, without: Collection[int]) -> Filled | None:
        """A parcel of the most urgent that is due, ``without`` these rows; None if nothing is.

        Raises Failed if there is no prekey to seal it to.
        """
        core = self._core
        waiting, more = await self._posting.due(peer, without)
        if not waiting:
            return None
        try:
            prekey, key = await self._prekeys.current(peer)
        except ProtocolError as refusal:
            raise Failed(refusal.code) from None
        except Unreachable as error:
            raise Failed(error.code, wait=error.wait) from None
        content = ParcelContent(core.members.checkpoint, tuple(w.message for w in waiting))
        name, now = core.entropy(16), core.clock()
        try:
            data = make_parcel(
                core.node,
                core.certificate,
                key,
                prekey,
                parcel=name,
                sender=core.us,
                now=now,
                content=content,
            )
        except ProtocolError as refusal:
            raise Failed(refusal.code, refresh=True) from None  # a key that cannot be sealed to
        return Filled(Parcel(name, data, waiting, prekey, now), more)

    async def carry(self, peer: bytes, parcel: Parcel) -> None:
        """Bring a parcel to its peer and store the receipt. Raises Failed."""
        member = self._core.members.known(peer)
        began = time.monotonic()
        try:
            answer = await self._http.request(
                "POST",
                member.endpoint.rstrip("/") + "/v1/parcels",
                data=parcel.data,
                content_type=PARCEL_TYPE,
                limit=MAX_ENVELOPE,
                pins=member.pins,
            )
        except Unreachable as error:
            raise Failed(error.code, left=error.left) from None
        envelope, signed = self._verified(peer, parcel, answer)
        await self._prekeys.learn(peer, envelope)
        if signed.receipt.code is not None:
            raise _refused(signed.receipt.code, answer.wait)
        await self._posting.answered(peer, parcel.sent, envelope, signed, self._later())
        log.info(
            "parcel.answered",
            peer=peer.hex(),
            parcel=parcel.id.hex(),
            messages=len(parcel.sent),
            ms=round((time.monotonic() - began) * 1000, 1),
        )

    def _verified(
        self, peer: bytes, parcel: Parcel, answer: Answer
    ) -> tuple[Envelope, SignedReceipt]:
        if answer.status != 200:
            raise Failed(f"http-{answer.status}", left=answer.status >= 500, wait=answer.wait)
        core = self._core
        try:
            envelope = parse_envelope(answer.body)
            # The log's own key signed it, so it counts whoever sent it along.
            core.shown(peer, envelope.checkpoint)
            certificate = core.members.certificate_of(peer, envelope.certificate)
            signed = verify_receipt(envelope.content, envelope.signature, certificate.node_key)
            core.members.certify(peer, certificate, envelope.certificate)
            match_receipt(
                signed,
                parcel=parcel.id,
                sender=core.us,
                recipient=peer,
                sent={w.hash: w.sealed_hash for w in parcel.sent},
                made_at=parcel.at,
                now=core.clock(),
            )
        except ProtocolError as refusal:
            raise Failed(f"receipt-{refusal.code}", left=True, anew=True) from None
        return envelope, signed


def _refused(code: str, wait: int) -> Failed:
    """The whole parcel was refused, and signed so. That says something of these bytes; what is in
    them goes in another parcel, unless it is us whom they do not take anything from."""
    known = CODES.get(code)
    refresh = known is not None and known.retry is Retry.REFRESH
    return Failed(code, refresh=refresh, final=code == "removed", wait=wait)
