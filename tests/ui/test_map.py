"""The map: what its outlines say, and what a page makes of them."""

import re
from math import cos, dist, radians, sin, sqrt
from xml.etree import ElementTree

import pytest

from referral_protocol.codes import COUNTRIES
from referral_ui.map import (
    APART,
    Country,
    Outlines,
    Place,
    apart,
    outside_europe,
    radius,
    views,
    world_map,
)

SVG = "{http://www.w3.org/2000/svg}"
# EU, candidates and neighbours that members come from: each must have its marker in Europe's view.
EUROPE = (
    *("AL", "AM", "AT", "BA", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR"),
    *("GB", "GE", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MD", "ME", "MK", "MT", "NL"),
    *("NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "TR", "UA", "XK"),
)


def rings(path: str, unit: float) -> list[list[Place]]:
    """The corners of an outline's rings in pixels; only the commands that the build writes."""
    found = []
    for ring in path.split("z"):
        if not ring or "a" in ring:
            continue
        start, steps = ring.removeprefix("M").split("l")
        x, y = (int(each) for each in start.split(" "))
        corners = [(x * unit, y * unit)]
        numbers = [int(each) for each in re.findall(r"-?\d+", steps)]
        for across, down in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + across, y + down
            corners.append((x * unit, y * unit))
        found.append(corners)
    return found


def lies_in(place: Place, outlines: Outlines, code: str) -> bool:
    """Whether a place is inside the outline of a country: an odd number of borders to its right."""
    x, y = place
    crossed = 0
    for ring in rings(outlines.shapes[code], outlines.unit):
        for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                crossed += 1
    return crossed % 2 == 1


def europe(longitude: float, latitude: float) -> Place:
    """A place on Europe's view: Lambert's equal-area projection around 15° E, 52° N."""
    turn, up, middle = radians(longitude - 15), radians(latitude), radians(52)
    size = sqrt(2 / (1 + sin(middle) * sin(up) + cos(middle) * cos(up) * cos(turn)))
    down = cos(middle) * sin(up) - sin(middle) * cos(up) * cos(turn)
    return 427.4 + 1085 * size * cos(up) * sin(turn), 402.3 - 1085 * size * down


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ((34.10, 44.95), "UA"),  # Simferopol: Crimea belongs to Ukraine
        ((33.55, 44.60), "UA"),  # Sevastopol
        ((30.52, 50.45), "UA"),  # Kyiv
        ((5.12, 52.09), "NL"),  # Utrecht
        ((-7.91, 38.57), "PT"),  # Évora
        ((44.80, 41.72), "GE"),  # Tbilisi
        ((39.70, 47.25), "RU"),  # Rostov
        ((21.16, 42.66), "XK"),  # Prishtina
        ((32.60, 34.85), "CY"),
    ],
)
def test_places_lie_in_the_country_that_they_belong_to(where: Place, code: str) -> None:
    place = europe(*where)
    found = [each for each in views()["europe"].shapes if lies_in(place, views()["europe"], each)]
    assert found == [code]


def test_every_country_that_a_profile_can_name_is_on_the_map() -> None:
    world, near = views()["world"], views()["europe"]
    assert set(world.points) == set(COUNTRIES) - {"AQ"}
    assert set(world.shapes) - {"AQ"} == set(world.points)
    assert set(EUROPE) <= set(near.points) <= set(near.shapes)
    assert outside_europe(["NZ", "US", "NL", "IS"]) == ["NZ", "US", "IS"]


def test_what_has_no_code_is_nobodys() -> None:
    """Northern Cyprus: land with a border, in no country's colour."""
    near = views()["europe"]
    place = europe(33.6, 35.3)
    assert [code for code in near.shapes if lies_in(place, near, code)] == []
    assert near.land


@pytest.mark.parametrize("view", ["europe", "world"])
def test_markers_stand_in_the_frame_and_outlines_hold_nothing_but_steps(view: str) -> None:
    outlines = views()["europe" if view == "europe" else "world"]
    x, y, width, height = outlines.box
    for px, py in outlines.points.values():
        assert x + 17 < px < x + width - 17
        assert y + 17 < py < y + height - 17
    for path in (outlines.land, *outlines.shapes.values()):
        assert re.fullmatch(r"[Mlaz0-9 -]+", path)


def test_it_stays_small() -> None:
    near, world = views()["europe"], views()["world"]
    assert sum(map(len, near.shapes.values())) < 50_000
    assert sum(map(len, world.shapes.values())) < 110_000


# --- what a page draws --------------------------------------------------------------------------


def country(code: str, count: int = 1, in_list: bool = False) -> Country:
    name = COUNTRIES.label(code)
    services = "1 service" if count == 1 else f"{count} services"
    return Country(count, f"/find?country={code}&x=1", f"{name}: {services}", in_list)


def drawn(shaded: dict[str, Country], **wishes: object) -> ElementTree.Element:
    """The map, parsed: it must be well-formed."""
    text = str(world_map(shaded, "A map & more", **wishes))  # type: ignore[arg-type]  # given by name
    assert "style" not in text
    named = text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    return ElementTree.fromstring(named)  # noqa: S314 - our own markup


def markers(svg: ElementTree.Element) -> list[tuple[str, str]]:
    """Name and count of each, in their order."""
    return [
        (a.get("aria-label", ""), "".join(a.itertext()))
        for a in svg.findall(f"{SVG}g[@class='wide']/{SVG}a")
    ]


def test_a_country_is_two_links_of_which_one_is_for_keys_and_ears() -> None:
    svg = drawn({"NL": country("NL", 4, True), "UA": country("UA")}, here="NL")
    assert svg.get("role") == "group"
    title = svg.find(f"{SVG}title")
    assert title is not None
    assert title.text == "A map & more"
    assert svg.get("aria-labelledby") == title.get("id")
    assert markers(svg) == [("Netherlands: 4 services", "4"), ("Ukraine: 1 service", "1")]
    filled, ring = svg.findall(f"{SVG}g[@class='wide']/{SVG}a")
    assert (filled.get("class"), ring.get("class")) == ("fits", None)
    assert filled.get("href") == "/find?country=NL&x=1"
    (hidden,) = (g for g in svg.findall(f"{SVG}g") if g.get("aria-hidden"))
    shapes = hidden.findall(f"{SVG}a")
    assert {a.get("tabindex") for a in shapes} == {"-1"}
    assert {a.get("href") for a in shapes} == {filled.get("href"), ring.get("href")}
    assert [path.get("class") for path in hidden.iter(f"{SVG}path")] == ["land", "here", "member"]


def test_whoever_is_not_in_europe_stands_in_the_corner() -> None:
    shaded = {code: country(code) for code in ("NZ", "US", "NL")}
    svg = drawn(shaded)
    corner = svg.find(f"{SVG}g[@class='corner']")
    assert corner is not None
    assert [name for name, _ in markers(svg)] == [
        "Netherlands: 1 service",
        "New Zealand: 1 service",
        "United States: 1 service",
    ]
    links = {path.get("href") for path in corner.iter(f"{SVG}a")}
    assert links == {shaded["NZ"].href, shaded["US"].href}
    assert drawn({"NL": country("NL")}).find(f"{SVG}g[@class='corner']") is None


def test_in_the_world_europe_is_one_marker() -> None:
    shaded = {code: country(code) for code in ("NZ", "US", "NL", "BE")}
    whole = Country(2, "/find", "Europe: 2 services", False)
    svg = drawn(shaded, view="world", europe=whole)
    assert [name for name, _ in markers(svg)] == [
        "Europe: 2 services",
        "New Zealand: 1 service",
        "United States: 1 service",
    ]
    assert len(markers(drawn(shaded, view="world"))) == 4


def test_words_from_outside_stay_words() -> None:
    hostile = Country(1, '/find?"><script>', "<b>&", False)
    svg = drawn({"NL": hostile})
    assert markers(svg) == [("<b>&", "1")]
    assert not list(svg.iter(f"{SVG}script"))


def test_markers_of_all_of_europe_do_not_cover_each_other() -> None:
    places = tuple(views()["europe"].points[code] for code in EUROPE)
    spots = apart(places)
    assert spots == apart(places)
    for at, spot in enumerate(spots):
        assert all(dist(spot, other) > APART - 2 for other in spots[:at])
    assert max(dist(*pair) for pair in zip(spots, places, strict=True)) < 45
    assert apart(((5.0, 5.0), (5.0, 5.0))) == [(-13.0, 5.0), (23.0, 5.0)]


def test_counts_fit_into_their_marker() -> None:
    assert [radius(text) for text in ("1", "940", "1,000", "12,999")] == [17, 17, 27, 32]
