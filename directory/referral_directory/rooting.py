"""Roots: a new directory whose root keys are made elsewhere, and what the next root is to say.

Law: a root key is made and used on the machine to which its holder brings it, never where the
directory runs. A new root is built from the one before and from what was asked to change: what
nobody mentioned stays as it is.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from referral_directory import registrars
from referral_directory.folder import Folder, write_private
from referral_directory.log.ledger import Ledger
from referral_directory.log.store import StoreError
from referral_directory.main import Person, World
from referral_directory.rootfile import Asked, Draft
from referral_directory.sealing import Cost, Random, read_log_key, seal_key, write_log_key
from referral_directory.trouble import Trouble
from referral_protocol.directory.entries import (
    WITNESSES_FOR_QUORUM,
    Root,
    Witness,
    make_root_entry,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SEED_SIZE, Signer

_HEX: Final = frozenset("0123456789abcdef")


class Changes(NamedTuple):
    """What the next root is to change. Keys as bytes; thresholds and quorum None: as they are."""

    add_registrars: Sequence[bytes] = ()
    remove_registrars: Sequence[bytes] = ()
    registrar_threshold: int | None = None
    add_root_keys: Sequence[bytes] = ()
    remove_root_keys: Sequence[bytes] = ()
    root_threshold: int | None = None
    add_witnesses: Sequence[Witness] = ()
    remove_witnesses: Sequence[str] = ()
    quorum: int | None = None
    log_key: bytes | None = None


def changed(old: Root, changes: Changes) -> Root:
    """The next root; Trouble in one line if it could not be."""
    witnesses = _without(old.witnesses, changes.remove_witnesses)
    witnesses = tuple(sorted((*witnesses, *changes.add_witnesses), key=lambda each: each.name))
    lowest = len(witnesses) // 2 + 1 if len(witnesses) >= WITNESSES_FOR_QUORUM else 0
    highest = len(witnesses) if lowest else 0
    kept = min(max(old.quorum, lowest), highest)
    new = Root(
        old.origin,
        old.log_key if changes.log_key is None else changes.log_key,
        _keys(old.registrars, changes.add_registrars, changes.remove_registrars, "registrar"),
        changes.registrar_threshold or old.registrar_threshold,
        _keys(old.root_keys, changes.add_root_keys, changes.remove_root_keys, "root key"),
        changes.root_threshold or old.root_threshold,
        witnesses,
        kept if changes.quorum is None else changes.quorum,
    )
    if new == old:
        raise Trouble("nothing would change: say what the next root is to change; see --help")
    return new


def content_of(root: Root, at: int, genesis: bytes, previous: bytes, version: int) -> bytes:
    """The bytes to sign; Trouble says which field cannot be."""
    try:
        return make_root_entry(root, at, genesis, previous, version)
    except ProtocolError as error:
        raise Trouble(f"such a root cannot be ({error.code}: {error.detail})") from None


def _keys(
    old: Sequence[bytes], more: Sequence[bytes], fewer: Sequence[bytes], what: str
) -> tuple[bytes, ...]:
    for key in more:
        if key in old:
            raise Trouble(f"{what} {key.hex()[:16]}: is one already")
    for key in fewer:
        if key not in old:
            raise Trouble(f"{what} {key.hex()[:16]}: is none; nothing to remove")
    return tuple(sorted((set(old) | set(more)) - set(fewer)))


def _without(old: Sequence[Witness], names: Sequence[str]) -> tuple[Witness, ...]:
    known = {each.name for each in old}
    for name in names:
        if name not in known:
            raise Trouble(f"witness {name}: is none; nothing to remove")
    return tuple(each for each in old if each.name not in names)


def key_from(text: str) -> bytes:
    """A public key as `registrar new`, `root key` and `witness init` print it."""
    words = text.strip().lower().split()
    last = words[-1] if words else ""
    if len(last) != 64 or not _HEX.issuperset(last):
        raise Trouble(f"{text[:80]!r}: not a public key; copy the 64 digits of its `key` line")
    return bytes.fromhex(last)


def key_named(text: str, folder: Folder, among: Sequence[bytes]) -> bytes:
    """A key of the acting root: by a registrar's name here, or by the beginning of its digits."""
    for known in registrars.everybody(folder):
        if known.name == text:
            return known.public
    wanted = text.strip().lower()
    found = [key for key in among if len(wanted) >= 8 and key.hex().startswith(wanted)]
    if len(found) != 1:
        raise Trouble(f"{text[:80]!r}: give a name, or at least 8 digits with which one key begins")
    return found[0]


