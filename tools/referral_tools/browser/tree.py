"""A page's elements as a tree, and what a person reads in it. Pure.

Law: any text gives a tree; a tag that closes nothing is skipped, one that is never closed ends with
its parent, as in a browser. Two readings: ``heard`` is what a screen reader says (labels that are
hidden from the eye included), ``seen`` what the eye sees.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

# fmt: off
_VOID: Final = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
})
_UNREAD: Final = frozenset({"head", "script", "style", "template", "datalist"})
_INLINE: Final = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "i", "kbd", "mark", "q",
    "s", "samp", "small", "span", "strong", "sub", "sup", "svg", "time", "u", "use", "var", "wbr",
})
"""Elements beside which a word goes on; around all others there is at least a space."""
# fmt: on

_ENDS: Final = {
    "li": ({"li"}, {"ul", "ol"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "option": ({"option"}, {"select", "datalist"}),
    "optgroup": ({"option", "optgroup"}, {"select"}),
    "tr": ({"tr", "td", "th"}, {"table", "tbody", "thead", "tfoot"}),
    "td": ({"td", "th"}, {"tr"}),
    "th": ({"td", "th"}, {"tr"}),
}
"""A tag, the open elements that it ends by beginning, and those beyond which it does not look."""

HIDDEN_FROM_EYES: Final = "govuk-visually-hidden"


@dataclass(eq=False)
class Element:
    """One element. ``children`` are elements and texts in their order."""

    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list["Element | str"] = field(default_factory=list)
    parent: "Element | None" = None

    def get(self, name: str) -> str:
        """An attribute, "" when it is not there or empty."""
        return self.attrs.get(name, "")

    def has(self, name: str) -> bool:
        return name in self.attrs

    @property
    def classes(self) -> frozenset[str]:
        return frozenset(self.get("class").split())

    def walk(self) -> Iterator["Element"]:
        """This element and all below it, in the page's order."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, *tags: str, style: str = "") -> list["Element"]:
        """Elements below (and this one) of these tags and this class; no tags: any."""
        return [
            each
            for each in self.walk()
            if (not tags or each.tag in tags) and (not style or style in each.classes)
        ]

    def first(self, *tags: str, style: str = "") -> "Element | None":
        return next(iter(self.all(*tags, style=style)), None)

    def around(self) -> Iterator["Element"]:
        """What this element stands in, the nearest first."""
        place = self.parent
        while place is not None:
            yield place
            place = place.parent

    @property
    def heard(self) -> str:
        """The text as it is read out, white space as one space."""
        return _tidy(_texts(self, _unheard))

    @property
    def seen(self) -> str:
        """The text as it is seen, white space as one space."""
        return _tidy(_texts(self, _unseen))

    @property
    def raw(self) -> str:
        """All characters inside, as they stand in the source."""
        return "".join(c if isinstance(c, str) else c.raw for c in self.children)


def parse(source: str) -> Element:
    """The tree of a page, under an element with the tag ""."""
    builder = _Builder()
    builder.feed(source)
    builder.close()
    return builder.root


def _unheard(element: Element) -> bool:
    return element.get("aria-hidden") == "true" or element.has("hidden")


def _unseen(element: Element) -> bool:
    return HIDDEN_FROM_EYES in element.classes or element.has("hidden")


def _texts(element: Element, left_out: Callable[[Element], bool]) -> Iterator[str]:
    if element.tag in _UNREAD or left_out(element):
        return
    if element.tag == "select":
        element = _chosen(element)
    around = "" if element.tag in _INLINE else " "
    yield around
    for child in element.children:
        if isinstance(child, str):
            yield child
        else:
            yield from _texts(child, left_out)
    yield around


def _chosen(select: Element) -> Element:
    """Of a list that is folded, what is read: the choice that is made, the first if none is."""
    options = select.all("option")
    marked = [each for each in options if each.has("selected")] or options[:1]
    return marked[0] if marked else Element("option")


def _tidy(pieces: Iterator[str]) -> str:
    return " ".join("".join(pieces).split())


class _Builder(HTMLParser):
    """Builds the tree while the source is read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("")
        self._here = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_before(tag)
        element = self._add(tag, attrs)
        if tag not in _VOID:
            self._here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_before(tag)
        self._add(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        place: Element | None = self._here
        while place is not None and place.tag != tag:
            place = place.parent
        if place is not None and place.parent is not None:
            self._here = place.parent

    def handle_data(self, data: str) -> None:
        self._here.children.append(data)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Element:
        given: dict[str, str] = {}
        for name, value in attrs:
            given.setdefault(name, value or "")  # of an attribute that comes twice, the first
        element = Element(tag, given, parent=self._here)
        self._here.children.append(element)
        return element

    def _end_before(self, tag: str) -> None:
        ended, beyond = _ENDS.get(tag, (set(), set()))
        place: Element | None = self._here
        last: Element | None = None
        while place is not None and place.tag not in beyond:
            if place.tag in ended:
                last = place
            place = place.parent
        if last is not None and last.parent is not None:
            self._here = last.parent
