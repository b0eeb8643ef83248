"""Binds a form to what a person typed: values are shown again exactly, errors stand at fields.

A page makes a `Form` from what is stored (to show it) or from what was posted (to read it). The
readers (`text`, `choice`, `day` ...) return the value, or None after noting what is wrong in the
reader's own words. Nothing that was typed is changed here, right or wrong. The summary lists
problems in the order of the page, which is the order of `fields`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from . import numbers
from .formdata import FormData

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)


@dataclass(frozen=True)
class SummaryLine:
    """One line of the summary; `href` is the field that it is about, None for the whole form."""

    message: str
    href: str | None


@dataclass(frozen=True)
class _Error:
    field: str
    message: str
    at: tuple[str, ...]


class Form:
    """Values and errors of one form on one page.

    `fields` are the names of its fields in the order of the page; a name that is not among them may
    be used all the same and comes last. `prefix` keeps ids apart where two forms share a page.
    """

    def __init__(
        self,
        fields: Sequence[str] = (),
        values: FormData | Mapping[str, str | Sequence[str]] | None = None,
        prefix: str = "",
    ) -> None:
        self._order = {name: place for place, name in enumerate(fields)}
        self._prefix = prefix
        self._values = _as_lists(values)
        self._errors: list[_Error] = []
        if isinstance(values, FormData):
            for name, fault in values.faults.items():
                self.wrong_because(name, fault)

    # What the macros ask.

    def id(self, name: str) -> str:
        """The id of a field: its name behind the form's own prefix."""
        return self._prefix + name

    def value(self, name: str) -> str:
        """What was typed into a field, exactly; empty when nothing was."""
        return next(iter(self._values.get(name, ())), "")

    def values(self, name: str) -> tuple[str, ...]:
        """All that was ticked under one name."""
        return self._values.get(name, ())

    def error(self, name: str) -> str | None:
        """The first thing that is wrong with a field or a group."""
        return next((error.message for error in self._errors if error.field == name), None)

    def wrong(self, name: str) -> bool:
        """Whether this very input is to be marked: an error may stand at a group and point here."""
        return any(name in error.at for error in self._errors)

    @property
    def problems(self) -> list[SummaryLine]:
        """The summary, in the order of the page; one line for each field."""
        last = len(self._order)
        ordered = sorted(self._errors, key=lambda e: self._order.get(e.field, last))
        seen: set[str] = set()
        lines = []
        for error in ordered:
            if error.field and error.field in seen:
                continue
            seen.add(error.field)
            href = f"#{self.id(error.at[0])}" if error.at else None
            lines.append(SummaryLine(error.message, href))
        return lines

    @property
    def valid(self) -> bool:
        """Whether nothing was found wrong so far."""
        return not self._errors

    # What the handler says.

    def wrong_because(self, name: str, message: str, *at: str) -> None:
        """Note an error of a field or group. `at` are the inputs that are marked, when they are not
        the field itself; the summary's line leads to the first.

        The empty name is an error of the whole form, such as a page that has become stale.
        """
        self._errors.append(_Error(name, message, at or ((name,) if name else ())))

    # Readers: the value, or None with an error noted (or None when empty and not needed).
    #
    # `missing` is said when nothing was typed (None: it may stay empty). `called` names the field
    # in the reader's own messages, which also stand in the summary, far from the field.

    def text(
        self,
        name: str,
        *,
        missing: str | None = None,
        at_most: int = 10_000,
        called: str | None = None,
    ) -> str | None:
        """Words, without the white space around them. `at_most` counts characters."""
        words = self.value(name).strip()
        if not words:
            self._absent(name, missing)
            return None
        if len(words) > at_most:
            self._wrong(name, called, f"use at most {at_most} characters. You typed {len(words)}")
            return None
        return words

    def choice(
        self,
        name: str,
        codes: Collection[str],
        *,
        missing: str | None = None,
        called: str | None = None,
    ) -> str | None:
        """One code of a list."""
        given = self.values(name)
        if not given or given == ("",):
            self._absent(name, missing)
            return None
        if len(given) > 1 or given[0] not in codes:
            self._wrong(name, called, "choose one of those in the list")
            return None
        return given[0]

    def choices(
        self,
        name: str,
        codes: Collection[str],
        *,
        missing: str | None = None,
        called: str | None = None,
    ) -> tuple[str, ...]:
        """Any number of codes of a list, in the list's own order; empty after an error."""
        given = set(self.values(name)) - {""}
        if not given <= set(codes):
            self._wrong(name, called, "choose only from those in the list")
            return ()
        if not given:
            self._absent(name, missing)
        return tuple(code for code in codes if code in given)

    def ticked(self, name: str, value: str = "yes") -> bool:
        """Whether a single checkbox was ticked."""
        return value in self.values(name)

    def whole(
        self,
        name: str,
        low: int,
        high: int,
        *,
        missing: str | None = None,
        called: str | None = None,
    ) -> int | None:
        """A whole number between two."""
        typed = self.value(name).strip()
        if not typed:
            self._absent(name, missing)
            return None
        if not re.fullmatch(r"[0-9]{1,12}", typed) or not low <= int(typed) <= high:
            self._wrong(name, called, f"type a whole number from {low} to {high}")
            return None
        return int(typed)

    def telephone(
        self, name: str, *, missing: str | None = None, called: str | None = None
    ) -> str | None:
        """A number with its country, as E.164."""
        typed = self.value(name).strip()
        if not typed:
            self._absent(name, missing)
            return None
        number = numbers.e164(typed)
        if number is None:
            self._wrong(
                name, called, "type the number with its country, for example +31 30 123 45 67"
            )
        return number

    def clock(
        self, name: str, *, missing: str | None = None, group: str | None = None
    ) -> str | None:
        """A time of day, "09:00" (also typed as 9:00, 9.00, 0900 or 9). `group` holds the error."""
        typed = self.value(name).strip()
        if not typed:
            if missing:
                self.wrong_because(group or name, missing, name)
            return None
        found = re.fullmatch(r"([0-9]{1,2})(?:[:.h]?([0-9]{2}))?", typed)
        hours, minutes = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
        if minutes > 59 or hours * 60 + minutes > 24 * 60:
            self.wrong_because(
                group or name, f"Type a time such as 09:30. You typed {typed[:20]}", name
            )
            return None
        return f"{hours:02}:{minutes:02}"

    def day(
        self, name: str, *, missing: str | None = None, called: str | None = None
    ) -> date | None:
        """A date: from three fields (name-day, name-month, name-year), or from one."""
        if any(f"{name}-{part}" in self._values for part in ("day", "month", "year")):
            return self._three_part_day(name, missing, called)
        typed = self.value(name).strip()
        if not typed:
            self._absent(name, missing)
            return None
        found = parse_day(typed)
        if found is None:
            self._wrong(name, called, "type a real date, for example 19 November 2026")
        return found

    def _three_part_day(self, name: str, missing: str | None, called: str | None) -> date | None:
        parts = {f"{name}-{p}": self.value(f"{name}-{p}").strip() for p in ("day", "month", "year")}
        empty = [field for field, typed in parts.items() if not typed]
        if len(empty) == 3:
            if missing:
                self.wrong_because(name, missing, *parts)
            return None
        if empty:
            lacking = " and a ".join(field.rsplit("-", 1)[1] for field in empty)
            self._wrong(name, called, f"the date must have a {lacking}", *empty)
            return None
        found = parse_day(" ".join(parts.values()))
        if found is None:
            typed = " ".join(part[:12] for part in parts.values())
            self._wrong(name, called, f"there is no such date: {typed}", *parts)
        return found

    def _wrong(self, name: str, called: str | None, why: str, *at: str) -> None:
        message = f"{called}: {why}" if called else why[0].upper() + why[1:]
        self.wrong_because(name, message, *at)

    def _absent(self, name: str, missing: str | None) -> None:
        if missing:
            self.wrong_because(name, missing)


def parse_day(typed: str) -> date | None:
    """Day before month, however it is separated ("19 November 2026", "19.11.2026"), or ISO."""
    found = re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", typed)
    if found:
        return _real_day(int(found[1]), int(found[2]), int(found[3]))
    found = re.fullmatch(r"([0-9]{1,2})[\s./-]+([0-9]{1,2}|[^\W\d_]{3,})[\s./-]+([0-9]{4})", typed)
    if not found:
        return None
    month = found[2].lower()
    if month.isdigit():
        return _real_day(int(found[3]), int(month), int(found[1]))
    fitting = [place for place, word in enumerate(MONTHS, 1) if word.startswith(month)]
    return _real_day(int(found[3]), fitting[0], int(found[1])) if len(fitting) == 1 else None


def _real_day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _as_lists(
    values: FormData | Mapping[str, str | Sequence[str]] | None,
) -> dict[str, tuple[str, ...]]:
    if values is None:
        return {}
    if isinstance(values, FormData):
        return {name: values.all(name) for name in values.names()}
    return {
        name: (given,) if isinstance(given, str) else tuple(given) for name, given in values.items()
    }
