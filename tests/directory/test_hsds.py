"""HSDS from the public listener and from the command: pages, one service, the data package."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from directory_server import Client, Place, made
from directory_world import id_of, signer
from referral_protocol.directory.entries import Status, make_status_entry, sign_entry
from referral_protocol.directory.requests import Submission
from referral_protocol.examples.profiles import LISBON, UTRECHT
from referral_protocol.hsds import reading
from referral_protocol.hsds.changes import KEPT

NAMES = [
    each["name"] for plain in (LISBON, UTRECHT) for each in plain["services"] if each.get("publish")
]
assert len(NAMES) == 4, "a safe house is on nobody's list"


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    return await made(tmp_path / "state")


@pytest.fixture
async def client(place: Place) -> AsyncIterator[Client]:
    async with place.served() as served:
        await served.admit("lisbon", "utrecht")
        yield served


async def page(client: Client, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/hsds/services{query}")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_services_in_pages(client: Client) -> None:
    whole = await page(client)
    assert [each["name"] for each in whole["contents"]] == NAMES
    assert (whole["total_items"], whole["total_pages"]) == (4, 1)
    parts = [await page(client, f"?page={number}&per_page=3") for number in (1, 2, 3)]
    assert [x for part in parts for x in part["contents"]] == whole["contents"]
    assert [part["size"] for part in parts] == [3, 1, 0]
    assert [part["last_page"] for part in parts] == [False, True, True]
    assert [part["empty"] for part in parts] == [False, False, True]
    about = json.loads(await client.body("/hsds"))
    assert about["version"] == "3.0"


async def test_one_service(client: Client) -> None:
    for each in (await page(client))["contents"]:
        assert json.loads(await client.body(f"/hsds/services/{each['id']}")) == each
    strange = "00000000-0000-5000-8000-000000000000"
    await client.get(f"/hsds/services/{strange}", expect=404)
    await client.get("/hsds/services/lisbon", expect=404)


async def test_the_package(client: Client) -> None:
    answer = await client.get("/hsds/hsds.zip")
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.body)) as file:
        assert file.testzip() is None
        files = {x: file.read(x).decode() for x in file.namelist() if x.endswith(".csv")}
    found = reading.read_tables(files)
    assert found.good
    assert [each["name"] for each in found.services] == NAMES
    plain = LISBON["services"][0]
    assert found.services[0] == {key: plain[key] for key in plain if key not in KEPT}
    again = await client.get("/hsds/hsds.zip", etag=answer.headers["ETag"], expect=304)
    assert again.body == b""


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=x", "per_page=0", "per_page=101", "page=1e3", "page=" + "9" * 99],
)
async def test_pages_that_there_are_none_of(client: Client, query: str) -> None:
    answer = await client.send("GET", f"/hsds/services?{query}", None, {})
    assert answer.refused == (400, None)


async def test_whoever_leaves_is_not_in_it(client: Client) -> None:
    old = client.running.ledger.directory.known(id_of("utrecht"))
    content = make_status_entry(
        client.place.genesis,
        old.id,
        old.number + 1,
        old.head,
        Status("suspended", None, "own-wish"),
        client.place.clock(),
    )
    own = Submission(content, sign_entry(content, signer("utrecht vault")), (), None)
    before = (await client.get("/hsds/services")).headers["ETag"]
    assert (await client.send("POST", "/v1/entries", own.pack())).status == 201
    found = await client.get("/hsds/services", etag=before)
    assert [x["name"] for x in json.loads(found.body)["contents"]] == NAMES[:2]


async def test_nobody_yet(place: Place) -> None:
    async with place.served() as client:
        assert (await page(client))["empty"]
        with zipfile.ZipFile(io.BytesIO(await client.body("/hsds/hsds.zip"))) as file:
            assert {"datapackage.json", "services.csv", "organizations.csv"} == set(file.namelist())


def export(place: Place, *arguments: str | Path, expect: int = 0) -> str:
    command = [sys.executable, "-P", "-m", "referral_tools", "directory", "hsds", "export"]
    done = subprocess.run(
        [*command, "--state", place.folder.path, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    return done.stdout + done.stderr


async def test_the_command_writes_the_same(client: Client, tmp_path: Path) -> None:
    """While the directory runs, and when it does not."""
    said = export(client.place, "--json", tmp_path / "x.json", "--csv", tmp_path / "x.zip")
    assert said == "4 services of 2 organisations.\n"
    served = await page(client)
    assert json.loads((tmp_path / "x.json").read_text("utf-8")) == served
    assert (tmp_path / "x.zip").read_bytes() == await client.body("/hsds/hsds.zip")


async def test_the_command_on_a_directory_at_rest(place: Place, tmp_path: Path) -> None:
    async with place.served() as client:
        await client.admit("lisbon")
    assert "2 services of 1" in export(place, "--json", tmp_path / "x.json")
    assert "say where to" in export(place, expect=2)
    missing = export(place, "--json", tmp_path / "no" / "x.json", expect=1)
    assert "cannot be written" in missing
    (tmp_path / "other").mkdir()
    assert "no directory here" in export(
        Place(tmp_path / "other", b"", place.clock, place.config),
        "--csv",
        tmp_path / "x.zip",
        expect=1,
    )
