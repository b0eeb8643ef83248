"""The members of a benchmark, and the directory's log and records that name them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from referral_protocol import profiles
from referral_protocol.directory.entries import (
    Card,
    Leaf,
    Root,
    entry_hash,
    make_member_entry,
    make_root_entry,
    sign_entry,
)
from referral_protocol.directory.notes import TreeHead, make_checkpoint
from referral_protocol.directory.records import Records, Salted, record_hashes, salted
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.keys import member_id
from referral_protocol.suite import SUITE, Signer

ORIGIN: Final = "bench.example.org"


def _key() -> Signer:
    return Signer(os.urandom(32))


@dataclass(frozen=True)
class Listed:
    """One member as the log names it. ``profile``: the bytes of a whole profile, or none."""

    endpoint: str
    vault: Signer = field(default_factory=_key)
    node: Signer = field(default_factory=_key)
    profile: bytes = b""

    @property
    def id(self) -> bytes:
        return member_id(self.vault.public)


@dataclass(frozen=True)
class Log:
    """A directory's log, as every node verifies it, and the records beside it."""

    genesis: bytes
    note: bytes
    leaves: tuple[bytes, ...]
    records: tuple[Records, ...]


def make_log(members: Sequence[Listed], now: int) -> Log:
    """A log with these members and nobody else, made at ``now``, ms UTC."""
    log, registrar = _key(), _key()
    roots = [_key() for _ in range(3)]
    keys = tuple(sorted(key.public for key in roots))
    root = Root(ORIGIN, log.public, (registrar.public,), 1, keys, 2, (), 0)
    content = make_root_entry(root, now)
    genesis = entry_hash(content)
    leaves = [Leaf(now, content, sign_entry(content, *roots)).pack()]
    beside = []
    for each in members:
        records = _records(each.profile)
        card = Card(
            (SUITE,),
            each.vault.public,
            each.node.public,
            each.endpoint,
            (),
            record_hashes(records),
        )
        entry = make_member_entry(genesis, each.id, card, now)
        leaves.append(Leaf(now, entry, sign_entry(entry, each.vault, each.node, registrar)).pack())
        if records:
            beside.append(Records(each.id, records))
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    note = make_checkpoint(TreeHead(ORIGIN, len(leaves), tree.root()), log, now)
    return Log(genesis, note, tuple(leaves), tuple(beside))


def _records(profile: bytes) -> tuple[Salted, ...]:
    if not profile:
        return ()
    contents: Mapping[str, bytes] = profiles.split(profile)
    return salted(contents, {name: os.urandom(32) for name in contents})
