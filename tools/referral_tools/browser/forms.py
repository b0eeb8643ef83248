"""A form as a person finds it: fields by their labels, choices by their words, buttons by theirs.

Law: a value is sent only for a field that the page has, under the name the page gave it, and a
choice only if it was offered. What was not touched is sent as the page had it, in the page's order.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urldefrag, urlencode, urljoin

from referral_tools.browser.errors import NotThere, more_than_one, not_there
from referral_tools.browser.tree import Element

URLENCODED: Final = "application/x-www-form-urlencoded"
_NOT_TYPED: Final = frozenset({"hidden", "submit", "button", "image", "reset", "checkbox", "radio"})
_BREAK: Final = re.compile(r"\r\n|\r|\n")
DAY, MONTH, YEAR = "Day", "Month", "Year"


@dataclass(frozen=True)
class Submission:
    """What pressing a button sends: ``pairs`` in the order of the page."""

    method: str
    url: str
    pairs: tuple[tuple[str, str], ...]

    @property
    def body(self) -> bytes:
        """For POST; line breaks as browsers send them."""
        pairs = [(name, _BREAK.sub("\r\n", value)) for name, value in self.pairs]
        return urlencode(pairs).encode("ascii")


@dataclass(eq=False)
class Input:
    """One control. ``legends``: the groups that it stands in, the outermost first; ``offered``:
    value and words of a select's options; ``on``: whether its value would be sent."""

    kind: str
    name: str
    label: str
    legends: tuple[str, ...]
    value: str
    on: bool = True
    offered: tuple[tuple[str, str], ...] = ()
    longest: int | None = None


@dataclass(eq=False)
class Button:
    """``words`` are empty where it is hidden from people."""

    words: str
    element: Element


@dataclass(eq=False)
class Form:
    """Made by :func:`read_form`. What fills gives the form back, so that it can be chained."""

    where: str
    base: str
    element: Element
    inputs: list[Input] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    # Filling.

    def fill(self, label: str, value: str, *, within: str = "") -> "Form":
        """Type into the field with this label; ``within``: the legend of a group around it."""
        found = self._one(label, within, typed=True)
        if found.kind == "select":
            raise NotThere(f"“{label}” on {self.where} is chosen from a list, not typed")
        if found.longest is not None and len(value) > found.longest:
            raise NotThere(f"“{label}” on {self.where} takes {found.longest} characters at most")
        if "\n" in value and found.kind != "textarea":
            raise NotThere(f"“{label}” on {self.where} takes one line only")
        found.value = value
        return self

    def choose(self, label: str, *words: str, within: str = "") -> "Form":
        """Choose by the words of the choice: in a list under this label, or under this legend
        one of its radio buttons, or exactly these of its check boxes."""
        ticks = self._ticks(label, within)
        if ticks:
            self._tick(label, ticks, words)
            return self
        found = self._one(label, within, typed=False)
        if found.kind != "select":
            raise NotThere(f"“{label}” on {self.where} is typed, not chosen")
        if len(words) != 1:
            raise NotThere(f"“{label}” on {self.where} takes one choice")
        values = {value for value, said in found.offered if said == words[0]}
        if not values:
            said = (each for _, each in found.offered)
            raise not_there(f"choice in “{label}”", words[0], self.where, said)
        if len(values) > 1:
            raise more_than_one(f"in “{label}” the choice", words[0], self.where, len(values))
        found.value = values.pop()
        return self

    def tick(self, label: str, *, on: bool = True) -> "Form":
        """Tick a check box that stands for itself."""
        found = [i for i in self.inputs if i.kind == "checkbox" and i.label == label]
        if not found:
            labels = (i.label for i in self.inputs if i.kind == "checkbox")
            raise not_there("check box", label, self.where, labels)
        if len(found) > 1:
            raise more_than_one("the check box", label, self.where, len(found))
        found[0].on = on
        return self

    def date(self, legend: str, day: str, *, within: str = "") -> "Form":
        """Type a day ("2026-11-14") into the three fields under this legend."""
        year, month, number = day.split("-")
        group = [i for i in self.inputs if i.legends[-1:] == (legend,)]
        if within:
            group = [i for i in group if within in i.legends]
        for label, value in ((DAY, str(int(number))), (MONTH, str(int(month))), (YEAR, year)):
            found = [i for i in group if i.label == label]
            if len(found) != 1:
                raise not_there("date", legend, self.where, self._legends())
            found[0].value = value
        return self

    def value(self, label: str, *, within: str = "") -> str:
        """What stands in a field, or which choice of a list is chosen."""
        found = self._one(label, within, typed=True)
        return dict(found.offered).get(found.value, found.value)

    def offered(self, label: str, *, within: str = "") -> list[str]:
        """The choices of a list, or under a legend."""
        ticks = [each.label for each in self._ticks(label, within)]
        return ticks or [said for _, said in self._one(label, within, typed=False).offered]

    def chosen(self, label: str, *, within: str = "") -> list[str]:
        """The words of what is ticked under a legend."""
        return [each.label for each in self._ticks(label, within) if each.on]

    # Sending.

    def button(self, words: str) -> Button:
        """The button that says this."""
        found = [each for each in self.buttons if each.words == words]
        if not found:
            raise not_there("button", words, self.where, (b.words for b in self.buttons))
        if len(found) > 1:
            raise more_than_one("the button", words, self.where, len(found))
        return found[0]

    def press(self, words: str) -> Submission:
        """What the button sends."""
        element = self.button(words).element
        kind = element.get("formenctype") or self.element.get("enctype") or URLENCODED
        method = (element.get("formmethod") or self.element.get("method") or "get").lower()
        action = element.get("formaction") or self.element.get("action")
        if method == "post" and kind != URLENCODED:
            raise NotThere(f"the form with “{words}” on {self.where} is sent as {kind}, not typed")
        pairs = [(i.name, i.value) for i in self.inputs if i.on and i.name]
        if element.get("name"):
            pairs.append((element.get("name"), element.get("value")))
        url = urldefrag(urljoin(self.base, action) if action else self.base).url
        if method == "get":
            query = urlencode(pairs)
            url = url.partition("?")[0] + (f"?{query}" if query else "")
            return Submission("GET", url, ())
        return Submission("POST", url, tuple(pairs))

    # Finding.

    def _one(self, label: str, within: str, *, typed: bool) -> Input:
        fields = [i for i in self.inputs if i.kind not in _NOT_TYPED]
        found = [i for i in fields if i.label == label and (not within or within in i.legends)]
        if not found:
            labels = [i.label for i in fields]
            place = f"{self.where}, within “{within}”" if within else self.where
            raise not_there("field", label, place, labels if typed else labels + self._legends())
        if len(found) > 1:
            raise more_than_one("the field", label, self.where, len(found))
        return found[0]

    def _ticks(self, legend: str, within: str) -> list[Input]:
        return [
            i
            for i in self.inputs
            if i.kind in ("radio", "checkbox")
            and i.legends[-1:] == (legend,)
            and (not within or within in i.legends[:-1])
        ]

    def _tick(self, legend: str, ticks: list[Input], words: tuple[str, ...]) -> None:
        if ticks[0].kind == "radio" and len(words) != 1:
            raise NotThere(f"“{legend}” on {self.where} takes one choice")
        if len({each.name for each in ticks}) > 1:
            raise more_than_one("the legend", legend, self.where, 2)
        for said in words:
            if said not in {each.label for each in ticks}:
                choices = (each.label for each in ticks)
                raise not_there(f"choice under “{legend}”", said, self.where, choices)
        for each in ticks:
            each.on = each.label in words

    def _legends(self) -> list[str]:
        return [i.legends[-1] for i in self.inputs if i.legends]


