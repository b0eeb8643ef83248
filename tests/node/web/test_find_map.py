"""The map of Find a service and its long lists: in step with the table, members overseas on it."""

import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import referral_inputs
from page_reader import Page
from pages_world import Desk, Desks
from referral_node.exchange import NO_ANSWERS, MemberBook
from referral_node.web import catalogue as shelves
from referral_node.web.catalogue import Catalogue
from referral_node.web.members import UTC, organisation
from referral_node.web.pages import find_view
from referral_node.web.pages.find_view import Search
from referral_protocol import fit, profiles
from referral_protocol.examples import LVIV, SENT, UTRECHT
from referral_protocol.fit import Wanted
from referral_protocol.profiles import Profile, Service
from referral_ui.filters import places
from referral_ui.paging import PER_PAGE
from referral_ui.times import Times


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


def markers(page: Page) -> dict[str, str]:
    """Where each marker leads, by what it is called."""
    svg = page.main.one("svg", style="map")
    return {a.get("aria-label"): a.get("href") for a in svg.all("a") if a.get("aria-label")}


def filled(page: Page) -> set[str]:
    svg = page.main.one("svg", style="map")
    return {a.get("aria-label").split(":")[0] for a in svg.all("a", style="fits")}


def moved(desks: Desks, name: str, country: str) -> None:
    """Let a member state that it sits in another country."""
    plain = {"utrecht": UTRECHT, "lviv": LVIV}[name]
    said = plain["organisation"] | {"country": country}
    said.pop("region")
    profile = profiles.decode(profiles.encode(plain | {"organisation": said}))
    for office in desks.all.values():
        office.exchange.members.set_profile(desks[name].id, profile)


