"""The evidence of one thread as a file that anybody can check offline (SPEC 8.4).

Law: without contents it says nothing of a case: signed statements, receipts, certificates, and the
log's entries that prove whose keys they bear. Contents go in only when a keyholder asks for it, and
that is recorded.
"""

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.rows import audit, listed, stored_statement
from referral_node.exchange.sending.saying import PRIVATE_VERSION, UnknownThread
from referral_node.store import Tx
from referral_node.vault.vault import UnlockedVault
from referral_protocol.bodies import SALT_SIZE
from referral_protocol.errors import ProtocolError
from referral_protocol.evidence import Disclosed, Given, log_entries, make_evidence
from referral_protocol.receipts import sign_receipt


class Evidence:
    """Makes evidence bundles."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def export(
        self, vault: UnlockedVault, actor: Actor, thread: bytes, *, contents: bool = False
    ) -> bytes:
        """The bundle of a thread, with its contents if asked for. UnknownThread if none is here."""
        core = self._core
        replica = core.members.replica
        if replica is None or core.members.checkpoint is None:
            raise ProtocolError("unknown-member", "no copy of the directory yet")
        rows = await core.store.rows(
            "SELECT m.number, m.hash, m.statement, m.signature, m.peer, m.mine, c.private, "
            "t.case_key FROM messages m JOIN threads t ON t.id = m.thread "
            "LEFT JOIN contents c ON c.message = m.number "
            "WHERE m.thread = ? ORDER BY m.number",
            (thread,),
        )
        if not rows:
            raise UnknownThread("no such referral")
        peer = bytes(rows[0]["peer"])
        leaves = await core.store.rows("SELECT leaf FROM log_entries ORDER BY number")
        disclosed = []
        if contents and rows[0]["case_key"] is not None:
            key = vault.case_key(thread, bytes(rows[0]["case_key"]))
            for row in rows:
                if row["private"] is not None:
                    name = bytes(row["hash"])
                    plain = key.unseal(bytes(row["private"]), ("messages", name, PRIVATE_VERSION))
                    disclosed.append(Disclosed(name, plain[:SALT_SIZE], plain[SALT_SIZE:]))
        now = core.clock()
        data = make_evidence(
            made_by=core.us,
            now=now,
            checkpoint=core.members.checkpoint.encode("utf-8"),
            entries=log_entries(
                (bytes(row["leaf"]) for row in leaves), replica.tree, {core.us, peer}
            ),
            statements=[stored_statement(row) for row in rows],
            receipts=[
                *await self._got([row["number"] for row in rows if row["mine"]]),
                *await self._gave(peer, [bytes(r["hash"]) for r in rows if not r["mine"]]),
            ],
            contents=disclosed,
        )

        async def work(tx: Tx) -> None:
            await audit(tx, now, actor.id, "evidence", thread, "with-contents" if contents else "")

        await core.store.write(work)
        return data

    async def _got(self, numbers: list[int]) -> list[Given]:
        """The receipts of what we sent."""
        if not numbers:
            return []
        rows = await self._core.store.rows(
            listed(
                "SELECT DISTINCT r.parcel, r.content, r.signature, r.certificate FROM receipts r "
                "JOIN answers a ON a.parcel = r.parcel WHERE a.message IN (*) ORDER BY r.at",
                len(numbers),
            ),
            numbers,
        )
        return [
            Given(bytes(r["content"]), bytes(r["signature"]), bytes(r["certificate"])) for r in rows
        ]

    async def _gave(self, peer: bytes, hashes: list[bytes]) -> list[Given]:
        """The receipts that we gave for what came; each is there once, however many it names."""
        found: dict[bytes, Given] = {}
        for name in hashes:
            rows = await self._core.store.rows(
                "SELECT parcel, content FROM given WHERE sender = ? AND instr(content, ?) > 0",
                (peer, name),
            )
            for row in rows:
                # By the machine's key of now: the one that signed it then may be gone.
                signed = sign_receipt(self._core.node, bytes(row["content"]))
                found[bytes(row["parcel"])] = Given(*signed, self._core.certificate)
        return list(found.values())
