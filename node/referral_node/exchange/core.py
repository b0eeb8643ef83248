"""What every part of the exchange stands on: who we are, the store, the clock, entropy, the keys.

Law: nothing below the composition root chooses a clock or a source of randomness; both are handed
in here once. The vault is never part of this: it exists only while a person's request runs.
"""

from collections.abc import Callable, Collection
from typing import Final, Protocol

import msgspec

from referral_node.exchange.changes import Changes
from referral_node.exchange.files import Files
from referral_node.exchange.members import MemberBook
from referral_node.exchange.transport import TransportKeys
from referral_node.store import Store
from referral_protocol.suite import Signer

FIRST_OF_ALL: Final = 0
RANKS: Final = {"immediate": FIRST_OF_ALL, "urgent": 1}
RANK_ELSE: Final = 2


class Actor(msgspec.Struct, frozen=True):
    """A signed-in person: id of the user, the name that others see, the role's code."""

    id: bytes
    display: str
    role: str


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
        self.wake: Wake = lambda peer, hurry=False: None
        """Called with a member's id after something for it was committed; the courier's ear."""
        self.answered: Callable[[Collection[bytes]], None] = lambda _hashes: None
        """Called with the hashes of our messages after a receipt for them was stored."""
        self.carry: Callable[[bytes], None] = lambda _peer: None
        """Called with a member's id after something was committed that it must have files for."""
        self.ask_directory: Callable[[], None] = lambda: None
        """Called after something for the directory was committed; the poller's ear."""
        self.room: Callable[[], bool] = lambda: True
        """Whether the disk has room for what others send; asked before anything of theirs is taken.
        """


def rank(priority: str) -> int:
    """Place in the queue: lower goes first."""
    return RANKS.get(priority, RANK_ELSE)
