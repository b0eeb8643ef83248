"""What `referral node restore` does: a node's folder anew, from one file and the recovery kit.

Law: nothing half-restored. Everything is written beside the place, proved (each byte, the database,
the vault by the kit, the node's key by the vault), and moved there at the end. The node then knows
that it was restored and from when: what it said and received after that moment it has to ask its
peers for, and it must never use a counter again.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from referral_node.backup.contents import ATTACHMENTS, allowed, files_named
from referral_node.backup.copying import SPARE, check_whole, need_room
from referral_node.backup.format import BackupTrouble, Head, Reader, damaged, open_key, read_head
from referral_node.backup.making import Holds, what_it_holds
from referral_node.config import Config, ConfigTrouble, read_config
from referral_node.exchange.rows import audit
from referral_node.folder import StateFolder, sync_folder
from referral_node.new_folder import new_folder
from referral_node.store import Store, StoreError, Tx
from referral_node.store.facts import (
    BACKED_UP_AT,
    BACKUP_FAILED_AT,
    CERTIFICATE,
    RESTORED_AT,
    RESTORED_FROM,
    VAULT_PUBLIC,
    fact,
    keep,
    time_bytes,
)
from referral_node.trouble import Trouble
from referral_node.users import open_with_kit
from referral_node.vault.slots import Kit, SlotKeys
from referral_protocol.certificates import verify_certificate
from referral_protocol.errors import ProtocolError

_NEEDED: Final = ("node.toml", "node.key", "node.db")


class Restored(NamedTuple):
    """What was found in the backup and now lies in ``folder``.

    ``missing``: files that its `node.toml` names and that were not in it; ``config`` is None, and
    ``trouble`` says why, if this program cannot read that file: a person mends it before the start.
    """

    folder: Path
    config: Config | None
    trouble: str
    member: bytes
    made_at: int
    threads: int
    messages: int
    attachments: int
    missing: list[str]


def read_backup_head(file: Path) -> Head:
    """Whose backup this is, and of when; Trouble if it is none. Not authenticated yet."""
    with _opened(file) as opened:
        return read_head(opened, str(file))


async def restore_node(file: Path, target: Path, kit: Kit, keys: SlotKeys, now: int) -> Restored:
    """Make the node's folder at ``target``, which must not be there, or be empty.

    Trouble in one line if the file or the kit is not right; then nothing is left behind.
    """
    where = str(file)
    with _opened(file) as opened:
        head = read_head(opened, where)
        key = open_key(head, kit.backup_pair(), where)
        with new_folder(target, "restore") as folder:
            size = os.fstat(opened.fileno()).st_size
            need_room(folder.path, size + SPARE, "what is in the backup")
            names = _extract(Reader(opened, key, where), folder.path, where)
            holds = await _prove(folder, head, kit, keys, now, where)
            config, trouble, missing = _read_config(folder)
    attachments = sum(name.startswith(f"{ATTACHMENTS}/") for name in names)
    return Restored(
        target,
        config,
        trouble,
        head.member,
        head.made_at,
        holds.threads,
        holds.messages,
        attachments,
        missing,
    )


def _read_config(folder: StateFolder) -> tuple[Config | None, str, list[str]]:
    try:
        config = read_config(folder.config)
    except ConfigTrouble as trouble:
        return None, str(trouble).removeprefix(f"{folder.path}/"), []
    named = dict.fromkeys(files_named(config))
    return config, "", [name for name in named if not (folder.path / name).exists()]


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise Trouble(f"{file}: cannot be read ({error.strerror})") from None


def _extract(reader: Reader, folder: Path, where: str) -> set[str]:
    """Write every part to its place; the names. After this the file was whole."""
    names: set[str] = set()
    for name, _, pieces in reader.parts():
        if not allowed(name) or name in names:
            raise damaged(where, 0)
        names.add(name)
        place = folder / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(place, pieces)
    if not names.issuperset(_NEEDED):
        raise BackupTrouble(f"{where}: is not whole: take another backup")
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
    return names


def _write(place: Path, pieces: Iterator[bytes]) -> None:
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


async def _prove(
    folder: StateFolder, head: Head, kit: Kit, keys: SlotKeys, now: int, where: str
) -> Holds:
    """That the folder is this member's, and works; write down that it was restored."""
    try:
        check_whole(folder.database)
        holds = what_it_holds(folder.database)
        if holds.member != head.member:
            raise _made_up(where)
        store = await Store.open(folder.database)
    except StoreError as error:
        if error.code == "newer":
            raise BackupTrouble(
                f"{where}: was made by a newer version of this program: install that one first"
            ) from None
        if error.code in ("damaged", "internal"):
            raise BackupTrouble(
                f"{where}: the database in it is damaged: take an older backup"
            ) from None
        raise
    try:
        await _prove_keys(store, folder, head, kit, keys, where)
        await store.write(lambda tx: _note(tx, head, now))
    finally:
        await store.close()
    return holds


async def _prove_keys(
    store: Store, folder: StateFolder, head: Head, kit: Kit, keys: SlotKeys, where: str
) -> None:
    """Kit, vault key, certificate and node key belong together, and to this member."""
    try:
        vault = await open_with_kit(store, keys, kit)
        certificate = await fact(store, CERTIFICATE)
    except (Trouble, StoreError, TypeError):  # TypeError: text where bytes belong
        raise _made_up(where) from None
    signer = vault.signer
    vault.close()
    if certificate is None or await fact(store, VAULT_PUBLIC) != signer.public:
        raise _made_up(where)
    try:
        certified = verify_certificate(certificate, head.member, signer.public)
    except ProtocolError:
        raise _made_up(where) from None
    if certified.node_key != folder.read_node_key().public:
        raise _made_up(where)


async def _note(tx: Tx, head: Head, now: int) -> None:
    await tx.execute("DELETE FROM transport_prekeys")
    await tx.execute("DELETE FROM facts WHERE name = ?", (BACKUP_FAILED_AT,))
    await keep(tx, BACKED_UP_AT, time_bytes(head.made_at))
    await keep(tx, RESTORED_AT, time_bytes(now))
    await keep(tx, RESTORED_FROM, time_bytes(head.made_at))
    await audit(tx, now, None, "restored", head.member)


def _made_up(where: str) -> BackupTrouble:
    return BackupTrouble(
        f"{where}: the keys in it do not belong together: it was not made by `referral node "
        "backup`; take another one, and ask where this one comes from"
    )
