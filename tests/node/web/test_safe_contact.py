"""Safe contact governs: a number is on no page at a time at which it may not be called."""

from typing import Any

import pytest

from page_reader import Page
from pages_world import DAY, HOUR, Desk, Desks
from referral_protocol.examples import SENT, call_made, referral
from referral_protocol.statements import NOTE, Head

MINUTE = 60_000
NUMBER = "+31 30 000 01 42"
FRIDAY_MORNING = SENT + 17 * HOUR + 37 * MINUTE
EVENING = SENT + 2 * HOUR


async def at_utrecht(desks: Desks, now: int, **changes: Any) -> tuple[Desk, bytes]:
    thread = await desks.sent(**changes)
    desks.at(now)
    desk = desks.desk("utrecht")
    await desk.sign_in()
    return desk, thread


async def pages_of(desk: Desk, thread: bytes) -> list[Page]:
    """Every page that shows something of a case."""
    base = f"/referral/{thread.hex()}"
    paths = ["", "/number", "/sent", "/evidence", "/access", "/do/accept", "/do/message"]
    pages = [await desk.reader.get(base + path) for path in paths]
    assert [page.path for page in pages] == [base + path for path in paths]
    return pages


def safe(*ways: dict[str, Any]) -> dict[str, Any]:
    """The story's safe contact with other ways."""
    return {**referral(b"m" * 16)["safe_contact"], "ways": list(ways)}


async def test_in_a_safe_hour_the_number_is_there_to_press(desks: Desks) -> None:
    desk, thread = await at_utrecht(desks, FRIDAY_MORNING)
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    box = page.main.one("section", style="safe")
    assert "safe--no" not in box.classes()
    assert box.one("p", style="verdict").text == "You may telephone now, until 11:30"
    assert box.one("p", style="call").one("a").get("href") == "tel:+31300000142"
    assert box.one("p", style="call").one("a").text == NUMBER


async def test_at_any_other_time_it_is_on_no_page(desks: Desks) -> None:
    desk, thread = await at_utrecht(desks, EVENING)
    for page in await pages_of(desk, thread):
        assert page.status == 200
        assert NUMBER not in page.text
        assert "310000142" not in page.source.replace(" ", "")
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    box = page.main.one("section", style="safe")
    assert "safe--no" in box.classes()
    assert box.one("p", style="verdict").text == "Do not telephone now"
    assert "Next safe time: Friday 20 November, 09:00–11:30 (08:00–10:30 in Lisbon)" in box.text


async def test_a_reason_opens_it_for_ten_minutes_and_is_recorded(desks: Desks) -> None:
    desk, thread = await at_utrecht(desks, EVENING)
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    page = await desk.reader.follow(page, "See the number: you will be asked why")
    refused = await desk.reader.submit(page, "Show the number", status=422)
    assert refused.problems == ["Say why you need the number now"]
    page = await desk.reader.submit(refused, "Show the number", {"reason": "life-in-danger"})
    box = page.main.one("section", style="safe")
    assert box.one("p", style="verdict").text == "Do not telephone now"
    assert NUMBER in box.text
    record = await desk.reader.get(f"/referral/{thread.hex()}/access")
    assert (
        "Saw the number outside its safe time: Somebody’s life or health is in danger now"
        in record.main.text
    )
    word = await desk.reader.get(f"/referral/{thread.hex()}/sent")
    assert NUMBER in word.main.text
    desks.at(desks.clock.now + 11 * MINUTE)
    for page in await pages_of(desk, thread):
        assert NUMBER not in page.text


async def test_a_reason_that_is_not_offered_opens_nothing(desks: Desks) -> None:
    desk, thread = await at_utrecht(desks, EVENING)
    page = await desk.reader.get(f"/referral/{thread.hex()}/number")
    form = page.form("Show the number")
    form.values["reason"] = ["curious"]
    page = await desk.reader.send(form)
    assert page.status == 422
    assert NUMBER not in page.text


