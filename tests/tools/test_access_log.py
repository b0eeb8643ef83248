"""The directory's access log over a whole scripted demo: nobody's prekeys, nobody's profile.

A node fetches all or nothing, so the directory does not learn who writes to whom. This reads what
the directory itself wrote down while three nodes joined, referred, answered and started again.
"""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from demo_run import Run
from referral_tools.demo.cast import DIRECTORY
from referral_tools.demo.place import Place
from referral_tools.demo.scripted import FOLDER

WHOLE = {
    ("GET", "/checkpoint"),
    ("GET", "/tile/entries/{tile}"),
    ("GET", "/tile/{level}/{tile}"),
    ("GET", "/v1/records"),
    ("GET", "/v1/records/tiles/{hash}"),
    ("GET", "/v1/board"),
    ("GET", "/v1/board/tiles/{hash}"),
}
"""What is fetched: the same for every node, whomever it writes to."""
OWN = {
    ("POST", "/v1/requests"),
    ("GET", "/v1/requests/{request}"),
    ("POST", "/v1/entries"),
    ("PUT", "/v1/board/{member}"),
    ("PUT", "/v1/cosignatures"),
}
"""What a node says or asks of itself alone."""
FIELDS = {"event", "level", "timestamp", "method", "route", "status", "ms"}


def requests(log: Path) -> list[dict[str, Any]]:
    lines = [json.loads(x) for x in log.read_text("utf-8").splitlines() if x.startswith("{")]
    return [line for line in lines if line["event"] == "http"]


def members(state: Path) -> list[bytes]:
    with closing(sqlite3.connect(state / DIRECTORY / "directory.sqlite")) as database:
        return [bytes(row[0]) for row in database.execute("SELECT member FROM members")]


async def test_no_request_names_a_member(tmp_path: Path) -> None:
    run = Run(tmp_path / "out", "--scripted", "--state", tmp_path / "state")
    assert await run.end() == 0, run.said()
    state = tmp_path / "state" / FOLDER
    log = Place(state).log(DIRECTORY)
    seen = requests(log)
    kinds = Counter((line["method"], line["route"]) for line in seen)
    assert set(kinds) <= WHOLE | OWN, kinds
    assert all(set(line) == FIELDS for line in seen)
    # It is a demo of something: everything was fetched, and three nodes published their prekeys.
    assert kinds["GET", "/v1/board/tiles/{hash}"] >= 3
    assert kinds["GET", "/v1/records/tiles/{hash}"] >= 3
    assert kinds["POST", "/v1/requests"] >= 3
    text = log.read_text("utf-8").lower()
    ids = members(state)
    assert len(ids) == 3
    for member in ids:
        assert member.hex() not in text
    for name in ("oksana", "ponte tejo", "steunpunt", "poruch"):
        assert name not in text
