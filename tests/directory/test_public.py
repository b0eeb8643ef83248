"""The pages for everybody: what members chose to publish, and nothing of anything else."""

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from directory_server import Client, made
from directory_world import seed, signer
from page_reader import Page, parse
from referral_directory.public.pages import DRAWN_AT_ONCE
from referral_directory.public.published import LOOK_AGAIN
from referral_protocol import profiles
from referral_protocol.directory import paths
from referral_protocol.directory.entries import ROUTINE, Status, make_status_entry, sign_entry
from referral_protocol.directory.records import Salted, record_hashes, salted
from referral_protocol.directory.requests import make_update
from referral_protocol.examples.profiles import LISBON, LVIV, UTRECHT
from referral_ui.http import POLICY

Plain = dict[str, Any]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    place = await made(tmp_path / "state")
    async with place.served() as served:
        yield served


def changed(plain: Plain, **organisation: Any) -> Plain:
    """An example with something else said of the organisation; None takes it out."""
    found = copy.deepcopy(plain)
    said = found["organisation"] | organisation
    found["organisation"] = {name: value for name, value in said.items() if value is not None}
    return found


def records(name: str, plain: Plain) -> tuple[Salted, ...]:
    contents = profiles.split(profiles.encode(plain))
    return salted(contents, {part: seed(f"{name} {part} {plain!r}") for part in contents})


async def join(client: Client, name: str, plain: Plain) -> str:
    """A member with this profile; its id in hex."""
    await client.admit(name, records=records(name, plain))
    member = client.running.ledger.directory
    return next(m.id.hex() for m in member.members() if m.vault_key == vault(name))


def vault(name: str) -> bytes:
    return signer(f"{name} vault").public


async def page(client: Client, path: str, status: int = 200) -> Page:
    answer = await client.get(path, expect=status)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    source = answer.body.decode("utf-8")
    return Page(answer.status, path, source, parse(source), answer.headers)


def services(found: Page) -> list[str]:
    return [a.text for th in found.main.all("th") for a in th.all("a")]


def markers(found: Page) -> dict[str, str]:
    svg = found.main.one("svg", style="map")
    return {a.get("aria-label"): a.get("href") for a in svg.all("a") if a.get("aria-label")}


# --- what is shown ------------------------------------------------------------------------------


async def test_without_members_it_says_so(client: Client) -> None:
    found = await page(client, "/")
    assert "No service is published here yet." in found.text
    assert "Call 112" in found.text
    found = await page(client, "/members")
    assert "No organisation is published here yet." in found.text


async def test_the_list_and_the_map_say_the_same(client: Client) -> None:
    await join(client, "lisbon", LISBON)
    utrecht = await join(client, "utrecht", UTRECHT)
    await join(client, "lviv", changed(LVIV, publish=True, country="NZ", region=None))
    found = await page(client, "/")
    assert found.headings[0] == "Find help after a crime"
    assert services(found) == [
        "Support for victims",
        "Court accompaniment",
        "Emotional support",
        "Claims and court",
    ]
    assert markers(found) == {
        "Netherlands: 2 services": "/?country=NL",
        "Portugal: 2 services": "/?country=PT",
    }
    assert found.links()["Emotional support"] == f"/organisation/{utrecht}"
    assert "116 006, day and night" in found.text
    assert "Borders imply no view on their status" in found.text
    assert "4 services" in found.text


@pytest.mark.parametrize(
    ("query", "left", "out"),
    [
        ("country=NL", 2, 2),
        ("need=court-accompaniment", 2, 2),
        ("language=tr", 1, 3),
        ("form=online", 1, 3),
        ("country=PT&form=online", 0, 4),
        ("country=XX&need=%00&form=&language=zz&capacity=has-capacity&q=1", 4, 0),
        ("page=9999999999&map=x", 4, 0),
        ("country=NL&country=PT", 2, 2),
    ],
)
async def test_filters_say_how_many_they_leave_out(
    client: Client, query: str, left: int, out: int
) -> None:
    await join(client, "lisbon", LISBON)
    await join(client, "utrecht", UTRECHT)
    found = await page(client, f"/?{query}")
    assert len(services(found)) == left
    if left and out:
        assert f"Your filters leave out {out}: show all" in found.text
    elif out:
        assert f"No service fits your filters. {out} are left out: show all" in found.text
    else:
        assert "left out" not in found.text


