"""Free text and names as they were written: in their own direction, tagged with their language."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from referral_node.web.reading_rows import Part
from referral_ui import names
from referral_ui.parts import Text


def plain(part: Part, key: str) -> Text:
    """Free text as written: in its own direction, tagged with its language, lines kept."""
    text = part.text(key)
    return written(text, part.lang) if text else ""


def written(text: str, lang: str) -> Markup:
    tag = names.lang_of(text, lang or None)
    opening = Markup(' lang="{}"').format(tag) if tag else Markup("")
    lines = Markup("<br>").join(text.split("\n"))
    return Markup("<bdi{}>{}</bdi>").format(opening, lines)


def language_of(values: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    found = values.get("language", content.get("language"))
    return found if isinstance(found, str) else ""


def named(text: str) -> Text:
    return names.name(text) if text else ""
