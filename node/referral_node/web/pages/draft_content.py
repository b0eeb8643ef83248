"""From what was typed into the eight steps to a referral's content, and what is still wrong in it.

Law: what was typed is the draft; the content is computed from it each time, so no step can hold
something that another one has already changed. What could not be understood is missing from the
content and stands among the problems, so nothing unread can ever be sent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from referral_node.exchange import Draft
from referral_node.web.form_binding import Bound, InputError, Path, Typed, bind
from referral_node.web.pages.layout import Step
from referral_node.web.pages.steps import (
    BY_CODE,
    DAY_SETS,
    STEPS,
    VALUES,
    WAYS,
    WRITTEN_IN,
    way_input,
)
from referral_protocol import codes
from referral_protocol.forms import FormProblem, validate
from referral_protocol.hours import minutes
from referral_ui.times import MINUTE, Place

MISSING: Final = frozenset({"required", "empty"})
"""Codes of problems with what nobody typed yet: they hold up the sending, not the writing."""

ROUND: Final = 5 * MINUTE

_CONSENT_ONLY: Final = ("how", "given_to", "interpreter_present", "given_at", "until")
_LEGAL_ONLY: Final = ("legal_basis", "why")


@dataclass(frozen=True)
class Recipient:
    """The chosen organisation: its id, the name that goes into the consent, its place."""

    id: bytes
    name: str
    place: Place


@dataclass(frozen=True)
class Desk:
    """Who writes, where and when. ``now``: ms UTC."""

    here: Place
    now: int
    author: Mapping[str, str]
    recipient: Recipient | None = None


@dataclass(frozen=True)
class Problem:
    """Something that is wrong in a step. ``typed``: in what was typed, not merely missing."""

    step: str
    error: InputError
    typed: bool


@dataclass(frozen=True)
class Written:
    """A draft understood: the content as it would be sent now, and where everything came from."""

    content: dict[str, Any]
    bounds: Mapping[str, Bound]
    problems: tuple[Problem, ...] = ()
    started: frozenset[str] = field(default_factory=frozenset)

    def of(self, step: str) -> tuple[Problem, ...]:
        """The problems of one step."""
        return tuple(problem for problem in self.problems if problem.step == step)

    def done(self, step: str) -> bool:
        """Whether a step was saved and nothing in it is wrong or missing."""
        return step in self.started and not self.of(step)


def understand(draft: Draft, desk: Desk, respond_by: int | None = None) -> Written:
    """A draft as content and problems. ``respond_by`` (ms UTC): the answer-by time to use where the
    writer left it to the priority; None: as computed now."""
    bounds = {code: bound_step(BY_CODE[code], draft.typed.get(code, {}), desk) for code in STEPS}
    content: dict[str, Any] = {"form": "referral", "author": dict(desk.author)}
    language = bounds["who"].values.pop(WRITTEN_IN.key, None)
    if language:
        content["language"] = language
    for code, bound in bounds.items():
        if bound.values:
            content[code] = bound.values
    _complete(content, desk, respond_by)
    return Written(
        content,
        bounds,
        tuple(_problems(content, bounds, desk.now)),
        frozenset(draft.typed) & frozenset(STEPS),
    )


def bound_step(step: Step, typed: Typed, desk: Desk) -> Bound:
    """One step's inputs as the values of its section."""
    bound = bind(step.fields, typed, desk.here)
    return _ways(bound) if step.code == "safe_contact" else bound