async def test_a_service_overseas_is_on_the_map(client: Client) -> None:
    plain = changed(LVIV, publish=True, country="NZ", region=None)
    plain["services"] = [each | {"publish": True} for each in plain["services"]]
    await join(client, "lviv", plain)
    await join(client, "lisbon", LISBON)
    found = await page(client, "/")
    assert "New Zealand: 2 services" in markers(found)
    assert found.main.one("svg", style="map").all("g", style="corner")
    world = await page(client, found.links()["Show the world on the map"])
    assert set(markers(world)) == {"Europe: 2 services. Show Europe", "New Zealand: 2 services"}
    assert markers(world)["Europe: 2 services. Show Europe"] == "/"


async def test_an_organisation_as_it_describes_itself(client: Client) -> None:
    member = await join(client, "utrecht", UTRECHT)
    found = await page(client, f"/organisation/{member}")
    assert found.headings[0] == "Steunpunt Dom"
    assert found.main.one("h1").all("bdi")[0].get("lang") == "nl"
    assert found.main.one("p", style="ask-line").get("lang") == "en"
    assert found.links()["+31 30 000 02 00"] == "tel:+31300000200"
    assert found.links()["116 006"] == "tel:116006"
    assert found.links()["info@steunpuntdom.example"] == "mailto:info@steunpuntdom.example"
    assert found.links()["steunpuntdom.example"] == "https://steunpuntdom.example"
    hours = found.main.one("table", style="stack--keep")
    assert [row.text for row in hours.all("tr")] == [
        "Day Open, in Utrecht",
        "Mon–Fri 09:00–17:00",
        "Sat 10:00–13:00",
        "Sun closed",
    ]
    assert "Services (2)" in found.headings
    listed = await page(client, "/members")
    assert listed.links()["Steunpunt Dom"] == f"/organisation/{member}"
    assert "1 organisation" in listed.text


async def test_a_name_in_another_script_says_which_language_it_is(client: Client) -> None:
    await join(client, "lviv", changed(LVIV, publish=True))
    listed = await page(client, "/members")
    name = next(bdi for bdi in listed.main.all("bdi") if "Підтримка" in bdi.text)
    assert name.get("lang") == "uk"
    assert "None published" in listed.text


# --- what is not --------------------------------------------------------------------------------

SECRET = (
    # Names, numbers and addresses of people; what only colleagues need; what was not chosen.
    *("Jasmijn", "Bram Visser", "02 10", "jasmijn.dewit", "bram.visser"),
    *("02 99", "VSE", "Safe house Utrecht", "address is not public"),
)


async def test_only_what_was_chosen_is_anywhere(client: Client) -> None:
    member = await join(client, "utrecht", UTRECHT)
    hidden = await join(client, "lisbon", changed(LISBON, publish=None))
    await join(client, "lviv", changed(LVIV, publish=None))
    everywhere = ["/", "/?country=NL", "/members", f"/organisation/{member}", "/?map=world"]
    for path in everywhere:
        found = await page(client, path)
        for word in (*SECRET, "Ponte Tejo", "pontetejo", "Inês"):
            assert word not in found.source, (path, word)
    for other in (hidden, "00" * 16):
        gone = await page(client, f"/organisation/{other}", 404)
        assert gone.headings == ["There is no such organisation here"]
        assert "Ponte" not in gone.source
    for wrong in (member.upper(), member[:-2], "x" * 32):
        answer = await client.get(f"/organisation/{wrong}", expect=404)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_services_without_their_organisation_stay_hidden(client: Client) -> None:
    plain = changed(LISBON, publish=False)
    assert all(each["publish"] for each in plain["services"])
    member = await join(client, "lisbon", plain)
    assert "No service is published here yet." in (await page(client, "/")).text
    await client.get(f"/organisation/{member}", expect=404)


async def test_a_suspended_member_is_not_shown_until_it_is_back(client: Client) -> None:
    member = await join(client, "utrecht", UTRECHT)
    await join(client, "lisbon", LISBON)
    assert len(services(await page(client, "/"))) == 4
    now = client.place.clock()
    known = client.running.ledger.directory.known(bytes.fromhex(member))
    body = Status("suspended", now + 3_600_000, "test")
    content = make_status_entry(
        client.place.genesis, known.id, known.number + 1, known.head, body, now
    )
    signed = sign_entry(content, client.place.registrar())
    await client.office.propose(content, [[s.key, s.signature] for s in signed])
    assert len(services(await page(client, "/"))) == 2
    await page(client, f"/organisation/{member}", 404)
    client.place.clock.ahead = 3_600_000 + LOOK_AGAIN + 1
    assert len(services(await page(client, "/"))) == 4


