"""A browser without eyes: fetches pages, reads their HTML strictly, submits only what is there.

What a person could not do it refuses: a field that the form does not have, a radio's value that is
not offered, a button that is not there. It follows redirects by GET and keeps cookies.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urlencode, urljoin

import aiohttp
from yarl import URL

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
# What the svg of the sprite closes by itself is written out with a slash.
HIDDEN = {"script", "style", "title", "head", "template"}
BLOCK = {
    *("address", "blockquote", "dd", "details", "div", "dl", "dt", "fieldset", "footer", "form"),
    *("h1", "h2", "h3", "h4", "header", "legend", "li", "main", "nav", "ol", "p", "section"),
    *("summary", "table", "td", "th", "tr", "ul", "br", "label", "button"),
}


@dataclass
class Node:
    """One element, with what is in it."""

    tag: str
    attrs: dict[str, str | None]
    children: list["Node | str"] = field(default_factory=list)

    def get(self, name: str) -> str:
        return self.attrs.get(name) or ""

    def classes(self) -> set[str]:
        return set(self.get("class").split())

    def walk(self) -> list["Node"]:
        """This element and all below it, in the order of the page."""
        found = [self]
        for child in self.children:
            if isinstance(child, Node):
                found += child.walk()
        return found

    def all(self, tag: str = "", *, style: str = "") -> list["Node"]:
        """Elements of a tag and a class."""
        return [
            node
            for node in self.walk()
            if (not tag or node.tag == tag) and (not style or style in node.classes())
        ]

    def one(self, tag: str = "", *, style: str = "", id: str = "") -> "Node":
        """The only such element."""
        found = [n for n in self.all(tag, style=style) if not id or n.get("id") == id]
        assert len(found) == 1, f"{len(found)} of <{tag} class={style} id={id}>"
        return found[0]

    @property
    def text(self) -> str:
        """What is read, white space as one space."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> list[str]:
        if self.tag in HIDDEN:
            return []
        around = " " if self.tag in BLOCK else ""
        parts = [around]
        for child in self.children:
            parts += [child] if isinstance(child, str) else child._texts()
        return [*parts, around]


