"""A page that came: its words, headings, facts, links and forms, found as a person finds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urldefrag, urljoin, urlsplit

from referral_tools.browser.errors import NotThere, more_than_one, not_there
from referral_tools.browser.forms import Form, read_form
from referral_tools.browser.tree import Element, parse

__all__ = ["NotThere", "Page"]


@dataclass(frozen=True, eq=False)
class Page:
    """``url`` is where it came from at the end of all redirects, ``status`` its HTTP status."""

    url: str
    status: int
    source: str = field(repr=False)

    @cached_property
    def root(self) -> Element:
        return parse(self.source)

    @cached_property
    def main(self) -> Element:
        """The part that is about this page; all of it where it marks none."""
        return self.root.first("main") or self.root

    @cached_property
    def text(self) -> str:
        """All that is seen in the main part."""
        return self.main.seen

    @property
    def path(self) -> str:
        """Path and query of the address."""
        parts = urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def title(self) -> str:
        found = self.root.first("title")
        return " ".join(found.raw.split()) if found is not None else ""

    @property
    def heading(self) -> str:
        """The main heading."""
        found = self.main.first("h1")
        return found.seen if found is not None else ""

    @property
    def where(self) -> str:
        """What messages call this page."""
        return f"the page “{self.heading or self.title or self.url}”"

    @property
    def problems(self) -> list[str]:
        """The lines of the error summary; none when all is well."""
        return [
            line.heard
            for summary in self.root.all(style="govuk-error-summary")
            for line in summary.all("li")
        ]

    def says(self, *texts: str) -> "Page":
        """This page, if each text stands on it; NotThere otherwise. White space counts as one."""
        for text in texts:
            if " ".join(text.split()) not in self.text:
                raise NotThere(f"{self.where} does not say “{text}”. It says: {self.excerpt()}")
        return self

    def excerpt(self, most: int = 600) -> str:
        """The beginning of what the page says, for a message."""
        return self.text if len(self.text) <= most else f"{self.text[:most]} …"

    def facts(self, under: Element | None = None) -> dict[str, str]:
        """Terms with what is said of them; of a term that comes twice, the last."""
        found: dict[str, str] = {}
        for each in (under or self.main).all("dl"):
            term = ""
            for row in each.walk():
                if row.tag == "dt":
                    term = row.seen
                elif row.tag == "dd" and term:
                    found[term] = row.seen
        return found

    def link(self, words: str, *, within: Element | None = None) -> str:
        """Where the link with these words goes: an absolute address."""
        links = (within or self.root).all("a")
        places = {
            urljoin(self.url, each.get("href"))
            for each in links
            if words in (each.seen, each.heard) and each.has("href")
        }
        if not places:
            raise not_there("link", words, self.where, (each.seen for each in links))
        if len({urldefrag(place).url for place in places}) > 1:
            raise more_than_one("the link", words, self.where, len(places))
        return sorted(places)[0]

    def wording(self, part: str) -> str:
        """The whole words of the first link in the main part that holds these."""
        links = [each.seen for each in self.main.all("a") if each.has("href")]
        found = next((each for each in links if part in each), None)
        if found is None:
            raise not_there("link with", part, self.where, links)
        return found

    @cached_property
    def forms(self) -> list[Form]:
        return [read_form(each, self.url, self.where) for each in self.root.all("form")]

    def form(self, button: str) -> Form:
        """The form with a button of these words."""
        found = [f for f in self.forms if any(b.words == button for b in f.buttons)]
        if not found:
            words = (b.words for f in self.forms for b in f.buttons)
            raise not_there("button", button, self.where, words)
        if len(found) > 1:
            raise more_than_one("the button", button, self.where, len(found))
        return found[0]

    def has_button(self, words: str) -> bool:
        return any(b.words == words for f in self.forms for b in f.buttons)


def page_of(url: str, status: int, headers: Mapping[str, str], body: bytes) -> Page:
    """A page of what was answered; NotThere if it is none."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "text/html":
        raise NotThere(f"{url} answered {status} with {kind or 'nothing'}, not with a page")
    return Page(url, status, body.decode("utf-8", "replace"))
