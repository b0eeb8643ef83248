"""The page of notifications: my address, a test of it, my days away; and what mails never say."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mail_world import DAY, HOUR, LINK, MINUTE, ZONE
from page_reader import Page
from pages_world import Desk, Desks
from planted import NAMES, Search
from referral_node.delivery.postman import Postman
from referral_node.exchange.notices.duty import absences, address_of, keyholders, today
from referral_protocol.examples import SENT, referral
from smtp_server import MailHost

HERE = "/notifications"
MAIL = "jasmijn@utrecht.example"


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def utrecht(desks: Desks) -> Desk:
    desk = desks.desk("utrecht")
    await desk.sign_in()
    return desk


async def sent(
    desk: Desk, button: str, values: dict[str, Any] | None = None, status: int = 200
) -> Page:
    page = await desk.reader.get(HERE)
    return await desk.reader.submit(page, button, values or {}, status=status)


async def test_every_page_leads_there(utrecht: Desk) -> None:
    for path in ("/", "/referrals", "/access"):
        page = await utrecht.reader.get(path)
        assert page.links()["Notifications"] == HERE


async def test_an_address_is_saved_shown_and_taken_away(utrecht: Desk) -> None:
    page = await sent(utrecht, "Save address", {"address": f"  {MAIL} "})
    assert "Saved." in page.text
    store, me = utrecht.office.store, utrecht.actor.id
    assert await address_of(store, me) == MAIL
    assert page.form("Save address").values["address"] == [MAIL]
    page = await sent(utrecht, "Save address", {"address": ""})
    assert "not told by e-mail any more" in page.text
    assert await address_of(store, me) is None


@pytest.mark.parametrize(
    "typed", ["jasmijn", "Jasmijn <a@b.de>", "a@b.de\r\nBcc: c@d.ef", "a b@c.d"]
)
async def test_what_is_no_address_is_told_and_kept(utrecht: Desk, typed: str) -> None:
    page = await sent(utrecht, "Save address", {"address": typed}, 422)
    assert "Type one plain e-mail address" in page.text
    assert await address_of(utrecht.office.store, utrecht.actor.id) is None


async def test_days_away_are_entered_listed_and_removed(utrecht: Desk) -> None:
    first, last = {"first": "4 December 2026", "last": "17 December 2026"}, "17 December 2026"
    page = await sent(utrecht, "Add days", first)
    assert f"4 December 2026 to {last}" in page.text
    await sent(utrecht, "Add days", {"first": "1 February 2027", "last": "1 February 2027"})
    store, me = utrecht.office.store, utrecht.actor.id
    day = today(utrecht.office.clock.now, ZONE)
    assert len(await absences(store, me, day)) == 2
    page = await sent(utrecht, f"Remove 4 December 2026 to {last}")
    assert "Removed." in page.text
    assert last not in page.text
    (left,) = await absences(store, me, day)
    assert left.first.isoformat() == "2027-02-01"


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("4 December 2026", "3 December 2026", "The last day must not be before the first"),
        ("1 November 2026", "2 November 2026", "These days are over"),
        ("4 December 2026", "5 December 2027", "This is longer than a year"),
        ("", "4 December 2026", "Type the first day"),
        ("4 December 2026", "soon", "Last day"),
    ],
)
async def test_days_that_make_no_sense_are_told(
    utrecht: Desk, first: str, last: str, said: str
) -> None:
    page = await sent(utrecht, "Add days", {"first": first, "last": last}, 422)
    assert said in page.text
    assert page.form("Add days").values["first"] == [first]
    assert not await utrecht.office.store.rows("SELECT 1 FROM absences")


async def test_nobody_changes_what_is_anothers(desks: Desks, utrecht: Desk) -> None:
    await sent(utrecht, "Add days", {"first": "4 December 2026", "last": "5 December 2026"})
    await utrecht.office.store.write(
        lambda tx: tx.execute("UPDATE absences SET user = ?", (b"other" * 3 + b"x",))
    )
    page = await utrecht.reader.get(HERE)
    assert "5 December 2026" not in page.main.text.split("For example")[0]
    assert len(await utrecht.office.store.rows("SELECT 1 FROM absences")) == 1


async def test_a_test_mail_says_at_once_how_it_went(tmp_path: Path) -> None:
    made = Desks(tmp_path, "utrecht", now=SENT)
    desk = made.desk("utrecht")
    async with MailHost(tmp_path) as host:

        async def try_mail(to: str) -> str | None:
            core = desk.office.exchange.core
            return await Postman(core, host.settings(), tmp_path, ZONE, LINK).test(to)

        desk.try_mail = try_mail
        await made.start()
        try:
            await desk.sign_in()
            page = await sent(desk, "Save address", {"address": MAIL})
            assert "sends no e-mail" not in page.text
            page = await sent(desk, "Send me a test")
            assert "The mail server took the test mail." in page.text
            (mail,) = host.mails
            assert (mail["To"], mail["Subject"]) == (MAIL, "Referral exchange: a test")
            host.refused[MAIL] = "550 no such user"
            page = await sent(desk, "Send me a test")
            assert "the mail server refuses it" in page.text
            await host.stop()
            page = await sent(desk, "Send me a test")
            assert "the mail server is not reached" in page.text
            assert "Tell your administrator: connect." in page.text
        finally:
            await made.stop()


async def test_without_mail_the_page_says_so_and_offers_no_test(utrecht: Desk) -> None:
    page = await sent(utrecht, "Save address", {"address": MAIL})
    assert "Your node sends no e-mail yet." in page.text
    assert "Send me a test" not in page.text


async def test_a_whole_referral_is_told_without_a_word_of_it(
    desks: Desks, utrecht: Desk, tmp_path: Path
) -> None:
    """From arrival to overdue, with names that cannot be mistaken in it, at both ends."""
    names = " ".join(NAMES)
    search = Search()
    async with MailHost(tmp_path) as host:
        settings = host.settings(administrators=("it@utrecht.example",))
        postmen = []
        for name in ("utrecht", "lisboa"):
            desk = desks.desk(name)
            if name == "lisboa":
                await desk.sign_in()
            await sent(desk, "Save address", {"address": f"{desk.name}@{name}.example"})
            core = desk.office.exchange.core
            postmen.append(Postman(core, settings, tmp_path, ZONE, LINK))
        planted = referral(desks["utrecht"].id, SENT)["who"] | {"name": names, "case_number": names}
        await desks.sent(who=planted)
        for after in (MINUTE, MINUTE, *(HOUR, MINUTE) * 48, 13 * DAY, MINUTE):
            desks.at(desks.clock.now + after)
            for postman in postmen:
                await postman.round()
        assert len(host.to("jasmijn@utrecht.example")) >= 3
        assert len(host.to("ines@lisboa.example")) >= 1
        for mail in host.mails:
            assert search.find(mail.as_bytes()) == set()
            text = mail.as_string().casefold()
            for word in (
                "oksana",
                "ponte tejo",
                "steunpunt",
                "jasmijn de wit",
                "lisbon",
                "utrecht ",
            ):
                assert word not in text.replace("@utrecht.example", "")
    people = await keyholders(utrecht.office.store, today(desks.clock.now, ZONE))
    assert [person.address for person in people] == ["jasmijn@utrecht.example"]
