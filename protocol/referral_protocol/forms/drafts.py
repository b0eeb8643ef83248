"""From what a person types to what is sent: tidy, split off the head, take out what is withheld.

Law: ``body`` is the only way from a draft to a body. What it leaves out is gone from the bytes, not
hidden; what stands in the head stands nowhere else.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from referral_protocol.forms.model import Field, Kind
from referral_protocol.forms.rule_checks import withheld_parts
from referral_protocol.forms.tables import FORMS

WITHHELD: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "name": (("who", "name"), ("who", "name_latin")),
    "date-of-birth": (("who", "date_of_birth"),),
    "gender": (("who", "gender"),),
    "nationality": (("who", "nationality"),),
    "residence": (("who", "lives_in"),),
    "home-address": (("who", "home_address"),),
    "guardian": (("who", "guardian"), ("who", "may_be_told")),
    "groups": (("who", "groups"),),
    "place-of-crime": (("happened", "place"), ("happened", "region")),
    "offender": (("happened", "relation"),),
    "police-report": (
        ("happened", "reported_to"),
        ("happened", "reported_on"),
        ("happened", "report_reference"),
    ),
    "proceedings": (("happened", "proceedings"),),
    "summary": (("happened", "summary"),),
    "already-done": (("needs", "already_done"),),
    "risk": (
        ("risk", "nature"),
        ("risk", "extent"),
        ("risk", "likelihood"),
        ("risk", "repeat"),
        ("risk", "intimidation"),
        ("risk", "retaliation"),
        ("risk", "agreed"),
    ),
    "assessment": (("risk", "assessment"),),
    "communication-needs": (("communication", "needs"), ("communication", "note")),
    "files": (("files",),),
    "medical-report": (),
    "other": (),
}
"""Fields that a withheld part removes. The danger, its level and the safe contact cannot be
withheld: whoever acts on a referral must know them."""


class Head(NamedTuple):
    """What a draft says for the statement's head. Unsaid: ``priority`` "", ``respond_by`` None."""

    priority: str = ""
    respond_by: int | None = None


def tidy(content: Mapping[str, Any]) -> dict[str, Any]:
    """A copy as it may be sent: text in NFC, with "\\n" line ends and no outer spaces; nothing
    empty. ``False`` and 0 stay."""
    return {
        key: value
        for key, given in content.items()
        if (value := _tidy(given)) not in (None, "", [], {})
    }


def _tidy(value: Any) -> Any:
    if isinstance(value, str):
        text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
        return unicodedata.normalize("NFC", text).strip()
    if isinstance(value, Mapping):
        return tidy(value)
    if isinstance(value, list | tuple):
        return [kept for item in value if (kept := _tidy(item)) not in (None, "", [], {})]
    return value


def apply_withheld(content: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without the parts that its consent section withholds; the reasons stay in it.

    ``who.name`` is replaced by the name to use, when there is one, so that the person has a name.
    """
    kept: dict[str, Any] = {
        key: dict(value) if isinstance(value, Mapping) else value for key, value in content.items()
    }
    parts = withheld_parts(content)
    for part in sorted(parts):
        for path in WITHHELD.get(part, ()):
            if len(path) == 1:
                kept.pop(path[0], None)
            elif isinstance(section := kept.get(path[0]), dict):
                section.pop(path[1], None)
    who = kept.get("who")
    if "name" in parts and isinstance(who, dict) and "name_to_use" in who:
        who["name"] = who["name_to_use"]
    return {key: value for key, value in kept.items() if value != {}}


def split_head(content: Mapping[str, Any]) -> tuple[dict[str, Any], Head]:
    """A draft without the values of the statement's head, and those values."""
    form = FORMS.get(str(content.get("form")))
    body: dict[str, Any] = {
        key: dict(value) if isinstance(value, Mapping) else value for key, value in content.items()
    }
    found: dict[str, Any] = {}
    for path, field in form.walk() if form else ():
        if field.head:
            holder: Any = body if len(path) == 1 else body.get(path[0])
            if isinstance(holder, dict) and path[-1] in holder:
                found[path[-1]] = holder.pop(path[-1])
    return body, Head(found.get("priority", ""), found.get("respond_by"))


def body(draft: Mapping[str, Any]) -> tuple[dict[str, Any], Head]:
    """What leaves the house, and what goes into the head: tidied, without what is withheld."""
    kept, head = split_head(apply_withheld(tidy(draft)))
    return {key: value for key, value in kept.items() if value != {}}, head


def typed(field: Field, given: str) -> Any:
    """What a person typed into one input, as the field's value; "" for nothing.

    What does not look right is given back as typed: ``validate`` then says what is wrong with it.
    """
    text = str(_tidy(given))
    match field.kind:
        case Kind.LINE:
            return " ".join(text.split())
        case Kind.TELEPHONE | Kind.HELPLINE:
            return _telephone(text)
        case Kind.COUNTRY | Kind.REGION:
            return text.upper()
        case Kind.TIME | Kind.END_TIME:
            return _time(text)
        case Kind.NUMBER | Kind.INSTANT:
            return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text
        case Kind.BOOLEAN:
            return {"yes": True, "true": True, "no": False, "false": False}.get(text.lower(), text)
        case _:
            return text


def _telephone(text: str) -> str:
    """A number as people write it ("+31 (0)30-123.45.67", "0031 30 ...") as E.123."""
    kept = text.replace("(0)", " ")
    for sign in "()-./\u00a0\u2010\u2011\u2013":
        kept = kept.replace(sign, " ")
    kept = " ".join(kept.split())
    if kept.startswith("00"):
        kept = "+" + kept[2:].lstrip()
    return kept.replace("+ ", "+", 1)


def _time(text: str) -> str:
    """ "9:00", "9.00", "0900" and "9" as "09:00"."""
    digits = text.replace(".", ":")
    if ":" not in digits and digits.isdigit() and len(digits) in (3, 4):
        digits = f"{digits[:-2]}:{digits[-2:]}"
    hours, _, rest = digits.partition(":")
    return f"{hours.zfill(2)}:{rest or '00'}" if hours.isdigit() else text
