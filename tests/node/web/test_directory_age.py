"""An old directory: known organisations are never cut off, keys never seen are not used first."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

import referral_inputs
from directory_world import id_of
from page_reader import Page
from pages_world import DAY, Desk, Desks
from referral_node.exchange import Choice, Draft, Summary
from referral_protocol.directory.replica import Freshness
from referral_protocol.examples import SENT

MINUTE = 60_000
CHOOSE = "Choose Steunpunt Dom"
SEND = "Send to Steunpunt Dom"
NEVER = "you never exchanged anything with Steunpunt Dom"


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def lisboa(desks: Desks) -> Desk:
    return desks.desk("lisboa")


async def later(desks: Desks, age: int) -> None:
    """So long after the newest checkpoint, signed in again."""
    dated = desks["lisboa"].exchange.members.dated
    assert dated is not None
    desks.at(dated + age)
    await desks.desk("lisboa").sign_in()


async def drafted(desk: Desk, recipient: bytes | None = None) -> Draft:
    office = desk.office
    made = await office.exchange.drafts.create(office.vault, desk.actor)
    draft = await office.exchange.drafts.load(office.vault, made)
    assert draft is not None
    changed = msgspec.structs.replace(draft, typed=referral_inputs.typed(), recipient=recipient)
    return await office.exchange.drafts.save(office.vault, desk.actor, changed)


async def compared(desk: Desk) -> None:
    await desk.office.exchange.contacts.compared(
        desk.office.vault, desk.actor, id_of("utrecht"), same=True, spoke_with="Jasmijn de Wit"
    )


async def organisation(desk: Desk, draft: Draft) -> Page:
    return await desk.reader.get(f"/organisation/{id_of('utrecht').hex()}?draft={draft.id.hex()}")


async def check(desk: Desk, draft: Draft) -> Page:
    return await desk.reader.get(f"/new/{draft.id.hex()}/check")


async def sent(desk: Desk) -> list[Summary]:
    return await desk.office.exchange.lists.page(desk.office.vault, Choice(), 0, 9)


async def test_the_age_counts_from_the_newest_checkpoint(desks: Desks) -> None:
    members = desks["lisboa"].exchange.members
    assert members.freshness is Freshness.CURRENT
    dated = members.dated
    assert dated is not None
    # The directory answers every day, but with the checkpoint of the beginning.
    for days, tier in ((2, Freshness.LATE), (8, Freshness.STALE), (31, Freshness.LOST)):
        desks.at(dated + days * DAY)
        await desks["lisboa"].keeper.answered()
        assert members.freshness is tier
    await desks["lisboa"].keeper.take(desks.world.checkpoint(), [])
    assert members.freshness is Freshness.CURRENT


async def test_one_never_seen_is_not_chosen_after_seven_days(desks: Desks, lisboa: Desk) -> None:
    await later(desks, 7 * DAY - 5 * MINUTE)
    draft = await drafted(lisboa)
    before = await organisation(lisboa, draft)
    assert CHOOSE in before.buttons()
    desks.at(desks.clock.now + 10 * MINUTE)
    page = await organisation(lisboa, draft)
    assert CHOOSE not in page.buttons()
    assert NEVER in page.text
    refused = await lisboa.reader.submit(before, CHOOSE, status=409)
    assert NEVER in refused.text
    now = await lisboa.office.exchange.drafts.load(lisboa.office.vault, draft.id)
    assert now is not None
    assert now.recipient is None
    # Comparing the fingerprint is what makes the key one that was seen.
    await compared(lisboa)
    page = await lisboa.reader.submit(await organisation(lisboa, draft), CHOOSE)
    assert SEND in page.buttons()


async def test_one_chosen_before_is_not_written_to_either(desks: Desks, lisboa: Desk) -> None:
    await later(desks, 8 * DAY)
    draft = await drafted(lisboa, id_of("utrecht"))
    page = await check(lisboa, draft)
    assert SEND not in page.buttons()
    assert "You cannot send this yet. What this node knows of the directory is over" in page.text
    assert NEVER in page.text


async def test_who_wrote_to_us_is_never_cut_off(desks: Desks) -> None:
    await desks.sent()
    utrecht = desks.desk("utrecht")
    assert await utrecht.office.exchange.contacts.seen(id_of("lisboa"))
    assert await desks["lisboa"].exchange.contacts.seen(id_of("utrecht"))
    assert not await utrecht.office.exchange.contacts.seen(id_of("lviv"))
    await later(desks, 40 * DAY)
    lisboa = desks.desk("lisboa")
    page = await organisation(lisboa, await drafted(lisboa))
    assert CHOOSE in page.buttons()


async def test_what_they_do_not_hold_makes_nobody_known(tmp_path: Path) -> None:
    desks = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    await desks.start(prekeys=False)
    await desks.send()
    assert not await desks["lisboa"].exchange.contacts.seen(id_of("utrecht"))
    await desks.stop()


async def test_after_thirty_days_a_person_confirms(desks: Desks, lisboa: Desk) -> None:
    await later(desks, 30 * DAY - 5 * MINUTE)
    await compared(lisboa)
    draft = await drafted(lisboa, id_of("utrecht"))
    before = await check(lisboa, draft)
    assert "confirm" not in before.form(SEND).values
    desks.at(desks.clock.now + 10 * MINUTE)
    page = await check(lisboa, draft)
    why = "What this node knows of the directory is over 30 days old, so nobody here would know if"
    assert why in page.text
    refused = await lisboa.reader.submit(page, SEND, status=422)
    assert refused.problems == ["Confirm that you asked Steunpunt Dom by telephone"]
    assert await sent(lisboa) == []
    await lisboa.reader.submit(refused, SEND, {"confirm": "yes"})
    assert len(await sent(lisboa)) == 1
