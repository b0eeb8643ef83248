"""The registrars of this directory: for each one file with the sealed key and TOTP secret.

Law: a file opens with its registrar's password alone, and what it holds is never written anywhere
else. A registrar of this folder is one of the log's only when the root that acts names its key:
whoever is made here signs nothing that counts before that.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

from referral_directory.folder import Folder
from referral_directory.sealing import (
    REGISTRAR,
    Cost,
    Random,
    about,
    open_sealed,
    seal_bytes,
)
from referral_directory.totp import SECRET_SIZE, new_secret
from referral_directory.trouble import Trouble
from referral_protocol.suite import SEED_SIZE, Signer

FIRST: Final = "registrar"
"""What the registrar of a new directory is called unless told."""
SHORTEST: Final = 12
"""Fewest characters of a password."""
MAX_DISPLAY: Final = 80
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


class Registrar(NamedTuple):
    """A registrar whose file was opened."""

    name: str
    display: str
    key: Signer
    secret: bytes
    """Of the TOTP codes, 20 bytes."""

    def __repr__(self) -> str:
        return f"Registrar({self.name!r})"


class Known(NamedTuple):
    """What a file shows without a password."""

    name: str
    display: str
    public: bytes


def check_name(name: str) -> str:
    """The name if it may be one; Trouble else."""
    if _NAME.fullmatch(name) is None:
        raise Trouble(
            f"{name!r}: a registrar's name has small letters, digits and hyphens, at most 32, "
            "and begins with a letter, like ewa"
        )
    return name


def check_display(display: str) -> str:
    """The name that people read; Trouble if it cannot be shown."""
    shown = " ".join(display.split())
    if not shown or len(shown) > MAX_DISPLAY or not shown.isprintable():
        raise Trouble(f"the registrar's full name: 1 to {MAX_DISPLAY} letters, like Ewa Lindqvist")
    return shown


def everybody(folder: Folder) -> list[Known]:
    """All registrars that have a file here, by name."""
    found = sorted(
        path.stem for path in folder.registrars.glob("*.key") if _NAME.fullmatch(path.stem)
    )
    return [known(folder, name) for name in found]


def known(folder: Folder, name: str) -> Known:
    """One of them; Trouble if there is none of this name."""
    path = _path(folder, name)
    file = about(path)
    return Known(name, file.display or name, bytes.fromhex(file.public))


def acting(folder: Folder, name: str | None, keys: Collection[bytes]) -> str:
    """Who signs: the one that was named, or the only one; a registrar by the root's ``keys``."""
    if name is not None:
        if known(folder, name).public not in keys:
            raise Trouble(
                f"the key of {name} is not a registrar's now, so it signs nothing. The next root "
                "must name it, and acts 72 hours later; `registrar list` says who signs now"
            )
        return name
    names = [each.name for each in everybody(folder) if each.public in keys]
    if len(names) == 1:
        return names[0]
    if not names:
        raise Trouble(
            f"{folder.registrars}: holds no key of a registrar who signs now; "
            "restore it from the backup"
        )
    raise Trouble(
        f"there are {len(names)} registrars: say with --as which one ({', '.join(names)})"
    )


def new(name: str, display: str, random: Random) -> Registrar:
    """A new registrar with a new key and secret, written nowhere yet."""
    return Registrar(
        check_name(name), check_display(display), Signer(random(SEED_SIZE)), new_secret(random)
    )


def make(
    folder: Folder, name: str, display: str, password: str, cost: Cost, random: Random
) -> Registrar:
    """A new registrar with its file; Trouble if the name is taken."""
    registrar = new(name, display, random)
    if folder.registrar(name).exists():
        raise Trouble(f"{name}: there is a registrar of this name already")
    write(folder, registrar, password, cost, random)
    return registrar


def unlock(folder: Folder, name: str, password: str) -> Registrar:
    """Open a registrar's file. WrongPassword, or Trouble if there is none."""
    path = _path(folder, name)
    display, plain = open_sealed(path, REGISTRAR, password)
    if len(plain) != SEED_SIZE + SECRET_SIZE:
        raise Trouble(f"{path}: not a registrar's key")
    return Registrar(name, display or name, Signer(plain[:SEED_SIZE]), plain[SEED_SIZE:])


def write(folder: Folder, registrar: Registrar, password: str, cost: Cost, random: Random) -> None:
    """Write the registrar's file, sealed under the password; one that is there is replaced."""
    seal_bytes(
        folder.registrar(registrar.name),
        REGISTRAR,
        registrar.key.public,
        registrar.key.seed() + registrar.secret,
        password,
        cost,
        random,
        registrar.display,
    )


def change_secret(
    folder: Folder, registrar: Registrar, password: str, cost: Cost, random: Random
) -> Registrar:
    """A new TOTP secret: the one before makes no more codes that count."""
    changed = registrar._replace(secret=new_secret(random))
    write(folder, changed, password, cost, random)
    return changed


def _path(folder: Folder, name: str) -> Path:
    path = folder.registrar(check_name(name))
    if not path.exists():
        names = ", ".join(each.stem for each in sorted(folder.registrars.glob("*.key")))
        raise Trouble(f"{name}: no registrar of this name here; there are {names or 'none'}")
    return path
