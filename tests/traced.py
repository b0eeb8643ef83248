"""A process under strace, and its system calls read back: what was written, synced and sent, when.

strace must be there and allowed to trace (in a container it may not be); :func:`why_not` says so in
words, for a test to skip with.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

WRITES: Final = ("pwrite64", "write", "writev", "pwritev", "pwritev2")
SENDS: Final = ("sendto", "sendmsg", "write", "writev")
SYNCS: Final = ("fdatasync", "fsync")
_TRACED: Final = ",".join(
    sorted({*WRITES, *SENDS, *SYNCS, "ftruncate", "unlink", "unlinkat", "rename", "mmap"})
)


@cache
def why_not() -> str:
    """Why nothing can be traced here; "" if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed (apt install strace)"
    done = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync", "true"],
        check=False,
        capture_output=True,
        text=True,
    )
    return "" if done.returncode == 0 else f"strace may not trace here: {done.stderr.strip()[:200]}"


def tracing(out: Path) -> list[str]:
    """What stands before a command so that its calls are written to a file.

    ``-D``: the process stays our own child, so that signals reach it.
    """
    how = ["strace", "-D", "-f", "--seccomp-bpf", "-yy", "-xx", "-s", "4000000", "-o", str(out)]
    return [*how, "-e", f"trace={_TRACED}"]


def killing(out: Path, sync: int) -> list[str]:
    """The same, and a thread's ``sync``-th sync kills the process before it is done."""
    how = ["strace", "-D", "-f", "-y", "-xx", "-s", "4000000", "-o", str(out)]
    traced = f"trace=pwrite64,pwritev,ftruncate,unlink,{','.join(SYNCS)}"
    kill = f"inject={','.join(SYNCS)}:signal=SIGKILL:when={sync}"
    return [*how, "-e", traced, "-e", kill]


@dataclass
class Call:
    """One call. ``begun`` and ``ended`` are places in the order of all calls; ``ended`` None: the
    process was killed in it. ``target``: the file, or both ends of the connection."""

    thread: int
    name: str
    target: str
    data: bytes
    numbers: tuple[int, ...]
    begun: int
    ended: int | None = None
    result: int | None = None


_LINE: Final = re.compile(r"^(?P<thread>\d+) +(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED: Final = re.compile(r"^(?P<thread>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")
_TARGET: Final = re.compile(r"^\d+<(?P<target>[^>]*(?:->[^>]*)?)>")
_STRING: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_RESULT: Final = re.compile(r"= (-?\d+)")
_HEX: Final = re.compile(r"^(?:\\x[0-9a-f]{2})*$")


def calls(out: Path) -> list[Call]:
    """All calls of a trace, in the order in which they began."""
    found: list[Call] = []
    open_calls: dict[int, Call] = {}
    for place, line in enumerate(out.read_text("ascii", "replace").splitlines()):
        resumed = _RESUMED.match(line)
        if resumed:
            call = open_calls.pop(int(resumed["thread"]), None)
            if call is not None:
                _end(call, place, resumed["rest"])
            continue
        begun = _LINE.match(line)
        if begun is None:
            continue  # a thread ended, or a signal came
        call = _begin(int(begun["thread"]), begun["name"], begun["rest"], place)
        found.append(call)
        if line.endswith("<unfinished ...>"):
            open_calls[call.thread] = call
        else:
            _end(call, place, begun["rest"])
    return found


def _begin(thread: int, name: str, rest: str, place: int) -> Call:
    target = _TARGET.match(rest)
    strings = [_bytes(each) for each in _STRING.findall(rest)]
    where = _plain(target["target"]) if target else ""
    if not where and strings:
        where = strings[0].decode("utf-8", "replace")  # unlink names its file
    # Without the data and the result: what is left are lengths and offsets.
    left = _STRING.sub("", rest.rsplit(") ", 1)[0].replace("<unfinished ...>", ""))
    numbers = tuple(int(n) for n in re.findall(r"(?<=, )(\d+)", left))
    return Call(thread, name, where, b"".join(strings), numbers, place)


def _end(call: Call, place: int, rest: str) -> None:
    result = _RESULT.search(rest.rsplit(")", 1)[-1])
    if result is not None:
        call.ended, call.result = place, int(result[1])


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _plain(target: str) -> str:
    return _bytes(target).decode("utf-8", "replace") if _HEX.match(target) else target


def is_connection(call: Call) -> bool:
    """Whether something was sent to another process."""
    return call.name in SENDS and call.target.startswith(("TCP", "socket:"))


def first(found: list[Call], name: tuple[str, ...], holding: bytes, where: str = "") -> Call | None:
    """The first of these calls that holds these bytes; ``where``: the end of its target."""
    for call in found:
        if call.name in name and call.target.endswith(where) and holding in call.data:
            return call
    return None


def synced_between(found: list[Call], where: str, after: Call, before: Call) -> bool:
    """Whether a file was synced, from beginning to end, after one call and before another."""
    return any(
        call.name in SYNCS
        and call.target.endswith(where)
        and call.result == 0
        and after.ended is not None
        and call.ended is not None
        and after.ended < call.begun
        and call.ended < before.begun
        for call in found
    )


class Lost:
    """What a power cut leaves of the files in a folder: of each, only what was synced.

    Fed with the calls of a process that began with files that were whole on disk.
    """

    def __init__(self, *files: Path) -> None:
        self._seen = {str(file): _content(file) for file in files}
        self._disk = dict(self._seen)

    def follow(self, found: list[Call]) -> None:
        """Take in what the process did, in order."""
        for call in _in_order(found):
            if call.target not in self._seen:
                continue
            content = self._seen[call.target]
            if call.name == "pwrite64" and call.result is not None and call.result > 0:
                offset, data = call.numbers[-1], call.data[: call.result]
                content = (content or b"").ljust(offset, b"\0")
                self._seen[call.target] = content[:offset] + data + content[offset + len(data) :]
            elif call.name == "ftruncate" and call.result == 0:
                size = call.numbers[-1]
                self._seen[call.target] = (content or b"")[:size].ljust(size, b"\0")
            elif call.name == "unlink" and call.result == 0:
                # A name may go at once or later; what it held is in the other file by then.
                self._seen[call.target] = self._disk[call.target] = None
            elif call.name in SYNCS and call.result == 0:
                self._disk[call.target] = content

    def leave(self) -> bool:
        """Write into the folder what would be there when the power is back; whether it is less."""
        for name, content in self._disk.items():
            Path(name).unlink(missing_ok=True)
            if content is not None:
                Path(name).write_bytes(content)
        return self._disk != self._seen


def _in_order(found: list[Call]) -> Iterator[Call]:
    """By their ends: what a sync did not wait for, it did not sync."""
    yield from sorted((c for c in found if c.ended is not None), key=lambda c: c.ended or 0)


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
