"""What a body says: forms, their validation, their bytes (FORMS.md is generated from here).

Law: the tables in ``forms.referral`` and ``forms.messages`` are the only source. Read with
``read``; write with ``tidy``, ``validate(..., for_writing=True)``, ``body``, ``encode``, in turn.
"""

from referral_protocol.forms.check import read, validate
from referral_protocol.forms.content import (
    MAX_CONTENT,
    MAX_ORDINARY,
    decode,
    encode,
)
from referral_protocol.forms.drafts import (
    WITHHELD,
    Head,
    apply_withheld,
    body,
    split_head,
    tidy,
    typed,
)
from referral_protocol.forms.model import Field, Form, Kind, Section
from referral_protocol.forms.people import (
    Summary,
    WayNow,
    age,
    as_it_stands,
    consent_ends,
    marks,
    needs,
    safe_now,
    same_person,
    summary,
    ways_now,
)
from referral_protocol.forms.tables import (
    FORMS,
    MESSAGE_FORMS,
    OPENING_FORMS,
    field_at,
    form_for,
)
from referral_protocol.forms.values import FormProblem

__all__ = [
    "FORMS",
    "MAX_CONTENT",
    "MAX_ORDINARY",
    "MESSAGE_FORMS",
    "OPENING_FORMS",
    "WITHHELD",
    "Field",
    "Form",
    "FormProblem",
    "Head",
    "Kind",
    "Section",
    "Summary",
    "WayNow",
    "age",
    "apply_withheld",
    "as_it_stands",
    "body",
    "consent_ends",
    "decode",
    "document",
    "encode",
    "field_at",
    "form_for",
    "marks",
    "needs",
    "read",
    "safe_now",
    "same_person",
    "split_head",
    "summary",
    "tidy",
    "typed",
    "validate",
    "ways_now",
]


def document() -> str:
    """FORMS.md: every form with its fields, limits, lists and rules."""
    from referral_protocol.forms.printed import printed  # here: it also prints the profiles

    return printed()
