"""What of a node's folder belongs into a backup, and under which names it comes back.

Law: everything without which a restored node would not be this node: what it says in `node.toml`,
its key, its database, the files that `node.toml` names inside the folder, the attachments. Nothing
that holds only for one running process, and no transport prekey. A name leads to a place inside the
folder, never out of it.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from referral_node.backup.copying import copy_path
from referral_node.config import Config
from referral_node.folder import StateFolder

ATTACHMENTS: Final = "attachments"
DEEPEST: Final = 8
"""Folders inside one another that a name may have."""

_WHOLE: Final = re.compile(r"[0-9a-f]{64}")
"""An attachment is named by its hash; what is still being uploaded is not."""
_RUNNING: Final = frozenset({"control.sock", "lock", "backup.lock", "node.key.next"})


def parts_of(folder: StateFolder, config: Config) -> list[tuple[str, Path]]:
    """Name in the backup and place now of each file, the copied database last."""
    found = [
        (folder.config.name, folder.config),
        (folder.node_key.name, folder.node_key),
    ]
    taken = {name for name, _ in found} | {folder.database.name}
    for named in dict.fromkeys(files_named(config)):
        name = inside(folder.path, named)
        if name is not None and name not in taken and (folder.path / name).is_file():
            found.append((name, folder.path / name))
    found += [(f"{ATTACHMENTS}/{path.name}", path) for path in _attachments(folder)]
    found.append((folder.database.name, copy_path(folder)))
    return found


def files_named(config: Config) -> Iterator[str]:
    """The files that a configuration names, as they stand there."""
    for tls in (config.exchange.tls, config.pages.tls):
        if tls is not None:
            yield from (tls.certificate, tls.key)
    if config.mail is not None:
        yield from (name for name in (config.mail.password_file, config.mail.ca) if name)


def inside(folder: Path, named: str) -> str | None:
    """The name below the folder of a file that `node.toml` names; None if it lies elsewhere."""
    full = os.path.normpath(folder.absolute() / named)
    try:
        name = Path(full).relative_to(os.path.normpath(folder.absolute())).as_posix()
    except ValueError:
        return None
    return name if allowed(name) else None


def allowed(name: str) -> bool:
    """Whether a part may have this name: a place inside the folder that nothing else takes."""
    steps = name.split("/")
    if len(steps) > DEEPEST or steps[0] in _RUNNING or steps[0].startswith("node.db-"):
        return False
    return all(
        step not in ("", ".", "..") and "\0" not in step and len(step) < 256 for step in steps
    )


def _attachments(folder: StateFolder) -> Iterator[Path]:
    if not folder.attachments.is_dir():
        return
    for path in sorted(folder.attachments.iterdir()):
        if _WHOLE.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
            yield path
