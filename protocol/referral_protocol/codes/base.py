"""What a list of codes is: the one place where a code gets its words.

Law: a code travels, words do not. Each list is a literal table; nothing is added to it while a
program runs. An unknown code is no error for a reader: it is kept, and shown as the code itself,
marked unknown. A writer never uses one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Code(NamedTuple):
    """One row: the English words for the page, and what a programmer must know beyond them."""

    label: str
    meaning: str = ""


@dataclass(frozen=True)
class CodeList:
    """A named list. ``codes`` keeps the order in which a page offers them."""

    key: str
    title: str
    codes: Mapping[str, Code]
    source: str = ""

    def __contains__(self, code: object) -> bool:
        return code in self.codes

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    def label(self, code: str) -> str:
        """The words for ``code``; for an unknown one the code itself, marked unknown."""
        known = self.codes.get(code)
        return known.label if known is not None else f"{code} (unknown code)"


def code_list(
    key: str, title: str, rows: Mapping[str, str | tuple[str, str]], source: str = ""
) -> CodeList:
    """A list from rows of ``code: label`` or ``code: (label, meaning)``."""
    codes = {
        code: Code(row) if isinstance(row, str) else Code(row[0], row[1])
        for code, row in rows.items()
    }
    return CodeList(key, title, codes, source)
