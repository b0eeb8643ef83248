"""Our services from a file, in the pages: chosen, mapped, looked at; faults by row and field."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fed_member import Member
from page_reader import Page
from referral_protocol import profiles
from referral_protocol.hsds import export, tabular
from referral_ui.archives import packed
from settings_world import Settings

LOAD = "/settings/services/load"
LINK = "Load services from a file"


@pytest.fixture
async def lisboa(tmp_path: Path) -> AsyncIterator[Member]:
    async with Settings(tmp_path, "lisboa") as made:
        await made["lisboa"].sign_in()
        yield made["lisboa"]


async def mine(member: Member) -> Any:
    return await member.exchange.own_profile.load(member.vault())


async def documents(member: Member) -> list[dict[str, Any]]:
    values = (await mine(member)).values
    services = [{**each, "publish": True} for each in values["services"]]
    organisation = {**values["organisation"], "publish": True}
    whole = {**values, "organisation": organisation, "services": services}
    shown = profiles.published(profiles.decode(profiles.encode(whole)))
    assert shown is not None
    return export.services(member.id, shown)


async def sent(member: Member, name: str, data: bytes, status: int = 200, **fields: str) -> Page:
    """The page is opened by its link, the file is chosen, "Load" is pressed."""
    reader = member.page()
    page = await reader.follow(await reader.get("/settings/services"), LINK)
    return await reader.upload(page, "Load", [(name, data)], fields, status=status)


async def test_a_file_is_loaded_and_nothing_is_sent(lisboa: Member) -> None:
    found = await documents(lisboa)
    found[0]["minimum_age"] = 15
    found[1]["name"] = "Novo serviço"
    found[1]["id"] = ""
    page = await sent(lisboa, "own.zip", packed(tabular.package(found[:1])))
    assert "Loaded: 1 changed, 1 not in it." in page.text
    page = await sent(lisboa, "own.json", json.dumps(found).encode())
    assert "Loaded: 1 new, 1 as before, 1 not in it." in page.text
    assert "not on the public page before you choose that" in page.text
    after = await mine(lisboa)
    assert [each["name"] for each in after.values["services"]][2:] == ["Novo serviço"]
    assert after.values["services"][0]["age_from"] == 15
    assert after.changed == ("services",)
    assert await lisboa.exchange.updating.status() is None
    again = await sent(lisboa, "own.json", json.dumps(found).encode())
    assert "Nothing to change: 2 as before, 1 not in it." in again.text


async def test_what_is_wrong_stands_by_row_and_field(lisboa: Member) -> None:
    found = await documents(lisboa)
    found[1]["minimum_age"] = "many"
    found[1]["description"] = "<script>alert(1)</script>"
    page = await sent(lisboa, "own.json", json.dumps(found).encode(), 422)
    assert "Nothing was loaded: 2 things are wrong in the file." in page.text
    assert "service 2" in page.text
    assert "minimum_age" in page.text
    assert "You wrote “many”" in page.text
    assert (await mine(lisboa)).version == 0


async def test_foreign_words_are_asked_about(lisboa: Member) -> None:
    foreign = {
        "id": "7",
        "name": "Ajuda",
        "status": "active",
        "languages": [{"name": "Klingon"}],
        "service_areas": [{"name": "MyCity"}],
        "attributes": [
            {"taxonomy_term": {"code": "A1", "name": "Help", "taxonomy": "AIRS"}},
            {"taxonomy_term": {"code": "B2", "name": "By phone", "taxonomy": "AIRS"}},
        ],
    }
    data = json.dumps([foreign]).encode()
    page = await sent(lisboa, "other.json", data, 422, language="pt")
    assert "What does the file mean by these?" in page.text
    for words in ("AIRS/A1", "AIRS/B2", "language/Klingon", "area/MyCity", "In service 1"):
        assert words in page.text
    means = {
        "means-0": "needs:social",
        "means-1": "forms:telephone",
        "means-2": "-",
        "means-3": "lives_in:PT",
    }
    typed = {**means, "language": "pt"}
    page = await lisboa.page().upload(page, "Load", [("other.json", data)], typed)
    assert "Loaded: 1 new, 2 not in it." in page.text
    assert (await mine(lisboa)).values["services"][-1] == {
        "name": "Ajuda",
        "language": "pt",
        "needs": ["social"],
        "forms": ["telephone"],
        "lives_in": ["PT"],
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04" + bytes(60), "This file cannot be read: it is no ZIP file"),
        (b"{", "This file cannot be read: file: not JSON"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"id,name\r\n", "There is no service in it"),
        (bytes(17 * 1024 * 1024), "larger than 16 MB"),
    ],
)
async def test_what_is_no_such_file(lisboa: Member, data: bytes, words: str) -> None:
    page = await sent(lisboa, "x", data, 422)
    assert words in page.text
    assert (await mine(lisboa)).version == 0


async def test_services_of_others_are_left_out_unless_a_person_says(lisboa: Member) -> None:
    found = await documents(lisboa)
    other = {**found[0], "id": "", "name": "Beratung"}
    other["organization"] = {"id": "9", "name": "Weisser Ring"}
    data = json.dumps([*found, other]).encode()
    page = await sent(lisboa, "all.json", data)
    assert "another organisation stands with it: Beratung (Weisser Ring)." in page.text
    assert (await mine(lisboa)).version == 0
    page = await sent(lisboa, "other.json", json.dumps([other]).encode(), 422)
    assert "No service in it is yours" in page.text
    assert "they are of Weisser Ring" in page.text
    page = await sent(lisboa, "other.json", json.dumps([other]).encode(), ours="yes")
    assert "Loaded: 1 new" in page.text


async def test_no_file(lisboa: Member) -> None:
    page = await lisboa.page().upload(await lisboa.page().get(LOAD), "Load", [], status=422)
    assert "Choose a file" in page.text
