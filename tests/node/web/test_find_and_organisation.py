"""Find a service and an organisation's page: nothing hidden silently, and is it really them?"""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

import referral_inputs
from directory_world import signer
from page_reader import Page
from pages_world import DAY, Desk, Desks
from referral_node.exchange import Draft
from referral_protocol import profiles
from referral_protocol.examples import SENT, UTRECHT
from referral_protocol.statements import STATE, Head


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, "lisboa", "utrecht", "lviv", now=SENT)
    await made.start()
    await made.desk("lisboa").sign_in()
    yield made
    await made.stop()


@pytest.fixture
def lisboa(desks: Desks) -> Desk:
    return desks.desk("lisboa")


async def drafted(desk: Desk) -> Draft:
    office = desk.office
    made = await office.exchange.drafts.create(office.vault, desk.actor)
    draft = await office.exchange.drafts.load(office.vault, made)
    assert draft is not None
    typed = referral_inputs.typed()
    return await office.exchange.drafts.save(
        office.vault, desk.actor, msgspec.structs.replace(draft, typed=typed)
    )


def table(page: Page) -> list[list[str]]:
    (found,) = [t for t in page.main.all("table") if not t.all(style="stack--keep")]
    return [
        [cell.text for cell in row.children if not isinstance(cell, str)]
        for row in found.one("tbody").all("tr")
    ]


def services(page: Page) -> list[str]:
    return [a.text for th in page.main.all("th") for a in th.all("a")]


