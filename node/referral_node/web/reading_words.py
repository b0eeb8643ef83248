"""Small pieces of the sentences in ``reading``: places, lists of labels, first letters."""

from markupsafe import Markup

from referral_node.web.reading_rows import Part, country, joined, sentence
from referral_protocol import codes
from referral_ui import names, numbers
from referral_ui.parts import Text


def where(part: Part, place: str, region: str, land: str) -> Text:
    town, code = part.text(place), part.text(land)
    province = part.text(region)
    return joined(
        (
            names.name(town) if town else "",
            numbers.num(province) if province else "",
            country(code) if code else "",
        )
    )


def labels(key: str, chosen: list[str]) -> list[str]:
    return [codes.label(key, code) for code in chosen]


def listed(items: list[Text]) -> Text:
    """ "Voicemail, text message, e-mail." """
    lowered = [items[0], *(lower_text(each) for each in items[1:])] if items else []
    return sentence(joined(lowered))


def lower_text(text: Text) -> Text:
    return text if isinstance(text, Markup) else lower(str(text))


def lower(label: str) -> str:
    """A label inside a sentence: its first letter small, unless it is an abbreviation."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]