def read_form(element: Element, base: str, where: str) -> Form:
    """The form of a page at ``base``; ``where`` is what messages call the page."""
    form = Form(where, base, element)
    labels = {each.get("for"): each.heard for each in element.all("label") if each.has("for")}
    for each in element.walk():
        if each.tag == "button":
            if (each.get("type") or "submit") == "submit" and not each.has("disabled"):
                form.buttons.append(Button(_button_words(each), each))
        elif each.tag in ("input", "select", "textarea") and not _disabled(each):
            kind = each.get("type").lower() or "text" if each.tag == "input" else each.tag
            if kind == "submit":
                form.buttons.append(Button(each.get("value") or "Submit", each))
            elif kind not in ("button", "image", "reset"):
                form.inputs.append(_input(each, kind, labels))
    return form


def _button_words(element: Element) -> str:
    return element.get("aria-label") or element.heard


def _disabled(element: Element) -> bool:
    return element.has("disabled") or any(
        each.tag == "fieldset" and each.has("disabled") for each in element.around()
    )


def _input(element: Element, kind: str, labels: dict[str, str]) -> Input:
    label = element.get("aria-label") or labels.get(element.get("id"), "")
    if not label:
        label = next((each.heard for each in element.around() if each.tag == "label"), "")
    value = element.get("value")
    offered: tuple[tuple[str, str], ...] = ()
    if kind == "textarea":
        value = element.raw.removeprefix("\n")
    elif kind == "select":
        value, offered = _options(element)
    elif kind in ("radio", "checkbox") and not element.has("value"):
        value = "on"
    longest = element.get("maxlength")
    return Input(
        kind,
        element.get("name"),
        label,
        _legends(element),
        value,
        on=element.has("checked") if kind in ("radio", "checkbox") else True,
        offered=offered,
        longest=int(longest) if longest.isdecimal() else None,
    )


def _options(element: Element) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The chosen value (the first if none is marked), and all with their words."""
    found = [each for each in element.all("option") if not each.has("disabled")]
    offered = tuple(
        (each.get("value") if each.has("value") else each.heard, each.heard) for each in found
    )
    marked = [pair[0] for each, pair in zip(found, offered, strict=True) if each.has("selected")]
    return (marked or [pair[0] for pair in offered] or [""])[0], offered


def _legends(element: Element) -> tuple[str, ...]:
    legends = []
    for each in element.around():
        if each.tag == "form":
            break
        if each.tag == "fieldset":
            own = [c for c in each.children if isinstance(c, Element) and c.tag == "legend"]
            legends += [own[0].heard] if own else []
    return tuple(reversed(legends))
