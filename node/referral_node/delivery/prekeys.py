"""The transport prekeys of peers: learned from receipts, fetched only when cold (SPEC 8.2).

Law: a prekey counts only if the peer's certified node key signed it; what is learned later
replaces what was known. Nothing secret is kept here.
"""

from referral_node.delivery.http import Http, Unreachable
from referral_node.exchange.core import Core
from referral_node.store import Tx
from referral_protocol.certificates import (
    VerifiedTransportPrekey,
    verify_transport_prekey,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.receipts import MAX_PREKEY_ANSWER, Envelope, parse_prekey_answer
from referral_protocol.suite import SealKey


class PeerPrekeys:
    """The current transport prekey of each peer, parsed."""

    def __init__(self, core: Core, http: Http) -> None:
        self._core = core
        self._http = http
        self._known: dict[bytes, tuple[VerifiedTransportPrekey, SealKey]] = {}
        self._endpoints: dict[bytes, tuple[str, bytes]] = {}

    async def current(self, peer: bytes) -> tuple[VerifiedTransportPrekey, SealKey]:
        """A prekey that may be sealed to now. Raises Unreachable or ProtocolError."""
        member = self._core.members.known(peer)
        before = self._endpoints.get(peer)
        self._endpoints[peer] = (member.endpoint, member.node_key)
        if before is not None and before[1] != member.node_key:
            self._known.pop(peer, None)  # signed by a key that the machine had before
        known = self._known.get(peer)
        if known is not None and known[0].ends > self._core.clock() + 60_000:
            return known
        stored = await self._core.store.row(
            "SELECT prekey, prekey_ends FROM peers WHERE member = ? AND prekey IS NOT NULL", (peer,)
        )
        if stored is not None and stored["prekey_ends"] > self._core.clock() + 60_000:
            try:
                return self._take(peer, bytes(stored["prekey"]))
            except ProtocolError:
                pass  # another node key since: fetch a new one
        answer = await self._http.request(
            "GET",
            member.endpoint.rstrip("/") + "/v1/prekey",
            limit=MAX_PREKEY_ANSWER,
            pins=member.pins,
        )
        if answer.status != 200:
            code = f"http-{answer.status}"
            raise Unreachable(code, left=False, status=answer.status, wait=answer.wait)
        given = parse_prekey_answer(answer.body)
        self._core.shown(peer, given.checkpoint)
        certificate = self._core.members.certificate_of(peer, given.certificate)
        self._core.members.certify(peer, certificate, given.certificate)
        taken = self._take(peer, given.prekey)
        await self._store(peer, given.prekey, given.certificate, certificate.made_at)
        return taken

    async def learn(self, peer: bytes, envelope: Envelope) -> None:
        """Take the next prekey out of a verified receipt."""
        if envelope.prekey is None:
            return
        before = self._known.get(peer)
        try:
            prekey, _ = self._take(peer, envelope.prekey)
        except ProtocolError:
            return  # a peer with a wrong clock: the old prekey stays until it ends
        if before is not None and before[0] == prekey:
            return
        await self._store(peer, envelope.prekey, envelope.certificate, 0)

    async def forget(self, peer: bytes) -> None:
        """This prekey was refused: the next attempt fetches another one."""
        self._known.pop(peer, None)

        async def work(tx: Tx) -> None:
            await tx.execute(
                "UPDATE peers SET prekey = NULL, prekey_ends = 0 WHERE member = ?", (peer,)
            )

        await self._core.store.write(work)

    def moved(self, peer: bytes) -> bool:
        """Whether the directory names another endpoint or key than at the last attempt."""
        member = self._core.members.get(peer)
        if member is None:
            return False
        before = self._endpoints.get(peer)
        return before is not None and before != (member.endpoint, member.node_key)

    async def failed(self, peer: bytes, code: str) -> None:
        """Keep for the operator that an attempt failed, and why."""
        now = self._core.clock()

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO peers (member, failures, tried_at, trouble) VALUES (?, 1, ?, ?) "
                "ON CONFLICT (member) DO UPDATE SET failures = failures + 1, "
                "tried_at = excluded.tried_at, trouble = excluded.trouble",
                (peer, now, code),
            )

        await self._core.store.write(work)

    def _take(self, peer: bytes, data: bytes) -> tuple[VerifiedTransportPrekey, SealKey]:
        core = self._core
        prekey = verify_transport_prekey(data, peer, core.members.node_key(peer), core.clock())
        taken = (prekey, SealKey(prekey.public))
        self._known[peer] = taken
        return taken

    async def _store(self, peer: bytes, prekey: bytes, certificate: bytes, made_at: int) -> None:
        now = self._core.clock()
        ends = self._known[peer][0].ends

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO peers (member, certificate, certified_at, prekey, prekey_ends, "
                "reached_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (member) DO UPDATE SET "
                "certificate = excluded.certificate, "
                "certified_at = MAX(certified_at, excluded.certified_at), "
                "prekey = excluded.prekey, prekey_ends = excluded.prekey_ends, "
                "reached_at = excluded.reached_at, failures = 0, trouble = NULL",
                (peer, certificate, made_at, prekey, ends, now),
            )

        await self._core.store.write(work)
