"""What can go wrong with the store, in words that say what to do."""

from pathlib import Path

_ADVICE = {
    "disk": "the disk is full: make room; nothing was lost, and the node goes on by itself",
    "read-only": "the state folder cannot be written: check its owner and the file system",
    "locked": "another process holds the database: stop it first",
    "damaged": "the database is damaged: keep the folder as it is and restore the last backup",
    "closed": "the node is stopping",
}


class StoreError(Exception):
    """A store that cannot do what was asked. ``code`` is machine-readable."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(detail)


def translated(error: BaseException, path: Path | None = None) -> StoreError:
    """An SQLite error as a StoreError; SQLite's own text is not passed on, it can quote values."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        code = "disk"
    elif name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        code = "read-only"
    elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        code = "locked"
    elif name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        code = "damaged"
    else:
        return StoreError(
            "internal", f"the store refused a statement ({name or type(error).__name__})"
        )
    where = f"{path}: " if path is not None else ""
    return StoreError(code, where + _ADVICE[code])
