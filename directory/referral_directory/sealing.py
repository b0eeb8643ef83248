"""Keys at rest: sealed under a password, or, for the log key alone, in a file only we can read.

Argon2id (PyNaCl) makes a key from the password, XChaCha20-Poly1305 seals the seed (a registrar's
with the TOTP secret behind it); role, public key and display name are bound to it, so that one file
cannot stand in for another.

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

REGISTRAR: Final = "registrar"
ROOT: Final = "root"

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


class SealedFile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What stands in a file. ``display``: the registrar's name for people."""

    role: Role
    public: Hex
    kdf: Literal["argon2id"]
    passes: Annotated[int, Meta(ge=1, le=16)]
    memory: Annotated[int, Meta(ge=FLOOR, le=CEILING)]
    salt: Hex
    nonce: Hex
    sealed: Hex
    display: Annotated[str, Meta(max_length=80)] = ""


def seal_key(
    path: Path, role: Role, key: Signer, password: str, cost: Cost, random: Random
) -> None:
    """Write the key's seed to ``path``, sealed under the password."""
    seal_bytes(path, role, key.public, key.seed(), password, cost, random)


def open_key(path: Path, role: Role, password: str) -> Signer:
    """The key of a sealed file; WrongPassword, or Trouble if the file cannot be used."""
    return Signer(open_sealed(path, role, password)[1][:SEED_SIZE])


def seal_bytes(
    path: Path,
    role: Role,
    key: bytes,
    plain: bytes,
    password: str,
    cost: Cost,
    random: Random,
    display: str = "",
) -> None:
    """Write ``plain``, which begins with the seed of the public ``key``, under the password."""
    salt, nonce = random(argon2id.SALTBYTES), random(Aead.NONCE_SIZE)
    public = key.hex()
    box = Aead(stretch(password, salt, cost))
    sealed = box.encrypt(plain, _bound(role, public, display), nonce).ciphertext
    file = SealedFile(
        role,
        public,
        "argon2id",
        cost.passes,
        cost.memory,
        salt.hex(),
        nonce.hex(),
        sealed.hex(),
        display,
    )
    text = json.dumps(msgspec.to_builtins(file), indent=1, ensure_ascii=False)
    write_private(path, text.encode("utf-8") + b"\n")


def open_sealed(path: Path, role: Role, password: str) -> tuple[str, bytes]:
    """Display name and plain bytes of a sealed file; WrongPassword, or Trouble."""
    file = about(path)
    if file.role != role:
        raise Trouble(f"{path}: holds a {file.role} key, not a {role} key")
    cost = Cost(file.passes, file.memory)
    try:
        box = Aead(stretch(password, bytes.fromhex(file.salt), cost))
        sealed, nonce = bytes.fromhex(file.sealed), bytes.fromhex(file.nonce)
        plain = box.decrypt(sealed, _bound(role, file.public, file.display), nonce)
    except (CryptoError, ValueError):
        raise WrongPassword(f"{path}: the password is wrong") from None
    return file.display, plain


def public_of(path: Path) -> bytes:
    """The public half, which is not sealed."""
    return bytes.fromhex(about(path).public)


def about(path: Path) -> SealedFile:
    """What a sealed file shows without a password; Trouble if it is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MAX_FILE:
        raise Trouble(f"{path}: not a sealed key")
    try:
        return msgspec.json.decode(data, type=SealedFile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Trouble(f"{path}: not a sealed key, or sealed too cheaply") from None


def stretch(password: str, salt: bytes, cost: Cost) -> bytes:
    """A key of 32 bytes from a password; Trouble if the memory is not there."""
    try:
        return argon2id.kdf(Aead.KEY_SIZE, password.encode("utf-8"), salt, cost.passes, cost.memory)
    except MemoryError:
        need = cost.memory // (1024 * 1024)
        raise Trouble(
            f"opening a key needs {need} MiB of memory; free some and try again"
        ) from None


def _bound(role: str, public: str, display: str) -> bytes:
    return f"referral-exchange/1 sealed {role} key {public}\n{display}".encode()


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