def answer_by(priority: str, now: int) -> int | None:
    """The answer-by time that a priority proposes (ms UTC), on the next five minutes."""
    hours = codes.PRIORITY_HOURS.get(priority)
    return None if hours is None else -(-(now + hours * codes.HOUR) // ROUND) * ROUND


def _complete(content: dict[str, Any], desk: Desk, respond_by: int | None) -> None:
    """What the page knows and nobody types: the recipient, the answer-by time."""
    consent = content.get("consent")
    if desk.recipient is not None:
        consent = content.setdefault("consent", {})
        consent["recipient"] = desk.recipient.id
        consent["recipient_name"] = desk.recipient.name
    if isinstance(consent, dict):
        unused = {"consent": _LEGAL_ONLY, "legal-basis": _CONSENT_ONLY}
        for key in unused.get(str(consent.get("ground")), ()):
            consent.pop(key, None)
    answer = content.get("answer")
    if isinstance(answer, dict) and "respond_by" not in answer and "priority" in answer:
        by = respond_by or answer_by(str(answer["priority"]), desk.now)
        if by is not None:
            answer["respond_by"] = by


def _problems(content: dict[str, Any], bounds: Mapping[str, Bound], now: int) -> Iterable[Problem]:
    """What could not be read, then what the form finds wrong, step by step; one for each input."""
    found = validate(content, for_writing=True, now=now)
    for code in STEPS:
        said: set[str] = set()
        bound = bounds[code]
        unread = [Problem(code, error, True) for error in bound.errors]
        ruled = [
            Problem(code, _input(bound, problem, code), problem.code not in MISSING)
            for problem in found
            if _step_of(problem.path) == code
            # What was typed and could not be read is not "nothing".
            if not (unread and problem.path == (code,) and problem.code in MISSING)
        ]
        for each in _regrouped([*unread, *ruled]):
            if each.error.name not in said:
                said.add(each.error.name)
                yield each


def _step_of(path: Path) -> str:
    """The step whose page asks for what a path names."""
    if path and path[0] in STEPS:
        return str(path[0])
    return "answer" if not path else "who"


def _input(bound: Bound, problem: FormProblem, step: str) -> InputError:
    path = problem.path
    if path == ("language",):
        return InputError(WRITTEN_IN.key, problem.words, WRITTEN_IN.key)
    if step == "consent" and path[1:] in ((), ("recipient",), ("recipient_name",)):
        return InputError("recipient", problem.words, "recipient")
    if len(path) == 1 and path[0] == step:
        # The whole section is missing: point to its first input.
        first = bound.name_of((BY_CODE[step].fields[0].key,))
        return InputError(first, problem.words, first)
    name = bound.name_of(path[1:])
    return InputError(name, problem.words, name)


def _regrouped(problems: list[Problem]) -> Iterable[Problem]:
    """Problems of a row that stands in one line belong to the line."""
    for each in problems:
        if each.step != "safe_contact":
            yield each
            continue
        parts = each.error.name.split(".")
        if parts[0] == "times" and len(parts) > 2:
            line = ".".join(parts[:2])
            yield replace(each, error=replace(each.error, name=line))
        elif each.error.name in ("ways", way_input(WAYS[0])):
            at = way_input(WAYS[0])
            yield replace(each, error=InputError("ways", each.error.message, at))
        else:
            yield each


def _ways(bound: Bound) -> Bound:
    """The list of ways from the inputs of the page."""
    values, names = dict(bound.values), dict(bound.names)
    held = {
        key: values.pop(key)
        for key in ("where", "times", "call_note", *VALUES.values())
        if key in values
    }
    rows: list[dict[str, Any]] = []
    for way in WAYS:
        answer = values.pop(way_input(way), None)
        if answer is None:
            continue
        place = len(rows)
        row = {"way": way, "answer": answer}
        names[("ways", place, "way")] = names[("ways", place, "answer")] = way_input(way)
        if answer == "safe":
            row |= _of_way(way, held)
            names[("ways", place, "value")] = VALUES.get(way, way_input(way))
            _name_times(names, place)
        rows.append(row)
    names[("ways",)] = way_input(WAYS[0])
    if rows:
        values["ways"] = rows
    safe = {row["way"] for row in rows if row["answer"] == "safe"}
    unused = [*_backwards(held, bound.names), *_unused(held, safe)]
    return Bound(values, names, [*bound.errors, *unused])


def _backwards(held: Mapping[str, Any], names: Mapping[Path, str]) -> Iterable[InputError]:
    """Times that end before they start: said even while no safe way has a use for them."""
    for place, row in enumerate(held.get("times", ())):
        start, end = row.get("from"), row.get("to")
        first, last = minutes(start), minutes(end)
        if first is not None and last is not None and first >= last:
            words = f"The end must be later than the start. You typed {start} to {end}"
            name = names[("times", place, "to")]
            yield InputError(name, words, name)


def _unused(held: Mapping[str, Any], safe: set[str]) -> Iterable[InputError]:
    """A number or address that nothing would send, because its way is not marked as safe."""
    for way, key in VALUES.items():
        used = way in safe or (way == "telephone" and safe & {"text-message", "voicemail"})
        if safe and key in held and not used:
            label = codes.label("safe-ways", way)
            words = f"“{label}” is not marked as safe. Mark it above, or empty this line"
            yield InputError(key, words, key)


def _of_way(way: str, held: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a safe way: its number or address, and of a call where and when."""
    value = held.get(VALUES.get(way, ""))
    if way == "text-message" and value is None:
        value = held.get("telephone")
    row = {} if value is None else {"value": value}
    if way == "telephone":
        row |= {key: held[key] for key in ("where",) if key in held}
        if "call_note" in held:
            row["note"] = held["call_note"]
        if "times" in held:
            row["times"] = [_with_days(each) for each in held["times"]]
    return row


def _with_days(row: Mapping[str, Any]) -> dict[str, Any]:
    """The days that a choice stands for; an unknown choice as it is, to be refused."""
    chosen = row.get("days")
    if chosen is None:
        return dict(row)
    known = DAY_SETS.get(chosen)
    return {**row, "days": list(known[1]) if known else [chosen]}


def _name_times(names: dict[Path, str], place: int) -> None:
    """The inputs of the times, under the path that they have in the content."""
    for path, name in list(names.items()):
        if path[:1] == ("times",):
            names[("ways", place, *path)] = name
