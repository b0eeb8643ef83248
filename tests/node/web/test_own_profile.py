"""Our profile in the pages: written, checked, read once more, sent; and what is typed wrongly."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fed_member import Member
from federation import DIRECTORY
from page_reader import Page
from referral_node.web.pages.profile_parts import CONTACT, PARTS, SERVICE
from referral_node.web.pages.step_view import About, order, views
from referral_node.web.profile_typing import EU, inputs, read
from referral_protocol import profiles
from referral_protocol.codes import COUNTRIES
from referral_protocol.examples import PROFILES
from referral_protocol.forms import Field, Kind
from referral_ui.parts import Choice
from referral_ui.times import Place
from settings_world import Settings

HERE = Place("Europe/Lisbon", "Lisbon")


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Settings]:
    async with Settings(tmp_path, "lisboa", "utrecht") as made:
        await made["lisboa"].sign_in()
        yield made


def h1(page: Page) -> str:
    return page.main.one("h1").text


async def mine(member: Member) -> Any:
    return await member.exchange.own_profile.load(member.vault())


def told_of(member: Member, other: Member) -> Any:
    found = member.exchange.members.get(other.id)
    assert found is not None
    return found.profile


# --- every field, there and back ----------------------------------------------------------------


def keys(fields: tuple[Field, ...], prefix: str = "") -> set[str]:
    found = set()
    for each in fields:
        if each.kind is Kind.GROUP:
            found |= keys(each.fields, f"{prefix}{each.key}.")
        elif each.kind is Kind.GROUPS:
            found |= keys(each.fields, f"{prefix}{each.key}.0.")
        elif each.kind is Kind.LANGUAGES and each.key == "languages":
            found.add(f"{prefix}{each.key}.0")
        else:
            found.add(prefix + each.key)
    return found


def test_every_field_of_the_profile_is_asked_on_exactly_one_page() -> None:
    yes_no = {"yes-no": (Choice("yes", "Yes"), Choice("no", "No"))}
    asked: list[str] = []
    for part in PARTS.values():
        drawn = set(order(views(part.step, {}, About(lists=yes_no))))
        assert keys(part.fields) <= drawn, part.code
        asked += [each.key for each in part.fields]
    organisation = {each.key for each in profiles.PROFILE.fields[0].fields}
    assert sorted(asked) == sorted(organisation - {"assured"})
    for part in (CONTACT, SERVICE):
        drawn = set(order(views(part.step, {}, About(lists=yes_no))))
        assert keys(part.fields) <= drawn, part.code


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_page_shows_is_what_it_stores(name: str) -> None:
    plain = PROFILES[name]
    pages = [(part, plain["organisation"]) for part in PARTS.values()]
    pages += [(CONTACT, row) for row in plain["contacts"]]
    pages += [(SERVICE, row) for row in plain["services"]]
    for part, values in pages:
        kept = {each.key for each in part.fields}
        bound = read(part.fields, inputs(part.fields, values), HERE)
        assert bound.errors == []
        assert bound.values == {key: value for key, value in values.items() if key in kept}


def test_countries_are_typed_by_name_or_code_or_as_the_union() -> None:
    typed = {"harmed_in": ["EU\nNorway; uk\nGB, Purtugal"]}
    bound = read(SERVICE.fields, typed, HERE)
    assert bound.values["harmed_in"] == [*EU, "NO", "GB"]
    said = {error.message for error in bound.errors}
    unknown = "is not a country that we know"
    assert any(f"“Purtugal” {unknown}. Did you mean Portugal?" in each for each in said)
    assert any(f"“uk” {unknown}" in each for each in said)
    assert {error.at for error in bound.errors} == {"harmed_in"}
    assert len([code for code in EU if code in COUNTRIES]) == 27


# --- the way of a change ------------------------------------------------------------------------


async def test_a_change_stays_here_until_it_was_read_and_sent(fed: Settings) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    reader = lisboa.page()
    page = await reader.get("/settings/profile/about")
    page = await reader.submit(page, "Save", {"about": "Ajuda.\nEm Lisboa.", "region": "pt-11"})
    assert h1(page) == "Our profile"
    assert "Nobody else sees" in page.main.text
    assert told_of(utrecht, lisboa).organisation.about != "Ajuda.\nEm Lisboa."
    assert (await mine(lisboa)).changed == ("organisation",)
    page = await reader.follow(page, "Look at the changes and send them")
    assert "Ajuda." in page.main.text
    assert "Tiago Faria" not in page.main.text, "only what changed is shown and sent"
    page = await reader.submit(page, "Send to the directory")
    await fed.quiet(lisboa)
    await fed.learns(
        utrecht, lambda: told_of(utrecht, lisboa).organisation.about == "Ajuda.\nEm Lisboa."
    )
    await reader.get("/settings/profile")
    assert (await mine(lisboa)).version == 0
    page = await reader.get("/settings/profile/send")
    assert "There is nothing to send." in page.main.text


async def test_a_service_is_added_changed_and_taken_away(fed: Settings) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    reader = lisboa.page()
    page = await reader.get("/settings/services")
    page = await reader.follow(page, "Add a service")
    page = await reader.submit(page, "Save", {}, status=422)
    assert "Enter the service’s name" in page.problems
    assert "Choose at least one need" in page.problems
    typed: dict[str, str | list[str]] = {
        "name": "Linha noturna",
        "language": "pt",
        "needs": ["emotional-support"],
        "forms": ["telephone"],
        "age_from": "sixteen",
    }
    page = await reader.submit(page, "Save", typed, status=422)
    assert page.problems == ["Youngest age: enter a whole number, for example 12"]
    page = await reader.submit(page, "Save", {"age_from": "16", "age_to": "12"}, status=422)
    assert page.problems == ["The oldest age is below the youngest"]
    page = await reader.submit(page, "Save", {"age_to": ""})
    assert h1(page) == "Our services"
    page = await reader.get("/settings/services/2")
    assert page.form("Save").values["name"] == ["Linha noturna"]
    page = await reader.get("/settings/services/0/remove")
    page = await reader.submit(page, "Take this service away")
    assert [row["name"] for row in (await mine(lisboa)).values["services"]] == [
        "Acompanhamento em tribunal",
        "Linha noturna",
    ]
    page = await reader.get("/settings/profile/send")
    await reader.submit(page, "Send to the directory")
    await fed.quiet(lisboa)
    await fed.learns(
        utrecht,
        lambda: (
            [s.name for s in told_of(utrecht, lisboa).services]
            == ["Acompanhamento em tribunal", "Linha noturna"]
        ),
    )


async def test_the_last_service_stays(fed: Settings) -> None:
    reader = fed["lisboa"].page()
    page = await reader.get("/settings/services/1/remove")
    await reader.submit(page, "Take this service away")
    page = await reader.get("/settings/services/0/remove")
    assert "It is the last one, so it stays." in page.main.text


async def test_capacity_takes_two_clicks_and_nothing_else_goes_with_it(fed: Settings) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    reader = lisboa.page()
    page = await reader.get("/settings/profile/about")
    await reader.submit(page, "Save", {"about": "Not ready to be read."})
    page = await reader.get("/")
    page = await reader.follow(page, "Change capacity: Acompanhamento em tribunal")
    page = await reader.submit(page, "No capacity")
    assert "Acompanhamento em tribunal: no capacity." in page.main.text
    await fed.quiet(lisboa)
    await fed.learns(
        utrecht, lambda: told_of(utrecht, lisboa).services[1].capacity == "no-capacity"
    )
    said = told_of(utrecht, lisboa).services[1]
    assert (said.capacity_on, said.capacity_note, said.wait_days) == ("2026-11-19", "", None)
    assert told_of(utrecht, lisboa).organisation.about != "Not ready to be read."
    assert (await mine(lisboa)).changed == ("organisation",)
    # A second one right behind it, and back again.
    for chosen in ("Has capacity", "Waiting list"):
        page = await reader.get("/settings/services/1/capacity")
        await reader.submit(page, chosen)
    await fed.quiet(lisboa)
    await fed.learns(
        utrecht, lambda: told_of(utrecht, lisboa).services[1].capacity == "waiting-list"
    )


async def test_without_the_directory_a_click_is_kept_and_told(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    fed.link("lisboa", DIRECTORY).cut()
    page = await reader.get("/settings/services/0/capacity")
    page = await reader.submit(page, "No capacity")
    assert "on its way to the directory" in page.main.text
    page = await reader.get("/settings/services/1/capacity")
    page = await reader.submit(page, "No capacity")
    assert "An earlier change is still on its way" in page.main.text
    rows = (await mine(lisboa)).values["services"]
    assert [row["capacity"] for row in rows] == ["no-capacity", "no-capacity"]
    fed.link("lisboa", DIRECTORY).mend()
    await fed.quiet(lisboa)
    page = await reader.get("/settings/profile/send")
    await reader.submit(page, "Send to the directory")
    await fed.quiet(lisboa)
    assert (await mine(lisboa)).changed == ()


async def test_everything_is_still_right_is_one_click(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    page = await reader.get("/")
    page = await reader.follow(page, "Look again at what others read about you")
    assert "It was last said to be right on 3 February 2026." in page.main.text
    await reader.submit(page, "Everything is still right")
    await fed.quiet(lisboa)
    await fed.learns(lisboa, lambda: told_of(lisboa, lisboa).organisation.assured.on > "2026-10")
    assert told_of(lisboa, lisboa).organisation.assured == profiles.Assured(
        "2026-11-19", "Associação Ponte Tejo"
    )
    page = await reader.get("/")
    assert "Look again" not in page.main.text
    fed.clock.now += 184 * 24 * 3_600_000
    await lisboa.sign_in()
    page = await reader.get("/")
    assert "Look again at what others read about you" in page.main.text


async def test_whoever_has_just_joined_is_asked_after_half_a_year(fed: Settings) -> None:
    """Until somebody said that all is right, the time counts from joining: VSE read it then."""
    lisboa = fed["lisboa"]
    values = (await mine(lisboa)).values
    organisation = {key: values["organisation"][key] for key in values["organisation"]}
    del organisation["assured"]
    whole = {**values, "organisation": organisation}
    await lisboa.exchange.own_profile.send(lisboa.vault(), lisboa.actor, whole)
    await fed.quiet(lisboa)
    await fed.learns(lisboa, lambda: told_of(lisboa, lisboa).organisation.assured is None)
    reader = lisboa.page()
    assert "Look again" not in (await reader.get("/")).main.text
    fed.clock.now += 184 * 24 * 3_600_000
    await lisboa.sign_in()
    assert "Nobody has said yet that all of it is right." in (await reader.get("/")).main.text


async def test_another_point_of_contact(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    page = await reader.get("/settings/contacts")
    page = await reader.submit(page, "Make point of contact: Tiago Faria")
    rows = (await mine(lisboa)).values["contacts"]
    assert [(row["name"], row["role"]) for row in rows] == [
        ("Tiago Faria", "point-of-contact"),
        ("Inês Carvalhal", "deputy"),
    ]
    assert (await mine(lisboa)).changed == ("contacts",)
    page = await reader.get("/settings/contacts/1/remove")
    await reader.submit(page, "Take this person away")
    page = await reader.get("/settings/profile/send")
    await reader.submit(page, "Send to the directory")
    await fed.quiet(lisboa)
    await fed.learns(
        lisboa, lambda: [c.name for c in told_of(lisboa, lisboa).contacts] == ["Tiago Faria"]
    )


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "typed", "said"),
    [
        ("about", {"name": "<b>Ponte</b>"}, "<"),
        ("about", {"name": "Ponte\u202eTejo"}, "cannot"),
        ("about", {"name": "Ponte\u200bTejo"}, "cannot be seen"),
        ("about", {"about": "x" * 1_201}, "at most 1200 characters"),
        ("about", {"name": "Підтримка"}, "Add it in Latin letters"),
        ("about", {"region": "NL-UT"}, "Choose a region of that country"),
        ("about", {"city": " "}, "Enter the town or city"),
        ("reach", {"telephone": "call us"}, "enter the number with its country"),
        ("reach", {"website": "javascript:alert(1)"}, "https://"),
        ("reach", {"email": "nobody"}, "e-mail"),
        ("hours", {"hours.0.from": "19:00"}, "The end must be later than the start"),
        ("hours", {"holidays.0.to": "24 12 2026"}, "The last day is before the first one"),
        ("hours", {"holidays.0.from": "31 February 2026"}, "31 February 2026 is not a date"),
        ("more", {"staff.paid": "-3"}, "enter a whole number"),
    ],
)
async def test_what_is_typed_wrongly_is_told_at_its_place_and_kept(
    fed: Settings, part: str, typed: dict[str, str], said: str
) -> None:
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    page = await reader.get(f"/settings/profile/{part}")
    page = await reader.submit(page, "Save", typed, status=422)
    assert any(said in problem for problem in page.problems), page.problems
    for name, value in typed.items():
        assert page.form("Save").values[name] == [value]
    assert (await mine(lisboa)).version == 0
    assert "<b>Ponte</b>" not in page.source


async def test_codes_that_no_list_has_are_refused(fed: Settings) -> None:
    """Not what a person does: what a program may send."""
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    page = await reader.get("/settings/profile/about")
    for name, value in (("country", "ZZ"), ("name_language", "xx-nothing"), ("zone", "Mars/One")):
        form = page.form("Save")
        form.values[name] = [value]
        answer = await reader.send(form, form.button("Save"))
        assert answer.status == 422, name
    assert (await mine(lisboa)).version == 0


async def test_another_window_was_quicker(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    first = await reader.get("/settings/profile/about")
    second = await reader.get("/settings/profile/more")
    await reader.submit(first, "Save", {"about": "The first."})
    page = await reader.submit(second, "Save", {"staff.paid": "12"}, status=422)
    assert "changed in another window" in page.problems[0]
    assert page.form("Save").values["staff.paid"] == ["12"]
    page = await reader.submit(page, "Save")
    values = (await mine(lisboa)).values["organisation"]
    assert (values["about"], values["staff"]["paid"]) == ("The first.", 12)


async def test_rows_are_added_and_removed_without_saving(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    page = await reader.get("/settings/profile/hours")
    page = await reader.submit(page, "Add other hours", {"hours.0.to": "17:00"})
    assert page.form("Save").values["hours.0.to"] == ["17:00"]
    assert page.form("Save").values["hours.1.from"] == [""]
    assert (await mine(lisboa)).version == 0
    typed = {"hours.1.days": ["sat"], "hours.1.from": "10", "hours.1.to": "13"}
    page = await reader.submit(page, "Save", typed)
    hours = (await mine(lisboa)).values["organisation"]["hours"]
    assert hours[1] == {"days": ["sat"], "from": "10:00", "to": "13:00"}


async def test_my_changes_can_be_thrown_away(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    page = await reader.get("/settings/profile/about")
    page = await reader.submit(page, "Save", {"about": "Never mind."})
    page = await reader.submit(page, "Throw my changes away")
    assert "Never mind." not in page.main.text
    assert (await mine(lisboa)).version == 0


async def test_a_refused_change_says_why_and_what_to_do(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    reader = lisboa.page()
    fed.link("lisboa", DIRECTORY).cut()
    page = await reader.get("/settings/services/0/capacity")
    await reader.submit(page, "No capacity")
    await fed.change_status_unseen(lisboa, "suspended")
    await fed.change_status_unseen(lisboa, "active")
    fed.link("lisboa", DIRECTORY).mend()
    await fed.quiet_or_refused(lisboa)
    page = await reader.get("/settings/profile")
    assert "Send it again." in page.main.text
    assert "A change was refused" in (await reader.get("/settings")).main.text
    assert "was not sent" in (await reader.get("/")).main.text
    page = await reader.submit(page, "I have read this")
    page = await reader.follow(page, "Look at the changes and send them")
    await reader.submit(page, "Send to the directory")
    await fed.quiet(lisboa)
    await fed.learns(lisboa, lambda: told_of(lisboa, lisboa).services[0].capacity == "no-capacity")