async def test_a_marker_is_filled_where_the_list_has_a_service(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/find")
    assert markers(page) == {
        "Netherlands: 3 services": "/find?country=NL",
        "Ukraine: 2 services": "/find?country=UA",
    }
    assert filled(page) == {"Netherlands", "Ukraine"}
    assert "left out by your filters" not in page.text
    page = await lisboa.reader.get("/find?need=compensation-claim")
    assert markers(page) == {
        "Netherlands: 3 services, some in the list below": (
            "/find?country=NL&need=compensation-claim"
        ),
        "Ukraine: 2 services, left out by your filters": "/find?country=UA&need=compensation-claim",
    }
    assert filled(page) == {"Netherlands"}
    assert "some in the list below" in page.main.one("ul", style="map-key").text
    assert "Map: Natural Earth. Borders imply no view on their status." in page.text


async def test_a_click_on_a_country_chooses_it_and_keeps_the_other_filters(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/find?need=emotional-support")
    (where,) = (href for name, href in markers(page).items() if name.startswith("Ukraine"))
    page = await lisboa.reader.get(where)
    form = page.form("Show services")
    assert (form.values["country"], form.values["need"]) == (["UA"], ["emotional-support"])
    (here,) = page.main.one("svg", style="map").all("path", style="here")
    assert here.get("d")
    assert len(page.main.one("table").one("tbody").all("tr")) == 1


async def test_whoever_helps_online_stays_in_the_list_and_on_the_map(lisboa: Desk) -> None:
    page = await lisboa.reader.get("/find?country=NL")
    assert filled(page) == {"Netherlands", "Ukraine"}
    assert "Talks online in Ukrainian" in page.text


async def test_members_overseas_are_on_the_map(desks: Desks, lisboa: Desk) -> None:
    moved(desks, "lviv", "NZ")
    page = await lisboa.reader.get("/find")
    assert set(markers(page)) == {"Netherlands: 3 services", "New Zealand: 2 services"}
    assert page.main.one("svg", style="map").all("g", style="corner")
    world = await lisboa.reader.follow(page, "Show the world on the map")
    assert set(markers(world)) == {
        "Europe: 3 services. Show Europe",
        "New Zealand: 2 services",
    }
    chosen = await lisboa.reader.get(markers(world)["New Zealand: 2 services"])
    assert len(chosen.main.one("table").one("tbody").all("tr")) == 2
    # The form keeps the view, and the way back leads to Europe.
    assert chosen.form("Show services").values["map"] == ["world"]
    back = await lisboa.reader.follow(chosen, "Show Europe on the map")
    assert back.path == "/find?country=NZ"
    assert back.form("Show services").values["country"] == ["NZ"]


async def test_whoever_is_suspended_is_found_and_marked(desks: Desks, lisboa: Desk) -> None:
    found = lisboa.office.exchange.members.get(desks["utrecht"].id)
    assert found is not None
    assert found.profile is not None
    times = Times(SENT, UTC)
    for status, words in (("suspended", "Suspended: nothing new can be sent"), ("active", "")):
        shown = organisation(found.id, msgspec.structs.replace(found, status=status))
        row = find_view.row(found.profile.services[0], shown, Search({}), NO_ANSWERS, times)
        assert row.together.startswith(words)
        assert bool(row.together) == bool(words)


async def test_no_service_at_all(desks: Desks, lisboa: Desk) -> None:
    for name in ("utrecht", "lviv"):
        lisboa.office.exchange.members.set_profile(desks[name].id, None)
    page = await lisboa.reader.get("/find")
    assert markers(page) == {}
    assert "No member has stated a service." in page.text


async def test_a_changed_profile_is_there_with_the_next_page(desks: Desks, lisboa: Desk) -> None:
    before = lisboa.office.exchange.members.version
    assert "Netherlands: 3 services" in markers(await lisboa.reader.get("/find"))
    moved(desks, "utrecht", "BE")
    assert lisboa.office.exchange.members.version > before
    assert "Belgium: 3 services" in markers(await lisboa.reader.get("/find"))


async def test_a_long_list_in_pages(
    desks: Desks, lisboa: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("referral_node.web.pages.find.PER_PAGE", 2)
    monkeypatch.setattr("referral_ui.paging.PER_PAGE", 2)
    office = lisboa.office
    made = await office.exchange.drafts.create(office.vault, lisboa.actor)
    draft = await office.exchange.drafts.load(office.vault, made)
    assert draft is not None
    await office.exchange.drafts.save(
        office.vault, lisboa.actor, msgspec.structs.replace(draft, typed=referral_inputs.typed())
    )
    page = await lisboa.reader.get(f"/find?draft={made.hex()}")
    assert "5 services, best fit first, page 1 of 3." in page.text
    seen = []
    for number in range(3):
        seen += [row.one("a").text for row in page.main.one("table").one("tbody").all("tr")]
        if number < 2:
            (following,) = (a for a in page.main.all("a") if a.get("rel") == "next")
            page = await lisboa.reader.get(following.get("href"))
    assert len(set(seen)) == len(seen) == 5
    assert "page 3 of 3" in page.text
    assert len(page.main.one("table").one("tbody").all("tr")) == 1
    (previous,) = (a for a in page.main.all("a") if a.get("rel") == "prev")
    assert previous.get("href") == f"/find?draft={made.hex()}&page=2"
    assert PER_PAGE == 50


# --- the catalogue itself -----------------------------------------------------------------------


class Book(MemberBook):
    """A member book with profiles and nothing else."""

    def __init__(self, held: dict[bytes, Profile]) -> None:
        super().__init__(lambda: SENT)
        self.held = held

    def profiles(self) -> Iterator[tuple[bytes, Profile]]:
        return iter(self.held.items())

    def profile(self, member: bytes) -> Profile | None:
        return self.held.get(member)


def many(count: int, seed: int) -> Book:
    """Organisations with services that differ in everything that a fit looks at."""
    choose = random.Random(seed)
    base = profiles.decode(profiles.encode(UTRECHT))
    lands = ["NL", "PT", "UA", "NZ", "DE", "FR"]
    needs = ["emotional-support", "shelter-and-safety", "legal-information", "medical"]

    def service() -> Service:
        return Service(
            name="S",
            language="en",
            needs=tuple(choose.sample(needs, choose.randint(1, 3))),
            forms=tuple(choose.sample(["online", "in-person", "telephone"], 2)),
            served=choose.choice([(), ("all",), ("women",), ("men",)]),
            age_from=choose.choice([None, 18, 40]),
            eligibility=choose.choice(["", "any-place", "lives-here", "harmed-here", "either"]),
            lives_in=tuple(choose.sample(lands, choose.randint(0, 2))),
            harmed_in=tuple(choose.sample(lands, choose.randint(0, 2))),
            languages=tuple(choose.sample(["nl", "uk", "en"], choose.randint(0, 2))),
            interpreters=choose.choice(["", "any-language", "on-request", "none"]),
            capacity=choose.choice(["", "has-capacity", "no-capacity", "waiting-list"]),
            answer_days=choose.choice([None, 1, 5]),
        )

    held = {}
    for number in range(count):
        said = msgspec.structs.replace(
            base.organisation, name=f"O{number:05}", country=choose.choice(lands), region=""
        )
        held[number.to_bytes(16, "big")] = Profile(
            said, (), tuple(service() for _ in range(choose.randint(1, 3)))
        )
    return Book(held)


WANTED = [
    Wanted(),
    Wanted(needs=("emotional-support",)),
    Wanted(
        needs=("emotional-support", "shelter-and-safety"),
        lives_country="NL",
        harmed_country="PT",
        age_from=34,
        age_to=34,
        groups=("women",),
        languages=("uk",),
    ),
    Wanted(needs=("medical",), lives_country="XK", harmed_country="XK", age_from=17, age_to=17),
]


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("few", [0, 10_000])
def test_the_order_is_that_of_ranking_everything(
    wanted: Wanted, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only those that the person may use are ranked first."""
    monkeypatch.setattr(shelves, "FEW", few)
    book = many(200, seed=7)
    listed = Catalogue(book, b"us")
    every = [(str(at), listed.service(at)) for at in range(len(listed.places))]
    whole = [int(each.key) for each in fit.rank(wanted, [(k, s) for k, s in every if s])]
    for upto in range(1, len(whole) + 1, 29):
        fresh = Catalogue(book, b"us")  # none that has ranked more before
        assert fresh.best(wanted, fresh.everything, upto)[:upto] == whole[:upto]
    some = listed.passing({"country": "NL"})
    kept = [at for at in whole if some >> at & 1]
    assert listed.best(wanted, some, 20)[:20] == kept[:20]
    assert listed.best(wanted, some, len(kept)) == kept


@pytest.mark.parametrize("seed", range(3))
def test_filters_pass_what_they_say(seed: int) -> None:
    book = many(80, seed)
    listed = Catalogue(book, (3).to_bytes(16, "big"))
    assert all(place.member != (3).to_bytes(16, "big") for place in listed.places)
    asked = {
        "country": "NL",
        "need": "medical",
        "language": "uk",
        "form": "online",
        "capacity": "not-full",
    }
    expected: dict[str, Callable[[Service, str], bool]] = {
        "country": lambda s, c: c == "NL" or ("online" in s.forms and s.eligibility == "any-place"),
        "need": lambda s, c: "medical" in s.needs,
        "language": lambda s, c: (
            "uk" in (*s.languages, *s.interpreter_languages) or s.interpreters == "any-language"
        ),
        "form": lambda s, c: "online" in s.forms,
        "capacity": lambda s, c: s.capacity != "no-capacity",
    }
    found = [listed.service(at) for at in range(len(listed.places))]
    services = [service for service in found if service is not None]
    lands = listed.sets.countries
    both = set(range(len(lands)))
    for name, value in asked.items():
        passed = set(places(listed.passing({name: value})))
        by_hand = {
            at
            for at, (land, service) in enumerate(zip(lands, services, strict=True))
            if expected[name](service, land)
        }
        assert passed == by_hand, name
        both &= by_hand
    assert set(places(listed.passing(asked))) == both
    assert listed.passing({"need": "draft"}, ("medical", "legal-information")) == (
        listed.passing({"need": "medical"}) | listed.passing({"need": "legal-information"})
    )
    assert sum(listed.counted(listed.everything).values()) == len(listed.places)
    ready = listed.readiest(listed.everything)
    assert sorted(ready) == list(range(len(listed.places)))
    first = [services[at].capacity for at in ready]
    assert first == sorted(first, key=fit.CAPACITY_ORDER.index)
