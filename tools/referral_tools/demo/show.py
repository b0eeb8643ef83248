"""What the demo says: with colours at a terminal, plain lines in a pipe."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from referral_tools.demo.trouble import DemoTrouble


class Show:
    """Where all output goes. ``plain`` is what a program reads: no colours, nothing is redrawn."""

    def __init__(self, console: Console | None = None) -> None:
        for stream in (sys.stdout, sys.stderr):
            # A terminal that knows no Cyrillic shows question marks; it is no reason to stop.
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="replace")
        self.console = console or Console(highlight=False, markup=False, soft_wrap=True)

    @property
    def plain(self) -> bool:
        return not self.console.is_terminal

    def say(self, words: str, style: str = "") -> None:
        """One line."""
        self.console.print(Text(words, style=style))

    def heading(self, words: str) -> None:
        self.console.print()
        self.console.print(Text(words, style="bold"))

    @contextmanager
    def doing(self, words: str) -> Iterator[None]:
        """A step: its line is there when it is done, with the time it took."""
        began = time.monotonic()
        if self.plain:
            yield
        else:
            with self.console.status(Text(words)):
                yield
        took = f"{time.monotonic() - began:5.1f} s"
        self.console.print(Text.assemble(("  done ", "green"), (took, "dim"), "  ", words))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns under one another, in a pipe too; what does not fit stands in lines, whole."""
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        if not self.plain and sum(widths) + 2 * len(widths) > self.console.width:
            for row in rows:
                for column, cell in zip(columns, row, strict=True):
                    self.console.print(Text(f"{column}: {cell}"), soft_wrap=True)
                self.console.print()
            return
        if self.plain:
            for row in (columns, *rows):
                cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                self.console.print(Text("  ".join(cells).rstrip()))
            return
        table = Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    def trouble(self, trouble: DemoTrouble) -> None:
        """What went wrong, and the end of the log that may say why."""
        self.say(f"Error: {trouble}", "bold red")
        self.log(trouble.name, trouble.lines)

    def log(self, name: str, lines: Sequence[str]) -> None:
        """The last lines of a process."""
        if lines:
            self.say(f"{name}, the last lines of its log:")
            for line in lines:
                self.say(f"    {line}", "dim")
