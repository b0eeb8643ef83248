"""Root changes and recoveries of a real directory in tests: its own root keys, opened; a member
that has lost its vault key."""

from typing import Any

import msgspec

from directory_server import PASSWORDS, Client, Place, contents_of, records_of
from directory_world import bundle_of, id_of, signer
from referral_directory.sealing import open_key
from referral_protocol.directory.entries import Card, Leaf, Root, make_root_entry, sign_entry
from referral_protocol.directory.records import Salted, record_hashes
from referral_protocol.directory.requests import Submission, make_recovery
from referral_protocol.directory.rules import ROOT_DELAY
from referral_protocol.suite import SUITE, Signer

OLD, NEW, NODE = signer("lisbon vault"), signer("lisbon vault 2"), signer("lisbon node 2")
CONTACTS = Salted("contacts", bytes(32), contents_of("utrecht")["contacts"])


def root_keys(place: Place) -> list[Signer]:
    """The root keys that `init` made."""
    files = sorted(place.folder.offline.glob("root-*.key"))
    return [open_key(file, "root", PASSWORDS.root) for file in files]


def next_root(client: Client, **changes: Any) -> bytes:
    """Content of the next root: the newest one with these changes."""
    newest = client.running.ledger.directory.roots[-1]
    root: Root = msgspec.structs.replace(newest.root, **changes)
    now = client.place.clock()
    return make_root_entry(root, now, client.place.genesis, newest.hash, newest.version + 1)


async def change_root(client: Client, *new_keys: Signer, wait: bool = True, **changes: Any) -> None:
    """Log a new root, signed by two of the keys and by new ones; then let it act."""
    content = next_root(client, **changes)
    signed = sign_entry(content, *root_keys(client.place)[:2], *new_keys)
    await client.running.ledger.append(lambda logged: Leaf(logged, content, signed).pack())
    if wait:
        client.place.clock.ahead += ROOT_DELAY + 1


def by(content: bytes, *signers: Signer) -> list[list[bytes]]:
    """Signatures as the office takes them."""
    return [[each.key, each.signature] for each in sign_entry(content, *signers)]


def asked(client: Client, vault: Signer = NEW, node: Signer = NODE) -> Submission:
    """A request to recover, of Lisbon's new node, with new contacts."""
    kept = tuple(record for record in records_of("lisbon") if record.name != "contacts")
    hashes = record_hashes((CONTACTS, *kept))
    card = Card((SUITE,), vault.public, node.public, "https://new.invalid", (), hashes)
    old = client.running.ledger.directory.known(id_of("lisbon"))
    now = client.place.clock()
    bundle = bundle_of("lisbon", now, vault)
    return make_recovery(client.place.genesis, old, card, (vault, node), (CONTACTS,), bundle, now)