async def test_all_services_without_a_draft(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/find")
    assert page.headings == ["Find a service"]
    assert len(services(page)) == 5
    assert "5 services, those with capacity first." in page.text
    assert "left out" not in page.text
    assert "Lisbon" not in " ".join(services(page))
    capacity = [row[2] for row in table(page)]
    assert capacity[0].startswith("Has capacity")
    assert capacity[-1] == "Waiting list, 3 weeks stated 12 Nov"


async def test_best_fit_first_with_every_reason(desks: Desks, lisboa: Desk) -> None:
    draft = await drafted(lisboa)
    page = await lisboa.reader.get(f"/find?draft={draft.id.hex()}")
    assert (
        "Fit is checked against your draft: Oksana Tkachenko, lives in Utrecht, 34, speaks"
        " Ukrainian, needs emotional support, safe place to stay, compensation claim."
        " None of this leaves your organisation." in page.text
    )
    rows = table(page)
    assert [row[0].split(" Steunpunt")[0].split(" Підтримка")[0] for row in rows] == [
        "Talks online in Ukrainian",
        "Safe house Utrecht",
        "Emotional support",
        "Claims and court",
        "Help in Lviv",
    ]
    assert "With their other services" not in rows[0][0]
    assert "With their other services: fits 6 of 7" in rows[1][0]
    assert rows[2][1] == (
        "Fits: emotional support, lives in Utrecht, age 34 Does not fit: safe place to stay,"
        " compensation claim: not offered Not stated: Ukrainian interpreter"
    )
    assert "place: only people who live in UA-46 (Lviv)" in rows[4][1]
    assert rows[0][3] == "2 working days (stated)"
    assert page.links()["Search without a draft"] == "/find"
    assert page.links()["Safe house Utrecht"].endswith(f"?draft={draft.id.hex()}")


@pytest.mark.parametrize(
    ("query", "left", "out"),
    [
        ({"country": "NL"}, 4, 1),
        ({"country": "UA"}, 2, 3),
        ({"need": "compensation-claim"}, 1, 4),
        ({"language": "uk"}, 2, 3),
        ({"form": "online"}, 2, 3),
        ({"capacity": "has-capacity"}, 3, 2),
        ({"capacity": "not-full"}, 5, 0),
        ({"need": "emotional-support", "form": "in-person"}, 1, 4),
    ],
)
async def test_filters_say_how_many_they_leave_out(
    lisboa: Desk, query: dict[str, str], left: int, out: int
) -> None:
    page = await lisboa.reader.get("/find")
    form = page.form("Show services")
    form.fill(query)
    page = await lisboa.reader.send(form, form.button("Show services"))
    assert len(services(page)) == left
    if out:
        assert f"Your filters leave out {out}: show all" in page.text
        everything = await lisboa.reader.follow(page, "show all")
        assert len(services(everything)) == 5
    for name, value in query.items():
        assert page.form("Show services").values[name] == [value]


async def test_no_service_fits_the_filters(lisboa: Desk) -> None:
    draft = await drafted(lisboa)
    page = await lisboa.reader.get(f"/find?draft={draft.id.hex()}&need=education")
    assert "No service fits your filters. 5 are left out: show all" in page.text
    assert page.main.all("table") == []
    everything = await lisboa.reader.follow(page, "show all")
    assert "Oksana Tkachenko" in everything.text
    mine = await lisboa.reader.get(f"/find?draft={draft.id.hex()}&need=draft")
    assert len(services(mine)) == 4


async def test_an_old_or_mistyped_address_leaves_nothing_out(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/find?country=XX&need=draft&language=%00&capacity=lots&x=1")
    assert page.status == 200
    assert len(services(page)) == 5
    gone = await lisboa.reader.get("/find?draft=abc")
    assert gone.status == 404


async def test_answers_in_is_what_we_saw_ourselves(desks: Desks, lisboa: Desk) -> None:
    said = await desks.send()
    office = desks["utrecht"]
    await delivered(desks)
    desks.at(SENT + 2 * DAY)
    await office.exchange.importing.run(office.vault, desks.desk("utrecht").actor)
    await office.exchange.voice.say(
        office.vault,
        desks.desk("utrecht").actor,
        said.thread,
        STATE,
        Head(state="accepted"),
        {"form": "answer", "author": {"name": "J"}, "language": "en", "contact": {"name": "J"}},
    )
    await delivered(desks)
    await lisboa.sign_in()
    page = await lisboa.reader.get("/find?country=NL")
    assert table(page)[0][3] == "2 days (1 referral)"
    page = await lisboa.reader.get(f"/organisation/{office.id.hex()}")
    assert page.facts()["Answered us"] == "2 days, in 1 of 1 referrals."


async def delivered(desks: Desks) -> None:
    """Wait until nobody's outbox holds anything."""
    import asyncio

    async with asyncio.timeout(5):
        while True:
            waiting = [await o.store.row("SELECT COUNT(*) FROM outbox") for o in desks.all.values()]
            if not any(row[0] for row in waiting if row is not None):
                return
            await asyncio.sleep(0.01)


async def test_an_organisations_page(desks: Desks, lisboa: Desk) -> None:
    page = await lisboa.reader.get(f"/organisation/{desks['utrecht'].id.hex()}")
    assert page.headings == [
        "Steunpunt Dom",
        "Services (3)",
        "Refer here",
        "Ask first",
        "Whom to call",
        "Opening hours",
        "Compare by telephone before the first referral",
        "Its key in the directory",
        "What we know ourselves",
        "About the organisation",
    ]
    assert "Has capacity stated 12 November 2026. Closed now. Opens tomorrow, 08:00" in page.text
    rows = table(page)
    assert rows[0] == [
        "Emotional support Emotional support, psychological help",
        "Adults, witnesses too. Lives in NL-UT (Utrecht) or harmed in the Netherlands.",
        "In person, by telephone, online. Dutch, English, Turkish; others with interpreter, on"
        " request. Step-free, hearing loop, near public transport. Free of charge.",
        "Has capacity. First talk in 5 days.",
    ]
    assert "Women, 18 or older, with children up to 12." in rows[1][1]
    assert "harmed in any EU country." in rows[2][1]
    hours = page.main.one("table", style="stack--keep")
    assert [row.text for row in hours.all("tr")] == [
        "Day Your time Utrecht",
        "Mon–Fri 08:00–16:00 09:00–17:00",
        "Sat 09:00–12:00 10:00–13:00",
        "Sun closed closed",
    ]
    assert "Closed 25–26 December and 1 January." in page.text
    assert page.links()["+31 30 000 02 10"] == "tel:+31300000210"
    assert "Victims’ helpline: 116 006, day and night" in page.text
    facts = page.facts()
    assert facts["Assured by VSE"] == "12 March 2026"
    assert facts["Staff"] == "14 paid, 60 volunteers, trained 40 hours"
    assert facts["Mass events"] == "Yes. Duty line +31 30 000 02 99"
    assert facts["Answered us"] == "No referral yet. They state: within 1 working day."
    assert "You have not sent anything to Steunpunt Dom before." in page.text


async def test_hours_where_summer_time_ends_on_other_days(desks: Desks, lisboa: Desk) -> None:
    lviv = await lisboa.reader.get(f"/organisation/{desks['lviv'].id.hex()}")
    rows = [row.text for row in lviv.main.one("table", style="stack--keep").all("tr")]
    assert rows[1] == "Mon–Thu 08:00–17:00 10:00–19:00"
    assert lviv.headings[0] == "Підтримка Поруч Pidtrymka Poruch"
    assert "Марія Гнатюк Mariia Hnatiuk" in lviv.text
    name = lviv.main.one("h1").all("bdi")[0]
    assert name.get("lang") == "uk"


async def test_the_fingerprint_in_three_lines(desks: Desks, lisboa: Desk) -> None:
    member = lisboa.office.exchange.members.get(desks["utrecht"].id)
    assert member is not None
    page = await lisboa.reader.get(f"/organisation/{member.id.hex()}")
    lines = [li.text for li in page.main.one("ol", style="print60").all("li")]
    assert [len(line.split()) for line in lines] == [4, 4, 4]
    assert " ".join(lines) == member.fingerprint


async def test_the_telephone_check_must_be_answered(desks: Desks, lisboa: Desk) -> None:
    page = await lisboa.reader.get(f"/organisation/{desks['utrecht'].id.hex()}")
    page = await lisboa.reader.submit(page, "Save the result", status=422)
    assert page.problems == [
        "Say whether they read out the same 60 digits",
        "Enter with whom you spoke",
    ]
    page = await lisboa.reader.submit(page, "Save the result", {"same": "no"}, status=422)
    assert page.problems == ["Enter with whom you spoke"]
    assert page.form("Save the result").values["same"] == ["no"]
    page = await lisboa.reader.submit(page, "Save the result", {"spoke_with": "Bram Visser-Addo"})
    assert "Tell VSE by telephone before you do anything else" in page.text
    assert "The fingerprint was not the same." in page.text
    assert "by Inês Carvalhal, with Bram Visser-Addo" in page.text
    found = await lisboa.office.exchange.contacts.first_contact(
        lisboa.office.vault, desks["utrecht"].id
    )
    assert found is not None
    assert not found.same
    page = await lisboa.reader.submit(
        page, "Save the result", {"same": "yes", "spoke_with": "Jasmijn de Wit"}
    )
    assert "Compared on 19 November 2026, 16:05, by Inês Carvalhal" in page.text
    assert "Compared by telephone" in page.headings


async def test_other_digits_than_those_shown_are_not_confirmed(desks: Desks, lisboa: Desk) -> None:
    page = await lisboa.reader.get(f"/organisation/{desks['utrecht'].id.hex()}")
    form = page.form("Save the result")
    form.fill({"same": "yes", "spoke_with": "Jasmijn de Wit"})
    form.values["fingerprint"] = ["0" * 60]
    refused = await lisboa.reader.send(form, form.button("Save the result"))
    assert refused.status == 422
    assert "Their keys have changed since you opened this page" in refused.problems[0]
    assert refused.form("Save the result").values["spoke_with"] == ["Jasmijn de Wit"]
    contacts = lisboa.office.exchange.contacts
    assert await contacts.first_contact(lisboa.office.vault, desks["utrecht"].id) is None


async def test_digits_that_nobody_compared_are_not_said_to_be(desks: Desks, lisboa: Desk) -> None:
    office, world, utrecht = lisboa.office, desks.world, desks["utrecht"].id
    await office.exchange.contacts.compared(
        office.vault, lisboa.actor, utrecht, same=True, spoke_with="Jasmijn de Wit"
    )
    page = await lisboa.reader.get(f"/organisation/{utrecht.hex()}")
    assert "with Jasmijn de Wit" in page.text
    assert "nobody has compared" not in page.text
    desks.at(SENT + DAY)
    anew = signer("utrecht node anew")
    endpoint = world.member("utrecht").endpoint
    content = world.update_content("utrecht", endpoint=endpoint, node_key=anew.public)
    world.log_in(content, signer("utrecht vault"), anew)
    await office.keeper.take(world.checkpoint(), world.leaves[-1:])
    await lisboa.sign_in()
    page = await lisboa.reader.get(f"/organisation/{utrecht.hex()}")
    assert "was replaced since, on 20 November 2026: nobody has compared" in page.text
    assert "Compare again" in page.text


async def test_whom_they_chose_stays_chosen_in_a_new_referral(desks: Desks, lisboa: Desk) -> None:
    page = await lisboa.reader.get(f"/organisation/{desks['utrecht'].id.hex()}")
    page = await lisboa.reader.follow(page, "new referral to them")
    assert "For Steunpunt Dom, Utrecht, whom you chose." in page.text
    page = await lisboa.reader.submit(page, "Save and continue", {"name": "Ana"})
    (draft,) = await lisboa.office.exchange.drafts.all(lisboa.office.vault)
    assert draft.recipient == desks["utrecht"].id
    page = await lisboa.reader.get(f"/new/{draft.id.hex()}/consent")
    assert "No organisation is chosen yet" not in page.text
    for nobody in ("", "zz", bytes(16).hex(), desks["lisboa"].id.hex()):
        page = await lisboa.reader.get(f"/new?to={nobody}")
        assert "whom you chose" not in page.text


async def test_notes_stay_and_are_kept_as_written(desks: Desks, lisboa: Desk) -> None:
    page = await lisboa.reader.get(f"/organisation/{desks['utrecht'].id.hex()}")
    assert page.facts()["Notes"] == "None yet"
    page = await lisboa.reader.submit(page, "Add the note", status=422)
    assert page.problems == ["Write the note"]
    note = "Safe house takes pets.\n<b>ليلى</b> said so & more"
    page = await lisboa.reader.submit(page, "Add the note", {"note": note})
    assert page.facts()["Notes"] == (
        "“Safe house takes pets. <b>ليلى</b> said so & more” Inês Carvalhal, 19 November 2026."
    )
    assert "<b>" not in page.source.replace("<b>Fits", "")
    page = await lisboa.reader.submit(page, "Add the note", {"note": "x" * 2_001}, status=422)
    assert page.form("Add the note").values["note"] == ["x" * 2_001]


async def test_the_drafts_own_words_follow_to_the_organisation(desks: Desks, lisboa: Desk) -> None:
    draft = await drafted(lisboa)
    where = f"/organisation/{desks['lviv'].id.hex()}?draft={draft.id.hex()}"
    page = await lisboa.reader.get(where)
    assert "Fit for your draft: Oksana Tkachenko" in page.headings
    page = await lisboa.reader.submit(page, "Choose Підтримка Поруч")
    assert page.path == f"/new/{draft.id.hex()}/check"
    page = await lisboa.reader.get(where)
    assert "Chosen for this draft. Nothing is sent yet." in page.text
    (back,) = page.root.all("a", style="govuk-back-link")
    page = await lisboa.reader.get(back.get("href"))
    assert "Oksana Tkachenko" in page.text


async def test_our_own_page_shows_what_to_read_out(desks: Desks, lisboa: Desk) -> None:
    page = await lisboa.reader.get(f"/organisation/{lisboa.office.id.hex()}")
    assert "Your own fingerprint" in page.headings
    assert page.buttons() == []
    for wrong in ("0" * 32, "xyz", lisboa.office.id.hex().upper()):
        assert (await lisboa.reader.get(f"/organisation/{wrong}")).status == 404


async def test_a_member_who_has_stated_nothing(desks: Desks, lisboa: Desk) -> None:
    members = lisboa.office.exchange.members
    members.set_profile(desks["lviv"].id, None)
    page = await lisboa.reader.get(f"/organisation/{desks['lviv'].id.hex()}")
    assert page.status == 200
    assert "Services (0)" in page.headings
    assert "Not stated" in page.text
    assert "Compare by telephone before the first referral" in page.headings
    assert len(services(await lisboa.reader.get("/find"))) == 3


async def test_a_profile_with_hostile_and_sparse_values(desks: Desks, lisboa: Desk) -> None:
    """As a later version or a careless member may have it: absent fields, unknown codes."""
    plain = {
        "organisation": {
            "name": "Dom & Co",
            "name_language": "nl",
            "country": "NL",
            "city": "Utrecht",
            "zone": "Europe/Amsterdam",
            "languages": ["nl"],
            "hours": UTRECHT["organisation"]["hours"],
        },
        "contacts": UTRECHT["contacts"],
        "services": [
            {
                "name": "Hulp",
                "language": "nl",
                "needs": ["emotional-support", "time-travel"],
                "forms": ["by-balloon"],
                "capacity": "overflowing",
            }
        ],
    }
    profile = profiles.decode(profiles.encode(plain))
    lisboa.office.exchange.members.set_profile(desks["utrecht"].id, profile)
    page = await lisboa.reader.get(f"/organisation/{desks['utrecht'].id.hex()}")
    assert page.headings[0] == "Dom & Co"
    (row,) = table(page)
    assert row == [
        "Hulp Emotional support, time-travel (unknown code)",
        "Not stated",
        "by-balloon (unknown code).",
        "overflowing (unknown code).",
    ]
    found = await lisboa.reader.get("/find?country=NL")
    assert "overflowing (unknown code)" in found.text
