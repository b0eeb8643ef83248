"""Bytes that are no request, sent to the directory: told so, nothing of them quoted or kept."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from federation import Federation
from raw_http import talk

RUBBISH = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "words": b"hello there SECRETNAME\r\n\r\n",
    "no host": b"GET /checkpoint HTTP/1.1\r\n\r\n",
    "long address": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST /v1/requests HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "junk behind a request": b"GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\nJUNK SECRETNAME\r\n\r\n",
}


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa") as made:
        yield made


async def test_rubbish_gets_a_problem_document(fed: Federation) -> None:
    port = fed.directory_port
    assert port is not None
    for name, data in RUBBISH.items():
        with capture_logs() as lines:
            heard = await talk(port, data)
        assert heard.status == 400, name
        assert heard.problem()["code"] == "not-http"
        assert b"SECRETNAME" not in heard.data
        assert heard.closed
        assert "SECRETNAME" not in str(lines)
        failed = [line for line in lines if line["event"] == "request.failed"]
        assert len(failed) == 1
        assert set(failed[0]) == {"event", "kind", "log_level"}
    right = await talk(port, b"GET /checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert right.status == 200
    assert b"aiohttp" not in right.data


async def test_who_goes_away_before_the_answer_is_no_fault(fed: Federation) -> None:
    """A killed node, a cut line: the answer has nowhere to go, and no operator is woken."""
    port = fed.directory_port
    assert port is not None
    at_once = struct.pack("ii", 1, 0)  # a reset, as a process that was killed leaves behind
    with capture_logs() as lines:
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", port)) as gone:
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                gone.sendall(b"GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
                await asyncio.sleep(0)
        right = await talk(
            port, b"GET /checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
    assert right.status == 200
    assert [line for line in lines if line["log_level"] == "error"] == []
