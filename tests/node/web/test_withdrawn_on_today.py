"""A withdrawal on the receiving side's Today: an order to stop, and no message among others."""

import pytest

from page_reader import Page
from pages_world import DAY, Desk, Desks
from referral_protocol.examples import SENT

WITHDRAW = "Withdraw the referral"


async def opened(desks: Desks, *, accepted: bool = False) -> bytes:
    """The story's referral, opened in Utrecht."""
    thread = await desks.sent()
    jasmijn = desks.desk("utrecht")
    await jasmijn.sign_in()
    await jasmijn.reader.get(f"/referral/{thread.hex()}")
    if accepted:
        page = await jasmijn.reader.get(f"/referral/{thread.hex()}/do/accept")
        await jasmijn.reader.submit(page, "Accept this referral")
    await desks.settle()
    await desks.desk("lisboa").sign_in()
    return thread


async def does(desk: Desk, thread: bytes, act: str, button: str, **typed: str) -> Page:
    page = await desk.reader.get(f"/referral/{thread.hex()}/do/{act}")
    return await desk.reader.submit(page, button, typed)


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_withdrawn_consent_is_the_first_thing_to_do(desks: Desks, accepted: bool) -> None:
    thread = await opened(desks, accepted=accepted)
    ines, jasmijn = desks.desk("lisboa"), desks.desk("utrecht")
    await does(ines, thread, "consent-withdrawn", WITHDRAW)
    await desks.settle()
    page = await jasmijn.reader.get("/")
    assert page.headings[1] == "Now: immediate and overdue (1)"
    assert "Stop, and end it: Оксана Ткаченко consent was withdrawn" in page.main.text
    for absent in ("Answer:", "New messages", "Answers due"):
        assert absent not in page.main.text
    await does(jasmijn, thread, "cancel", "Cancel this referral")
    # Ended is not enough: they are told what became of what was known of her.
    page = await jasmijn.reader.get("/")
    assert page.headings[1] == "Now: immediate and overdue (1)"
    assert "Say what you erased: Оксана Ткаченко" in page.main.text
    said = {"erased": "kept", "kept_why": "Our law on social work, five years."}
    await does(jasmijn, thread, "erased", "Say this to Associação Ponte Tejo", **said)
    await desks.settle()
    page = await jasmijn.reader.get("/")
    assert "Nothing needs you now" in page.main.text


async def test_what_was_erased_owes_nothing_more(desks: Desks) -> None:
    thread = await opened(desks)
    await does(desks.desk("lisboa"), thread, "consent-withdrawn", WITHDRAW)
    await desks.settle()
    jasmijn = desks.desk("utrecht")
    await jasmijn.reader.get("/")
    await does(jasmijn, thread, "cancel", "Cancel this referral")
    said = {"erased": "erased"}
    await does(jasmijn, thread, "erased", "Say this to Associação Ponte Tejo", **said)
    await desks.settle()
    page = await jasmijn.reader.get("/")
    assert "Nothing needs you now" in page.main.text


@pytest.mark.parametrize("days", [0, 5])
async def test_what_was_taken_back_for_another_reason_asks_for_its_end(
    desks: Desks, days: int
) -> None:
    thread = await opened(desks)
    ines, jasmijn = desks.desk("lisboa"), desks.desk("utrecht")
    await does(ines, thread, "not-needed", WITHDRAW)
    await desks.settle()
    if days:  # long after the answer would have been due
        desks.at(SENT + days * DAY)
        await jasmijn.sign_in()
    page = await jasmijn.reader.get("/")
    assert "End it: Оксана Ткаченко they withdrew it: no longer needed" in page.main.text
    assert "Answer:" not in page.main.text
    await does(jasmijn, thread, "cancel", "Cancel this referral")
    await desks.settle()
    page = await jasmijn.reader.get("/")
    assert "Nothing needs you now" in page.main.text


async def test_what_nobody_had_opened_is_gone(desks: Desks) -> None:
    thread = await desks.sent()
    ines, jasmijn = desks.desk("lisboa"), desks.desk("utrecht")
    await ines.sign_in()
    await does(ines, thread, "consent-withdrawn", WITHDRAW)
    await desks.settle()
    page = await jasmijn.sign_in()
    said = "Read: a referral it was withdrawn before anybody here had opened it"
    assert said in page.main.text
    assert "Оксана" not in page.main.text
    await jasmijn.reader.get(f"/referral/{thread.hex()}")
    page = await jasmijn.reader.get("/")
    assert "Nothing needs you now" in page.main.text
