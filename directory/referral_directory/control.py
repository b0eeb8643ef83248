"""How the commands reach the directory: through its socket while it runs, else directly.

One msgpack request and one msgpack answer per connection, each after its length (four bytes,
big-endian): ``{"do": name, "with": {...}}`` and ``{"ok": value}`` or ``{"no": one line}``.

Law: the socket is its owner's alone (0600, in a folder of 0700); no password and no private key
goes through it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from referral_directory.folder import Folder, Lock
from referral_directory.log.office import Office, Plain, Refused
from referral_directory.log.store import StoreError
from referral_directory.trouble import Trouble

MAX_MESSAGE: Final = 64 * 1024 * 1024
"""The list of ten thousand members is about four megabytes."""
TIME: Final = 60.0
_LONGEST: Final = 100
"""A socket's path has at most 107 bytes; beyond this the folder is named by its descriptor."""

log = structlog.get_logger()


class Reached:
    """The office, wherever it is. ``running``: in the process that serves."""

    def __init__(self, call: Callable[[str, Plain], Awaitable[Any]], *, running: bool) -> None:
        self._call = call
        self.running = running

    async def ask(self, name: str, **arguments: Any) -> Any:
        """What :meth:`Office.answer` answers; Trouble in one line if it refuses."""
        return await self._call(name, arguments)


@asynccontextmanager
async def listening(folder: Folder, office: Office) -> AsyncIterator[None]:
    """Answer on the socket while the block runs."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIME):
                answer = await _answer(office, await _read(reader))
                await _write(writer, answer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, Trouble):
            pass  # whoever asked has gone, or does not speak our language
        finally:
            writer.close()

    with _socket_path(folder.socket) as path:
        folder.socket.unlink(missing_ok=True)  # of a process that was killed: we hold the lock
        server = await asyncio.start_unix_server(serve, path)
        folder.socket.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        folder.socket.unlink(missing_ok=True)


@asynccontextmanager
async def reach(
    folder: Folder, office: Callable[[], AbstractAsyncContextManager[Office]]
) -> AsyncIterator[Reached]:
    """The office: of the process that runs, or of our own with the lock.

    ``office`` opens the directory here: an asynchronous context manager that gives an Office.
    """
    folder.check()
    lock = Lock.take(folder)
    if lock is None:
        yield Reached(lambda name, arguments: _ask(folder, name, arguments), running=True)
        return
    try:
        async with office() as own:
            yield Reached(lambda name, arguments: _direct(own, name, arguments), running=False)
    finally:
        lock.release()


async def _direct(office: Office, name: str, arguments: Plain) -> Any:
    try:
        return await office.answer(name, arguments)
    except (Refused, StoreError) as refused:
        raise Trouble(str(refused)) from None


async def _ask(folder: Folder, name: str, arguments: Plain) -> Any:
    try:
        with _socket_path(folder.socket) as path:
            reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        raise Trouble(
            f"{folder.path}: another process uses this folder but does not answer; "
            "if it is starting, try again; if it hangs, end it"
        ) from None
    try:
        async with asyncio.timeout(TIME):
            await _write(writer, {"do": name, "with": arguments})
            answer = await _read(reader)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        raise Trouble("the directory that runs did not answer; try again") from None
    finally:
        writer.close()
    if "no" in answer:
        raise Trouble(str(answer["no"]))
    return answer.get("ok")


async def _answer(office: Office, asked: Plain) -> Plain:
    try:
        return {"ok": await office.answer(str(asked["do"]), dict(asked["with"]))}
    except (Refused, StoreError) as refused:
        return {"no": str(refused)}
    except (KeyError, ValueError, TypeError):
        return {"no": "not a request that this directory understands"}
    except Exception as error:  # noqa: BLE001 - whoever asked gets one line, the log the kind
        log.error("control.fault", kind=type(error).__name__)
        return {"no": "the directory failed; its log says with what"}


async def _read(reader: asyncio.StreamReader) -> Plain:
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > MAX_MESSAGE:
        raise Trouble("control: a message that is too large")
    try:
        return msgspec.msgpack.decode(await reader.readexactly(size), type=dict[str, Any])
    except msgspec.DecodeError:
        raise Trouble("control: not a message of ours") from None


async def _write(writer: asyncio.StreamWriter, message: Plain) -> None:
    data = msgspec.msgpack.encode(message)
    writer.write(len(data).to_bytes(4, "big") + data)
    await writer.drain()


class _socket_path:  # noqa: N801 - used as a statement
    """A path that a socket may have: short, whatever the state folder is called."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder: int | None = None

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _LONGEST:
            return str(self._path)
        self._folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            os.close(self._folder)
