"""Joining in the browser: from an empty node to a member, and each way in which it can stop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fed_member import Member
from federation import until
from page_reader import Page
from referral_protocol.keys import fingerprint
from settings_world import Settings

EXAMPLE = Path(__file__).parents[3] / "deploy" / "profile.example.toml"
SURE: dict[str, str | list[str]] = {"sure": ["yes"]}


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Settings]:
    async with Settings(tmp_path, "utrecht", "lisboa", alone="lisboa") as made:
        yield made


def h1(page: Page) -> str:
    return page.main.one("h1").text


async def with_profile(member: Member) -> Page:
    """Signed in, with a profile from a file; the page to join."""
    await member.sign_in()
    page = await member.page().get("/settings/join/file")
    page = await member.page().submit(page, "Load it", {"text": EXAMPLE.read_text("utf-8")})
    assert h1(page) == "Our profile", page.problems
    return await member.page().get("/settings/join")


async def asked(fed: Settings) -> Page:
    page = await with_profile(fed["lisboa"])
    return (
        await fed["lisboa"]
        .page()
        .submit(page, "Ask to join", {"invitation": fed.invitation, **SURE})
    )


async def request_of(fed: Settings) -> str:
    async with fed.registrar() as office:
        (waiting,) = await office.ask("requests")
        return str(waiting["id"])


async def becomes(fed: Settings, title: str) -> Page:
    """Reload until the page has this heading: it moves on by itself."""
    page = await fed["lisboa"].page().get("/settings/join")

    async def there() -> bool:
        nonlocal page
        page = await fed["lisboa"].page().get("/settings/join")
        return h1(page) == title

    await until(there)
    return page


async def test_a_node_that_never_joined_says_what_is_missing(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    page = await lisboa.sign_in()
    assert "/settings/join" in page.links().values()
    page = await lisboa.page().get("/settings")
    assert "Not joined yet" in page.main.text
    page = await lisboa.page().get("/settings/join")
    assert h1(page) == "Join the directory"
    assert "Describe your organisation" in page.main.text
    page = await lisboa.page().submit(
        page, "Ask to join", {"invitation": fed.invitation, **SURE}, status=422
    )
    assert "Your profile is not complete yet" in page.problems[0]
    assert page.form("Ask to join").values["invitation"] == [fed.invitation]


async def test_from_nothing_to_a_member(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    page = await asked(fed)
    assert h1(page) == "VSE looks at your request"
    digits = fingerprint(lisboa.vault().signer.public, lisboa.exchange.core.node.public)
    assert digits in page.main.text
    assert "+351 21 000 01 42" in page.main.text
    lines = page.main.one("ol", style="print60").all("li")
    assert [len(line.text.replace(" ", "")) for line in lines] == [20, 20, 20]
    request = await request_of(fed)
    async with fed.registrar() as office:
        await office.ask("request", request=request, check=True)
        content = bytes((await office.ask("request", request=request))["content"])
        await office.ask("approve", request=request, signatures=fed._signed(content))
    page = await becomes(fed, "The directory")
    assert "You are a member" in page.main.text
    home = await lisboa.page().get("/settings")
    assert "Joined" in home.main.text


async def test_asked_again_it_is_answered_with_another_profile(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    await asked(fed)
    first = await request_of(fed)
    async with fed.registrar() as office:
        await office.ask("ask", request=first, text="Which number is the deputy’s? <b>Now</b>")
    page = await becomes(fed, "VSE asks you for something")
    assert "Which number is the deputy’s? <b>Now</b>" in page.main.text
    page = await lisboa.page().submit(page, "Send the request again", status=422)
    assert "Say that you may ask" in page.problems[0]
    fed.clock.now += 1000
    page = await lisboa.page().submit(page, "Send the request again", SURE)
    assert h1(page) == "VSE looks at your request"
    assert await request_of(fed) != first


async def test_declined_it_says_why_and_may_be_asked_anew(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    await asked(fed)
    async with fed.registrar() as office:
        await office.ask("decline", request=await request_of(fed), text="We could not reach you.")
    page = await becomes(fed, "VSE declined your request")
    assert "We could not reach you." in page.main.text
    fed.clock.now += 1000
    page = await lisboa.page().submit(page, "Ask again", SURE)
    assert h1(page) == "VSE looks at your request"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"invitation": ""}, "Paste the line that VSE sent you"),
        ({"invitation": "https://directory.example.org"}, "This is not an invitation: it begins"),
        ({"url": "https://directory.example.org"}, "The anchor has"),
        ({"anchor": "ABCD"}, "Enter the address of the directory"),
        ({"url": "https://directory.example.org", "anchor": "ABCD EFGH"}, "The anchor has"),
        ({"url": "ftp://directory", "anchor": "A" * 52}, "The directory's address: not https"),
    ],
)
async def test_what_is_typed_wrongly_stays_and_is_told(
    fed: Settings, typed: dict[str, str], said: str
) -> None:
    page = await with_profile(fed["lisboa"])
    page = await fed["lisboa"].page().submit(page, "Ask to join", {**typed, **SURE}, status=422)
    assert said in page.problems[0]
    for name, value in typed.items():
        assert page.form("Ask to join").values[name] == [value]
    async with fed.registrar() as office:
        assert await office.ask("requests") == []


async def test_a_directory_that_is_down_is_told_and_nothing_is_half_asked(fed: Settings) -> None:
    page = await with_profile(fed["lisboa"])
    await fed.stop_directory()
    typed = {"invitation": fed.invitation, **SURE}
    page = await fed["lisboa"].page().submit(page, "Ask to join", typed, status=422)
    assert "The directory " in page.problems[0]
    assert page.form("Ask to join").values["invitation"] == [fed.invitation]
    await fed.start_directory()
    form = page.form("Ask to join")
    form.fill(SURE)

    async def taken() -> bool:
        nonlocal page
        page = await fed["lisboa"].page().send(form, form.button("Ask to join"))
        return page.status == 200

    await until(taken)
    assert h1(page) == "VSE looks at your request"


async def test_a_file_with_mistakes_names_each_by_its_line(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    await lisboa.sign_in()
    page = await lisboa.page().get("/settings/join/file")
    text = EXAMPLE.read_text("utf-8").replace('country = "PT"', 'country = "Portugal"')
    page = await lisboa.page().submit(page, "Load it", {"text": text}, status=422)
    assert "country: 'Portugal' is not an ISO 3166-1 code; write PT" in page.problems[0]
    assert page.form("Load it").values["text"][0].strip() == text.strip()
    assert (await lisboa.exchange.own_profile.load(lisboa.vault())).values == {}
