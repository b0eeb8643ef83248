"""What every part of the exchange stands on: who we are, the store, the clock, entropy, the keys.

Law: nothing below the composition root chooses a clock or a source of randomness; both are handed
in here once. The vault is never part of this: it exists only while a person's request runs.
"""

from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager
from typing import Final, Protocol

import msgspec

from referral_node.exchange.cases.changes import Changes
from referral_node.exchange.directory.members import MemberBook
from referral_node.exchange.files.folder import Files
from referral_node.exchange.keys.transport import TransportKeys
from referral_node.store import Store
from referral_protocol.suite import Signer

FIRST_OF_ALL: Final = 0
RANKS: Final = {"immediate": FIRST_OF_ALL, "urgent": 1}
RANK_ELSE: Final = 2
DOUBT_AGAIN: Final = 5_000
"""Ms between two looks at the directory because somebody used a key that our copy does not have."""


class Actor(msgspec.Struct, frozen=True):
    """A signed-in person: id of the user, the name that others see, the role's code."""

    id: bytes
    display: str
    role: str


class KeyFile(Protocol):
    """Where the node key lies. ``changing``: the new key lies beside; left without an error, it
    takes the old one's place. Refuses while somebody copies the folder."""

    def changing(self, key: Signer) -> AbstractContextManager[None]: ...


class Wake(Protocol):
    """The courier's ear. ``hurry``: this one does not wait for what is under way."""

    def __call__(self, peer: bytes, hurry: bool = False) -> None: ...


class Core:
    """The parts that inbox, voice, importing and reading share."""

    def __init__(
        self,
        *,
        us: bytes,
        epoch: int,
        node: Signer,
        certificate: bytes,
        store: Store,
        members: MemberBook,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        files: Files,
    ) -> None:
        self.us = us
        self.epoch = epoch
        self.awake_at = clock()
        """When this process last looked at the clock to see whether it had slept."""
        self.slept = False
        """Whether it had, since the epoch was taken."""
        self.node = node
        self.certificate = certificate
        self.store = store
        self.members = members
        self.clock = clock
        self.entropy = entropy
        self.files = files
        self.transport = TransportKeys(us, node, store, clock, entropy)
        self.changes = Changes()
        self.key_file: KeyFile | None = None
        """Where the node key lies; None: it cannot be replaced here."""
        self.vault_key: bytes | None = None
        """Our vault key of now, the public half; None where nothing depends on it."""
        self.key_changes = False
        """Whether a new vault key waits for the log to name it."""
        self.resign = False
        """Whether something may wait that an earlier vault key signed."""
        self.log_grew: Callable[[], Awaitable[None]] = _nothing
        """Called after our copy of the log grew, or was loaded."""
        self.turned: Callable[[bytes], None] = lambda _sealed: None
        """Called with our new vault key, sealed, when it is the one that signs."""
        self.wake: Wake = lambda peer, hurry=False: None
        """Called with a member's id after something for it was committed; the courier's ear."""
        self.answered: Callable[[Collection[bytes]], None] = lambda _hashes: None
        """Called with the hashes of our messages after a receipt for them was stored."""
        self.carry: Callable[[bytes], None] = lambda _peer: None
        """Called with a member's id after something was committed that it must have files for."""
        self.ask_directory: Callable[[], None] = lambda: None
        """Called after something for the directory was committed; the poller's ear."""
        self.shown: Callable[[bytes, str | None], None] = lambda _peer, _checkpoint: None
        """Called with a member's id and the checkpoint that it sent along; it costs little."""
        self._doubted_at = 0
        members.behind = self.doubt_directory
        self.room: Callable[[], bool] = lambda: True
        """Whether the disk has room for what others send; asked before anything of theirs is taken.
        """

    def doubt_directory(self) -> None:
        """Somebody knows something of the directory that we do not: ask it, but not at any
        stranger's beck and call."""
        now = self.clock()
        if not self._doubted_at <= now < self._doubted_at + DOUBT_AGAIN:
            self._doubted_at = now
            self.ask_directory()


async def _nothing() -> None:
    """Nobody waits for it."""


def rank(priority: str) -> int:
    """Place in the queue: lower goes first."""
    return RANKS.get(priority, RANK_ELSE)
