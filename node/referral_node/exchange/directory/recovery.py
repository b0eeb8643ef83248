"""The recovery of our member: announced by registrars for three days (DIRECTORY 3.3).

Two nodes read the same entry. The one whose vault key is in the log has three days to say that
nobody lost it; the one that was set up anew waits for them to pass, then takes the place of the
other and asks its peers for what was lost.

Law: what is so is read from our own copy of the log, each time. A veto takes a keyholder; it goes
in the place of any other change that is under way, which the log would not take any more.
"""

from typing import Final

import msgspec

from referral_node.exchange.catchup import progress as catchup
from referral_node.exchange.core import Actor, Core
from referral_node.exchange.directory.updating import NotJoined, UpdateRefused
from referral_node.exchange.keys.own import present_signer
from referral_node.exchange.rows import audit
from referral_node.store import Tx
from referral_node.store.facts import RECOVERING, RECOVERY_OURS, fact, keep, time_of
from referral_node.vault.vault import UnlockedVault
from referral_protocol.directory.entries import (
    SUSPENDED,
    VETO,
    Status,
    entry_hash,
    make_status_entry,
    sign_entry,
)
from referral_protocol.directory.requests import Submission, check_change
from referral_protocol.directory.rules import Member
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import fingerprint

ASKED: Final = "asked"
"""We are the new node, and the registrars have not announced it."""
ANNOUNCED: Final = "announced"
VETOED: Final = "vetoed"


class Recovery(msgspec.Struct, frozen=True):
    """How the recovery of our member stands. ``new``: this is the node that was set up anew;
    ``acts_from`` and ``since`` are None until it is announced; ``index`` names the announcement;
    ``ours``: a keyholder of the node before has said that it is right."""

    state: str
    new: bool
    since: int | None
    acts_from: int | None
    index: int
    fingerprint: str
    ours: bool = False


class Recovering:
    """Both sides of it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.waits = False
        """Whether this node was set up anew, and is not yet the one that the log names."""
        self._ours = -1

    async def load(self) -> None:
        """At a start, and whenever our copy of the log grew."""
        core = self._core
        self.waits = await fact(core.store, RECOVERING) is not None
        ours = await fact(core.store, RECOVERY_OURS)
        self._ours = -1 if ours is None else time_of(ours)
        member = self._member()
        if self.waits and member is not None and member.vault_key == core.vault_key:
            await self._done()

    def standing(self) -> Recovery | None:
        """What is announced of us now; None: nothing."""
        core, member = self._core, self._member()
        if member is None or core.vault_key is None:
            return None
        found = member.recovery
        if found is None or not member.recovering(core.clock()):
            if not self.waits:
                return None
            digits = fingerprint(core.vault_key, core.node.public)
            return Recovery(ASKED, True, None, None, -1, digits)
        card = found.card
        new = card.vault_key == core.vault_key
        if not new and member.vault_key != core.vault_key:
            return None  # of two others: we are neither
        return Recovery(
            VETOED if found.vetoed_at is not None else ANNOUNCED,
            new,
            found.since,
            found.acts_from,
            found.index,
            fingerprint(card.vault_key, card.node_key),
            found.index == self._ours,
        )

    async def veto(self, vault: UnlockedVault, actor: Actor | None) -> None:
        """Nobody here lost the key: the recovery stops, and our member with it, until the root keys
        have decided. NotJoined if nothing is announced that could be stopped."""
        core, member = self._core, self._member()
        directory = core.members.directory
        standing = self.standing()
        if member is None or directory is None or standing is None:
            raise NotJoined
        if standing.new or standing.state != ANNOUNCED:
            raise NotJoined
        now = core.clock()
        body = Status(SUSPENDED, None, VETO)
        content = make_status_entry(
            directory.genesis, member.id, member.number + 1, member.head, body, now
        )

        async def work(tx: Tx) -> None:
            signer = await present_signer(tx, core, vault)
            submission = Submission(content, sign_entry(content, signer), (), None)
            check_change(submission, directory, now)
            await tx.execute("DELETE FROM updates")
            await tx.execute(
                "INSERT INTO updates (id, submission, changed, log_size, made_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (entry_hash(content), submission.pack(), VETO, directory.size, now),
            )
            who = None if actor is None else actor.id
            await audit(tx, now, who, "recovery-vetoed", core.us)

        try:
            await core.store.write(work)
        except ProtocolError as error:
            raise UpdateRefused(error) from None
        core.ask_directory()

    async def approve(self, actor: Actor) -> None:
        """A keyholder of the node before says that the new one is theirs."""
        core, standing = self._core, self.standing()
        if standing is None or standing.new:
            raise NotJoined
        index = standing.index

        async def work(tx: Tx) -> None:
            await keep(tx, RECOVERY_OURS, index.to_bytes(8, "big"))
            await audit(tx, core.clock(), actor.id, "recovery-ours", core.us)

        await core.store.write(work)
        self._ours = index

    async def _done(self) -> None:
        """We are the member now: everybody is asked for what was between us."""
        core = self._core

        async def work(tx: Tx) -> None:
            now = core.clock()
            await tx.execute("DELETE FROM facts WHERE name = ?", (RECOVERING,))
            await audit(tx, now, None, "recovered", core.us)
            await catchup.begin_in(tx, core, 0, now)

        await core.store.write(work)
        self.waits = False

    def _member(self) -> Member | None:
        directory = self._core.members.directory
        return None if directory is None else directory.member(self._core.us)
