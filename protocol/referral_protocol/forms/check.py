"""Whether a content is what its form says, told field by field.

Law: never raises on any plain value; finds every problem, not the first one; in the order of the
form. A reader (``for_writing=False``) enforces kinds and limits, keeps unknown fields and
well-formed unknown codes, and demands presence only where nobody wrote the body (``unreadable``,
``return``). A writer also enforces what is required, the lists and the rules. Reading, a value that
belongs into the statement's head is refused in a body: nothing appears in both.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from referral_protocol.errors import ProtocolError
from referral_protocol.forms import content as bytes_of
from referral_protocol.forms.model import MANY, Field, Form, Kind
from referral_protocol.forms.quick import conforms
from referral_protocol.forms.rules import rules_of
from referral_protocol.forms.tables import FORMS
from referral_protocol.forms.values import CODE_FORM, FormProblem, Path, problems


def validate(
    content: Mapping[str, Any],
    *,
    for_writing: bool = False,
    section: str | None = None,
    state: str | None = None,
    now: int | None = None,
) -> list[FormProblem]:
    """Every problem of ``content``, in the order of its form; none: an empty list.

    ``section``: only that part, for a page that asks one part at a time. ``state``: the state that
    an ``answer`` goes with. ``now`` (ms UTC): also refuse times on its wrong side. With
    ``for_writing`` the values of the statement's head are expected among the others (a draft holds
    them); see ``split_head``.
    """
    code = content.get("form")
    if not isinstance(code, str) or not CODE_FORM.fullmatch(code):
        return [FormProblem(("form",), "wrong-type", "The content does not say which form it is")]
    form = FORMS.get(code)
    if form is None:
        unknown = FormProblem(("form",), "not-in-list", "There is no such form")
        return [unknown] if for_writing else []
    return check(form, content, for_writing, section=section, state=state, now=now)


def check(
    form: Form,
    content: Mapping[str, Any],
    for_writing: bool,
    *,
    section: str | None = None,
    state: str | None = None,
    now: int | None = None,
) -> list[FormProblem]:
    """As ``validate``, for a form that is known."""
    fields = form.all_fields()
    if section is not None:
        fields = tuple(field for field in fields if field.key == section)
    reader = _Reader(for_writing, form.public, strict=for_writing or not form.authored)
    found = list(reader.group(content, fields, (), partial=section is not None))
    if for_writing and not any(problem.code == "wrong-type" for problem in found):
        found += [
            problem
            for rule in rules_of(form.code, section)
            for problem in rule.check(content, state, now)
            if problem.path not in {other.path for other in found}
        ]
    if for_writing and section is None and not found:
        found += _sized(content)
    return found


def read(data: bytes, form: str | None = None) -> dict[str, Any]:
    """Content bytes to a content that a page may show. ``form``: the one that the statement's kind
    asks for. Raises ProtocolError, also for a value that breaks its form."""
    content = bytes_of.decode(data)
    if form is not None and content.get("form") != form:
        raise ProtocolError("wrong-value", "content: another form than the statement’s kind has")
    if conforms(content):
        return content
    for problem in validate(content):
        code = "wrong-type" if problem.code in ("wrong-type", "required") else "wrong-value"
        raise ProtocolError(code, f"content: {_place(problem.path)}: {problem.code}")
    return content


def _place(path: Path) -> str:
    """The path with known words only: an unknown key is a stranger's text, never logged."""
    return ".".join(str(part) for part in path)


def _sized(content: Mapping[str, Any]) -> Iterator[FormProblem]:
    try:
        bytes_of.encode(content)
    except ProtocolError as error:
        if error.code == "too-large":
            yield FormProblem((), "too-long", "All together is too long to be sent: shorten a text")
        else:
            yield FormProblem((), "wrong-type", f"This cannot be sent: {error.detail}")


class _Reader:
    """Walks a content and its table side by side."""

    def __init__(self, writing: bool, public: bool, strict: bool) -> None:
        self.writing = writing
        self.public = public
        self.strict = strict

    def group(
        self, value: Mapping[str, Any], fields: Sequence[Field], path: Path, partial: bool = False
    ) -> Iterator[FormProblem]:
        known = {field.key for field in fields}
        for field in fields:
            here = (*path, field.key)
            if field.key in value:
                yield from self.value(value[field.key], field, here)
            elif field.required and self.strict and (self.writing or not field.head):
                words = field.missing or f"Enter: {field.label}"
                yield FormProblem(here, "required", words)
        if self.writing and not partial:
            for key in value:
                if key not in known:
                    yield FormProblem((*path, key), "unknown-field", "The form has no such field")

    def value(self, value: Any, field: Field, path: Path) -> Iterator[FormProblem]:
        if field.head and not self.writing:
            yield FormProblem(path, "in-head", "This stands in the statement, not in the body")
        elif field.kind is Kind.GROUP:
            yield from self.one(value, field, path)
        elif field.kind is Kind.GROUPS:
            yield from self.many(value, field, path)
        elif self.writing and field.required and field.kind in MANY and value in ([], ()):
            yield FormProblem(path, "required", field.missing or f"Choose: {field.label}")
        else:
            yield from problems(value, field, path, self.writing, self.public)

    def one(self, value: Any, field: Field, path: Path) -> Iterator[FormProblem]:
        if not isinstance(value, Mapping):
            yield FormProblem(
                path, "wrong-type", "This value is of another kind than the form says"
            )
        elif not value:
            yield FormProblem(path, "empty", f"{field.label}: fill it in, or leave it out")
        else:
            yield from self.group(value, field.fields, path)

    def many(self, value: Any, field: Field, path: Path) -> Iterator[FormProblem]:
        if not isinstance(value, list | tuple):
            yield FormProblem(
                path, "wrong-type", "This value is of another kind than the form says"
            )
        elif not value:
            words = field.missing or f"{field.label}: fill it in, or leave it out"
            yield FormProblem(path, "required" if field.required else "empty", words)
        elif len(value) > field.max:
            words = f"{field.label}: at most {field.max}; there are {len(value)}"
            yield FormProblem(path, "too-many", words)
        else:
            for place, item in enumerate(value):
                yield from self.one(item, field, (*path, place))
