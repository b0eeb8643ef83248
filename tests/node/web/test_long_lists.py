"""Lists that are longer than a page: what is shown of them, and the way to the rest."""

import msgspec
import pytest
from markupsafe import escape

from pages_world import DAY, Desks
from referral_node.exchange import Figure, Figures, Summary
from referral_node.exchange.cases.summaries import CaseSummary
from referral_node.web import today_view
from referral_node.web.members import organisation
from referral_node.web.today_job import Known
from referral_node.web.today_view import SHOWN, Group
from referral_protocol.examples import SENT
from referral_ui import paging
from referral_ui.paging import PER_PAGE, Paging
from referral_ui.times import Place, Times

NONE = Figures(0, Figure(0, 0), Figure(0, 0), Figure(0, 0))


def due(number: int) -> Summary:
    """A referral to be answered; the later in the row, the later it is due."""
    return Summary(
        id=number.to_bytes(32, "big"),
        peer=b"p" * 16,
        role="receiving",
        kind="referral",
        priority="routine",
        opened_at=SENT,
        respond_by=SENT + DAY + number,
        state="received",
        ended=False,
        changed_at=SENT,
        follow_up_at=None,
        opener="imported",
        opener_held=SENT,
        undelivered=0,
        queued_at=None,
        refused=0,
        unreadable=0,
        case=CaseSummary(name=f"Person {number}"),
    )


def known(*summaries: Summary) -> Known:
    return Known(
        times=Times(SENT, Place("Europe/Lisbon", "Lisbon")),
        summaries=summaries,
        drafts=(),
        figures=NONE,
        organisation=lambda member: organisation(member, None),
    )


def people(group: Group) -> list[str]:
    return [escape(job.who or "").striptags() for job in group.jobs]


def test_a_long_group_shows_the_first_and_leads_to_the_others() -> None:
    everything = [due(number) for number in range(SHOWN + 3)]
    (group,) = today_view.build(known(*reversed(everything))).groups
    assert group.heading == f"Answers due ({SHOWN + 3})"
    assert people(group) == [f"Person {number}" for number in range(SHOWN)]
    assert group.more == f"Show all {SHOWN + 3}"
    assert group.href == "/today/answers-due"
    (group,) = today_view.build(known(*everything[:SHOWN])).groups
    assert len(group.jobs) == SHOWN
    assert not group.more


def test_the_pages_of_a_group_have_every_row_once() -> None:
    late = msgspec.structs.replace(due(500), respond_by=SENT - DAY)
    all_ = known(*(due(number) for number in range(PER_PAGE + 7)), late)
    rows = today_view.rows_of(all_, "answers-due")
    shown = [
        who
        for first in (0, PER_PAGE)
        for who in people(today_view.group("answers-due", rows, first, PER_PAGE))
    ]
    assert shown == [f"Person {number}" for number in range(PER_PAGE + 7)]
    assert people(today_view.group("now", today_view.rows_of(all_, "now"))) == ["Person 500"]


def test_every_group_has_an_address_of_its_own() -> None:
    nothing = known()
    for code in today_view.CODES:
        assert today_view.rows_of(nothing, code) == []
    assert len(set(today_view.CODES.values())) == len(today_view.CODES)


@pytest.mark.parametrize(
    ("asked", "total", "number"),
    [
        ("1", 0, 1),
        ("2", 50, 1),
        ("2", 51, 2),
        ("0", 51, 1),
        ("", 51, 1),
        ("-1", 51, 1),
        ("٢", 151, 1),
        ("99999999999999999999", 151, 1),
        ("999999999", 151, 4),
    ],
)
def test_the_nearest_page_there_is(asked: str, total: int, number: int) -> None:
    assert Paging.of(asked, total, str).number == number


def test_neighbours_of_a_page() -> None:
    first, middle, last = (Paging(n, 101, lambda n: f"/list?page={n}") for n in (1, 2, 3))
    assert (first.first, middle.first, last.first) == (0, 50, 100)
    assert first.previous is None
    assert first.following is not None
    assert first.following.href == "/list?page=2"
    assert middle.place == ", page 2 of 3"
    assert last.following is None
    assert Paging(1, 50, str).place == ""


async def test_a_group_has_a_page(desks: Desks) -> None:
    thread = await desks.sent()
    utrecht = desks.desk("utrecht")
    today = await utrecht.sign_in()
    page = await utrecht.reader.get("/today/now")
    assert page.title == "Now: immediate and overdue – Referral exchange"
    assert "1 in all." in page.text
    assert page.links()["Answer: Оксана Ткаченко"] == today.links()["Answer: Оксана Ткаченко"]
    assert page.links()["Answer: Оксана Ткаченко"].endswith(thread.hex())
    page = await utrecht.reader.get("/today/answers-due?page=9")
    assert "0 in all." in page.text
    assert (await utrecht.reader.get("/today/yesterday")).status == 404
    assert (await utrecht.reader.get("/today/next")).status == 404


async def test_all_referrals_by_organisation_and_state(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await desks.sent()
    lisboa = desks.desk("lisboa")
    await lisboa.sign_in()
    page = await lisboa.reader.get("/referrals")
    assert "3 referrals" in page.text
    utrecht = desks["utrecht"].id.hex()
    form = page.form("Show referrals")
    form.fill({"with": utrecht, "state": "rejected"})
    page = await lisboa.reader.send(form)
    assert page.path.startswith("/referrals?which=open")
    assert "No referral is in this list." in page.text
    page = await lisboa.reader.follow(page, "Leave the filters out")
    assert "3 referrals" in page.text
    page = await lisboa.reader.get(f"/referrals?which=all&with={utrecht}&state=requested")
    assert "3 referrals" in page.text
    assert f"with={utrecht}" in page.links()["Ended"]
    for odd in ("with=zz", "with=" + "ab" * 16, "state=moon", "which=never", "page=x"):
        assert "3 referrals" in (await lisboa.reader.get(f"/referrals?{odd}")).text
    monkeypatch.setattr(paging, "PER_PAGE", 2)
    monkeypatch.setattr("referral_node.web.pages.all_referrals.PER_PAGE", 2)
    page = await lisboa.reader.get("/referrals?state=requested")
    assert "3 referrals, page 1 of 2" in page.text
    page = await lisboa.reader.follow(page, "Next: page 2")
    assert "3 referrals, page 2 of 2" in page.text
    assert len(page.main.one("tbody").all("tr")) == 1