class _Reader(HTMLParser):
    """Builds the tree; a tag that closes nothing, or the wrong thing, is a fault of the page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("#root", {})
        self.stack = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        node = Node(tag, dict(attrs))
        self.stack[-1].children.append(node)
        if tag not in VOID:
            self.stack.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.stack[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag not in VOID, f"</{tag}>"
        assert self.stack[-1].tag == tag, f"</{tag}> closes <{self.stack[-1].tag}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)


@dataclass
class FoundForm:
    """A form as a person finds it: its fields with what stands in them, its buttons."""

    node: Node
    action: str
    method: str
    values: dict[str, list[str]]
    offered: dict[str, list[str]]
    free: set[str]
    several: set[str]
    buttons: list[Node]

    @classmethod
    def read(cls, node: Node, base: str) -> Self:
        form = cls(
            node,
            urljoin(base, node.get("action") or base),
            (node.get("method") or "get").lower(),
            {},
            {},
            set(),
            set(),
            [],
        )
        for inner in node.walk():
            if inner.tag in ("input", "select", "textarea", "button"):
                form._take(inner)
        return form

    def _take(self, node: Node) -> None:
        name, kind = node.get("name"), node.get("type") or "text"
        if node.tag == "button":
            self.buttons.append(node)
        elif node.tag == "textarea":
            text = "".join(child for child in node.children if isinstance(child, str))
            self._free(name, text.removeprefix("\n"))
        elif node.tag == "select":
            options = node.all("option")
            self.offered.setdefault(name, []).extend(o.get("value") for o in options)
            chosen = [o for o in options if "selected" in o.attrs] or options[:1]
            self.values.setdefault(name, []).extend(o.get("value") for o in chosen)
        elif kind in ("radio", "checkbox"):
            self.offered.setdefault(name, []).append(node.get("value"))
            if kind == "checkbox":
                self.several.add(name)
            if "checked" in node.attrs:
                self.values.setdefault(name, []).append(node.get("value"))
        else:
            self._free(name, node.get("value"))
            if kind == "hidden":
                self.free.discard(name)

    def _free(self, name: str, value: str) -> None:
        self.free.add(name)
        self.values.setdefault(name, []).append(value)

    def fill(self, typed: Mapping[str, str | Sequence[str]]) -> None:
        """Type and choose; refuses what the form does not offer."""
        for name, given in typed.items():
            values = [given] if isinstance(given, str) else list(given)
            if name in self.offered:
                wrong = set(values) - set(self.offered[name])
                assert not wrong, f"{name}: {wrong} is not offered, only {self.offered[name]}"
                assert len(values) < 2 or name in self.several, f"{name} takes one"
            else:
                assert name in self.free, f"no field {name}, only {sorted(self.free)}"
            self.values[name] = values

    def button(self, text: str) -> Node:
        """The button that says this."""
        found = [b for b in self.buttons if b.text == text]
        assert len(found) == 1, f"no button {text!r}, only {[b.text for b in self.buttons]}"
        return found[0]

    def pairs(self, button: Node | None) -> list[tuple[str, str]]:
        """What a browser would send."""
        sent = [(name, value) for name, values in self.values.items() for value in values if name]
        if button is not None and button.get("name"):
            sent.append((button.get("name"), button.get("value")))
        return sent


@dataclass
class Page:
    """A page that was fetched."""

    status: int
    url: str
    source: str
    root: Node
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.root.text

    @property
    def main(self) -> Node:
        return self.root.one("main")

    @property
    def path(self) -> str:
        return URL(self.url).raw_path_qs

    @property
    def title(self) -> str:
        node = self.root.one("title")
        return "".join(child for child in node.children if isinstance(child, str))

    @property
    def headings(self) -> list[str]:
        return [n.text for n in self.main.walk() if n.tag in ("h1", "h2")]

    @property
    def problems(self) -> list[str]:
        """The lines of the error summary."""
        summaries = self.root.all(style="govuk-error-summary")
        return [li.text for s in summaries for li in s.all("li")]

    def facts(self) -> dict[str, str]:
        """All terms with what they say; of a term that comes twice, the last."""
        found: dict[str, str] = {}
        for dl in self.main.all("dl"):
            term = ""
            for child in dl.walk():
                if child.tag == "dt":
                    term = child.text
                elif child.tag == "dd":
                    found[term] = child.text
        return found

    def links(self) -> dict[str, str]:
        """What every link says, and where it goes."""
        return {a.text: a.get("href") for a in self.root.all("a")}

    def buttons(self) -> list[str]:
        """What the buttons of the page's main part say, links that look like one too."""
        return [
            n.text
            for n in self.main.walk()
            if n.tag == "button" or (n.tag == "a" and "govuk-button" in n.classes())
        ]

    def forms(self) -> list[FoundForm]:
        return [FoundForm.read(node, self.url) for node in self.root.all("form")]

    def form(self, button: str) -> FoundForm:
        """The form with this button."""
        found = [f for f in self.forms() if any(b.text == button for b in f.buttons)]
        said = [b.text for f in self.forms() for b in f.buttons]
        assert len(found) == 1, f"{len(found)} forms with {button!r}, buttons are {said}"
        return found[0]


