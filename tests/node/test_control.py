"""control.sock: answers the node's own user, one request at a time, and survives any bytes."""

import asyncio
import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from referral_node import control
from referral_node.control import Arguments, ControlServer, NotServing, ask
from referral_node.trouble import Trouble


async def echo(arguments: Arguments) -> Any:
    return {"got": arguments}


async def trouble(arguments: Arguments) -> Any:
    raise Trouble("the disk is full: make room")


async def fault(arguments: Arguments) -> Any:
    raise RuntimeError("a SECRET-PASSWORD that must not show")


HANDLERS = {"echo": echo, "trouble": trouble, "fault": fault}


async def raw(path: Path, data: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_command_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with ControlServer(path, HANDLERS):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        result = await ask(path, "echo", {"name": "Дім", "bytes": b"\x00\xff", "none": None})
        assert result == {"got": {"name": "Дім", "bytes": b"\x00\xff", "none": None}}
    assert not path.exists()
    with pytest.raises(NotServing):
        await ask(path, "echo", {})


async def test_what_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with pytest.raises(NotServing):
        await ask(path, "echo", {})
    async with ControlServer(path, HANDLERS):
        assert await ask(path, "echo", {}) == {"got": {}}


async def test_no_is_answered_in_words(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with ControlServer(path, HANDLERS):
        with pytest.raises(Trouble, match=r"^the disk is full: make room$"):
            await ask(path, "trouble", {})
        with pytest.raises(Trouble, match="does not know this command"):
            await ask(path, "reboot", {})


async def test_a_fault_is_answered_without_what_was_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "control.sock"
    async with ControlServer(path, HANDLERS):
        with pytest.raises(Trouble, match=r"`fault` failed inside the node: see its log") as caught:
            await ask(path, "fault", {"password": "SECRET-PASSWORD"})
    out = capsys.readouterr()
    assert "SECRET" not in str(caught.value) + out.out + out.err
    assert "RuntimeError" in out.out + out.err


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\x00\x00\x05ab",
        b"\xff\xff\xff\xff" + b"x" * 100,
        struct.pack(">I", control.MAX_REQUEST + 1),
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x01\xc1",
        struct.pack(">I", 6) + b"GET / ",
        struct.pack(">I", 3) + msgspec.msgpack.encode((1, 2)),
    ],
)
async def test_no_bytes_harm_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "control.sock"
    async with ControlServer(path, HANDLERS):
        answer = await raw(path, data)
        assert answer == b"" or msgspec.msgpack.decode(answer[4:])[0] == "no"
        assert await ask(path, "echo", {}) == {"got": {}}


async def test_half_a_request_is_let_go_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "READ_WITHIN", 0.05)
    path = tmp_path / "control.sock"
    async with ControlServer(path, HANDLERS):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"\x00\x00\x00\x20half")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_a_node_that_breaks_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    async with await asyncio.start_unix_server(hang_up, str(path)):
        with pytest.raises(Trouble, match="broke off"):
            await ask(path, "echo", {})


async def test_a_node_that_does_not_answer_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ANSWER_WITHIN", 0.05)
    path = tmp_path / "control.sock"

    async def asleep(arguments: Arguments) -> Any:
        await asyncio.sleep(1)

    async with ControlServer(path, {"asleep": asleep}):
        with pytest.raises(Trouble, match="gave no answer"):
            await ask(path, "asleep", {})


async def test_another_user_is_not_answered() -> None:
    """Root becomes another user and calls; anyone else makes the node believe it was another."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        path = Path(name) / "control.sock"
        code = (
            "import os, socket, sys\n"
            "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "print(len(s.recv(100)))\n"
        )
        async with ControlServer(path, HANDLERS):
            path.parent.chmod(0o711)
            path.chmod(0o666)
            if os.getuid() != 0:
                patch.setattr("os.geteuid", lambda: os.getuid() + 1)
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", code, str(path)],
                capture_output=True,
                text=True,
                check=False,
            )
    assert (done.stdout, done.stderr) == ("0\n", "")


async def test_a_long_path_has_a_socket_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    path = folder / "control.sock"
    async with ControlServer(path, HANDLERS):
        assert path.is_socket()
        assert await ask(path, "echo", {}) == {"got": {}}


async def test_a_folder_that_takes_no_socket_says_so(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="cannot listen there"):
        async with ControlServer(tmp_path / "nowhere" / "control.sock", HANDLERS):
            pass