async def test_a_member_that_changes_its_mind_is_gone_at_once(client: Client) -> None:
    member = await join(client, "utrecht", UTRECHT)
    before = (await client.get("/")).headers["ETag"]
    known = client.running.ledger.directory.known(bytes.fromhex(member))
    new = records("utrecht", changed(UTRECHT, publish=None))
    card = msgspec.structs.replace(known.card, records=record_hashes(new))
    signers, now = (signer("utrecht vault"),), client.place.clock()
    submission = make_update(client.place.genesis, known, card, ROUTINE, signers, new, None, now)
    answer = await client.send("POST", paths.SUBMIT, submission.pack())
    assert answer.status == 201, answer
    assert "No service is published here yet." in (await page(client, "/")).text
    assert (await client.get("/", before)).status == 200
    await page(client, f"/organisation/{member}", 404)


# --- how it is served ---------------------------------------------------------------------------


async def test_pages_are_kept_by_their_etag_until_something_changes(client: Client) -> None:
    member = await join(client, "lisbon", LISBON)
    for path in ("/", "/?country=PT", "/members", f"/organisation/{member}"):
        answer = await client.get(path)
        etag = answer.headers["ETag"]
        assert not etag.startswith("W/")
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        again = await client.get(path, etag, expect=304)
        assert again.body == b""
        assert again.headers["ETag"] == etag
        assert (await client.get(path)).body == answer.body
    before = (await client.get("/")).headers["ETag"]
    await join(client, "utrecht", UTRECHT)
    assert (await client.get("/", before)).headers["ETag"] != before


async def test_no_cookie_no_script_and_the_kits_policy(client: Client) -> None:
    member = await join(client, "lisbon", LISBON)
    for path in ("/", "/members", f"/organisation/{member}"):
        answer = await client.get(path)
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "X-Robots-Tag" not in answer.headers
        text = answer.body.decode("utf-8")
        for word in ("<script", "style=", '<form method="post', "noindex"):
            assert word not in text
    gone = await client.get(f"/organisation/{'00' * 16}", expect=404)
    assert gone.headers["Content-Security-Policy"] == POLICY


async def test_its_style_sheets_come_from_its_own_host(client: Client) -> None:
    found = await page(client, "/")
    for link in found.root.all("link"):
        assert link.get("href").startswith("/static/")
        answer = await client.get(link.get("href"))
        assert answer.headers["Cache-Control"].endswith("immutable")
    await client.get("/static/0000000000000000/exchange.css", expect=404)


async def test_only_reading_is_possible_there(client: Client) -> None:
    for method in ("POST", "PUT", "DELETE"):
        for path in ("/", "/members", "/organisation/" + "00" * 16):
            answer = await client.send(method, path, b"", {})
            assert answer.status == 405, (method, path)
    head = await client.send("HEAD", "/", None, {})
    assert (head.status, head.body) == (200, b"")


async def test_nodes_find_everything_where_it_was(client: Client) -> None:
    await join(client, "lisbon", LISBON)
    await client.get("/")
    replica = await client.replica()
    assert replica.size == 2
    assert (await client.get(paths.CHECKPOINT)).headers["Content-Type"].startswith("text/plain")
    assert json.loads((await client.get("/tile/9/000", expect=404)).body)["status"] == 404


async def test_the_log_names_the_route_and_never_who_was_looked_at(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    member = await join(client, "lisbon", LISBON)
    capsys.readouterr()
    await client.get(f"/organisation/{member}")
    await client.get("/?country=PT&need=court-accompaniment")
    said = capsys.readouterr().out
    assert "/organisation/{member}" in said
    for word in (member, "country", "PT", "court"):
        assert word not in said


async def test_nobody_can_let_it_draw_page_after_page(client: Client) -> None:
    """What is drawn already is given to everybody, whoever asks how often."""
    await join(client, "lisbon", LISBON)
    seen = []
    for number in range(10 * DRAWN_AT_ONCE):
        answer = await client.send("GET", f"/?page=0{number}", None, {})
        seen.append(answer.status)
        if answer.status == 429:
            assert answer.code == "busy"
            assert int(answer.headers["Retry-After"]) >= 1
            break
    assert seen[:DRAWN_AT_ONCE] == [200] * DRAWN_AT_ONCE
    assert seen[-1] == 429
    last = f"/?page=0{len(seen) - 2}"
    assert [(await client.send("GET", last, None, {})).status for _ in range(20)] == [200] * 20
    await client.get(paths.CHECKPOINT)
