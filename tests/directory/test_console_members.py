"""Members in the console: how fresh they are, suspending, lifting, removing, by one or by two."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from console_world import Desk, Office, opened
from directory_roots import change_root
from directory_server import records_of
from directory_world import DAY, id_of, seed, signer
from page_reader import Page
from referral_directory.console import member_view, words
from referral_directory.log.endpoints import Endpoints
from referral_directory.log.roster import Line
from referral_directory.server.probe import GOOD, SILENT
from referral_protocol import profiles
from referral_protocol.directory import paths
from referral_protocol.directory.entries import (
    SUSPENDED,
    Leaf,
    Status,
    make_status_entry,
    sign_entry,
)
from referral_protocol.directory.records import record_hashes, salted
from referral_protocol.directory.requests import make_update
from referral_protocol.directory.rules import Member
from referral_ui.parts import Tag
from referral_ui.times import Times

UTRECHT = f"/member/{id_of('utrecht').hex()}"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path / "state") as found:
        await found.client.admit("utrecht", "lisbon")
        yield found


def member(office: Office, name: str = "utrecht") -> Member:
    return office.client.running.ledger.directory.known(id_of(name))


def status(office: Office, name: str = "utrecht") -> str:
    return member(office, name).status(office.place.clock())


async def decided(
    desk: Desk, kind: str, button: str, typed: dict[str, str], *, expect: int = 200
) -> Page:
    page = await desk.get(f"{UTRECHT}/{kind}")
    return await desk.reader.submit(page, button, typed, status=expect)


async def test_the_list_and_its_filters(office: Office) -> None:
    desk = await office.signed_in()
    page = await desk.get("/members")
    assert page.headings == ["Members (2)"]
    texts = [row.text for row in page.main.all("tr")][1:]
    assert [text.split(" ")[0] for text in texts] == ["Associação", "Steunpunt"]
    for typed, wanted in (
        ({"word": "utrecht"}, ["Steunpunt Dom"]),
        ({"word": "PONTE"}, ["Associação Ponte Tejo"]),
        ({"country": "PT"}, ["Associação Ponte Tejo"]),
        ({"status": "suspended"}, []),
        ({"word": "<script>"}, []),
    ):
        found = await desk.reader.submit(page, "Show members", typed)
        names = (
            [row.all("a")[0].text for row in found.main.all("tbody")[0].all("tr")] if wanted else []
        )
        assert names == wanted, typed
        if not wanted:
            assert "No member fits." in found.text
            assert "Show all 2" in found.links()


async def test_how_fresh_a_member_is(office: Office) -> None:
    desk = await office.signed_in()
    facts = (await desk.get(UTRECHT)).facts()
    assert facts["Status"] == "active"
    assert "Jasmijn de Wit" in facts["Whom to call"]
    assert facts["Profile assured"] == "12 March 2026, by VSE Older than six months"
    assert facts["Address of the node"].endswith("was not asked yet")
    endpoints = Endpoints(office.client.running.ledger.store)
    now = office.place.clock()
    await endpoints.keep(id_of("utrecht"), GOOD, now - 5 * DAY)
    page = await desk.get("/members")
    assert "Node silent" not in page.text
    await endpoints.keep(id_of("utrecht"), SILENT, now)
    page = await desk.get("/members")
    assert "Node silent" in page.text
    said = (await desk.get(UTRECHT)).facts()["Address of the node"]
    assert "Silent does not answer, asked today" in said
    assert "Last good answer: " in said


async def test_a_member_that_has_just_joined_is_not_old(office: Office) -> None:
    """A registrar read its profile at that moment: its age counts from then, until it says one."""
    here = member(office)
    line, times = Line(name="Neu"), Times(here.joined_at + 2 * DAY, words.UTC)
    seen = member_view.row(here, line, None, times)
    assert (seen.assured, seen.caution) == ("not yet", None)
    shown = member_view.shown(here, line, None, None, times)
    assert (shown.assured, shown.assured_tag) == ("not yet", None)
    later = Times(here.joined_at + 190 * DAY, words.UTC)
    tag = member_view.shown(here, line, None, None, later).assured_tag
    assert tag == Tag("Older than six months", "warn")


async def test_a_profile_that_was_looked_at(office: Office) -> None:
    """An update shows at once: what the roster keeps follows the log."""
    client, desk = office.client, await office.signed_in()
    assert "2 of 2 were not looked at for six months." in (await desk.get("/profiles")).text
    old = member(office)
    card = old.card
    update = make_update(
        office.place.genesis,
        old,
        card.__class__(
            card.suites, card.vault_key, card.node_key, "https://moved.invalid", (), card.records
        ),
        "routine",
        (signer("utrecht vault"),),
        (),
        None,
        office.place.clock(),
    )
    await client.running.ledger.submit(update)
    assert "https://moved.invalid" in (await desk.get(UTRECHT)).facts()["Address of the node"]
    log = (await desk.get(f"/log?member={id_of('utrecht').hex()}")).text
    assert "Steunpunt Dom changed where its node answers" in log
    assert "the member itself" in log


async def test_suspended_lifted_removed(office: Office) -> None:
    desk = await office.signed_in()
    page = await decided(
        desk, "suspend", "Suspend this member", {"reason": "misuse", "until": "lifted"}
    )
    assert "Steunpunt Dom is suspended." in page.text
    assert page.facts()["Status"].startswith("Suspended by registrars since ")
    assert page.facts()["Status"].endswith("until lifted: referrals were misused")
    assert status(office) == "suspended"
    assert "Suspend, with a reason" not in page.links()
    again = await desk.reader.follow(page, "Change the suspension")
    assert again.headings[0].startswith("Change the suspension?")
    listed = await desk.get("/suspensions")
    assert listed.headings == ["Suspensions", "Waits for another registrar", "Suspended now (1)"]
    page = await desk.reader.follow(listed, "End it: Steunpunt Dom")
    page = await desk.reader.submit(page, "End the suspension", {"reason": "resolved"})
    assert status(office) == "active"
    unsure = await decided(desk, "remove", "Remove this member", {"reason": "left"}, expect=422)
    assert unsure.problems == ["Tick that this is for ever, or go back"]
    page = await desk.reader.submit(unsure, "Remove this member", {"sure": "yes"})
    assert status(office) == "removed"
    assert page.facts()["Status"].startswith("Removed")
    kept = await office.client.running.ledger.store.rows("SELECT submission FROM requests")
    assert not any(b"Jasmijn" in bytes(row["submission"]) for row in kept)
    assert any("Inês".encode() in bytes(row["submission"]) for row in kept)
    assert "Suspend, with a reason" not in page.links()
    acts = (await desk.get("/acts")).text
    for said in (
        "Suspended Steunpunt Dom: referrals were misused",
        "Ended the suspension of Steunpunt Dom: it has been resolved",
    ):
        assert (
            said.replace("Steunpunt Dom", f"Member {id_of('utrecht').hex()[:8]} (no profile)")
            in acts
        )


async def test_until_when(office: Office) -> None:
    desk = await office.signed_in()
    button = "Suspend this member"
    page = await decided(desk, "suspend", button, {}, expect=422)
    assert page.problems == ["Choose a reason", "Choose until when"]
    typed = {"reason": "other", "until": "day", "day": ""}
    page = await decided(desk, "suspend", button, typed, expect=422)
    assert page.problems == ["Type the day, for example 4 December 2026"]
    page = await decided(desk, "suspend", button, typed | {"day": "1 January 2020"}, expect=422)
    assert page.problems == ["The day must be today or later"]
    page = await decided(desk, "suspend", button, {"reason": "other", "until": "week"})
    suspension = member(office).suspension
    assert suspension is not None
    assert suspension.until is not None
    assert 0 < suspension.until - office.place.clock() <= 7 * DAY


async def test_two_registrars_sign(office: Office) -> None:
    second = await office.second()
    desk = await office.signed_in()
    page = await decided(
        desk, "suspend", "Suspend this member", {"reason": "under-review", "until": "lifted"}
    )
    assert "Signed. It waits for another registrar: 1 of 2 have signed." in page.text
    assert "You have signed it." in page.text
    assert "Sign it too" not in page.buttons()
    assert status(office) == "active"
    await second.sign_in()
    page = await second.get("/suspensions")
    assert page.facts()["Reason"] == "something is being looked into"
    assert page.facts()["Signed by"] == "Registrar (1 of 2)"
    page = await second.reader.submit(page, "Sign it too")
    assert "Signed and written into the log." in page.text
    assert status(office) == "suspended"
    log = (await desk.get("/log")).text
    assert "Steunpunt Dom was suspended: something is being looked into" in log
    assert "Jan Novák, Registrar" in log or "Registrar, Jan Novák" in log
    acts = [(act.registrar, act.what) for act in await office.client.office.journal.lines(0, 3)]
    assert ("jan", "decided") in acts
    assert ("registrar", "signed") in acts


async def test_one_alone_for_seven_days(office: Office) -> None:
    await office.second()
    desk = await office.signed_in()
    await decided(desk, "suspend", "Suspend this member", {"reason": "misuse", "until": "week"})
    assert status(office) == "suspended"
    assert "by one registrar alone" in (await desk.get(UTRECHT)).facts()["Status"]


async def test_given_up_and_overtaken(office: Office) -> None:
    second = await office.second()
    desk = await office.signed_in()
    typed = {"reason": "left", "sure": "yes"}
    page = await decided(desk, "remove", "Remove this member", typed)
    form = page.form("Give it up")
    page = await desk.reader.submit(page, "Give it up")
    assert "Given up: nothing of it was written into the log." in page.text
    await second.sign_in()
    assert "Nothing waits for a second signature." in (await second.get("/suspensions")).text
    assert (await desk.reader.send(form, form.button("Give it up"))).path == "/suspensions"
    await decided(desk, "remove", "Remove this member", typed)
    late = (await second.get("/suspensions")).form("Sign it too")
    own = Status(SUSPENDED, None, "own")
    now, them = office.place.clock(), member(office)
    content = make_status_entry(office.place.genesis, them.id, them.number + 1, them.head, own, now)
    signed = sign_entry(content, signer("utrecht vault"))
    await office.client.running.ledger.append(lambda at: Leaf(at, content, signed).pack())
    page = await second.reader.send(late, late.button("Sign it too"))
    assert page.problems == ["This does not wait any more: another registrar was there before"]
    assert "The member ends it itself" in page.text
    assert status(office) == "suspended"


async def test_what_the_log_refuses_is_said(office: Office) -> None:
    desk = await office.signed_in()
    page = await decided(desk, "lift", "End the suspension", {"reason": "resolved"}, expect=422)
    assert page.problems[0].startswith("Nothing was done: refused (state-not-allowed)")
    assert (await desk.get(f"{UTRECHT}/elevate")).status == 404


async def test_the_other_lists(office: Office) -> None:
    desk = await office.signed_in()
    page = await desk.get("/log")
    assert page.headings == ["Log"]
    assert "The log began, with its first root." in page.text
    assert "Steunpunt Dom was admitted" in page.text
    only = await desk.get(f"/log?member={id_of('lisbon').hex()}")
    assert "Steunpunt Dom" not in only.text
    assert "Associação Ponte Tejo was admitted" in only.text
    nobody = await desk.get(f"/log?member={'0' * 32}")
    assert "The log has no entry of this member." in nobody.text
    invite = await desk.get("/invite")
    assert "referral-exchange:join?directory=http://127.0.0.1:" in invite.text
    assert invite.main.all("svg")[-1].get("aria-label") == "The same invitation as a QR code"
    people = await desk.get("/registrars")
    assert "2 of 3 sign it" in people.text
    narrowed = await desk.reader.submit(await desk.get("/acts"), "Show", {"by": "terminal"})
    assert "Signed in" not in narrowed.text
    assert "Admitted Steunpunt Dom" in narrowed.text


async def test_a_new_root_is_told_before_it_acts(office: Office) -> None:
    desk = await office.signed_in()
    acting = office.client.running.ledger.directory.root_at(office.place.clock()).root
    keys = tuple(sorted((*acting.registrars, signer("jan").public)))
    await change_root(office.client, wait=False, registrars=keys)
    page = await desk.get("/registrars")
    assert "Root 2 was made and acts from " in page.text
    assert "from 2" in page.text
    assert (
        "It changes registrars (1 new). It acts 72 hours after this."
        in (await desk.get("/log")).text
    )


async def test_a_member_that_took_a_name_like_another_s(office: Office) -> None:
    """No registrar sees an update before it counts: the list and the page say it afterwards."""
    client = office.client
    plain = profiles.plain({r.name: r.content for r in records_of("lisbon")})
    plain["organisation"] |= {"name": "Steunpunt D0m"}
    contents = profiles.split(profiles.encode(plain))
    records = salted(contents, {part: seed(part) for part in contents})
    old = client.running.ledger.directory.known(id_of("lisbon"))
    card = msgspec.structs.replace(old.card, records=record_hashes(records))
    update = make_update(
        client.place.genesis, old, card, "routine", (signer("lisbon vault"),), records, None,
        client.place.clock(),
    )  # fmt: skip
    assert (await client.send("POST", paths.SUBMIT, update.pack())).status == 201
    desk = await office.signed_in()
    listed = await desk.get("/members")
    assert listed.main.text.count("Looks like a member") == 2  # the one and the other
    page = await desk.reader.follow(listed, "Steunpunt D0m")
    assert "Its name looks like a member’s: Steunpunt Dom." in page.main.text
