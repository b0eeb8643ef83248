"""Root changes of a real directory in tests: the sealed root keys of its making, opened."""

from typing import Any

import msgspec

from directory_server import PASSWORDS, Client, Place
from referral_directory.sealing import open_key
from referral_protocol.directory.entries import Leaf, Root, make_root_entry, sign_entry
from referral_protocol.directory.rules import ROOT_DELAY
from referral_protocol.suite import Signer


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
