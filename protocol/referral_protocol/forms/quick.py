"""Whether a content is what its form says, yes or no, in a tenth of the time that ``check`` takes.

Law: says yes only where ``check`` finds nothing, for a reader; it is made of the same tables, and
of the same checks for all kinds but the most frequent. Where it says no, ``check`` says what is
wrong: it alone decides what is refused. Each form is compiled once, when it is first read.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from referral_protocol import codes
from referral_protocol.forms.content import allowed_text
from referral_protocol.forms.model import Field, Form, Kind
from referral_protocol.forms.tables import FORMS
from referral_protocol.forms.values import CODE_FORM, MARKUP, problems

Right = Callable[[Any], bool]


def conforms(content: Mapping[str, Any]) -> bool:
    """Whether a reader takes ``content``; False also where only ``check`` can tell."""
    code = content.get("form")
    form = FORMS.get(code) if isinstance(code, str) else None
    return form is not None and _form(form.code)(content)


@cache
def _form(code: str) -> Right:
    return compiled(FORMS[code])


def compiled(form: Form) -> Right:
    """The same for a form that is not in the table of bodies; to be made once."""
    return _group(form.all_fields(), strict=not form.authored, public=form.public)


def _group(fields: tuple[Field, ...], *, strict: bool, public: bool) -> Right:
    """The check of a map with these fields; unknown ones are kept, so they are right."""
    known = {field.key: _field(field, strict=strict, public=public) for field in fields}
    needed = [field.key for field in fields if strict and field.required and not field.head]

    def right(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for key, item in value.items():
            check = known.get(key)
            if check is not None and not check(item):
                return False
        return all(key in value for key in needed)

    return right


def _field(field: Field, *, strict: bool, public: bool) -> Right:
    if field.head:
        return _never
    if field.kind is Kind.GROUP:
        group = _group(field.fields, strict=strict, public=public)
        return lambda value: bool(value) and group(value)
    if field.kind is Kind.GROUPS:
        return _rows(_group(field.fields, strict=strict, public=public), field.max)
    if field.kind in (Kind.LINE, Kind.TEXT):
        text = _text(field)
        return _unmarked(text) if public else text
    if field.kind is Kind.CODE:
        return _code(field)
    if field.kind is Kind.CODES:
        return _many(_code(field), field.max)
    if field.kind in _FORMS:
        return _many(_formed(_FORMS[field.kind]), field.max)
    return lambda value: not any(True for _ in problems(value, field, (), False, public))


def _never(_value: Any) -> bool:
    return False


def _rows(row: Right, most: int) -> Right:
    def right(value: Any) -> bool:
        return (
            isinstance(value, list)
            and 0 < len(value) <= most
            and all(bool(item) and row(item) for item in value)
        )

    return right


def _text(field: Field) -> Right:
    most, one_line = field.max, field.kind is Kind.LINE

    def right(value: Any) -> bool:
        return (
            isinstance(value, str)
            and 0 < len(value) <= most
            and not (one_line and "\n" in value)
            and allowed_text(value)
        )

    return right


def _code(field: Field) -> Right:
    listed = frozenset(
        code for code in codes.listed(field.codes).codes if CODE_FORM.fullmatch(code)
    )

    def right(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        return value in listed or CODE_FORM.fullmatch(value) is not None

    return right


_FORMS: Final = {
    Kind.COUNTRIES: codes.COUNTRY_FORM,
    Kind.REGIONS: codes.REGION_FORM,
    Kind.LANGUAGES: codes.LANGUAGE_FORM,
}


def _formed(form: re.Pattern[str]) -> Right:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _unmarked(text: Right) -> Right:
    return lambda value: text(value) and MARKUP.search(value) is None


def _many(one: Right, most: int) -> Right:
    def right(value: Any) -> bool:
        return (
            isinstance(value, list)
            and 0 < len(value) <= most
            and all(one(item) for item in value)
            and len(set(value)) == len(value)
        )

    return right
