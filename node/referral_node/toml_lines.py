"""On which line of a TOML file each value begins.

Python's own parser gives values without places; whoever wrote a profile of 200 lines needs the
line. This walks the same text a second time and notes where each key and each item of an array
begins.

Law: only for text that `tomllib` has already accepted. It checks nothing and never decides what a
value is.
"""

import re
import tomllib
from collections.abc import Sequence
from typing import Final

Path = tuple[str | int, ...]

_SPACE: Final = re.compile(r"[ \t]*")
_GAP: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'", re.DOTALL
)
_PLAIN: Final = re.compile(r"[^,\]}#\n]*")


def lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every table, key and array item, by its path."""
    return _Walk(text.replace("\r\n", "\n")).run()


def line_of(found: dict[Path, int], path: Sequence[str | int]) -> int | None:
    """The line of the value at ``path`` or, where it is missing, of what should hold it."""
    here = tuple(path)
    while here:
        if here in found:
            return found[here]
        here = here[:-1]
    return None


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.last: dict[Path, int] = {}
        """For each array of tables, the number of its newest one."""

    def run(self) -> dict[Path, int]:
        table: Path = ()
        self.skip(_GAP)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)
            self.skip(_GAP)
        return self.found

    def header(self) -> Path:
        start = self.at
        many = self.text.startswith("[[", start)
        self.at += 2 if many else 1
        keys = self.keys()
        self.at += 2 if many else 1
        path: Path = ()
        for key in keys[:-1]:
            path = self.newest((*path, key))
        path = (*path, keys[-1])
        if many:
            self.last[path] = self.last.get(path, -1) + 1
            self.note(path, start)
        path = self.newest(path)
        self.note(path, start)
        return path

    def newest(self, path: Path) -> Path:
        return (*path, self.last[path]) if path in self.last else path

    def pair(self, table: Path) -> None:
        start = self.at
        path = table
        for key in self.keys():
            path = (*path, key)
            self.note(path, start)
        self.at += 1  # the equals sign
        self.skip(_SPACE)
        self.value(path)

    def value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline(path)
        else:
            self.skip(_STRING if opening in "\"'" else _PLAIN)

    def array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while not self.closed("]"):
            self.note((*path, number), self.at)
            self.value((*path, number))
            number += 1

    def inline(self, path: Path) -> None:
        self.at += 1
        while not self.closed("}"):
            self.pair(path)

    def closed(self, bracket: str) -> bool:
        """Step over a comma and to the next item; True when the bracket closes instead."""
        self.skip(_GAP)
        if self.text.startswith(",", self.at):
            self.at += 1
            self.skip(_GAP)
        if self.text.startswith(bracket, self.at):
            self.at += 1
            return True
        return self.at >= len(self.text)

    def keys(self) -> list[str]:
        """A dotted key: its parts."""
        parts = []
        while True:
            self.skip(_SPACE)
            quoted = self.text[self.at] in "\"'"
            part = self.skip(_STRING if quoted else _BARE)
            parts.append(_unquoted(part) if quoted else part)
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError("not TOML")  # only for text that tomllib did not accept
        self.at = match.end()
        return match.group()

    def note(self, path: Path, at: int) -> None:
        self.found.setdefault(path, self.text.count("\n", 0, at) + 1)


def _unquoted(part: str) -> str:
    if part.startswith("'") or "\\" not in part:
        return part[1:-1]
    # A key with escapes, which hardly anybody writes: the real parser reads it.
    return next(iter(tomllib.loads(f"{part} = 0")))
