"""Numbers as people read them: telephone numbers, shares, fingerprints, sizes.

Telephone numbers are kept in E.164 ("+31300000142") and shown with the country, in groups, on one
line, left to right in any script. Percentages never stand without their counts. Digits are 0-9 in
every language.
"""

import re
from dataclasses import dataclass

from markupsafe import Markup

# Calling codes that are one or two digits long (ITU-T E.164, list of assigned codes); all others
# are three. Grouping by length of the national number: what is common in Europe.
_ONE = {"1", "7"}
_TWO = {
    *("20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46"),
    *("47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63"),
    *("64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98"),
}
_BY_COUNTRY: dict[str, dict[int, tuple[int, ...]]] = {
    "1": {10: (3, 3, 4)},
    "33": {9: (1, 2, 2, 2, 2)},
    "34": {9: (3, 3, 3)},
    "40": {9: (3, 3, 3)},
    "44": {10: (4, 3, 3)},
    "48": {9: (2, 3, 2, 2)},
    "420": {9: (3, 3, 3)},
    "421": {9: (3, 3, 3)},
}
# Area codes that are shorter than the length of a number lets one think, by how a national number
# begins: grouped by length alone, Vienna's 1 would be read as an area code 10.
_AREAS: dict[str, tuple[str, ...]] = {
    "32": ("2", "3", "9"),
    "36": ("1",),
    "39": ("02", "06"),
    "43": ("1",),
    "46": ("8",),
    "49": ("30", "40", "69", "89"),
    "353": ("1",),
    "358": ("9",),
    "359": ("2",),
    "385": ("1",),
    "386": ("1",),
}
_BY_LENGTH: dict[int, tuple[int, ...]] = {
    4: (4,),
    5: (2, 3),
    6: (2, 2, 2),
    7: (3, 2, 2),
    8: (2, 2, 2, 2),
    9: (2, 3, 2, 2),
    10: (3, 3, 2, 2),
    11: (3, 4, 4),
    12: (3, 3, 3, 3),
}


@dataclass(frozen=True)
class Telephone:
    """A number to show and to press."""

    e164: str

    def __str__(self) -> str:
        return grouped(self.e164)

    def __html__(self) -> str:
        return num(grouped(self.e164))


def telephone(e164: str) -> Telephone:
    """A stored number; shown in groups."""
    return Telephone(e164)


def e164(typed: str) -> str | None:
    """What a person typed as +country number, or None when it cannot be one.

    Spaces, dots, dashes, slashes and brackets are theirs to use; 00 stands for +, and a bracketed
    (0) after the country, which nobody dials from abroad, is dropped.
    """
    bare = re.sub(r"\(\s*0\s*\)", "", typed)
    bare = re.sub(r"[\s.\-–/()\u2010\u2011\u202a-\u202e\u2066-\u2069\u200e\u200f]", "", bare)
    bare = re.sub(r"^00", "+", bare)
    return bare if re.fullmatch(r"\+[1-9][0-9]{6,14}", bare) else None


def grouped(number: str) -> str:
    """ "+31300000142" as "+31 30 000 01 42". Anything that is not E.164 comes back unchanged."""
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        return number
    digits = number[1:]
    length = 1 if digits[0] in _ONE else 2 if digits[:2] in _TWO else 3
    country, rest = digits[:length], digits[length:]
    if re.fullmatch(r"116[0-9]{3}", rest):  # Europe's lines of social value, 116 006 among them
        return f"+{country} 116 {rest[3:]}"
    area = next((each for each in _AREAS.get(country, ()) if rest.startswith(each)), "")
    if area and not (country == "32" and len(rest) == 9):  # Belgian mobile numbers have one more
        return " ".join(["+" + country, area, *_subscriber(rest.removeprefix(area))])
    sizes = _BY_COUNTRY.get(country, {}).get(len(rest)) or _BY_LENGTH.get(len(rest)) or (3, 3, 3)
    groups, at = [], 0
    for size in sizes:
        groups.append(rest[at : at + size])
        at += size
    groups.append(rest[at:])
    return " ".join(["+" + country, *(group for group in groups if group)])


def _subscriber(digits: str) -> list[str]:
    """What follows an area code: pairs, the first group of three if they are odd."""
    first = 3 if len(digits) % 2 and len(digits) > 2 else 2
    starts = [0, *range(first, len(digits), 2)]
    return [digits[a:b] for a, b in zip(starts, [*starts[1:], len(digits)], strict=True)]


def num(text: str) -> Markup:
    """A number, code or reference in its own direction, never broken over two lines."""
    return Markup('<bdi class="num">{}</bdi>').format(text)


def dial(number: str) -> Markup:
    """A telephone number to press: a link that calls it, where it is one; else as it stands."""
    bare = e164(number)
    shown = num(grouped(bare or number))
    if bare is None:
        return shown
    return Markup('<a class="govuk-link" href="tel:{}">{}</a>').format(bare, shown)


def share(part: int, whole: int) -> str:
    """ "96% (48 of 50)". Half a percent rounds up; nothing of nothing has no percentage."""
    if whole <= 0:
        return f"{part} of {whole}"
    return f"{(200 * part + whole) // (2 * whole)}% ({part} of {whole})"


def fingerprint_lines(digits: str) -> list[list[str]]:
    """60 digits as three lines of four groups of five; ValueError for anything else."""
    bare = re.sub(r"[\s-]", "", digits)
    if not re.fullmatch(r"[0-9]{60}", bare):
        raise ValueError("a fingerprint has 60 digits")
    groups = [bare[at : at + 5] for at in range(0, 60, 5)]
    return [groups[0:4], groups[4:8], groups[8:12]]


def size(octets: int) -> str:
    """ "0.4 MB", "12 KB": what a file weighs, in powers of ten, never "0"."""
    if octets >= 100_000:
        return f"{octets / 1_000_000:.1f} MB"
    return f"{max(1, round(octets / 1000))} KB"
