"""A small log for tests: root keys, one registrar or more, members; every byte made by the package.

Ships no fakes: it calls what the directory and the nodes call, with fixed seeds and a clock that
the test moves.
"""

import hashlib

import msgspec
from msgspec import structs

from referral_protocol.certificates import Bundle, CasePrekey, make_bundle
from referral_protocol.directory.entries import (
    ROUTINE,
    Card,
    Leaf,
    Root,
    Status,
    Witness,
    entry_hash,
    make_member_entry,
    make_root_entry,
    make_status_entry,
    make_update_entry,
    sign_entry,
)
from referral_protocol.directory.notes import TreeHead, make_checkpoint
from referral_protocol.directory.records import Salted, record_hashes
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.rules import Member
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.keys import member_id
from referral_protocol.suite import SUITE, Opener, Signer

START = 1_790_000_000_000
DAY = 24 * 3600 * 1000
ORIGIN = "directory.example.org"


def seed(name: str) -> bytes:
    """32 bytes that depend on the name only."""
    return hashlib.sha256(name.encode()).digest()


def signer(name: str) -> Signer:
    """A key pair that depends on the name only."""
    return Signer(seed(name))


def card_of(name: str, **changes: object) -> Card:
    """A member's card; ``changes`` replaces fields."""
    fields: dict[str, object] = {
        "suites": (SUITE,),
        "vault_key": signer(f"{name} vault").public,
        "node_key": signer(f"{name} node").public,
        "endpoint": f"https://{name}.example.org",
        "pins": (),
        "records": record_hashes(records_of(name)),
    }
    return Card(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def records_of(name: str) -> tuple[Salted, ...]:
    """Two records, whose bytes stand for a profile's: they are opaque here."""
    return (
        Salted("contacts", seed(f"{name} contacts"), f"contacts of {name}".encode()),
        Salted("organisation", seed(f"{name} organisation"), f"profile of {name}".encode()),
    )


def id_of(name: str) -> bytes:
    """The member id that this name's first vault key gives."""
    return member_id(signer(f"{name} vault").public)


def bundle_of(name: str, made_at: int, vault: Signer | None = None) -> bytes:
    """A bundle with one prekey, current at once."""
    public = Opener(seed(f"{name} prekey {made_at}")).public
    prekey = CasePrekey(SUITE, public, made_at, made_at, made_at + 30 * DAY)
    bundle = Bundle(SUITE, id_of(name), made_at, (prekey,))
    return make_bundle(vault or signer(f"{name} vault"), bundle)


class World:
    """A log with its log key, and everything that a test wants to put into it."""

    def __init__(self, registrars: int = 1, threshold: int = 1, loopback: bool = False) -> None:
        self.now = START
        self.log = signer("log")
        self.registrars = [signer(f"registrar {i}") for i in range(registrars)]
        self.root_keys = [signer(f"root {i}") for i in range(3)]
        self.root = Root(
            ORIGIN,
            self.log.public,
            tuple(sorted(s.public for s in self.registrars)),
            threshold,
            tuple(sorted(s.public for s in self.root_keys)),
            2,
            (),
            0,
        )
        self.leaves: list[bytes] = []
        self._loopback = loopback
        self.found(self.root)

    def found(self, root: Root) -> None:
        """Begin the log anew, with this root."""
        self.root = root
        content = make_root_entry(root, self.now)
        self.genesis = entry_hash(content)
        self.directory = Directory(self.genesis, self._loopback)
        self.leaves.clear()
        self.tree = Tree()
        self.log_in(content, *self.root_keys)

    def leaf(self, content: bytes, *signers: Signer) -> bytes:
        """A leaf logged now."""
        return Leaf(self.now, content, sign_entry(content, *signers)).pack()

    def log_in(self, content: bytes, *signers: Signer) -> None:
        """Append an entry, which must be right."""
        self.append(self.leaf(content, *signers))

    def append(self, leaf: bytes) -> None:
        """Append a leaf, which must be right."""
        self.directory.apply(leaf, len(self.leaves))
        self.append_unchecked(leaf)

    def append_unchecked(self, leaf: bytes) -> None:
        """Append a leaf to the tree alone, as a directory that lies would."""
        self.leaves.append(leaf)
        self.tree.append(leaf_hash(leaf))

    def change_root(self, **changes: object) -> None:
        """Log a next root with these changes, signed by all root keys; it acts in 72 hours."""
        newest = self.directory.roots[-1]
        root = msgspec.structs.replace(newest.root, **changes)
        content = make_root_entry(root, self.now, self.genesis, newest.hash, newest.version + 1)
        self.log_in(content, *self.root_keys)

    def checkpoint(self, size: int | None = None) -> bytes:
        """The log's signed checkpoint, of the present size unless told."""
        count = len(self.leaves) if size is None else size
        head = TreeHead(ORIGIN, count, self.tree.root(count))
        return make_checkpoint(head, self.log, self.now)

    def member_content(self, name: str, **changes: object) -> bytes:
        """Content of a member entry."""
        return make_member_entry(self.genesis, id_of(name), card_of(name, **changes), self.now)

    def joining(self, name: str) -> tuple[Signer, Signer, Signer]:
        """Who signs a member entry."""
        return signer(f"{name} vault"), signer(f"{name} node"), self.registrars[0]

    def join(self, *names: str, **changes: object) -> None:
        """Members that join now."""
        for name in names:
            self.log_in(self.member_content(name, **changes), *self.joining(name))

    def member(self, name: str) -> Member:
        """The member as the log has it."""
        return self.directory.known(id_of(name))

    def update_content(
        self, name: str, reason: str = ROUTINE, number: int | None = None, **changes: object
    ) -> bytes:
        """Content of an update that follows the member's last entry."""
        old = self.member(name)
        return make_update_entry(
            self.genesis,
            old.id,
            old.number + 1 if number is None else number,
            old.head,
            card_of(name, **changes),
            reason,
            self.now,
        )

    def status_content(self, name: str, status: str, until: int | None = None) -> bytes:
        """Content of a status that follows the member's last entry."""
        old = self.member(name)
        body = Status(status, until, "test")
        return make_status_entry(self.genesis, old.id, old.number + 1, old.head, body, self.now)

    def replica(self) -> Replica:
        """A new node's replica of the whole log."""
        empty = Replica(self.genesis, self.directory.allow_loopback)
        return empty.extend(self.checkpoint(), self.leaves, self.now)


def new_root(log: World, now: int) -> None:
    """Log a root with one registrar and one witness more."""
    newest = log.directory.roots[-1]
    registrars = tuple(sorted((*newest.root.registrars, signer("ewa").public)))
    witness = Witness("w.example.org", signer("w").public, None, None)
    root = structs.replace(newest.root, registrars=registrars, witnesses=(witness,))
    log.now = now
    content = make_root_entry(root, now, log.genesis, newest.hash, newest.version + 1)
    log.log_in(content, *log.root_keys[:2])