def parse(source: str) -> Node:
    """The tree of a page; AssertionError when it is not well formed."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    assert len(reader.stack) == 1, f"not closed: {[n.tag for n in reader.stack[1:]]}"
    ids = [node.get("id") for node in reader.root.walk() if node.get("id")]
    twice = {each for each in ids if ids.count(each) > 1}
    assert not twice, f"ids that come twice: {twice}"
    return reader.root


class Reader:
    """One person's browser."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._client = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Accept": "text/html"}
        )

    def cookies(self) -> dict[str, str]:
        """What this browser keeps, by name."""
        return {cookie.key: cookie.value for cookie in self._client.cookie_jar}

    async def close(self) -> None:
        await self._client.close()

    async def get(self, path: str) -> Page:
        """Fetch a page, following redirects."""
        async with self._client.get(urljoin(self.base, path)) as answer:
            return await _page(answer)

    async def raw(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Fetch something that is no page."""
        async with self._client.get(urljoin(self.base, path)) as answer:
            return answer.status, answer.headers, await answer.read()

    async def follow(self, page: Page, link: str) -> Page:
        """Press a link by its words."""
        found = page.links()
        assert link in found, f"no link {link!r}, only {sorted(found)}"
        return await self.get(urljoin(page.url, found[link]))

    async def submit(
        self,
        page: Page,
        button: str,
        typed: Mapping[str, str | Sequence[str]] | None = None,
        *,
        status: int = 200,
    ) -> Page:
        """Fill the form with this button and press it; the page where that ends."""
        form = page.form(button)
        form.fill(typed or {})
        found = await self.send(form, form.button(button))
        assert found.status == status, f"{found.status}: {found.problems or found.text[:400]}"
        return found

    async def send(self, form: FoundForm, button: Node | None = None) -> Page:
        """Send a form as it stands now, perhaps a second time."""
        pairs = form.pairs(button)
        if form.method == "get":
            async with self._client.get(URL(form.action).with_query(pairs)) as answer:
                return await _page(answer)
        body = io.BytesIO(urlencode(pairs).encode())
        async with self._client.post(form.action, data=body, headers=self._headers()) as answer:
            return await _page(answer)

    async def upload(
        self,
        page: Page,
        button: str,
        files: Sequence[tuple[str, bytes]],
        typed: Mapping[str, str | Sequence[str]] | None = None,
        *,
        status: int = 200,
    ) -> Page:
        """Choose files, fill the form with this button and press it."""
        form = page.form(button)
        assert form.node.get("enctype") == "multipart/form-data"
        form.values.pop("file", None)
        form.fill(typed or {})
        found = await self.send_files(form, form.button(button), files)
        assert found.status == status, f"{found.status}: {found.problems or found.text[:400]}"
        return found

    async def send_files(
        self, form: FoundForm, button: Node | None, files: Sequence[tuple[str, bytes]] = ()
    ) -> Page:
        """Send a form with files as it stands now, perhaps a second time."""
        body = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
        for name, value in form.pairs(button):
            if name != "file":
                body.add_field(name, value)
        for name, data in files:
            body.add_field("file", io.BytesIO(data), filename=name)
        if not files:
            body.add_field("file", b"", filename="", content_type="application/octet-stream")
        origin = {"Origin": str(URL(self.base).origin())}
        async with self._client.post(form.action, data=body, headers=origin) as answer:
            return await _page(answer)

    async def download(
        self, form: FoundForm, button: Node | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a form whose answer is a file."""
        body = io.BytesIO(urlencode(form.pairs(button)).encode())
        async with self._client.post(form.action, data=body, headers=self._headers()) as answer:
            return answer.status, answer.headers, await answer.read()

    async def cookie_of(self, form: FoundForm) -> str:
        """The session cookie's line that this form's answer sets."""
        body = io.BytesIO(urlencode(form.pairs(None)).encode())
        async with self._client.post(
            form.action, data=body, headers=self._headers(), allow_redirects=False
        ) as answer:
            lines = answer.headers.getall("Set-Cookie")
        return next(line for line in lines if "session" in line)

    def _headers(self) -> dict[str, str]:
        return {
            "Origin": str(URL(self.base).origin()),
            "Content-Type": "application/x-www-form-urlencoded",
        }


async def _page(answer: aiohttp.ClientResponse) -> Page:
    source = await answer.text()
    return Page(answer.status, str(answer.url), source, parse(source), answer.headers)
