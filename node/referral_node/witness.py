"""The witness key of a node that VSE names a witness: a file of its own beside the node key.

Law: it signs checkpoints and nothing else. It is in no backup: a node that was put back to an
earlier day has forgotten what it signed since, so it must not go on under the same key.
"""

import re
from pathlib import Path
from typing import Annotated, Final

import msgspec

from referral_node.folder import sync_folder, write_private
from referral_node.trouble import Trouble
from referral_protocol.directory.entries import Name
from referral_protocol.suite import SEED_SIZE, Signer

FILE: Final = "witness.key"
_SEED: Final = re.compile(r"[0-9a-f]{64}")


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    seed: Annotated[str, msgspec.Meta(min_length=2 * SEED_SIZE, max_length=2 * SEED_SIZE)]


class WitnessKey:
    """The name and key under which this node cosigns. Shows its public half only."""

    def __init__(self, name: str, signer: Signer) -> None:
        self.name = name
        self.signer = signer

    def __repr__(self) -> str:
        return f"WitnessKey({self.name})"


def read_witness_key(folder: Path) -> WitnessKey | None:
    """The node's witness key; None if it has none. Trouble if others may read it, or damaged."""
    path = folder / FILE
    try:
        mode, data = path.stat().st_mode, path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({error.strerror})") from None
    if mode & 0o077:
        raise Trouble(f"{path}: others on this machine may read it: run `chmod go= {path}`")
    try:
        kept = msgspec.json.decode(data, type=_Kept)
    except msgspec.MsgspecError:
        raise Trouble(f"{path}: damaged: remove it, and make a new witness key") from None
    if not _SEED.fullmatch(kept.seed):
        raise Trouble(f"{path}: damaged: remove it, and make a new witness key")
    return WitnessKey(kept.name, Signer(bytes.fromhex(kept.seed)))


def make_witness_key(folder: Path, name: str, seed: bytes) -> WitnessKey:
    """Write a new witness key; Trouble if the name cannot be one."""
    try:
        kept = msgspec.convert({"name": name, "seed": seed.hex()}, _Kept)
    except msgspec.ValidationError:
        raise Trouble(
            f"{name[:80]!r} cannot be a witness's name: small letters, digits and . / : _ - only,"
            " like exchange.pontetejo.example/witness"
        ) from None
    write_private(folder / FILE, msgspec.json.encode(kept))
    sync_folder(folder)
    return WitnessKey(name, Signer(seed))