def witness_from(text: str) -> Witness:
    """A witness: name, key, and if it has them its member's id and the URL where it answers."""
    words = text.split()
    if not 2 <= len(words) <= 4:
        raise Trouble(
            f"{text[:80]!r}: write a witness as 'NAME KEY', and after it the id of its member "
            "and its URL if there are any"
        )
    name, key, *more = words
    try:
        member = bytes.fromhex(more[0]) if more else None
        url = more[1] if len(more) > 1 else None
        return msgspec.convert(Witness(name, key_from(key), member, url), Witness)
    except ValueError:
        raise Trouble(f"{more[0][:80]!r}: not the id of a member, 32 digits") from None


async def prepare(
    folder: Folder, config_text: str, origin: str, password: str, world: World, person: Person
) -> Draft:
    """Make the keys of a new directory that stay with it: the log key and the first registrar."""
    if folder.log_key.exists():
        raise Trouble(f"{folder.path}: there are keys here already; choose another folder")
    draft_key, registrar = Signer(world.random(SEED_SIZE)), registrars.new(*person, world.random)
    folder.make()
    write_log_key(folder.log_key, draft_key)
    await asyncio.to_thread(registrars.write, folder, registrar, password, world.cost, world.random)
    write_private(folder.waiting, config_text.encode("utf-8"))
    return Draft(origin, draft_key.public, (registrar.key.public,), 1)


def check_free(paths: Sequence[Path]) -> None:
    """Trouble if one of these files is there: a root key is never written over."""
    for path in paths:
        if path.exists():
            raise Trouble(f"{path}: is there already; choose another place")


def make_root_keys(
    paths: Sequence[Path], passwords: Sequence[str], cost: Cost, random: Random
) -> list[Signer]:
    """A key in each file, sealed under its own password. None is written over."""
    check_free(paths)
    for path in paths:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = [Signer(random(SEED_SIZE)) for _ in paths]
    for path, key, password in zip(paths, keys, passwords, strict=True):
        seal_key(path, "root", key, password, cost, random)
    return keys


def first_content(draft: Draft, root_keys: Sequence[bytes], threshold: int, at: int) -> bytes:
    """Content of the first root of a draft; Trouble if it cannot be."""
    keys = tuple(sorted(root_keys))
    registrars_of = tuple(sorted(draft.registrars))
    root = Root(
        draft.origin,
        draft.log_key,
        registrars_of,
        draft.registrar_threshold,
        keys,
        threshold,
        (),
        0,
    )
    try:
        return make_root_entry(root, at)
    except ProtocolError as error:
        raise Trouble(f"such a root cannot be ({error.code}: {error.detail})") from None


async def begin(folder: Folder, asked: Asked, world: World) -> None:
    """Begin the log of a prepared folder with its signed first root."""
    log_key = read_log_key(folder.log_key)
    if not isinstance(asked.entry.body, Root) or asked.entry.body.log_key != log_key.public:
        raise Trouble(f"{folder.path}: this first root names the log key of another folder")
    try:
        await Ledger.found(folder.database, asked.content, asked.signatures, log_key, world.clock)
    except StoreError as error:
        raise Trouble(str(error)) from None
    except ProtocolError as error:
        raise Trouble(f"the first root is refused ({error.code}: {error.detail})") from None
    # Last: without it no command takes the folder for a directory.
    folder.waiting.replace(folder.config)


def new_log_key(folder: Folder, random: Random) -> Signer:
    """Make the log key to come beside the present one; the next start of the directory reads it."""
    key = Signer(random(SEED_SIZE))
    write_log_key(folder.log_key.with_name(f"log-{key.public.hex()[:8]}.key"), key)
    return key
