"""Names of countries and languages, and lists in sentences, in the reader's language.

Codes travel, words do not: a code is looked up here when a page is drawn. A code that nobody knows
is shown as it stands, never dropped.
"""

import unicodedata
from collections.abc import Sequence

from babel import Locale
from babel.lists import format_list
from markupsafe import Markup, escape

from .parts import Text

# What people write for a country in Europe, beside ISO 3166-1.
_ALIASES = {"UK": "GB", "EL": "GR"}

# Sign languages (ISO 639-3), which the locale data leaves out. English until translated.
SIGN_LANGUAGES = {
    "aen": "Armenian Sign Language",
    "ase": "American Sign Language",
    "asq": "Austrian Sign Language",
    "bfi": "British Sign Language",
    "bqn": "Bulgarian Sign Language",
    "csc": "Catalan Sign Language",
    "cse": "Czech Sign Language",
    "csq": "Croatian Sign Language",
    "dse": "Dutch Sign Language",
    "dsl": "Danish Sign Language",
    "eso": "Estonian Sign Language",
    "fse": "Finnish Sign Language",
    "fsl": "French Sign Language",
    "gsg": "German Sign Language",
    "gss": "Greek Sign Language",
    "hsh": "Hungarian Sign Language",
    "icl": "Icelandic Sign Language",
    "isg": "Irish Sign Language",
    "ise": "Italian Sign Language",
    "isr": "Israeli Sign Language",
    "lls": "Lithuanian Sign Language",
    "lsl": "Latvian Sign Language",
    "mdl": "Maltese Sign Language",
    "nsl": "Norwegian Sign Language",
    "pso": "Polish Sign Language",
    "psr": "Portuguese Sign Language",
    "rms": "Romanian Sign Language",
    "rsl": "Russian Sign Language",
    "sfb": "Belgian-French Sign Language",
    "sgg": "Swiss-German Sign Language",
    "ssp": "Spanish Sign Language",
    "svk": "Slovakian Sign Language",
    "swl": "Swedish Sign Language",
    "tsm": "Turkish Sign Language",
    "ukl": "Ukrainian Sign Language",
    "vgt": "Flemish Sign Language",
    "ysl": "Yugoslavian Sign Language",
}


def country(code: str, locale: str = "en_GB") -> str:
    """ "NL" as "Netherlands"; "UK" is understood as "GB"."""
    upper = code.upper()
    found = Locale.parse(locale).territories.get(_ALIASES.get(upper, upper))
    return str(found) if found and len(upper) == 2 else code


def countries(locale: str = "en_GB") -> list[tuple[str, str]]:
    """All countries as (code, name), in the order of the reader's alphabet."""
    named = {str(code): str(name) for code, name in Locale.parse(locale).territories.items()}
    found = [(code, name) for code, name in named.items() if _is_country(code)]
    return sorted(found, key=lambda pair: _sorting(pair[1]))


def language(tag: str, locale: str = "en_GB") -> str:
    """ "uk" as "Ukrainian", "zh-Hans" as "Simplified Chinese", "dse" as "Dutch Sign Language"."""
    if tag in SIGN_LANGUAGES:
        return SIGN_LANGUAGES[tag]
    reader = Locale.parse(locale)
    found = reader.languages.get(tag.replace("-", "_")) or reader.languages.get(tag.split("-")[0])
    return str(found) if found else tag


def listing(items: Sequence[str], locale: str = "en_GB", *, either: bool = False) -> str:
    """ "a, b and c"; `either` for "a, b or c"."""
    if not items:
        return ""
    return format_list(list(items), style="or" if either else "standard", locale=locale)


def listing_html(items: Sequence[Text], locale: str = "en_GB", *, either: bool = False) -> Markup:
    """The same for parts with markup of their own, such as names."""
    places = [f"\ue000{place}\ue001" for place in range(len(items))]
    sentence = escape(listing(places, locale, either=either))
    for place, item in zip(places, items, strict=True):
        sentence = sentence.replace(place, escape(item))
    return sentence


def capital(text: str) -> str:
    """The first letter large, the rest as it stands."""
    return text[:1].upper() + text[1:]


def lowered(label: str) -> str:
    """A label inside a sentence: its first letter small, unless it is an abbreviation or "I"."""
    if label[1:2].isupper() or label.startswith("I "):
        return label
    return label[:1].lower() + label[1:]


# In the locale data, but no country of ISO 3166-1: unions, pseudo locales, islands of others.
_NO_COUNTRY = {
    *("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"),
}


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isalpha() and code not in _NO_COUNTRY


def _sorting(name: str) -> str:
    # "Åland" beside "Albania": the accents of a few names are no reason for a collation library.
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
