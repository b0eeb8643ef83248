"""A directory whose disk is full while it runs: it serves what it has, takes nothing, goes on."""

import asyncio
import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from directory_server import made
from directory_world import bundle_of, id_of, signer
from referral_directory import main
from referral_directory.control import reach
from referral_directory.log import ledger
from referral_directory.main import office
from referral_directory.trouble import Trouble
from referral_protocol.directory import paths
from small_disk import fill, small_disk_at


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path / "disk") as disk:
        yield disk


async def test_it_serves_takes_nothing_and_goes_on_by_itself(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "UPKEEP", 0.05)
    place = await made(small_disk / "state")
    async with place.served() as client:
        await client.admit("lisbon")
        waiting = client.join_of("utrecht")
        await client.request(waiting)
        before = await client.replica()
        note = await client.body(paths.CHECKPOINT)
        with capture_logs() as lines:
            filler = fill(small_disk)
            place.clock.ahead += 2 * ledger.REFRESH  # its checkpoint should be signed anew
            await _logged(lines, "upkeep.failed")
            # What anybody may read is there, and it is the same.
            assert await client.body(paths.CHECKPOINT) == note
            assert (await client.replica()).size == before.size
            # What would have to be kept is refused for now, with a time to come back.
            third = client.join_of(
                "lisbon",
                vault=signer("third"),
                node=signer("third node"),
                endpoint="https://third.invalid",
                bundle=None,
            )
            bundle = bundle_of("lisbon", place.clock())
            path = paths.publish_path(id_of("lisbon"))
            for method, where, data in (
                ("POST", paths.REQUESTS, third.pack()),
                ("PUT", path, bundle),
            ):
                answer = await client.send(method, where, data)
                assert answer.refused == (507, "disk"), answer
                assert int(answer.headers["Retry-After"]) > 0
            async with reach(place.folder, lambda: office(place.folder, place.world)) as reached:
                with pytest.raises(Trouble) as told:
                    await reached.ask("decline", request=waiting.id.hex(), text="no")
            assert "room" in str(told.value)
            assert "\n" not in str(told.value)
        events = {line["event"] for line in lines if line["log_level"] == "error"}
        assert events <= {"upkeep.failed", "store.failed"}
        assert {line["code"] for line in lines if line["log_level"] == "error"} == {"disk"}
        filler.unlink()
        async with asyncio.timeout(10):
            while await client.body(paths.CHECKPOINT) == note:  # noqa: ASYNC110 - upkeep signs it
                await asyncio.sleep(0.02)
        assert (await client.replica(before)).size == before.size
        assert (await client.send("PUT", path, bundle)).status == 204
        await client.admit("utrecht", endpoint="https://u2.example.org")
        assert (await client.replica(before)).size == before.size + 1
    with closing(sqlite3.connect(place.folder.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def _logged(lines: list[MutableMapping[str, Any]], event: str) -> None:
    async with asyncio.timeout(10):
        while not any(line["event"] == event for line in lines):  # noqa: ASYNC110 - in a log
            await asyncio.sleep(0.02)
