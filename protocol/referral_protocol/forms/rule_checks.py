"""The checks behind the rules: each one reads a content and says what is wrong with it.

Law: a check never changes anything, and never raises on a content whose kinds are right. It takes
the content, the state that an answer goes with, and the time (ms UTC; None: times are not checked).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from referral_protocol.forms.values import FormProblem, Path, is_e_mail, is_telephone, real_date
from referral_protocol.hours import DAY, minutes
from referral_protocol.times import date_of, start_of

Content = Mapping[str, Any]
Found = Iterator[FormProblem]


def _at(content: Content, *path: str) -> Any:
    value: Any = content
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _rows(content: Content, *path: str) -> list[tuple[int, Content]]:
    rows = _at(content, *path)
    return list(enumerate(rows)) if isinstance(rows, list | tuple) else []


def _has(content: Content, *path: str) -> bool:
    return _at(content, *path) not in (None, "", [], (), {})


def withheld_parts(content: Content) -> set[str]:
    """Codes of the parts that the consent section says are withheld."""
    return {str(row.get("part")) for _, row in _rows(content, "consent", "withheld")}


# --- who ----------------------------------------------------------------------------------------


def age_is_said(content: Content, _state: str | None, _now: int | None) -> Found:
    who = content.get("who")
    if who is None or "date-of-birth" in withheld_parts(content):
        return
    if not _has(content, "who", "date_of_birth") and not _has(content, "who", "age_band"):
        yield FormProblem(
            ("who", "date_of_birth"), "required", "Enter the date of birth, or choose the age"
        )


def born_before_now(content: Content, _state: str | None, now: int | None) -> Found:
    yield from _not_after(content, ("who", "date_of_birth"), now, "The date of birth is not yet")


def groups_are_real(content: Content, _state: str | None, _now: int | None) -> Found:
    if "all" in (_at(content, "who", "groups") or ()):
        yield FormProblem(
            ("who", "groups"), "not-in-list", "“Everyone” is not a group that a person belongs to"
        )


def home_region(content: Content, _state: str | None, _now: int | None) -> Found:
    yield from _region_in_country(content, ("who", "lives_in"))


def crime_region(content: Content, _state: str | None, _now: int | None) -> Found:
    yield from _region_in_country(content, ("happened",))


def _region_in_country(content: Content, path: tuple[str, ...]) -> Found:
    country, region = _at(content, *path, "country"), _at(content, *path, "region")
    if country and region and not str(region).startswith(f"{country}-"):
        yield FormProblem((*path, "region"), "not-in-list", "Choose a region of that country")


def _not_after(content: Content, path: tuple[str, ...], now: int | None, words: str) -> Found:
    value = _at(content, *path)
    # A day's grace: in the east it is tomorrow already.
    if now is None or not isinstance(value, str) or not real_date(value):
        return
    if start_of(value) > now + DAY:
        yield FormProblem(path, "in-future", words)


# --- safe contact -------------------------------------------------------------------------------

_TELEPHONES: Final = frozenset({"telephone", "voicemail", "text-message"})
_NEEDS_VALUE: Final = {
    "telephone": "Enter the safe telephone number",
    "text-message": "Enter the number for text messages",
    "e-mail": "Enter the safe e-mail address",
    "letter": "Enter the address for letters",
    "through-a-person": "Say who that person is, and how to reach them",
    "person-contacts-us": "Say how and when the person contacts you",
}


def _safe_ways(content: Content) -> Iterator[tuple[int, Content]]:
    for place, row in _rows(content, "safe_contact", "ways"):
        if row.get("answer") == "safe":
            yield place, row


def one_safe_way(content: Content, _state: str | None, _now: int | None) -> Found:
    if "safe_contact" in content and not any(True for _ in _safe_ways(content)):
        yield FormProblem(
            ("safe_contact", "ways"),
            "no-safe-way",
            "Choose at least one safe way, or “The person contacts us”",
        )


def safe_way_has_value(content: Content, _state: str | None, _now: int | None) -> Found:
    for place, row in _safe_ways(content):
        way = str(row.get("way"))
        if way in _NEEDS_VALUE and not row.get("value"):
            path: Path = ("safe_contact", "ways", place, "value")
            yield FormProblem(path, "required", _NEEDS_VALUE[way])


def value_is_right(content: Content, _state: str | None, _now: int | None) -> Found:
    for place, row in _rows(content, "safe_contact", "ways"):
        way, value = row.get("way"), row.get("value")
        path: Path = ("safe_contact", "ways", place, "value")
        if not isinstance(value, str):
            continue
        if way in _TELEPHONES and not is_telephone(value):
            words = "Enter the number with its country, for example +31 30 123 45 67"
            yield FormProblem(path, "bad-format", words)
        elif way == "e-mail" and not is_e_mail(value):
            words = "Enter an e-mail address, for example name@example.org"
            yield FormProblem(path, "bad-format", words)


def call_has_hours(content: Content, _state: str | None, _now: int | None) -> Found:
    for place, row in _safe_ways(content):
        if row.get("way") == "telephone" and not row.get("times"):
            path: Path = ("safe_contact", "ways", place, "times")
            words = "Say when a call is safe; at any time is every day, 00:00 to 24:00"
            yield FormProblem(path, "required", words)


def times_run_forward(content: Content, _state: str | None, _now: int | None) -> Found:
    for place, row in _rows(content, "safe_contact", "ways"):
        for inner, times in _rows(row, "times"):
            starts, ends = minutes(times.get("from")), minutes(times.get("to"))
            if starts is not None and ends is not None and ends <= starts:
                yield FormProblem(
                    ("safe_contact", "ways", place, "times", inner, "to"),
                    "end-before-start",
                    "The end must be later than the start. "
                    f"You typed {times['from']} to {times['to']}",
                )


def checked_before_now(content: Content, _state: str | None, now: int | None) -> Found:
    at = _at(content, "safe_contact", "checked_at")
    if now is not None and isinstance(at, int) and at > now:
        yield FormProblem(
            ("safe_contact", "checked_at"), "in-future", "When it was checked must be in the past"
        )


# --- what happened, needs, languages ------------------------------------------------------------


def crime_dates(content: Content, _state: str | None, now: int | None) -> Found:
    if "happened" not in content:
        return
    if not _has(content, "happened", "date") and not _has(content, "happened", "when_note"):
        yield FormProblem(("happened", "date"), "required", "Enter the date, or say when it was")
    first, last = _at(content, "happened", "date"), _at(content, "happened", "until")
    if first and last and real_date(first) and real_date(last) and last < first:
        yield FormProblem(
            ("happened", "until"), "end-before-start", "The last day is before the first one"
        )
    yield from _not_after(content, ("happened", "date"), now, "The date of the crime is not yet")


def other_step_is_named(content: Content, _state: str | None, _now: int | None) -> Found:
    for place, row in _rows(content, "happened", "proceedings"):
        if row.get("what") == "other" and not row.get("note"):
            path: Path = ("happened", "proceedings", place, "note")
            yield FormProblem(path, "required", "Say which step it is")


def needs_are_distinct(content: Content, _state: str | None, _now: int | None) -> Found:
    seen = set()
    for place, row in _rows(content, "needs", "needs"):
        if row.get("need") in seen:
            path: Path = ("needs", "needs", place, "need")
            yield FormProblem(path, "twice", "The same need is chosen twice")
        seen.add(row.get("need"))


def interpreter_has_language(content: Content, _state: str | None, _now: int | None) -> Found:
    part = ("communication", "interpreter_language")
    if _at(content, "communication", "interpreter") == "yes" and not _has(content, *part):
        yield FormProblem(part, "required", "Choose the language of the interpreter")


# --- consent ------------------------------------------------------------------------------------

_CONSENT: Final = {
    "how": "Choose how consent was given",
    "given_to": "Say to whom consent was given",
    "given_at": "Enter when consent was given",
    "until": "Enter until when consent was given",
    "needs": "Choose the needs that the consent is for",
}
_LEGAL: Final = {
    "legal_basis": "Choose the legal basis",
    "why": "Say why this is shared without consent",
}


def ground_is_whole(content: Content, _state: str | None, _now: int | None) -> Found:
    ground = _at(content, "consent", "ground")
    wanted = {"consent": _CONSENT, "legal-basis": _LEGAL}.get(str(ground), {})
    for key, words in wanted.items():
        if not _has(content, "consent", key):
            yield FormProblem(("consent", key), "required", words)


def consent_covers_needs(content: Content, _state: str | None, _now: int | None) -> Found:
    covered = _at(content, "consent", "needs")
    if _at(content, "consent", "ground") != "consent" or not covered:
        return
    asked = {row.get("need") for _, row in _rows(content, "needs", "needs")}
    if asked - set(covered):
        yield FormProblem(
            ("consent", "needs"), "not-covered", "The consent does not cover every need"
        )


def consent_times(content: Content, _state: str | None, now: int | None) -> Found:
    given, until = _at(content, "consent", "given_at"), _at(content, "consent", "until")
    if now is not None and isinstance(given, int) and given > now:
        words = "When consent was given must be in the past"
        yield FormProblem(("consent", "given_at"), "in-future", words)
    if not isinstance(until, str) or not real_date(until):
        return
    ends = start_of(until) + DAY
    if now is not None and ends <= now:
        yield FormProblem(("consent", "until"), "in-past", "The consent has ended")
    elif isinstance(given, int) and given >= ends:
        words = "The consent ends before it was given"
        yield FormProblem(("consent", "until"), "end-before-start", words)


def withheld_once(content: Content, _state: str | None, _now: int | None) -> Found:
    seen = set()
    for place, row in _rows(content, "consent", "withheld"):
        part = row.get("part")
        if part in seen and part != "other":
            path: Path = ("consent", "withheld", place, "part")
            yield FormProblem(path, "twice", "The same part is withheld twice")
        if part == "other" and not row.get("note"):
            path = ("consent", "withheld", place, "note")
            yield FormProblem(path, "required", "Say what is withheld")
        seen.add(part)


def answer_by_ahead(content: Content, _state: str | None, now: int | None) -> Found:
    for path in (("answer", "respond_by"), ("respond_by",)):
        by = _at(content, *path)
        if now is not None and isinstance(by, int) and by <= now:
            yield FormProblem(path, "in-past", "The answer-by time must be in the future")


# --- messages -----------------------------------------------------------------------------------


def answer_goes_with_state(content: Content, state: str | None, _now: int | None) -> Found:
    wanted = {
        "rejected": ("reason", "Choose the reason to decline"),
        "completed": ("outcome", "Choose the outcome"),
        "failed": ("outcome", "Choose the outcome"),
        "accepted": ("contact", "Say whom they can call"),
        "on-hold": ("hold", "Choose why it is on hold"),
    }.get(str(state))
    if wanted and not _has(content, wanted[0]):
        yield FormProblem((wanted[0],), "required", wanted[1])


def other_has_text(content: Content, _state: str | None, _now: int | None) -> Found:
    for key in ("reason", "hold", "purpose"):
        if content.get(key) == "other" and not content.get("text"):
            yield FormProblem(("text",), "required", "Say it in words")


def kept_has_law(content: Content, _state: str | None, _now: int | None) -> Found:
    if content.get("erased") in ("partly-erased", "kept") and not content.get("kept_why"):
        words = "Say which law obliges to keep what"
        yield FormProblem(("kept_why",), "required", words)


def note_says_something(content: Content, _state: str | None, _now: int | None) -> Found:
    if set(content) <= {"form", "author", "language", "topic", "answers"}:
        yield FormProblem(("text",), "required", "Write a message")


def step_has_time(content: Content, _state: str | None, now: int | None) -> Found:
    if content.get("step") and not content.get("step_at"):
        yield FormProblem(("step_at",), "required", "Enter when that was")
    if content.get("step_at") and not content.get("step"):
        yield FormProblem(("step",), "required", "Choose the step")
    at = content.get("step_at")
    if now is not None and isinstance(at, int) and at > now:
        yield FormProblem(("step_at",), "in-future", "When that was must be in the past")
    if content.get("step") == "meeting-scheduled" and not content.get("meeting"):
        yield FormProblem(("meeting",), "required", "Enter the meeting")


def ask_has_text(content: Content, _state: str | None, _now: int | None) -> Found:
    if content.get("purpose") in ("information", "another-time") and not content.get("text"):
        yield FormProblem(("text",), "required", "Say what you ask for")


def answer_by_not_on_date(content: Content, _state: str | None, now: int | None) -> Found:
    until = content.get("hold_until")
    if now is None or not isinstance(until, str) or not real_date(until):
        return
    if until < date_of(now):
        yield FormProblem(("hold_until",), "in-past", "This day is past")
