"""A map of countries as inline SVG: where there are services, each country a link.

Law: no script, no style of its own, nothing from elsewhere: the outlines lie in the package, drawn
when it was built (`tools/assets/map.mjs`). The map says nothing that the page does not say in words
as well, it is a second way in. Markers are what a keyboard and a screen reader meet, each with its
country's name and count; the country's own shape is the same link for a pointer. Colour is never
the only sign: a marker of a country in the list is filled, any other a ring. A country that is not
in Europe's view stands in the small map of the world in its corner, and in the large one.

Borders imply no view on their status; whoever draws a map says so beside it (`NOTE`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

import msgspec
from markupsafe import Markup

NOTE: Final = "Map: Natural Earth. Borders imply no view on their status."
Place = tuple[float, float]
View = Literal["europe", "world"]

RADIUS: Final = 17
"""Of a marker, in pixels; a count of more than three digits takes more."""
APART: Final = 36.0
"""Pixels from the middle of one marker to that of the next, at least."""
CORNER: Final = (28.0, 158.0, 0.22)
"""Where the small map of the world stands in Europe's view, and how large of its size."""


@dataclass(frozen=True)
class Country:
    """What there is in one country. ``label`` is read out: "Netherlands: 4 services"; it holds the
    count as the marker shows it, since people say aloud what they see."""

    count: int
    href: str
    label: str
    in_list: bool


class Outlines(msgspec.Struct, frozen=True):
    """One view, as it was drawn at build time; ``unit``: pixels to a step of its paths."""

    box: tuple[float, float, float, float]
    points: Mapping[str, Place]
    unit: float
    land: str
    shapes: Mapping[str, str]


@lru_cache(maxsize=1)
def views() -> dict[View, Outlines]:
    """Both views, read once; FileNotFoundError: the assets are not built."""
    data = (resources.files("referral_ui") / "static" / "map.json").read_bytes()
    return msgspec.json.decode(data, type=dict[View, Outlines])


def outside_europe(codes: Iterable[str]) -> list[str]:
    """Those countries that Europe's view does not show."""
    shown = views()["europe"].points
    return [code for code in codes if code not in shown]


def world_map(
    shaded: Mapping[str, Country],
    title: str,
    *,
    view: View = "europe",
    here: str = "",
    europe: Country | None = None,
    id: str = "map",
) -> Markup:
    """The SVG. ``shaded``: by code of ISO 3166-1. ``here``: the country that was chosen.

    ``europe``: in the world's view all of Europe as one marker, since its own would cover each
    other; it leads to Europe's view.
    """
    drawn = views()[view]
    x, y, width, height = drawn.box
    outside = set(outside_europe(shaded))
    parts = [
        Markup(
            '<svg class="map" viewBox="{} {} {} {}" role="group" aria-labelledby="{}">'
            '<title id="{}">{}</title>'
        ).format(x, y, width, height, id, id, title),
        _countries(drawn, shaded, here),
    ]
    if view == "world":
        marked = {c: shaded[c] for c in shaded if europe is None or c in outside}
        whole = (("", MIDDLE_OF_EUROPE, europe),) if europe is not None else ()
        parts.append(_markers((*_placed(drawn, marked), *whole)))
    else:
        corner = {c: shaded[c] for c in shaded if c in outside}
        if corner:
            parts.append(_corner(corner, here))
        parts.append(_markers((*_placed(drawn, shaded), *_in_corner(corner))))
    return Markup("").join((*parts, Markup("</svg>")))


MIDDLE_OF_EUROPE: Final = (474.0, 122.0)
"""In the world's view."""

Placed = tuple[str, Place, Country]


def _countries(drawn: Outlines, shaded: Mapping[str, Country], here: str) -> Markup:
    """All outlines: land in one piece, each country with services a link for a pointer. Hidden from
    whoever uses a keyboard or listens: the markers are for them."""
    land = drawn.land + "".join(d for code, d in drawn.shapes.items() if code not in shaded)
    linked = [
        Markup('<a href="{}" tabindex="-1"><path class="{}" d="{}"/></a>').format(
            country.href, "here" if code == here else "member", drawn.shapes[code]
        )
        for code, country in shaded.items()
        if code in drawn.shapes
    ]
    return Markup(
        '<g aria-hidden="true" class="{}" transform="scale({})"><path class="land" d="{}"/>{}</g>'
    ).format("fine" if drawn.unit < 1 else "whole", drawn.unit, land, Markup("").join(linked))


def _placed(drawn: Outlines, shaded: Mapping[str, Country]) -> tuple[Placed, ...]:
    return tuple(
        (code, drawn.points[code], country)
        for code, country in shaded.items()
        if code in drawn.points
    )


def _corner(shaded: Mapping[str, Country], here: str) -> Markup:
    """The world in small, for those whom Europe's view does not show."""
    world = views()["world"]
    left, top, size = CORNER
    x, y, width, height = world.box
    return Markup(
        '<g class="corner"><rect x="{}" y="{}" width="{}" height="{}" rx="3"/>'
        '<g transform="translate({} {}) scale({})">{}</g></g>'
    ).format(
        left,
        top,
        width * size,
        height * size,
        left - x * size,
        top - y * size,
        size,
        _countries(world, shaded, here),
    )


def _in_corner(shaded: Mapping[str, Country]) -> tuple[Placed, ...]:
    world = views()["world"]
    left, top, size = CORNER
    x, y, _, _ = world.box
    return tuple(
        (code, (left + (px - x) * size, top + (py - y) * size), country)
        for code, (px, py), country in _placed(world, shaded)
    )


def _markers(placed: tuple[Placed, ...]) -> Markup:
    """The counts, in the order of their labels: that of the alphabet, for whoever goes by key."""
    ordered = sorted(placed, key=lambda each: each[2].label)
    spots = apart(tuple(place for _, place, _ in ordered))
    drawn = [
        Markup(
            '<a href="{}"{} aria-label="{}"><circle cx="{}" cy="{}" r="{}"/>'
            '<text x="{}" y="{}" aria-hidden="true">{}</text></a>'
        ).format(
            country.href,
            Markup(' class="fits"') if country.in_list else "",
            country.label,
            x,
            y,
            radius(f"{country.count:,}"),
            x,
            y + 6,
            f"{country.count:,}",
        )
        for (_, _, country), (x, y) in zip(ordered, spots, strict=True)
    ]
    return Markup('<g class="wide">{}</g>').format(Markup("").join(drawn))


def radius(text: str) -> int:
    """Of a marker that holds a count."""
    return RADIUS + 5 * max(0, len(text) - 3)


@lru_cache(maxsize=64)
def apart(places: tuple[Place, ...]) -> list[Place]:
    """The same places, moved until no two markers cover each other, where that can be had: each
    pair gives way by half of what is missing. Always the same result for the same places."""
    spots = [list(place) for place in places]
    for _ in range(60):
        moved = False
        for first in range(len(spots)):
            for second in range(first):
                moved |= _give_way(spots[first], spots[second])
        if not moved:
            break
    return [(round(x, 1), round(y, 1)) for x, y in spots]


def _give_way(one: list[float], other: list[float]) -> bool:
    across, down = one[0] - other[0], one[1] - other[1]
    far = (across * across + down * down) ** 0.5
    if far >= APART - 0.1:
        return False
    if far < 0.1:
        across, down, far = 1.0, 0.0, 1.0
        missing = APART
    else:
        missing = APART - far
    one[0] += across / far * missing / 2
    one[1] += down / far * missing / 2
    other[0] -= across / far * missing / 2
    other[1] -= down / far * missing / 2
    return True
