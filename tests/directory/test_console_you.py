"""A registrar's own password and telephone, changed in the console; a part of a profile erased."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console_world import Desk, Office, opened
from directory_world import id_of
from page_reader import Page
from referral_directory import registrars
from referral_directory.console.throttle import FREE
from referral_directory.registrars import FIRST
from referral_directory.totp import code_at, secret_text

NEW = "quite another password"
UTRECHT = f"/member/{id_of('utrecht').hex()}"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path / "state") as found:
        yield found


async def changed(desk: Desk, *, status: int = 200, **typed: str) -> Page:
    right = {"password": desk.password, "new": NEW, "once-more": NEW}
    page = await desk.get("/you")
    return await desk.reader.submit(page, "Change the password", right | typed, status=status)


async def test_a_new_password(office: Office) -> None:
    desk, elsewhere = await office.signed_in(), office.desk()
    await elsewhere.sign_in()
    for typed, problem in (
        ({"password": "not this one"}, "The password is wrong"),
        ({"new": "short", "once-more": "short"}, "Type at least 12 characters"),
        ({"once-more": "something else"}, "The two are not the same. Type the new password again"),
    ):
        page = await changed(desk, status=422, **typed)
        assert page.problems == [problem]
        assert NEW not in page.source
        assert desk.password not in page.source
    page = await changed(desk)
    assert "Your password is changed." in page.text
    opened_again = registrars.unlock(office.place.folder, FIRST, NEW)
    assert opened_again.key.seed() == desk.registrar.key.seed()
    assert opened_again.secret == desk.registrar.secret
    assert (await elsewhere.get("/log")).path == "/sign-in?to=/log"
    assert (await desk.get("/log")).path == "/log"
    assert "Changed the own password" in (await desk.get("/acts")).text
    late = office.desk(password=NEW)
    assert (await late.sign_in()).path == "/"


async def test_wrong_passwords_wait_here_too(office: Office) -> None:
    desk = await office.signed_in()
    for _ in range(FREE):
        await changed(desk, status=422, password="not this one")
    page = await changed(desk, status=422)
    assert page.problems == ["Too many wrong tries. Wait a few minutes, then try again"]


async def test_a_new_telephone(office: Office) -> None:
    desk = await office.signed_in()
    page = await desk.reader.submit(await desk.get("/you"), "Show a new secret")
    assert "Nothing has changed yet." in page.text
    old = desk.registrar.secret
    assert registrars.unlock(office.place.folder, FIRST, desk.password).secret == old
    assert secret_text(old) not in page.text
    shown = page.main.all("bdi")[0].text
    assert page.main.all("svg")[-1].get("aria-label") == "The new secret as a QR code"
    button = "Use the new telephone"
    stale = {"code": code_at(old, office.place.clock()), "password": desk.password}
    page = await desk.reader.submit(page, button, stale, status=422)
    assert page.problems == ["This is not the code of the new secret. Type the next one"]
    assert page.main.all("bdi")[0].text == shown
    secret = base64.b32decode(shown.replace(" ", ""))
    code = code_at(secret, office.place.clock())
    wrong = {"code": code, "password": "not this one"}
    page = await desk.reader.submit(page, button, wrong, status=422)
    assert page.problems == ["The password is wrong"]
    form = page.form(button)
    form.fill({"code": code, "password": desk.password})
    page = await desk.reader.send(form, form.button(button))
    assert "The new telephone counts from now on" in page.text
    assert registrars.unlock(office.place.folder, FIRST, desk.password).secret == secret
    assert shown not in (await desk.get("/you")).source
    assert (await desk.reader.send(form, form.button(button))).path == "/you"
    assert "Took a new secret for codes" in (await desk.get("/acts")).text
    again = office.desk()
    assert again.registrar.secret == secret
    signing = (await again.get("/sign-in")).form("Sign in")
    signing.fill({"name": FIRST, "password": desk.password, "code": code})
    assert (await again.reader.send(signing)).status == 422  # it was used for the change
    assert (await again.sign_in()).path == "/"


async def test_a_secret_that_was_not_asked_for(office: Office) -> None:
    desk, other = await office.signed_in(), office.desk()
    await other.sign_in()
    page = await desk.reader.submit(await desk.get("/you"), "Show a new secret")
    form = page.form("Use the new telephone")
    shown = await other.reader.submit(await other.get("/you"), "Show a new secret")
    theirs = shown.form("Use the new telephone")
    theirs.values["token"] = form.values["token"]
    theirs.fill({"code": "000000", "password": other.password})
    answer = await other.reader.send(theirs, theirs.button("Use the new telephone"))
    assert answer.status == 422
    assert any(line.startswith("This page had become old") for line in answer.problems)


async def test_a_part_of_a_profile_is_erased(office: Office) -> None:
    await office.client.admit("utrecht")
    desk = await office.signed_in()
    page = await desk.reader.follow(await desk.get(UTRECHT), "Erase a part of its profile")
    page = await desk.reader.submit(page, "Erase it", {"record": "contacts"}, status=422)
    assert page.problems == ["Tick that this cannot be taken back, or go back"]
    page = await desk.reader.submit(page, "Erase it", {"sure": "yes"})
    assert "Erased here." in page.text
    assert page.facts()["Whom to call"].startswith("no person is named")
    for path in (UTRECHT, "/members", "/profiles", "/acts", "/log"):
        assert "Jasmijn" not in (await desk.get(path)).source
    assert "Erased from the profile of Steunpunt Dom: contacts" in (await desk.get("/acts")).text
    page = await desk.reader.submit(
        await desk.get(f"{UTRECHT}/erase"),
        "Erase it",
        {"record": "contacts", "sure": "yes"},
        status=422,
    )
    assert page.problems == ["Nothing was done: contacts: this member has none here (any more)"]
