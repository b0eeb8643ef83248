"""The demo's state folder: what lies where, and that one demo at a time uses it.

Law: it belongs to one user, and nobody else may read it. A folder that holds something other than
a demo's state is never touched.
"""

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from referral_tools.demo.trouble import DemoTrouble

FILE: Final = "demo.json"


@dataclass(frozen=True)
class Progress:
    """What was done already. ``base_port``: where the ports begin; ``joined``: all are members."""

    base_port: int
    joined: bool = False


class Place:
    """A state folder; made when it is not there. Use it as a context manager: it holds the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self._secrets = self.path / "secrets"
        self._profiles = self.path / "profiles"
        self._fingerprints = self.path / "fingerprints"
        self._lock = -1

    def __enter__(self) -> Self:
        try:
            if self.path.exists() and any(self.path.iterdir()) and not self._ours():
                raise DemoTrouble(
                    f"{self.path}: holds something other than a demo's state; name another folder"
                )
            for folder in (self.path, self.logs, *self._parts()):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DemoTrouble(f"{self.path}: cannot be used ({error.strerror})") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise DemoTrouble(
                f"{self.path}: a demo runs here already; stop it first, or name another folder"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def node(self, code: str) -> Path:
        """The state folder of a node, or of the directory."""
        return self.path / code

    def has_node(self, code: str) -> bool:
        """Whether its `init` ran to its end and we have what it printed."""
        return (self.node(code) / "node.toml").exists() and self.fingerprint(code).exists()

    @property
    def has_directory(self) -> bool:
        made = (self.node("directory") / "directory.toml").exists()
        return made and self.anchor.exists() and self.totp.exists()

    def forget(self, code: str) -> None:
        """Remove what a `node init` or `directory init` that was cut short has left."""
        shutil.rmtree(self.node(code), ignore_errors=True)
        self.kit(code).unlink(missing_ok=True)

    def password(self, code: str) -> Path:
        """File with the password of the person who signs in there, or of the registrar."""
        return self._secrets / f"{code}.password"

    @property
    def totp(self) -> Path:
        """The `otpauth` line that `directory init` printed: a telephone would hold it."""
        return self._secrets / "directory.totp"

    def kit(self, code: str) -> Path:
        return self._secrets / f"{code}.kit"

    def profile(self, code: str) -> Path:
        return self._profiles / f"{code}.toml"

    def fingerprint(self, code: str) -> Path:
        """The fingerprint that `node init` printed, on one line."""
        return self._fingerprints / f"{code}.txt"

    @property
    def anchor(self) -> Path:
        """The anchor that `directory init` printed, on one line."""
        return self._fingerprints / "anchor.txt"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def write(self, path: Path, text: str) -> None:
        """Write a small file that only its owner can read, whole or not at all."""
        partial = path.with_name(path.name + ".partial")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)

    def read(self, path: Path) -> str:
        return path.read_text("utf-8").strip()

    @property
    def progress(self) -> Progress | None:
        """What was done already; None at the very beginning."""
        try:
            return Progress(**json.loads((self.path / FILE).read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise DemoTrouble(
                f"{self.path / FILE}: not readable; remove the folder and begin anew"
            ) from None

    def keep(self, progress: Progress) -> None:
        self.write(self.path / FILE, json.dumps(asdict(progress)) + "\n")

    def _ours(self) -> bool:
        names = {each.name for each in self.path.iterdir()}
        own = {each.name for each in (self.logs, *self._parts())}
        return FILE in names or names <= own | {"lock", "scripted"}

    def _parts(self) -> tuple[Path, ...]:
        return self._secrets, self._profiles, self._fingerprints
