"""What pages hand to the kit's macros: small frozen values, nothing of HTML.

A page's view makes these, a template passes them on, a macro draws them. Wherever a `Text` is asked
for, a plain string is escaped when drawn; an object with `__html__` (a `Markup`, a `times.When`, a
name from `names.name`) is drawn as it says. Nothing else ever reaches a page unescaped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol


class Html(Protocol):
    """Anything that knows its own safe HTML."""

    def __html__(self) -> str: ...


Text = str | Html
Tone = Literal["plain", "danger", "warn", "ok"]


@dataclass(frozen=True)
class Link:
    """A place to go: in the menu, in the footer, above a heading."""

    text: Text
    href: str


@dataclass(frozen=True)
class KitWords:
    """The words that the kit itself says. A translation replaces the whole set."""

    skip: str = "Skip to main content"
    main_menu: str = "Main menu"
    all_pages: str = "All pages"
    more: str = "More"
    back: str = "Back"
    sign_out: str = "Sign out"
    error: str = "Error:"
    error_title: str = "Error: "
    problem: str = "There is a problem"
    kept: str = "What you typed is kept."
    nothing_sent: str = "Nothing has been sent."
    steps: str = "Steps"
    all_steps: str = "All {count} steps"
    done: str = "done"
    change: str = "Change"
    day: str = "Day"
    month: str = "Month"
    year: str = "Year"
    you: str = "You"
    in_language: str = "In {language}"
    in_language_by: str = "In {language}, as written by {who}"
    message_language: str = "in {language}"
    previous: str = "Previous"
    next: str = "Next"
    pages: str = "Pages"


def _no_token(_action: str) -> str:
    raise RuntimeError("this page has a form but its Frame was made without form tokens")


@dataclass(frozen=True)
class Alert:
    """What everybody must know before anything else, and what to do about it."""

    title: Text
    text: Text
    tone: Literal["warn", "danger"] = "danger"


@dataclass(frozen=True)
class Frame:
    """All that surrounds a page's own content. Made anew for each request.

    `token(action)` gives the form token for the path that a form posts to (`tokens.FormTokens`).
    `sign_out` is the path that the Sign out button posts to; None when nobody is signed in.
    `current` is the `href` of the menu's entry that this page belongs to. `alerts` stand above
    everything else, on every page.
    """

    product: str
    organisation: Text
    person: Text | None = None
    menu: tuple[Link, ...] = ()
    foot: tuple[Link, ...] = ()
    current: str | None = None
    sign_out: str | None = None
    foot_line: Text | None = None
    alerts: tuple["Alert", ...] = ()
    lang: str = "en"
    dir: Literal["ltr", "rtl"] = "ltr"
    token: Callable[[str], str] = field(default=_no_token, repr=False)


@dataclass(frozen=True)
class Tag:
    """A word in a box, only where PAGES allows one: a danger, a caution, a good state, a state."""

    text: Text
    tone: Tone = "plain"


@dataclass(frozen=True)
class Rung:
    """One step of the evidence ladder.

    done: proved. now: waiting for somebody. todo: not yet. unknown: the proof was lost.
    """

    state: Literal["done", "now", "todo", "unknown"]
    title: Text
    detail: Text | None = None


@dataclass(frozen=True)
class Mark:
    """Fits, does not fit, not stated: `lead` is the bold beginning, `text` the rest."""

    state: Literal["yes", "no", "ask"]
    lead: Text
    text: Text | None = None


@dataclass(frozen=True)
class Fact:
    """One row of a list of facts."""

    term: Text
    value: Text


@dataclass(frozen=True)
class Job:
    """One row of Today: by when, what to do about whom, from or to which organisation."""

    when: Text
    do: Text
    href: str
    who: Text | None = None
    detail: Text | None = None
    organisation: Text | None = None
    tag: Tag | None = None
    distance: Text | None = None


@dataclass(frozen=True)
class Figure:
    """One figure with its name, for example `numbers.share(48, 50)`."""

    name: Text
    value: Text


@dataclass(frozen=True)
class Message:
    """One message of a conversation. `language` is its name in the reader's language."""

    text: str
    when: Text
    who: Text | None = None
    organisation: Text | None = None
    mine: bool = False
    lang: str | None = None
    language: str | None = None
    note: Text | None = None


@dataclass(frozen=True)
class Step:
    """One step of a long form. `href` is None where the person cannot go yet."""

    text: Text
    state: Literal["done", "here", "todo"]
    href: str | None = None


@dataclass(frozen=True)
class Choice:
    """What can be chosen: the code that is sent, the words that are shown."""

    code: str
    text: Text
    hint: Text | None = None


@dataclass(frozen=True)
class ChoiceGroup:
    """Choices under a heading of their own in a long select."""

    text: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Event:
    """One entry of a timeline, oldest first or newest first as the page gives them."""

    title: Text
    when: Text
    who: Text | None = None
    text: Text | None = None
