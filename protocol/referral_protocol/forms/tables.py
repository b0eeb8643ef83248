"""All forms by their code, and which one a statement asks for."""

from typing import Final

from referral_protocol.forms import messages
from referral_protocol.forms.model import Field, Form
from referral_protocol.forms.referral import REFERRAL

FORMS: Final[dict[str, Form]] = {
    form.code: form
    for form in (
        REFERRAL,
        messages.QUESTION,
        messages.CAPACITY,
        messages.ANSWER,
        messages.NOTE,
        messages.ASK,
        messages.WITHDRAW,
        messages.UNREADABLE,
        messages.RETURN,
    )
}

OPENING_FORMS: Final = {
    "referral": "referral",
    "transfer": "referral",
    "advice": "question",
    "capacity": "capacity",
}
"""Form of an opening statement's body, by the thread kind in its head."""

MESSAGE_FORMS: Final = {
    "state": "answer",
    "ask": "ask",
    "note": "note",
    "withdraw": "withdraw",
    "unreadable": "unreadable",
    "return": "return",
}
"""Form of any other statement's body, by its kind."""


def form_for(kind: str, thread_kind: str = "") -> str | None:
    """Code of the form that a statement's body has; None for kinds of a later version."""
    return OPENING_FORMS.get(thread_kind) if kind == "open" else MESSAGE_FORMS.get(kind)


def field_at(form: str, *path: str) -> Field:
    """The field at a path of keys ("safe_contact", "ways", "way"); KeyError without one."""
    first, *rest = path
    field = next((each for each in FORMS[form].all_fields() if each.key == first), None)
    if field is None:
        raise KeyError(first)
    for key in rest:
        field = field.field(key)
    return field
