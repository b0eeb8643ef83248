"""A long list in pages of fifty: which page is meant, what stands on it, its neighbours. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .parts import Link

PER_PAGE: Final = 50


@dataclass(frozen=True)
class Paging:
    """One page of a list. ``total``: lines of the whole list; ``address``: of a page by number."""

    number: int
    total: int
    address: Callable[[int], str]

    @classmethod
    def of(cls, asked: str, total: int, address: Callable[[int], str]) -> "Paging":
        """The page that was asked for in an address, or the nearest there is."""
        good = asked.isascii() and asked.isdigit() and len(asked) < 10
        return cls(min(max(1, int(asked)), _pages(total)) if good else 1, total, address)

    @property
    def first(self) -> int:
        """How many lines come before this page."""
        return (self.number - 1) * PER_PAGE

    @property
    def place(self) -> str:
        """ ", page 3 of 8", or "" where one page has everything."""
        pages = _pages(self.total)
        return f", page {self.number:,} of {pages:,}" if pages > 1 else ""

    @property
    def previous(self) -> Link | None:
        return self._link(self.number - 1) if self.number > 1 else None

    @property
    def following(self) -> Link | None:
        return self._link(self.number + 1) if self.number < _pages(self.total) else None

    def _link(self, number: int) -> Link:
        return Link(f"page {number:,}", self.address(number))


def _pages(total: int) -> int:
    return max(1, -(-total // PER_PAGE))
