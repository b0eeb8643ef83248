"""A lost vault key in the console: asked for, announced, vetoed or finished."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console_world import Desk, Office, opened
from directory_roots import NEW, NODE, OLD, asked
from directory_world import id_of
from page_reader import Page
from referral_directory.log import journal
from referral_protocol.directory.entries import (
    SUSPENDED,
    Leaf,
    Status,
    make_status_entry,
    sign_entry,
)
from referral_protocol.directory.rules import RECOVERY_DELAY, Member
from referral_protocol.keys import fingerprint

CALLED = "+351 21 000 01 42"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path / "state") as found:
        await found.client.admit("lisbon")
        yield found


def member(office: Office) -> Member:
    return office.client.running.ledger.directory.known(id_of("lisbon"))


def heard() -> dict[str, str | list[str]]:
    groups = fingerprint(NEW.public, NODE.public).split(" ")
    lines = {f"line{n + 1}": " ".join(groups[4 * n : 4 * n + 4]) for n in range(3)}
    return {"checks": ["member", "works", "found", "asked"], "called": CALLED, **lines}


async def announced(desk: Desk) -> Page:
    await desk.client.request(asked(desk.client))
    page = await desk.get("/")
    assert "Key lost" in page.text
    page = await desk.reader.follow(page, "Associação Ponte Tejo")
    return await desk.reader.submit(page, "Announce the new keys", heard())


async def test_the_page_says_whom_to_call(office: Office) -> None:
    """The number known before, never the one that came with the request."""
    desk = await office.signed_in()
    await office.client.request(asked(office.client))
    page = await desk.reader.follow(await desk.get("/"), "Associação Ponte Tejo")
    assert "Says that its key is lost" in page.text
    assert page.facts()["Point of contact"].endswith("as it stood before")
    assert "Inês Carvalhal" in page.facts()["Point of contact"]
    assert "Jasmijn" not in page.source


async def test_announced_and_finished(office: Office) -> None:
    desk = await office.signed_in()
    page = await announced(desk)
    assert page.path == "/recoveries"
    assert page.facts()["What the old key said"] == "nothing so far"
    assert [b for b in page.buttons() if b] == ["End it: the keys stay"]
    act = (await office.client.office.journal.lines(0, 1))[0]
    assert (act.what, act.detail) == (journal.DECIDED, "recovery +351210000142")
    said = (await desk.get("/acts")).text
    assert (
        "Announced the recovery of the lost key of Associação Ponte Tejo, having called"
        " +351 21 000 01 42" in said
    )
    assert "1 member waits for new keys." in (await desk.get("/")).text
    office.place.clock.ahead += RECOVERY_DELAY + 1
    await desk.sign_in()
    page = await desk.get("/recoveries")
    page = await desk.reader.submit(page, "Finish: the new keys act")
    assert "Finished: the new keys act from now on." in page.text
    assert member(office).vault_key == NEW.public
    log = (await desk.get("/log")).text
    assert "says that its vault key is lost: new keys wait for a veto of the old one" in log
    assert "changed its vault key, its node key, where its node answers and its profile" in log
    assert "after its vault key was lost" in log


async def test_ended(office: Office) -> None:
    desk = await office.signed_in()
    page = await announced(desk)
    page = await desk.reader.submit(page, "End it: the keys stay")
    assert "No member waits for new keys." in page.text
    assert member(office).vault_key == OLD.public
    assert "keeps its keys: the registrars have ended the recovery" in (await desk.get("/log")).text
    assert "Ended the recovery of Associação Ponte Tejo" in (await desk.get("/acts")).text


async def test_vetoed(office: Office) -> None:
    desk = await office.signed_in()
    page = await announced(desk)
    form = page.form("End it: the keys stay")
    them = member(office)
    content = make_status_entry(
        office.place.genesis,
        them.id,
        them.number + 1,
        them.head,
        Status(SUSPENDED, None, "veto"),
        office.place.clock(),
    )
    signed = sign_entry(content, OLD)
    await office.client.running.ledger.append(lambda at: Leaf(at, content, signed).pack())
    page = await desk.get("/recoveries")
    assert "The old key has said no." in page.text
    assert page.buttons() == []
    page = await desk.reader.send(form, form.button("End it: the keys stay"))
    assert page.problems == ["This cannot be done any more. Look at how it stands now"]


async def test_two_registrars_announce(office: Office) -> None:
    second = await office.second()
    desk = await office.signed_in()
    page = await announced(desk)
    assert "Signed. 1 of 2 registrars have signed." in page.text
    assert "Announce new keys, because the key was lost, of Associação Ponte Tejo" in page.text
    assert member(office).recovery is None
    await second.sign_in()
    page = await second.reader.submit(await second.get("/suspensions"), "Sign it too")
    assert "Signed and written into the log." in page.text
    assert member(office).recovery is not None
