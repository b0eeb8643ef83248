"""Who is told what, when, and how often: rows of the store, a clock, and a real mail server."""

import asyncio
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from mail_world import ADMINISTRATOR, BEGIN, DAY, HOUR, LINK, MINUTE, MailWorld, at
from node_world import ACTOR, Offices, delivered, say, send
from referral_node.delivery import postman as postman_module
from referral_node.delivery.postman import GATHER, URGENT_PAUSE, Mailing, ready_at
from referral_node.exchange.notices.duty import DEPUTY, POINT_OF_CONTACT, set_address
from referral_node.exchange.notices.finding import Waits
from referral_node.exchange.notices.quiet import QuietHours
from referral_node.mail_settings import Quiet
from referral_node.store import StoreError
from referral_protocol.ladder import GIVEN_UP
from referral_protocol.retry import PATIENCE
from referral_protocol.statements import NOTE, STATE, WITHDRAW, Head

NIGHT = Quiet(start="21:00", end="07:00")


# --- on arrival, at the warn time, at the fail time ----------------------------------------------


async def test_one_referral_from_arrival_to_overdue_is_told_four_times(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.keyholder("joao", DEPUTY)
        began = world.clock.now
        thread = await world.thread(respond_by=began + 4 * DAY)
        assert await world.round() == 0  # what comes within a minute goes in one mail
        assert await world.round(after=GATHER) == 1
        assert await world.round(after=DAY) == 0
        # Half of the time is over, and nobody opened it.
        world.clock.now = began + 2 * DAY
        assert await world.round() == 0
        assert await world.round(after=GATHER) == 1
        await world.move(thread, "received")
        assert await world.round(after=HOUR) == 0
        # A quarter is left, and nobody answered.
        world.clock.now = began + 3 * DAY
        await world.round()
        assert await world.round(after=GATHER) == 1
        world.clock.now = began + 4 * DAY
        await world.round()
        assert await world.round(after=GATHER) == 2
        for _ in range(5):
            assert await world.round(after=DAY) == 0
        due = "Mon 23 Nov, 15:20"
        assert world.told("ines") == [
            [f"1 urgent referral has arrived and awaits an answer by {due}."],
            [f"1 urgent referral is not opened yet and awaits an answer by {due}."],
            [f"1 urgent referral awaits an answer by {due}."],
            [f"1 urgent referral is overdue: the answer was due by {due}."],
        ]
        assert world.told("joao") == world.told("ines")[3:]
        assert f"Sign in: {LINK}" in world.texts("ines")[0]
        assert world.host.mails[0]["Subject"] == (
            f"Referral exchange: 1 urgent referral has arrived and awaits an answer by {due}"
        )


async def test_what_was_opened_or_answered_before_the_mail_went_is_not_told(
    tmp_path: Path,
) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        opened, answered = await world.thread(), await world.thread()
        await world.round()
        await world.move(opened, "received")
        await world.move(answered, "rejected", ended=True)
        assert await world.round(after=GATHER) == 0
        row = await world.store.row("SELECT COUNT(*) FROM notices WHERE closed_at IS NULL")
        assert row[0] == 0
        assert world.host.mails == []


async def test_a_deadline_that_is_moved_is_told_anew(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        thread = await world.thread(state="received", respond_by=world.clock.now + DAY)
        await world.round(after=DAY)
        assert await world.round(after=GATHER) == 1
        await world.change("UPDATE threads SET respond_by = respond_by + ?", DAY)
        await world.move(thread, "received")
        await world.round(after=DAY)
        assert await world.round(after=GATHER) == 1
        assert [len(lines) for lines in world.told("ines")] == [1, 1]


async def test_news_in_a_case_is_told_once_for_each_time_it_comes(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        thread = await world.thread(state="accepted", priority="routine")
        other = await world.thread("referring", state="in-progress", kind="advice")
        assert await world.round(after=DAY) == 0
        for _ in range(3):
            await world.message(thread)
        await world.message(other)
        await world.round()
        assert await world.round(after=GATHER) == 1
        world.restart()
        assert await world.round(after=DAY) == 0
        await world.message(thread)
        await world.round()
        assert await world.round(after=GATHER) == 1
        await world.message(thread)
        await world.round()
        await world.change("UPDATE messages SET body = 'imported' WHERE kind = 'note'")
        assert await world.round(after=HOUR) == 0  # somebody was signed in meanwhile
        assert world.told("ines") == [
            ["There is news in 1 urgent request.", "There is news in 1 referral."],
            ["There is news in 1 referral."],
        ]


async def test_a_withdrawal_after_it_was_opened_is_told_and_its_deadline_no_more(
    tmp_path: Path,
) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.thread(state="received", withdrawn=1)
        await world.round()
        assert await world.round(after=GATHER) == 1
        assert await world.round(after=10 * DAY) == 0
        assert "was withdrawn by its sender" in world.texts("ines")[0]


# --- what we sent --------------------------------------------------------------------------------


async def test_what_is_not_held_in_time_is_told_and_when_it_counts_as_not_delivered(
    tmp_path: Path,
) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.keyholder("joao", DEPUTY)
        began = world.clock.now
        await world.thread("referring", held=False)
        assert await world.round(after=12 * HOUR - MINUTE) == 0
        await world.round(after=MINUTE)
        assert await world.round(after=GATHER) == 1
        world.clock.now = began + 3 * DAY
        await world.round()
        assert await world.round(after=GATHER) == 2
        assert world.told("ines") == [
            ["1 urgent referral that you sent is not confirmed by the other side yet: "
             "telephone them."],
            ["1 urgent referral that you sent did not arrive: telephone them."],
        ]  # fmt: skip
        assert len(world.told("joao")) == 1


async def test_a_lost_receipt_is_told_at_the_same_times(tmp_path: Path) -> None:
    async with MailWorld(tmp_path, administrators=()) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.thread("referring", "immediate", held=False)
        await world.change("UPDATE outbox SET sent_at = queued_at")
        assert await world.round(after=14 * MINUTE) == 0
        assert await world.round(after=MINUTE) == 1  # immediate: nothing is gathered
        assert world.told("ines") == [
            ["1 immediate referral that you sent is not confirmed by the other side yet: "
             "telephone them."]
        ]  # fmt: skip


@pytest.mark.parametrize("code", ["expired", GIVEN_UP])
async def test_a_refusal_for_good_does_not_wait_for_any_time(tmp_path: Path, code: str) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.thread("referring", held=False)
        assert await world.round(after=MINUTE) == 0
        await world.change("UPDATE outbox SET code = ?", code)
        await world.round(after=5 * MINUTE)
        assert await world.round(after=GATHER) == 2
        assert "did not arrive: telephone them" in world.texts("ines")[0]
        assert "is not tried any more" in world.texts(ADMINISTRATOR)[0]


async def test_held_in_time_it_is_told_only_when_their_answer_is_overdue(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.thread("referring")
        for _ in range(72):
            assert await world.round(after=HOUR) == 0
        assert await world.round(after=GATHER) == 1
        assert "that you sent has no answer" in world.texts("ines")[0]


async def test_a_later_message_that_does_not_arrive_is_told_too(tmp_path: Path) -> None:
    async with MailWorld(tmp_path, administrators=()) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        thread = await world.thread("referring", state="accepted")
        await world.message(thread, mine=True)
        await world.round(after=12 * HOUR)
        assert await world.round(after=GATHER) == 1
        await world.round(after=PATIENCE)
        assert await world.round(after=GATHER) == 1
        assert world.told("ines") == [
            ["There are messages in 1 urgent referral that are not confirmed by the other side "
             "yet."],
            ["There are messages in 1 urgent referral that did not arrive: telephone them."],
        ]  # fmt: skip


# --- one mail, not a storm -----------------------------------------------------------------------


async def test_a_storm_of_five_hundred_arrivals_is_one_mail(tmp_path: Path) -> None:
    offices = Offices(tmp_path, "utrecht", "lisboa")
    await offices.start()
    try:
        async with MailWorld(tmp_path, offices) as world:
            await world.keyholder("ines", POINT_OF_CONTACT)
            await asyncio.gather(*(send(offices) for _ in range(500)))
            async with asyncio.timeout(60):
                while await _threads(world) < 500:  # noqa: ASYNC110 - they lie in a database
                    await asyncio.sleep(0.05)
            for _ in range(5):
                await world.round(after=20_000)
            assert await world.round(after=HOUR) == 0
            (lines,) = world.told("ines")
            assert len(lines) == 1
            assert lines[0].startswith("500 urgent referrals have arrived and await an answer")
    finally:
        await offices.stop()


async def _threads(world: MailWorld) -> int:
    row = await world.store.row("SELECT COUNT(*) FROM threads")
    return int(row[0])


async def test_what_piles_up_goes_in_one_mail_not_more_often_than_allowed(tmp_path: Path) -> None:
    async with MailWorld(tmp_path, every_minutes=30) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        mails = 0
        for _ in range(120):
            await world.thread()
            mails += await world.round(after=MINUTE)
        assert mails == 4
        assert world.told("ines")[1][0].startswith("30 urgent referrals")


async def test_immediate_ones_do_not_wait_for_the_next_digest(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.thread()
        await world.round()
        assert await world.round(after=GATHER) == 1
        await world.thread(priority="immediate")
        await world.thread(priority="routine")
        assert await world.round(after=MINUTE) == 0
        assert await world.round(after=URGENT_PAUSE - MINUTE) == 1
        assert [line.split(" ")[1] for line in world.told("ines")[1]] == ["immediate", "referral"]


async def test_quiet_hours_hold_everything_back_but_what_is_immediate(tmp_path: Path) -> None:
    async with MailWorld(tmp_path, quiet=NIGHT) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        world.clock.now += 6 * HOUR  # 21:20
        await world.thread()
        for _ in range(9):
            assert await world.round(after=HOUR) == 0  # until 06:20
        assert await world.round(after=39 * MINUTE) == 0
        assert await world.round(after=MINUTE) == 1  # 07:00
        world.clock.now += 15 * HOUR  # 22:00
        await world.thread(priority="immediate")
        assert await world.round() == 1


# --- who -----------------------------------------------------------------------------------------


async def test_while_the_point_of_contact_is_away_the_deputy_is_told(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        ines = await world.keyholder("ines", POINT_OF_CONTACT)
        await world.keyholder("joao", DEPUTY)
        await world.away(ines, "2026-11-20", "2026-11-22")
        await world.thread(respond_by=world.clock.now + 14 * DAY)
        await world.round()
        await world.round(after=GATHER)
        assert (len(world.told("ines")), len(world.told("joao"))) == (1, 0)
        world.clock.now += DAY  # the 20th
        await world.thread(respond_by=world.clock.now + 14 * DAY)
        await world.round()
        await world.round(after=GATHER)
        assert (len(world.told("ines")), len(world.told("joao"))) == (1, 1)
        world.clock.now += 3 * DAY  # the 23rd
        await world.round(after=GATHER)
        assert (len(world.told("ines")), len(world.told("joao"))) == (1, 1)  # it was told
        await world.thread(respond_by=world.clock.now + 14 * DAY)
        await world.round()
        await world.round(after=GATHER)
        assert (len(world.told("ines")), len(world.told("joao"))) == (2, 1)


async def test_overdue_while_one_is_away_is_told_to_the_deputy_once(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        ines = await world.keyholder("ines", POINT_OF_CONTACT)
        await world.keyholder("joao", DEPUTY)
        await world.away(ines, "2026-11-01", "2026-12-31")
        await world.thread(state="received", respond_by=world.clock.now)
        await world.round()
        assert await world.round(after=GATHER) == 1
        assert [len(lines) for lines in world.told("joao")] == [1]
        assert await world.round(after=DAY) == 0


async def test_somebody_is_always_told_while_anybody_has_an_address(tmp_path: Path) -> None:
    async with MailWorld(tmp_path, administrators=()) as world:
        ines = await world.keyholder("ines", POINT_OF_CONTACT, None)
        await world.thread()
        assert await world.round(after=HOUR) == 0
        joao = await world.keyholder("joao", DEPUTY)
        await world.away(joao, "2026-11-01", "2026-12-31")
        await world.round()
        assert await world.round(after=GATHER) == 1  # away, but nobody else has an address
        await set_address(world.store, ines, at("ines"), None, world.clock.now)
        await world.thread()
        await world.round(after=HOUR)
        assert await world.round(after=GATHER) == 1
        assert (len(world.told("ines")), len(world.told("joao"))) == (1, 1)
        await world.change("UPDATE users SET ended_at = 1 WHERE name = 'ines'")
        await world.thread()
        await world.round(after=HOUR)
        await world.round(after=GATHER)
        assert (len(world.told("ines")), len(world.told("joao"))) == (1, 2)


# --- the administrator ---------------------------------------------------------------------------


async def test_the_administrator_is_told_once_of_each_trouble_of_the_node(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.thread("referring", held=False, respond_by=world.clock.now + 30 * DAY)
        peer = "INSERT INTO peers (member, failures, reached_at) VALUES (?, 3, ?)"
        await world.change(peer, b"p" * 16, world.clock.now)
        fact = "INSERT INTO facts (name, value) VALUES (?, ?)"
        await world.change(fact, "directory-url", b"https://directory.example")
        checked = "UPDATE facts SET value = ? WHERE name = 'checked-at'"
        await world.change("DELETE FROM facts WHERE name = 'checked-at'")
        await world.change(fact, "checked-at", world.clock.now.to_bytes(8, "big"))
        await world.change(fact, "backed-up-at", world.clock.now.to_bytes(8, "big"))
        assert await world.round(after=DAY - HOUR) == 0
        await world.round(after=HOUR)
        assert await world.round(after=GATHER) == 1
        assert world.told(ADMINISTRATOR)[0] == [
            "The node of 1 organisation has not been reached for a day, and something waits "
            "for it.",
            "The directory has not been reached for a day.",
        ]
        assert LINK not in world.texts(ADMINISTRATOR)[0]
        await world.round(after=DAY)
        assert await world.round(after=GATHER) == 1
        assert world.told(ADMINISTRATOR)[1] == [
            "The last good backup of the node is over two days old."
        ]
        await world.change(fact, "backup-failed-at", world.clock.now.to_bytes(8, "big"))
        await world.change(checked, world.clock.now.to_bytes(8, "big"))
        await world.round(after=HOUR)
        assert await world.round(after=GATHER) == 1
        assert world.told(ADMINISTRATOR)[2] == ["The last backup of the node failed."]
        world.restart()
        assert await world.round(after=HOUR) == 0
        # Reached, and lost again: that is new.
        await world.change("UPDATE peers SET reached_at = ?", world.clock.now)
        await world.round(after=DAY)
        assert await world.round(after=GATHER) == 1
        assert len(world.told(ADMINISTRATOR)) == 4


async def test_a_full_disk_is_told_even_if_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MailWorld(tmp_path, quiet=NIGHT) as world:
        world.clock.now += 8 * HOUR
        world.office.exchange.core.room = lambda: False
        assert await world.round() == 1  # at night, too: nothing comes in any more
        assert "nearly full" in world.texts(ADMINISTRATOR)[0]

        async def full(*_: object) -> None:
            raise StoreError("disk", "the disk is full")

        monkeypatch.setattr(world.postman, "round", full)
        monkeypatch.setattr(postman_module, "EVERY", 0.01)
        world.postman.start()
        async with asyncio.timeout(5):
            while len(world.told(ADMINISTRATOR)) < 2:  # noqa: ASYNC110 - it comes over a socket
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await world.postman.stop()
        assert len(world.told(ADMINISTRATOR)) == 2


# --- what goes wrong -----------------------------------------------------------------------------


async def test_a_mail_server_that_is_down_loses_nothing_and_is_tried_again(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.keyholder("joao", POINT_OF_CONTACT)
        await world.thread()
        await world.host.stop()
        await world.round()
        assert await world.round(after=GATHER) == 0
        row = await world.store.row("SELECT * FROM mailings")
        assert (row["failures"], row["code"]) == (1, "connect")
        assert row["next_at"] == world.clock.now + MINUTE
        for _ in range(20):
            await world.round(after=HOUR)
        rows = await world.store.rows("SELECT * FROM mailings ORDER BY failures")
        assert len(rows) == 1  # one try each time, not one for each person
        assert rows[0]["next_at"] == world.clock.now + 10 * MINUTE
        await world.host.start()
        world.restart()
        assert await world.round(after=HOUR) == 2
        row = await world.store.row("SELECT MAX(failures), MAX(code) FROM mailings")
        assert tuple(row) == (0, None)
        assert await world.round(after=HOUR) == 0


async def test_an_address_that_is_refused_holds_up_nobody_else(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        ines = await world.keyholder("ines", POINT_OF_CONTACT)
        await world.keyholder("joao", POINT_OF_CONTACT)
        world.host.refused[at("ines")] = "550 no such user"
        await world.thread()
        await world.round()
        assert await world.round(after=GATHER) == 1
        assert (len(world.told("ines")), len(world.told("joao"))) == (0, 1)
        # A new address is tried at once, and only what was not told before goes to it.
        await set_address(world.store, ines, at("ines.new"), ines, world.clock.now)
        assert await world.round() == 1
        assert world.told("ines.new") == world.told("joao")
        assert await world.round(after=DAY - HOUR) == 0


async def test_a_stop_between_the_servers_yes_and_ours_makes_a_copy_of_the_same_name(
    tmp_path: Path,
) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.thread()
        await world.round()
        world.host.drop_after_data = True
        assert await world.round(after=GATHER) == 0
        world.host.drop_after_data = False
        world.restart()
        assert await world.round(after=MINUTE) == 1
        first, second = world.host.to(at("ines"))
        assert first["Message-ID"] == second["Message-ID"]
        assert first.get_content() == second.get_content()


async def test_restarts_in_the_middle_tell_nothing_twice(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.thread()
        await world.round()
        world.restart()
        assert await world.round(after=GATHER) == 1
        world.restart()
        assert await world.round(after=HOUR) == 0


# --- the pure rule -------------------------------------------------------------------------------

TIMES = st.integers(1_790_000_000_000, 1_790_000_000_000 + 3 * DAY)


@given(
    since=TIMES,
    urgent=st.none() | TIMES,
    mailed=st.none() | TIMES,
    next_at=st.just(0) | TIMES,
    now=TIMES,
    quiet=st.none() | st.just(QuietHours(time(21), time(7), "Europe/Kyiv")),
)
def test_when_a_mail_may_go(
    since: int,
    urgent: int | None,
    mailed: int | None,
    next_at: int,
    now: int,
    quiet: QuietHours | None,
) -> None:
    since = since if urgent is None else min(since, urgent)
    every = 15 * MINUTE
    found = ready_at(Waits(since, urgent), Mailing(mailed, 0, next_at), now, every, quiet)
    assert found >= next_at
    before = -DAY if mailed is None else min(mailed, now)
    if found <= now:  # it goes
        if urgent is None:
            assert now >= since + GATHER
            assert now >= before + every
            assert quiet is None or not quiet.quiet(now)
        else:
            assert now >= before + URGENT_PAUSE
    elif urgent is not None:
        # What is immediate waits for nothing but its own pause, and for a server that is down.
        assert found <= max(urgent, before + URGENT_PAUSE, next_at)
    else:
        assert found <= max(now, since + GATHER, before + every, next_at) + 11 * HOUR


async def test_the_rows_hold_codes_ids_and_times_alone(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.thread()
        await world.round()
        (row,) = await world.store.rows("SELECT * FROM notices")
        assert dict(row) | {"number": 0, "made_at": 0} == {
            "number": 0,
            "audience": "contact",
            "reason": "arrived",
            "subject": b"thread" + (1).to_bytes(26, "big"),
            "occasion": 0,
            "urgent": 0,
            "made_at": 0,
            "closed_at": None,
        }


async def test_a_look_reads_no_table_of_messages_or_threads_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement of a look and of a mail, as the database would carry it out."""
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        await world.message(await world.thread(state="accepted"))
        await world.thread("referring", held=False)
        said: list[tuple[str, Any]] = []
        real = world.store.rows

        async def noted(sql: str, params: Any = ()) -> Any:
            said.append((sql, params))
            return await real(sql, params)

        monkeypatch.setattr(world.store, "rows", noted)
        await world.round(after=DAY)
        assert await world.round(after=GATHER) == 1
        assert len(said) > 10
        for sql, params in said:
            plan = [row["detail"] for row in await real(f"EXPLAIN QUERY PLAN {sql}", params)]
            whole = [line for line in plan if line.startswith(("SCAN m", "SCAN t", "SCAN thr"))]
            assert whole == [], (sql, plan)


async def test_no_line_of_the_log_holds_an_address_or_what_the_server_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with MailWorld(tmp_path) as world:
        with capture_logs() as lines:
            await world.keyholder("ines", POINT_OF_CONTACT)
            await world.keyholder("joao", POINT_OF_CONTACT)
            world.host.refused[at("ines")] = f"550 no such user {at('ines')}"
            await world.thread()
            await world.round()
            assert await world.round(after=GATHER) == 1
            assert await world.postman.test(at("ines")) == "refused"
        assert [line["event"] for line in lines] == ["mail.failed", "mail.sent", "mail.failed"]
        said = repr(lines) + "".join(
            record.getMessage() for record in caplog.records if record.name != "mail.log"
        )  # mail.log is the server's own
        assert "utrecht.example" not in said
        assert "no such user" not in said


async def test_what_really_comes_changes_what_is_told(tmp_path: Path) -> None:
    """Two nodes: opened in time, the deadline drawn nearer, then withdrawn after it was opened."""
    offices = Offices(tmp_path, "utrecht", "lisboa")
    offices.clock.now = offices.world.now = BEGIN
    await offices.start()
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    try:
        async with MailWorld(tmp_path, offices) as world:
            await world.keyholder("ines", POINT_OF_CONTACT)
            said = await send(offices)
            await delivered(lisboa)
            await world.round()
            await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
            await utrecht.exchange.voice.received(utrecht.vault, ACTOR, said.thread)
            await delivered(utrecht)
            assert await world.round(after=GATHER) == 0  # opened within the minute
            sooner = Head(None, None, world.clock.now + 8 * HOUR, None)
            await say(lisboa, said.thread, NOTE, sooner, form="note", text="Sooner, please")
            await delivered(lisboa)
            await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
            await world.round(after=6 * HOUR)
            assert await world.round(after=GATHER) == 1
            why = {"form": "withdraw", "reason": "no-longer-needed"}
            await say(lisboa, said.thread, WITHDRAW, Head(), **why)
            await delivered(lisboa)
            await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
            await world.round(after=HOUR)
            assert await world.round(after=GATHER) == 1
            ended = Head(state="cancelled")
            await say(utrecht, said.thread, STATE, ended, form="answer", outcome="no-longer-needed")
            assert await world.round(after=10 * DAY) == 0
            assert world.told("ines") == [
                ["1 urgent referral awaits an answer by Thu 19 Nov, 23:21."],
                ["1 urgent referral was withdrawn by its sender: end it, and say what you erased."],
            ]
    finally:
        await offices.stop()
