"""What stops the demo: a cause in one line, and where there is one the end of a process's log."""

from collections.abc import Sequence


class DemoTrouble(Exception):
    """``name`` and ``lines``: the process in question and the last lines of its log."""

    def __init__(self, words: str, name: str = "", lines: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.name = name
        self.lines = tuple(lines)
