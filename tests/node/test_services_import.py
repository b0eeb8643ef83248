"""`referral node services import`: over a node that serves, by a keyholder, all or nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fed_member import PASSWORD, Member
from federation import Federation
from referral_node.commands.node import node
from referral_node.control import ControlServer
from referral_protocol import profiles
from referral_protocol.examples import LVIV
from referral_protocol.hsds import export, tabular
from referral_protocol.profiles import Profile
from referral_ui.archives import packed


@pytest.fixture
async def lisboa(tmp_path: Path) -> AsyncIterator[Member]:
    async with Federation(tmp_path, "lisboa") as fed:
        member = fed["lisboa"]
        operations = member.node.operations().handlers()
        async with ControlServer(member.folder.control, operations):
            yield member


async def command(member: Member, *arguments: str | Path, expect: int = 0) -> Result:
    """Run the command as a keyholder does."""
    password = member.folder.path.parent / "password"
    await asyncio.to_thread(password.write_text, PASSWORD)
    await asyncio.to_thread(password.chmod, 0o600)
    line = ["services", "import", *arguments, "--state", member.folder.path]
    if "--password-file" not in arguments:
        line += ["--password-file", password]
    done = await asyncio.to_thread(CliRunner().invoke, node, [str(each) for each in line])
    assert done.exit_code == expect, done.output
    return done


async def own(member: Member) -> Any:
    """The member's profile as its keyholder sees it."""
    return await member.exchange.own_profile.load(member.vault())


def exported(plain: dict[str, Any], member: bytes) -> list[dict[str, Any]]:
    services = [{**each, "publish": True} for each in plain["services"]]
    data = profiles.encode({**plain, "services": services})
    shown = profiles.published(profiles.decode(data))
    assert isinstance(shown, Profile)
    return export.services(member, shown)


async def written(member: Member, name: str, data: bytes) -> Path:
    path: Path = member.folder.path.parent / name
    await asyncio.to_thread(path.write_bytes, data)
    return path


async def test_what_was_exported_changes_nothing(lisboa: Member) -> None:
    mine = await own(lisboa)
    documents = exported(mine.values, lisboa.id)
    as_json = await written(lisboa, "own.json", json.dumps(documents).encode())
    as_zip = await written(lisboa, "own.zip", packed(tabular.package(documents)))
    for file in (as_json, as_zip):
        said = (await command(lisboa, file)).output
        assert "There was nothing to change." in said
        assert said.count("as it is") == len(mine.values["services"])
    assert (await own(lisboa)).values == mine.values
    assert (await own(lisboa)).version == 0


async def test_changes_are_shown_then_kept(lisboa: Member) -> None:
    mine = await own(lisboa)
    documents = exported(mine.values, lisboa.id)
    documents[0]["name"] = "Apoio"
    documents[1]["minimum_age"] = 21
    new = exported(
        {**mine.values, "services": [{**mine.values["services"][1], "name": "Novo"}]}, b""
    )
    file = await written(lisboa, "own.json", json.dumps([*documents, *new]).encode())
    dry = (await command(lisboa, file, "--dry-run")).output
    for words in ("Apoio: changed: name", "changed: age_from", "Novo: new", "Nothing was changed."):
        assert words in dry
    assert (await own(lisboa)).version == 0
    done = json.loads((await command(lisboa, file, "--json")).stdout)
    assert done["kept"]
    assert [each[0] for each in done["changes"]] == ["changed", "changed", "new"]
    after = await own(lisboa)
    assert [each["name"] for each in after.values["services"]][::2] == ["Apoio", "Novo"]
    assert after.values["organisation"] == mine.values["organisation"]
    assert after.changed == ("services",)
    # Whether it is published was chosen for the first two, and for the new one by nobody.
    assert [each.get("publish") for each in after.values["services"]] == [
        *(each.get("publish") for each in mine.values["services"]),
        None,
    ]
    replaced = (await command(lisboa, file, "--replace")).output
    assert "There was nothing to change." in replaced


async def test_one_bad_row_and_nothing_is_taken(lisboa: Member) -> None:
    documents = exported((await own(lisboa)).values, lisboa.id)
    documents[0]["name"] = "Apoio"
    documents[1]["minimum_age"] = "many"
    documents[1]["description"] = "<b>x</b>"
    file = await written(lisboa, "own.json", json.dumps(documents).encode())
    said = (await command(lisboa, file, expect=1)).output
    assert "Error: service 2: minimum_age: Write a whole number" in said
    assert "Error: service 2: description: " in said
    assert "Error: Nothing was changed." in said
    assert (await own(lisboa)).version == 0


