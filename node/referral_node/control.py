"""`control.sock`: how a command talks to the node that serves the folder.

One connection carries one request and one answer, each u32 big-endian length, then msgpack. A
request is `[command, arguments]`, an answer `["ok", result]` or `["no", one line for the person]`.

Law: only the user who runs the node (or root) is answered: the file is 0600 in a folder of mode
0700, and the system is asked who called. A request may hold a password; nothing of it is logged but
the command's name. A command that fails with anything but Trouble answers that it failed and where
to look, never with what was in it.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import structlog

from referral_node.store import StoreError
from referral_node.trouble import Trouble

Arguments = dict[str, Any]
Handler = Callable[[Arguments], Awaitable[Any]]

MAX_REQUEST: Final = 1024 * 1024
MAX_ANSWER: Final = 16 * 1024 * 1024
READ_WITHIN: Final = 10.0
"""Seconds in which a request must be whole."""
ANSWER_WITHIN: Final = 120.0
"""Seconds that a command waits for its answer: `join` asks a directory elsewhere."""
_LENGTH: Final = struct.Struct(">I")
_LONGEST_ADDRESS: Final = 100

log = structlog.get_logger()


class NotServing(Exception):
    """Nobody answers on the socket."""


class ControlServer:
    """Answers commands while it is entered. ``handlers`` maps a command's name to its work."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        # Whoever holds the folder's lock may remove what a killed process left behind.
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _address(self._path) as address:
                listener.bind(address)
            self._path.chmod(0o600)
            listener.setblocking(False)
            self._server = await asyncio.start_unix_server(self._answer, sock=listener, backlog=16)
        except OSError as error:
            listener.close()
            raise Trouble(
                f"{self._path}: cannot listen there ({error.strerror}): check the folder's "
                "owner and that its file system takes sockets"
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not _allowed(writer):
                log.warning("control.refused")
                return
            async with asyncio.timeout(READ_WITHIN):
                request = await _read(reader, MAX_REQUEST)
            await _write(writer, await self._run(request))
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError, ValueError):
            log.info("control.broken")  # half a request, or a caller that went away
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _run(self, request: bytes) -> tuple[str, Any]:
        try:
            command, arguments = msgspec.msgpack.decode(request, type=tuple[str, Arguments])
        except msgspec.MsgspecError:
            return "no", "this is not a request: use the `referral` command of the same version"
        handler = self._handlers.get(command)
        if handler is None:
            return "no", "the running node does not know this command: restart it after an update"
        try:
            return "ok", await handler(arguments)
        except (Trouble, StoreError) as trouble:
            return "no", str(trouble)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            log.error("control.failed", command=command, error=type(error).__name__)
            return "no", f"`{command}` failed inside the node: see its log"


async def ask(path: Path, command: str, arguments: Arguments, within: float | None = None) -> Any:
    """Ask the running node; Trouble with its words if it says no, NotServing if nobody answers.

    ``within``: seconds that it gets, if other than ANSWER_WITHIN.
    """
    patience = ANSWER_WITHIN if within is None else within
    try:
        with _address(path) as address:
            reader, writer = await asyncio.open_unix_connection(address)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotServing from None
    except OSError as error:
        raise Trouble(f"{path}: cannot be reached ({error.strerror})") from None
    try:
        async with asyncio.timeout(patience):
            await _write_bytes(writer, msgspec.msgpack.encode((command, arguments)))
            answer = await _read(reader, MAX_ANSWER)
    except TimeoutError:
        raise Trouble(f"the running node gave no answer within {patience:.0f} s") from None
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        raise Trouble("the running node broke off: see its log; it may be stopping") from None
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    verdict, result = msgspec.msgpack.decode(answer, type=tuple[str, Any])
    if verdict != "ok":
        raise Trouble(str(result))
    return result


async def _read(reader: asyncio.StreamReader, limit: int) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > limit:
        raise ValueError("too long")
    return await reader.readexactly(length)


async def _write(writer: asyncio.StreamWriter, answer: tuple[str, Any]) -> None:
    await _write_bytes(writer, msgspec.msgpack.encode(answer))


async def _write_bytes(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(_LENGTH.pack(len(data)) + data)
    await writer.drain()


def _allowed(writer: asyncio.StreamWriter) -> bool:
    """Whether the caller is our own user, or root; where the system cannot tell, the file's mode
    has decided already."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    sock: socket.socket = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return uid in (0, os.geteuid())


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """A name for the socket that is short enough: the system takes about a hundred bytes."""
    text = str(path)
    if len(os.fsencode(text)) <= _LONGEST_ADDRESS:
        yield text
        return
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = Path(f"/proc/self/fd/{handle}")
        if not short.exists():
            raise Trouble(f"{path.parent}: too long a path for a socket: choose a shorter one")
        yield str(short / path.name)
    finally:
        os.close(handle)
