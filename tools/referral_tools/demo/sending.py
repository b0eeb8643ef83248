"""To whom, and is this right: the telephone check, the fit check, the page before sending.

Law: nothing is taken for granted. The fingerprint on the page must be the one that the other
node's `init` printed, and each text of the story must stand on the last page, but for what is
withheld, which must not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from referral_protocol import codes
from referral_protocol.forms import FORMS, Field, Kind
from referral_tools.browser import NotThere, Page
from referral_tools.demo.cast import Player
from referral_tools.demo.desk import Desk

_SPOKEN: Final = frozenset({Kind.LINE, Kind.TEXT, Kind.TELEPHONE, Kind.E_MAIL})
_COMPARE: Final = "Did they read out the same 60 digits?"


async def first_contact(desk: Desk, to: Player, fingerprint: str) -> Page:
    """Compare the fingerprint by telephone before the first referral.

    ``fingerprint``: what ``to``'s own node printed, as their point of contact reads it out.
    """
    await desk.follow("Find a service")
    page = await desk.follow(a_service(to))
    page.says(to.name, fingerprint)
    form = page.form("Save the result")
    form.choose(_COMPARE, "Yes, all of them").fill("With whom did you speak?", to.person)
    page = await desk.press(form, "Save the result")
    return page.says("Compared by telephone", fingerprint)


async def choose(desk: Desk, to: Player) -> tuple[Page, list[str]]:
    """From the page to find a service: see what fits, look at the organisation, choose it.

    Gives the page before sending and what the fit check said.
    """
    desk.page.says("Fit is checked against your draft")
    page = await desk.follow(a_service(to))
    fits = [each.seen for each in page.main.all("li") if each.seen.startswith(_FITS)]
    if not any(each.startswith(("Fits:", "Fits ")) for each in fits):
        raise NotThere(f"{page.where} does not say what fits: {page.excerpt(1500)}")
    return await desk.press(page.form(f"Choose {to.name}"), f"Choose {to.name}"), fits


_FITS: Final = ("Fits", "Does not fit", "Not stated")


def a_service(of: Player) -> str:
    """The link to one of its services: its name, which stands beside the organisation's."""
    services: Sequence[Mapping[str, Any]] = of.profile["services"]
    return str(services[1].get("name_english") or services[1]["name"])


async def check_and_send(desk: Desk, to: Player, story: Mapping[str, Any]) -> Page:
    """Read the last page word for word, then send. The referral's page comes."""
    page = desk.page
    says_all(page, story)
    page.says(
        f"This, and nothing else, leaves your organisation. It goes to {to.name}, {to.city},"
        " and to nobody else."
    )
    page.says("Fingerprint compared by telephone", "Nothing has been sent.")
    return await desk.press(page.form(f"Send to {to.name}"), f"Send to {to.name}")


def says_all(page: Page, story: Mapping[str, Any], *but: str) -> None:
    """Each text of the story stands on the page (``but`` these), and nothing that is withheld."""
    missing = [text for text in texts(story) if text not in but and not stands(page, text)]
    if missing:
        raise NotThere(f"{page.where} does not say {missing}. It says: {page.text}")
    for text in withheld(story):
        if stands(page, text):
            raise NotThere(f"{page.where} says “{text}”, which is withheld")


def stands(page: Page, text: str) -> bool:
    """Whether a text is on the page. Small and large letters, and white space, do not matter."""
    return " ".join(text.split()).casefold() in page.text.casefold()


def texts(story: Mapping[str, Any]) -> list[str]:
    """Every text of the story that leaves, codes in the words of their lists."""
    held_back = set(withheld(story))
    found: list[str] = []
    for section in FORMS["referral"].sections:
        found += _of_fields(section.fields, story[section.code])
    return [text for text in dict.fromkeys(found) if text not in held_back]


def withheld(story: Mapping[str, Any]) -> list[str]:
    """The texts of the story that stay: here the home address."""
    parts = {each["part"] for each in story["consent"]["withheld"]}
    return [str(story["who"]["home_address"])] if "home-address" in parts else []


def _of_fields(fields: Sequence[Field], said: Mapping[str, Any]) -> Iterator[str]:
    for field in fields:
        value = said.get(field.key)
        if value is not None:
            yield from _of_field(field, value)


def _of_field(field: Field, value: Any) -> Iterator[str]:
    match field.kind:
        case Kind.GROUP:
            yield from _of_fields(field.fields, value)
        case Kind.GROUPS:
            for each in value:
                yield from _of_fields(field.fields, each)
        case Kind.COUNTRY:
            yield codes.COUNTRIES.label(value)
        case Kind.LANGUAGES:
            yield from (codes.label("languages", code) for code in value)
        case kind if kind in _SPOKEN:
            yield value