async def test_foreign_terms_wait_for_a_person(lisboa: Member) -> None:
    table = "id,name,status\r\n7,Ajuda,active\r\n"
    attributes = "id,link_id,link_entity,taxonomy_term_id\r\n1,7,service,8\r\n2,7,service,9\r\n"
    terms = "id,code,name,taxonomy\r\n8,A1,Help,AIRS\r\n9,B2,Phone,AIRS\r\n"
    files = {"services.csv": table, "attributes.csv": attributes, "taxonomy_terms.csv": terms}
    file = await written(lisboa, "other.zip", packed(files))
    said = (await command(lisboa, file, "--language", "pt", expect=1)).output
    assert '"AIRS/A1" = "-"' in said
    assert "services.csv, line 2" in said
    mapping = b'"AIRS/A1" = "needs:social"\n"AIRS/B2" = "forms:telephone"\n'
    means = await written(lisboa, "map.toml", mapping)
    done = await command(lisboa, file, "--language", "pt", "--map", means)
    assert "Ajuda: new" in done.output
    assert "Settings" in done.output
    after = (await own(lisboa)).values["services"][-1]
    assert after == {
        "name": "Ajuda",
        "language": "pt",
        "needs": ["social"],
        "forms": ["telephone"],
    }


async def test_more_services_than_a_profile_takes(lisboa: Member) -> None:
    mine = await own(lisboa)
    many = [{**mine.values["services"][0], "name": f"S{number}"} for number in range(40)]
    documents = exported({**mine.values, "services": many}, lisboa.id)
    file = await written(lisboa, "many.json", json.dumps(documents).encode())
    said = (await command(lisboa, file, expect=1)).output
    assert "at most 40" in said
    assert (await own(lisboa)).version == 0


async def test_services_of_others_are_left_out_and_named(lisboa: Member) -> None:
    mine = await own(lisboa)
    others = export.services(b"o" * 16, profiles.decode(profiles.encode(LVIV)))
    assert others
    documents = [*exported(mine.values, lisboa.id), *others]
    file = await written(lisboa, "all.json", json.dumps(documents).encode())
    said = (await command(lisboa, file)).output
    assert f"Left out, because another organisation stands with it: {others[0]['name']}" in said
    assert LVIV["organisation"]["name"] in said
    assert (await own(lisboa)).version == 0
    file = await written(lisboa, "others.json", json.dumps(others).encode())
    refused = (await command(lisboa, file, "--replace", expect=1)).output
    assert "If they are yours nevertheless, say so with --ours." in refused
    assert (await own(lisboa)).version == 0
    taken = (await command(lisboa, file, "--ours", "--dry-run")).output
    assert taken.count(": new") == len(others)


async def test_a_plain_table_says_what_it_needs(lisboa: Member) -> None:
    table = b"id,name,status,needs\r\n1,Beratung,active,practical-help\r\n"
    file = await written(lisboa, "services.csv", table)
    said = (await command(lisboa, file, expect=1)).output
    assert "an attribute with a term of referral-exchange/needs" in said
    assert "or --language pt for the whole file" in said
    assert "no place for these columns: needs." in said


async def test_without_a_terminal_the_option_is_named(lisboa: Member) -> None:
    documents = exported((await own(lisboa)).values, lisboa.id)
    file = await written(lisboa, "own.json", json.dumps(documents).encode())
    line = ["services", "import", str(file), "--state", str(lisboa.folder.path)]
    done = await asyncio.to_thread(CliRunner().invoke, node, line)
    assert done.exit_code == 1
    assert "give --password-file" in done.output


async def test_who_may(lisboa: Member) -> None:
    documents = exported((await own(lisboa)).values, lisboa.id)
    file = await written(lisboa, "own.json", json.dumps(documents).encode())
    wrong = await written(lisboa, "wrong", b"not the password at all")
    said = (await command(lisboa, file, "--password-file", wrong, expect=1)).output
    assert "password" in said
    missing = (await command(lisboa, lisboa.folder.path / "none.json", expect=1)).output
    assert "cannot be read" in missing
    rubbish = await written(lisboa, "rubbish", b"PK\x03\x04" + bytes(50))
    assert "no ZIP file" in (await command(lisboa, rubbish, expect=1)).output


async def test_only_a_node_that_serves_takes_them(lisboa: Member) -> None:
    documents = exported((await own(lisboa)).values, lisboa.id)
    file = await written(lisboa, "own.json", json.dumps(documents).encode())
    await lisboa.stop()
    said = (await command(lisboa, file, expect=1)).output
    assert "start it, then try again" in said
