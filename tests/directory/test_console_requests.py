"""Requests to join in the console: what is shown, must be heard and typed, and comes of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console_world import Desk, Office, lines_of, opened
from directory_server import records_of
from directory_world import DAY, id_of, seed, signer
from page_reader import Page
from referral_directory.log import journal
from referral_protocol import profiles
from referral_protocol.directory import paths
from referral_protocol.directory.records import salted
from referral_protocol.directory.requests import Submission, parse_request_state
from referral_protocol.keys import fingerprint

CHECKS = ["member", "works", "found", "asked"]
CALLED = "+351 21 000 01 20"
ADMIT = "Admit this organisation"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path / "state") as found:
        yield found


async def asked(office: Office, name: str = "lisbon") -> Submission:
    submission = office.client.join_of(name)
    await office.client.request(submission)
    return submission


async def state_of(office: Office, submission: Submission) -> tuple[str, str]:
    state = parse_request_state(await office.client.body(paths.request_path(submission.id)))
    return state.state, state.text


Typed = dict[str, str | list[str]]


def heard(**changed: str | list[str]) -> Typed:
    """What a registrar types who has done everything."""
    lines = zip(("line1", "line2", "line3"), lines_of("lisbon"), strict=True)
    return {"checks": CHECKS, "called": CALLED, **dict(lines), **changed}


def other(line: str) -> str:
    """The same line with one digit heard wrongly."""
    return line[:-1] + str((int(line[-1]) + 1) % 10)


async def request_page(desk: Desk, name: str = "Associação Ponte Tejo") -> Page:
    return await desk.reader.follow(await desk.get("/"), name)


async def test_nobody_waits(office: Office) -> None:
    desk = await office.signed_in()
    page = await desk.get("/")
    assert page.headings == ["Requests to join", "No one is waiting to join."]
    assert "Invite a member" in page.links()


async def test_admitted_after_everything_was_heard(office: Office) -> None:
    submission = await asked(office)
    desk = await office.signed_in()
    assert "Requests to join (1)" in (await desk.get("/")).headings
    page = await request_page(desk)
    facts = page.facts()
    assert facts["Point of contact"].endswith("as they gave it")
    assert "+351 21 000 01 42" in facts["Point of contact"]
    assert facts["Address of the node"].startswith("https://lisbon.invalid")
    page = await desk.reader.submit(page, ADMIT, heard())
    assert "Associação Ponte Tejo is a member now." in page.text
    assert await state_of(office, submission) == ("approved", "")
    replica = await office.client.replica()
    assert replica.directory.known(id_of("lisbon")).joined_at > 0
    acts = await office.client.office.journal.lines(0, 10)
    admitted = acts[0]
    assert (admitted.what, admitted.registrar) == (journal.ADMITTED, "registrar")
    assert (admitted.member, admitted.detail) == (id_of("lisbon"), CALLED.replace(" ", ""))
    assert "having called +351 21 000 01 20" in (await desk.get("/acts")).text


async def test_the_fingerprint_is_never_shown(office: Office) -> None:
    submission = await asked(office)
    desk = await office.signed_in()
    page = await request_page(desk)
    wrong = await desk.reader.submit(page, ADMIT, heard(line2="00000 " * 4), status=422)
    secret = fingerprint(signer("lisbon vault").public, signer("lisbon node").public).split(" ")
    first, _, third = lines_of("lisbon")
    shown = wrong.source.replace(first, "").replace(third, "")
    for source in (page.source, shown, (await desk.get("/acts")).source):
        assert not any(group in source for group in secret)
        assert signer("lisbon vault").public.hex() not in source
    assert (await state_of(office, submission))[0] == "waiting"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"line2": other(lines_of("lisbon")[1])},
            "Line 2 of the fingerprint is not the same. Ask them to read line 2 again",
        ),
        (
            {"line1": lines_of("lisbon")[0][:-1]},
            "Line 1 has 19 digits, not 20. Ask them to read line 1 again",
        ),
        ({"line3": ""}, "Type line 3 as they read it out"),
        ({"line3": "not digits"}, "Line 3 has something that is not a digit. Type it again"),
        ({"line3": "\u0661" * 20}, "Line 3 has something that is not a digit. Type it again"),
        ({"called": ""}, "Type the number you called"),
        (
            {"called": "112"},
            "Number: type the number with its country, for example +31 30 123 45 67",
        ),
        (
            {"checks": ["member", "works", "found"]},
            "Not ticked yet: The person asked to join in their own words",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
async def test_nothing_is_signed_before_all_is_right(
    office: Office, changed: Typed, problem: str
) -> None:
    submission = await asked(office)
    desk = await office.signed_in()
    page = await desk.reader.submit(await request_page(desk), ADMIT, heard(**changed), status=422)
    assert page.problems == [problem]
    assert (await state_of(office, submission))[0] == "waiting"
    assert office.client.running.ledger.directory.size == 1
    # What was typed stands there again; groups may be typed without spaces.
    right = heard(line1=lines_of("lisbon")[0].replace(" ", ""))
    done = await desk.reader.submit(page, ADMIT, right)
    assert "is a member now" in done.text


async def test_a_line_that_differs_is_written_down(office: Office) -> None:
    await asked(office)
    desk = await office.signed_in()
    lines = lines_of("lisbon")
    wrong = heard(line1=other(lines[0]), line3=other(lines[2]))
    await desk.reader.submit(await request_page(desk), ADMIT, wrong, status=422)
    act = (await office.client.office.journal.lines(0, 1))[0]
    assert (act.what, act.detail) == (journal.DIFFERED, "lines 1 and 3")
    page = await desk.get("/acts")
    said = "Heard a fingerprint that was not the one of the request of Associação Ponte Tejo: lines"
    assert said in page.text


async def test_what_was_ticked_is_kept(office: Office) -> None:
    await asked(office)
    desk = await office.signed_in()
    typed = {"checks": ["member", "found"], "called": CALLED}
    page = await desk.reader.submit(await request_page(desk), "Keep and come back later", typed)
    assert "What you ticked is kept." in page.text
    assert "Point of contact, their own words, fingerprint" in page.text
    again = await office.second(threshold=1)
    await again.sign_in()
    form = (await request_page(again)).form(ADMIT)
    assert form.values["checks"] == ["member", "found"]
    assert form.values["called"] == [CALLED]
    assert form.values["line1"] == [""]


async def test_asked_for_more_and_refused(office: Office) -> None:
    submission = await asked(office)
    desk = await office.signed_in()
    page = await desk.reader.submit(await request_page(desk), "Ask for more")
    assert page.headings == ["What do you ask them for?"]
    empty = await desk.reader.submit(page, "Ask them", status=422)
    assert empty.problems == ["Type what you ask them for"]
    text = "Who is your director?"
    page = await desk.reader.submit(page, "Ask them", {"text": text})
    assert "Waiting for their answer" in page.text
    assert await state_of(office, submission) == ("asked-again", text)
    page = await request_page(desk)
    assert page.facts()["You asked them"] == f"“{text}”"
    page = await desk.reader.follow(page, "Refuse, with a reason")
    page = await desk.reader.submit(page, "Refuse this request", {"text": "Not a member of VSE."})
    assert "No one is waiting to join." in page.text
    assert await state_of(office, submission) == ("declined", "Not a member of VSE.")
    whats = [act.what for act in await office.client.office.journal.lines(0, 2)]
    assert whats == [journal.DECLINED, journal.ASKED]
    said = (await desk.get("/acts")).text
    assert "Refused the request of Associação Ponte Tejo: “Not a member of VSE.”" in said
    assert (await desk.get(f"/request/{submission.id.hex()}")).status == 404


async def test_the_same_form_twice_admits_once(office: Office) -> None:
    await asked(office)
    desk = await office.signed_in()
    form = (await request_page(desk)).form(ADMIT)
    form.fill(heard())
    button = form.button(ADMIT)
    assert (await desk.reader.send(form, button)).path == "/"
    assert (await desk.reader.send(form, button)).path == "/"
    assert office.client.running.ledger.directory.size == 2
    form.fill({"called": "+351 21 000 09 99"})
    assert (await desk.reader.send(form, button)).status == 404  # it does not wait any more


async def test_a_request_that_the_log_would_refuse(office: Office) -> None:
    await asked(office)
    office.place.clock.ahead += 31 * DAY
    desk = await office.signed_in()
    page = await desk.get("/")
    assert "Cannot be admitted" in page.text
    page = await request_page(desk)
    assert "It is older than 30 days: ask them to send it again." in page.text
    done = await desk.reader.submit(page, ADMIT, heard(), status=422)
    assert done.problems == ["It is older than 30 days: ask them to send it again"]


async def test_the_node_is_asked_again(office: Office) -> None:
    await asked(office)
    desk = await office.signed_in()
    page = await desk.reader.submit(await request_page(desk), "Ask the node again")
    assert "does not answer" in page.facts()["Address of the node"]


async def test_another_registrar_was_faster(office: Office) -> None:
    await asked(office)
    other_desk = await office.second(threshold=1)
    desk = await office.signed_in()
    page = await request_page(desk)
    await other_desk.sign_in()
    await other_desk.reader.submit(await request_page(other_desk), ADMIT, heard())
    form = page.form(ADMIT)
    form.fill(heard())
    late = await desk.reader.send(form, form.button(ADMIT))
    assert (late.status, late.headings) == (404, ["This request does not wait any more"])
    assert (await office.client.office.journal.lines(0, 1))[0].registrar == "jan"


async def test_a_name_is_text_and_never_markup(office: Office) -> None:
    """What strangers write stands escaped; their script is isolated."""
    await asked(office)
    desk = await office.signed_in()
    page = await desk.reader.submit(await request_page(desk), "Ask for more")
    await desk.reader.submit(page, "Ask them", {"text": "<b>&amp; “quoted”"})
    page = await request_page(desk)
    assert page.facts()["You asked them"] == "“<b>&amp; “quoted””"
    assert not page.main.all("b")


@pytest.mark.parametrize(
    ("name", "tag", "heading"),
    [
        ("STEUNPUNT-Dom", "Same name as a member", "It has the same name as a member"),
        ("Steunpunt D0m", "Looks like a member", "Its name looks like a member’s"),
        ("Stеunpunt Elders", "Mixed letters", "Its name mixes letters"),
    ],
)
async def test_a_name_that_looks_like_another_s(
    office: Office, name: str, tag: str, heading: str
) -> None:
    await office.client.admit("utrecht")
    plain = profiles.plain({r.name: r.content for r in records_of("lisbon")})
    plain["organisation"] |= {"name": name, "name_latin": ""}
    del plain["organisation"]["name_latin"]
    contents = profiles.split(profiles.encode(plain))
    records = salted(contents, {part: seed(part) for part in contents})
    await office.client.request(office.client.join_of("lisbon", records=records))
    desk = await office.signed_in()
    assert tag in (await desk.get("/")).main.text
    page = await request_page(desk, name)
    assert heading in page.main.text
