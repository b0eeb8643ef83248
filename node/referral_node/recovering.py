"""Taking the place of a node whose vault key is lost (DIRECTORY 3.3, 5.3).

Law: a node set up anew takes over the id of the member that it is to be before it asks: from then
on it is that member or nobody. It asks with its new keys alone; who it is, registrars find out by
telephone, and the key before has three days to object. The whole log is fetched and checked first.
"""

from dataclasses import dataclass

from referral_node.exchange.rows import audit
from referral_node.joining import Joining, NeedsKeyholder, last_state
from referral_node.store import Tx
from referral_node.store.facts import (
    BUNDLE,
    CERTIFICATE,
    CHECKPOINT,
    DIRECTORY_URL,
    GENESIS,
    MEMBER,
    RECOVERING,
    REQUEST,
    REQUEST_STATE,
    SUBMISSION,
    fact,
    keep,
)
from referral_node.trouble import Trouble
from referral_node.vault.vault import UnlockedVault
from referral_protocol import profiles
from referral_protocol.certificates import Bundle, CasePrekey, make_bundle, make_certificate
from referral_protocol.directory import paths
from referral_protocol.directory.entries import Card, RecordHash, Recovery, entry_hash, parse_entry
from referral_protocol.directory.notes import MAX_NOTE, peek_checkpoint
from referral_protocol.directory.records import Salted, record_hashes, salted
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.requests import (
    DECLINED,
    RequestState,
    Submission,
    check_recovery,
    make_recovery,
    parse_submission,
)
from referral_protocol.directory.rules import Member
from referral_protocol.directory.state import Directory
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SUITE


@dataclass(frozen=True, slots=True)
class Place:
    """Whose place to take, in which directory. ``profile``: bytes of a checked profile, or None to
    leave it as the directory has it."""

    url: str
    anchor: str
    member: bytes
    profile: bytes | None


class Recoverer(Joining):
    """Asks to recover a member, or how that stands; again and again with the same result."""

    async def recover(self, place: Place, vault: UnlockedVault | None) -> RequestState:
        """How the request stands, made and sent first if there is none like it.

        Raises NeedsKeyholder when it must be made and ``vault`` is None; Trouble in one line.
        """
        url = self._checked_url(place.url)
        genesis = await self._genesis(place.anchor)
        await self._same_directory(url, genesis)
        submission = await self._before(genesis, place.member)
        if submission is None:
            if vault is None:
                raise NeedsKeyholder
            submission = await self._take_over(url, genesis, place, vault)
        state = await self._send(url, submission)
        await self._store.write(lambda tx: keep(tx, REQUEST_STATE, state.pack()))
        return state

    async def _before(self, genesis: bytes, member: bytes) -> Submission | None:
        """The request that was made before, if it was not declined."""
        stored, state = await fact(self._store, SUBMISSION), await last_state(self._store)
        if stored is None or (state is not None and state.state == DECLINED):
            return None
        try:
            submission = parse_submission(stored)
            entry = parse_entry(submission.content)
        except ProtocolError:
            return None
        same = isinstance(entry.body, Recovery) and entry.member == member
        return submission if same and entry.genesis == genesis else None

    async def _take_over(
        self, url: str, genesis: bytes, place: Place, vault: UnlockedVault
    ) -> Submission:
        """Become that member, as far as this folder goes, and make the request."""
        directory = await self._log(url, genesis)
        member = directory.member(place.member)
        if member is None:
            raise Trouble("the directory has no such member: compare the member id, all of it")
        if member.removed_at is not None:
            raise Trouble("this member was removed from the directory: join with a new node")
        if directory.uses(vault.signer.public) and await fact(self._store, RECOVERING) is None:
            raise Trouble(
                "this node's key stands in the directory already: "
                "make a new node with `referral node init` in an empty folder"
            )
        now = self._clock()
        card, records = self._card(member, place, vault)
        bundle = make_bundle(vault.signer, await self._bundle(member.id, now))
        try:
            submission = make_recovery(
                genesis, member, card, (vault.signer, self._node), records, bundle, now
            )
            check_recovery(submission, directory, now)
        except ProtocolError as error:
            raise Trouble(f"this request cannot be made: {error.detail}") from None
        certificate = make_certificate(vault.signer, member.id, self._node.public, now)

        async def work(tx: Tx) -> None:
            await tx.execute("DELETE FROM facts WHERE name = ?", (REQUEST_STATE,))
            for name, value in {
                MEMBER: member.id,
                CERTIFICATE: certificate,
                BUNDLE: bundle,
                RECOVERING: entry_hash(submission.content),
                GENESIS: genesis,
                DIRECTORY_URL: url.encode("utf-8"),
                REQUEST: submission.id,
                SUBMISSION: submission.pack(),
            }.items():
                await keep(tx, name, value)
            await tx.execute("DELETE FROM transport_prekeys")  # they name who we were before
            await audit(tx, now, None, "recovery-asked", member.id)

        await self._store.write(work)
        return submission

    def _card(
        self, member: Member, place: Place, vault: UnlockedVault
    ) -> tuple[Card, tuple[Salted, ...]]:
        """What the directory is to say of us, and the records that are new in it."""
        records: tuple[Salted, ...] = ()
        hashes: tuple[RecordHash, ...] = member.card.records
        if place.profile is not None:
            try:
                contents = profiles.split(place.profile)
            except ProtocolError as error:
                raise Trouble(f"the profile cannot be used: {error.detail}") from None
            records = salted(contents, {name: self._entropy(32) for name in contents})
            hashes = record_hashes(records)
        card = Card(
            (SUITE,),
            vault.signer.public,
            self._node.public,
            self._exchange.endpoint,
            tuple(sorted(self._exchange.pin_bytes)),
            hashes,
        )
        return card, records

    async def _bundle(self, member: bytes, now: int) -> Bundle:
        """Our first prekeys under the id that we take over."""
        rows = await self._store.rows(
            "SELECT public, made_at, starts, ends FROM case_prekeys WHERE ends > ? ORDER BY starts",
            (now,),
        )
        listed = (
            CasePrekey(SUITE, bytes(r["public"]), r["made_at"], r["starts"], r["ends"])
            for r in rows
        )
        return Bundle(SUITE, member, now, tuple(listed))

    async def _log(self, url: str, genesis: bytes) -> Directory:
        """The whole log, every entry checked; nothing of it is kept."""
        if await fact(self._store, CHECKPOINT) is not None and (
            await fact(self._store, RECOVERING) is None
        ):
            raise Trouble(
                "this node follows a directory as somebody else already: "
                "make a new node with `referral node init` in an empty folder"
            )
        note = await self._get(url, paths.CHECKPOINT, MAX_NOTE)
        try:
            leaves: list[bytes] = []
            for path in paths.entries_paths(0, peek_checkpoint(note).size):
                piece = await self._get(url, path.path, paths.MAX_BUNDLE_BYTES)
                leaves += paths.parse_entries(piece, path.width)[path.skip :]
            found = Replica(genesis, self._allow_loopback).extend(note, leaves, self._clock())
        except ProtocolError as error:
            raise Trouble(f"the directory's log does not hold ({error.code}): tell VSE") from None
        return found.directory
