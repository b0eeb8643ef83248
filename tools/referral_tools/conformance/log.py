"""A made-up directory: entry 0, one registrar, the members of the world.

Law: every leaf is made and applied by the protocol's own code; a log that should be wrong is made
wrong by the vector that needs it, not here.
"""

from typing import Any, Final

from referral_protocol.directory.entries import (
    ROUTINE,
    Card,
    Leaf,
    Root,
    Status,
    entry_hash,
    make_member_entry,
    make_root_entry,
    make_status_entry,
    make_update_entry,
    sign_entry,
)
from referral_protocol.directory.notes import TreeHead, make_checkpoint
from referral_protocol.directory.records import Salted, record_hashes
from referral_protocol.directory.rules import Member
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.suite import SUITE, Signer
from referral_tools.conformance.world import EPOCH, NOW, Party, fixed

ORIGIN: Final = "directory.example.org"
LOG: Final = Signer(fixed("log key"))
REGISTRARS: Final = tuple(Signer(fixed("registrar", number)) for number in (1, 2))
ROOT_KEYS: Final = tuple(
    sorted((Signer(fixed("root key", n)) for n in (1, 2, 3)), key=lambda s: s.public)
)
BEGINNING: Final = EPOCH


def root(**changes: Any) -> Root:
    """The first root: two of three root keys, one of two registrars, no witness."""
    fields: dict[str, Any] = {
        "origin": ORIGIN,
        "log_key": LOG.public,
        "registrars": tuple(sorted(s.public for s in REGISTRARS)),
        "registrar_threshold": 1,
        "root_keys": tuple(s.public for s in ROOT_KEYS),
        "root_threshold": 2,
        "witnesses": (),
        "quorum": 0,
    }
    return Root(**{**fields, **changes})


def records(party: Party) -> tuple[Salted, ...]:
    """A member's record, whose bytes stand for a profile: the log knows only its hash."""
    salt = fixed(party.name, "record salt")
    return (Salted("organisation", salt, f"profile of {party.name}".encode()),)


def card(party: Party, **changes: Any) -> Card:
    """A member's card."""
    fields: dict[str, Any] = {
        "suites": (SUITE,),
        "vault_key": party.vault.public,
        "node_key": party.node.public,
        "endpoint": f"https://{party.name.lower()}.example.org",
        "pins": (),
        "records": record_hashes(records(party)),
    }
    return Card(**{**fields, **changes})


class Log:
    """A log that grows; ``now`` is the time at which the next entry is made and logged."""

    def __init__(self, *parties: Party, **changes: Any) -> None:
        self.now = BEGINNING
        content = make_root_entry(root(**changes), self.now)
        self.genesis = entry_hash(content)
        self.directory = Directory(self.genesis)
        self.leaves: list[bytes] = []
        self.tree = Tree()
        self.append(self.leaf(content, *ROOT_KEYS))
        for party in parties:
            self.join(party)

    def leaf(self, content: bytes, *signers: Signer) -> bytes:
        """A leaf logged now."""
        return Leaf(self.now, content, sign_entry(content, *signers)).pack()

    def append(self, leaf: bytes) -> None:
        """Append a leaf, which must be right."""
        self.directory.apply(leaf, len(self.leaves))
        self.leaves.append(leaf)
        self.tree.append(leaf_hash(leaf))

    def member_content(self, party: Party, **changes: Any) -> bytes:
        """Content of a member's first entry."""
        return make_member_entry(self.genesis, party.id, card(party, **changes), self.now)

    def join(self, party: Party) -> None:
        """A member joins."""
        content = self.member_content(party)
        self.append(self.leaf(content, party.vault, party.node, REGISTRARS[0]))

    def member(self, party: Party) -> Member:
        """A member as the log has it."""
        return self.directory.known(party.id)

    def update_content(
        self,
        party: Party,
        reason: str = ROUTINE,
        number: int | None = None,
        previous: bytes | None = None,
        **changes: Any,
    ) -> bytes:
        """Content of an update after the member's last entry, or of the number that is given."""
        old = self.member(party)
        return make_update_entry(
            self.genesis,
            party.id,
            old.number + 1 if number is None else number,
            old.head if previous is None else previous,
            card(party, **changes),
            reason,
            self.now,
        )

    def status_content(self, party: Party, status: str, until: int | None = None) -> bytes:
        """Content of a status after the member's last entry."""
        old = self.member(party)
        body = Status(status, until, "made-up")
        return make_status_entry(self.genesis, party.id, old.number + 1, old.head, body, self.now)

    def checkpoint(self, at: int = NOW) -> bytes:
        """The log's signed checkpoint over all leaves."""
        size = len(self.leaves)
        return make_checkpoint(TreeHead(ORIGIN, size, self.tree.root(size)), LOG, at)
