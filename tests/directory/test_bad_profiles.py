"""Profiles that no member may publish: refused with a join and with an update, nothing is kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from directory_server import Answer, Client, made, records_of
from directory_world import id_of, seed, signer
from referral_protocol import profiles
from referral_protocol.directory import paths
from referral_protocol.directory.records import Salted, record_hashes
from referral_protocol.directory.requests import make_update
from referral_protocol.forms import content

CASES: dict[str, tuple[str, tuple[str | int, ...], Any]] = {
    "a tag": ("organisation", ("name",), "Dom <script>alert(1)</script>"),
    "a lone bracket": ("organisation", ("about",), "5 > 4"),
    "an override of the direction": ("organisation", ("name",), "moD\u200btnuopuS"),
    "a mark of the direction": ("organisation", ("name",), "Dom\u200f"),
    "a space that nobody sees": ("organisation", ("name",), "Do\u200bm"),
    "a byte order mark": ("contacts", (0, "name"), "\ufeffAna"),
    "a control character": ("organisation", ("name",), "Dom~"),
    "two lines in a name": ("organisation", ("name",), "Dom\nUtrecht"),
    "an over-long name": ("organisation", ("name",), "x" * 121),
    "an over-long text": ("organisation", ("about",), "x" * 1_201),
    "too many services": ("services", (), "many"),
    "a country in words": ("organisation", ("country",), "Portugal"),
    "a country in small letters": ("organisation", ("country",), "pt"),
    "a region of no form": ("organisation", ("region",), "Lisboa"),
    "a language of no form": ("organisation", ("languages",), ["Portuguese!"]),
    "a language twice": ("organisation", ("languages",), ["pt", "pt"]),
    "a language that is a number": ("organisation", ("languages",), [7]),
    "a web address that runs a program": ("organisation", ("website",), "javascript:alert(1)"),
    "a web address of another kind": ("organisation", ("website",), "http://dom.example"),
    "a telephone number in words": ("contacts", (0, "telephone"), "call us"),
    "a day that does not exist": ("organisation", ("assured",), {"on": "2026-02-30", "by": "X"}),
    "another type": ("organisation", ("name",), 7),
    "nothing": ("organisation", ("name",), ""),
}


IN_BYTES: dict[str, tuple[bytes, bytes]] = {
    "an override of the direction": ("\u200b".encode(), "\u202e".encode()),
    "a control character": (b"Dom~", b"Dom\x07"),
}
"""What our own encoder would not write, put in afterwards."""


def bad_record(case: str) -> Salted:
    """A record of Lisbon's with one thing wrong."""
    name, path, value = CASES[case]
    plain = profiles.plain({r.name: r.content for r in records_of("lisbon")})[name]
    if value == "many":
        plain = [dict(plain[0]) for _ in range(41)]
    else:
        place = plain
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    data = content.encode({"form": name, name: plain})
    return Salted(name, seed(case), data.replace(*IN_BYTES.get(case, (b"\0\0", b"")), 1))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    place = await made(tmp_path / "state")
    async with place.served() as served:
        yield served


async def index(client: Client) -> bytes:
    return await client.body(paths.RECORDS)


def assert_refused(answer: Answer) -> None:
    assert answer.status == 400, answer
    assert answer.code in ("wrong-value", "wrong-type", "not-text")


@pytest.mark.parametrize("case", CASES)
async def test_with_a_request_to_join(client: Client, case: str) -> None:
    bad = bad_record(case)
    records = tuple(bad if r.name == bad.name else r for r in records_of("lisbon"))
    submission = client.join_of("lisbon", records=records)
    assert_refused(await client.send("POST", paths.REQUESTS, submission.pack()))
    assert await client.office.requests() == []


@pytest.mark.parametrize("case", ["a tag", "a space that nobody sees", "an over-long name"])
async def test_with_an_update(client: Client, case: str) -> None:
    await client.admit("lisbon")
    before = await index(client)
    old = (await client.replica()).directory.known(id_of("lisbon"))
    bad = bad_record(case)
    records = tuple(bad if r.name == bad.name else r for r in records_of("lisbon"))
    card = type(old.card)(
        old.card.suites, old.vault_key, old.node_key, old.endpoint, (), record_hashes(records)
    )
    update = make_update(
        client.place.genesis, old, card, "routine", (signer("lisbon vault"),), (bad,), None,
        client.place.clock(),
    )  # fmt: skip
    assert_refused(await client.send("POST", paths.SUBMIT, update.pack()))
    assert await index(client) == before
    assert (await client.replica()).size == 2


async def test_codes_of_later_lists_are_taken(client: Client) -> None:
    """A country or language of the right form that we do not know yet: kept, and shown as it is."""
    plain = profiles.plain({r.name: r.content for r in records_of("lisbon")})
    plain["organisation"] |= {"country": "XK", "languages": ["qaa-Latn"]}
    plain["organisation"].pop("region", None)
    record = Salted(
        "organisation",
        seed("later"),
        content.encode({"form": "organisation", "organisation": plain["organisation"]}),
    )
    records = tuple(record if r.name == "organisation" else r for r in records_of("lisbon"))
    await client.request(client.join_of("lisbon", records=records))
    assert [each["country"] for each in await client.office.requests()] == ["XK"]