async def test_the_number_that_a_later_message_repeats_is_governed_too(desks: Desks) -> None:
    desk, thread = await at_utrecht(desks, FRIDAY_MORNING)
    await desk.reader.get(f"/referral/{thread.hex()}")
    utrecht = desks["utrecht"]
    await utrecht.exchange.voice.say(
        utrecht.vault, desk.actor, thread, NOTE, Head(), call_made(desks.clock.now)
    )
    desks.at(FRIDAY_MORNING + 6 * HOUR)
    await desk.sign_in()
    for page in await pages_of(desk, thread):
        assert NUMBER not in page.text
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    assert "not shown now" in page.main.text


async def test_whoever_wrote_it_is_governed_as_well(desks: Desks) -> None:
    _, thread = await at_utrecht(desks, EVENING)
    lisboa = desks.desk("lisboa")
    await lisboa.sign_in()
    for page in await pages_of(lisboa, thread):
        assert NUMBER not in page.text


@pytest.mark.parametrize(
    ("ways", "now", "verdict", "shown"),
    [
        (
            [{"way": "person-contacts-us", "answer": "safe", "value": "She comes on Monday."}],
            FRIDAY_MORNING,
            "Do not contact Oksana: Oksana contacts you",
            "She comes on Monday.",
        ),
        (
            [{"way": "e-mail", "answer": "safe", "value": "anna@example.org"}],
            EVENING,
            "You may write an e-mail",
            "anna@example.org",
        ),
        (
            [{"way": "through-a-person", "answer": "safe", "value": "Her sister, at the shop"}],
            EVENING,
            "You may go through a person",
            "Her sister, at the shop",
        ),
        ([{"way": "telephone", "answer": "not-asked"}], FRIDAY_MORNING, "Do not contact", ""),
        ([], FRIDAY_MORNING, "Do not contact", ""),
        (
            [{"way": "telephone", "answer": "safe", "value": NUMBER}],
            FRIDAY_MORNING,
            "Do not telephone now",
            "",
        ),
        (
            [{"way": "smoke-signal", "answer": "safe", "value": "From the hill"}],
            FRIDAY_MORNING,
            "You may smoke-signal (unknown code)",
            "From the hill",
        ),
        (
            [{"way": "telephone", "answer": "perhaps", "value": NUMBER}],
            FRIDAY_MORNING,
            "Do not contact",
            "",
        ),
    ],
)
async def test_every_other_way(
    desks: Desks, ways: list[dict[str, Any]], now: int, verdict: str, shown: str
) -> None:
    desk, thread = await at_utrecht(desks, now, safe_contact=safe(*ways))
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    box = page.main.one("section", style="safe")
    assert box.one("p", style="verdict").text.startswith(verdict)
    assert shown in box.text
    assert NUMBER not in page.text


async def test_in_doubt_about_the_hours_it_is_closed(desks: Desks) -> None:
    times = [{"days": ["fri"], "from": "00:00", "to": "24:00", "zone": "Mars/Olympus"}]
    way = {"way": "telephone", "answer": "safe", "value": NUMBER, "times": times}
    desk, thread = await at_utrecht(desks, FRIDAY_MORNING, safe_contact=safe(way))
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    assert page.main.one("p", style="verdict").text == "Do not telephone now"
    assert NUMBER not in page.text


async def test_on_paper_the_verdict_is_gone_and_the_number_stands_by_its_hours(
    desks: Desks,
) -> None:
    desk, thread = await at_utrecht(desks, FRIDAY_MORNING)
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    box = page.main.one("section", style="safe")
    for node in (box.one("p", style="verdict"), box.one("p", style="call")):
        assert any(node in parent.walk() for parent in box.all("div", style="no-print"))
    assert any(NUMBER in span.text for span in box.one("dl").all("span", style="print-only"))
    desks.at(FRIDAY_MORNING + DAY)
    await desk.sign_in()
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    assert NUMBER not in page.text
