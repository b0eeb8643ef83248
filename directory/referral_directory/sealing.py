"""Keys at rest: sealed under a password, or, for the log key alone, in a file only we can read.

Argon2id (PyNaCl) makes a key from the password, XChaCha20-Poly1305 seals the seed; role and public
key are bound to it, so that one file cannot stand in for another.

Law: a password is never on a command line, in the environment or in a log; a file that was sealed
more cheaply than the floor is refused, for somebody else may have made it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
import nacl.pwhash.argon2id as argon2id
from msgspec import Meta
from nacl.exceptions import CryptoError
from nacl.secret import Aead

from referral_directory.folder import write_private
from referral_directory.trouble import Trouble
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SEED_SIZE, Signer

Random = Callable[[int], bytes]
Role = Literal["registrar", "root"]

FLOOR: Final = 64 * 1024 * 1024
CEILING: Final = 1024 * 1024 * 1024
"""Most memory that opening a file may ask for: a damaged file does not take the machine down."""
MAX_FILE: Final = 4096


class Cost(NamedTuple):
    """What guessing one password costs: passes, and bytes of memory."""

    passes: int
    memory: int


STRONG: Final = Cost(3, 128 * 1024 * 1024)
"""A third of a second on a small server."""


class WrongPassword(Trouble):
    """The password does not open the file."""


Hex = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{2})+\Z", max_length=256)]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    role: Role
    public: Hex
    kdf: Literal["argon2id"]
    passes: Annotated[int, Meta(ge=1, le=16)]
    memory: Annotated[int, Meta(ge=FLOOR, le=CEILING)]
    salt: Hex
    nonce: Hex
    sealed: Hex


def seal_key(
    path: Path, role: Role, key: Signer, password: str, cost: Cost, random: Random
) -> None:
    """Write the key's seed to ``path``, sealed under the password."""
    salt, nonce = random(argon2id.SALTBYTES), random(Aead.NONCE_SIZE)
    public = key.public.hex()
    box = Aead(_derive(password, salt, cost))
    sealed = box.encrypt(key.seed(), _bound(role, public), nonce).ciphertext
    file = _File(
        role,
        public,
        "argon2id",
        cost.passes,
        cost.memory,
        salt.hex(),
        nonce.hex(),
        sealed.hex(),
    )
    write_private(path, json.dumps(msgspec.to_builtins(file), indent=1).encode() + b"\n")


def open_key(path: Path, role: Role, password: str) -> Signer:
    """The key of a sealed file; WrongPassword, or Trouble if the file cannot be used."""
    file = _read(path)
    if file.role != role:
        raise Trouble(f"{path}: holds a {file.role} key, not a {role} key")
    cost = Cost(file.passes, file.memory)
    try:
        box = Aead(_derive(password, bytes.fromhex(file.salt), cost))
        sealed, nonce = bytes.fromhex(file.sealed), bytes.fromhex(file.nonce)
        seed = box.decrypt(sealed, _bound(role, file.public), nonce)
    except (CryptoError, ValueError):
        raise WrongPassword(f"{path}: the password is wrong") from None
    return Signer(seed)


def public_of(path: Path) -> bytes:
    """The public half, which is not sealed."""
    return bytes.fromhex(_read(path).public)


def _read(path: Path) -> _File:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MAX_FILE:
        raise Trouble(f"{path}: not a sealed key")
    try:
        return msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Trouble(f"{path}: not a sealed key, or sealed too cheaply") from None


def _derive(password: str, salt: bytes, cost: Cost) -> bytes:
    try:
        return argon2id.kdf(Aead.KEY_SIZE, password.encode("utf-8"), salt, cost.passes, cost.memory)
    except MemoryError:
        need = cost.memory // (1024 * 1024)
        raise Trouble(
            f"opening a key needs {need} MiB of memory; free some and try again"
        ) from None


def _bound(role: str, public: str) -> bytes:
    return f"referral-exchange/1 sealed {role} key {public}\n".encode("ascii")


def write_log_key(path: Path, key: Signer) -> None:
    """Write the log key: it signs while nobody is there, so only the file's mode guards it."""
    write_private(path, key.seed().hex().encode("ascii") + b"\n")


def read_log_key(path: Path) -> Signer:
    """The log key; Trouble if others can read the file."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a key"
        raise Trouble(f"{path}: cannot be read ({reason})") from None
    if mode & 0o077:
        raise Trouble(f"{path}: others can read it: chmod 600 {path}")
    try:
        seed = bytes.fromhex(text)
        if len(seed) != SEED_SIZE:
            raise ValueError
        return Signer(seed)
    except (ValueError, ProtocolError):
        raise Trouble(f"{path}: not a key; restore it from the backup") from None
