"""A person at a browser: reads labels, legends and links, types, presses buttons.

Law: a story touches a page only through what stands there to be read. A field is found by its
label, in a group by the group's legend; which kind of input it is, is looked up on the page.
"""

from pathlib import Path
from typing import Self

from playwright.async_api import Browser, BrowserContext, Locator, Page

from fed_member import PASSWORD, Member

PATIENCE = 10_000
"""Milliseconds for a page to come; nothing here waits for anything else."""
Typed = str | list[str]


class Person:
    """``page`` is the tab she looks at now; :meth:`tab` opens another one of the same browser."""

    def __init__(self, member: Member, context: BrowserContext, page: Page) -> None:
        self.member = member
        self.context = context
        self.page = page

    @classmethod
    async def sit(
        cls, browser: Browser, member: Member, *, script: bool = True, width: int = 1280
    ) -> Self:
        """A new browser window at this member's pages, not signed in."""
        context = await browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=script
        )
        context.set_default_timeout(PATIENCE)
        return cls(member, context, await context.new_page())

    async def leave(self) -> None:
        await self.context.close()

    async def tab(self) -> "Person":
        """A second tab, where the first one is."""
        other = Person(self.member, self.context, await self.context.new_page())
        await other.page.goto(self.page.url)
        return other

    # going about

    @property
    def origin(self) -> str:
        """Each organisation has a name of its own: cookies do not tell ports apart."""
        return f"http://{self.member.name}.localhost:{self.member.node.ports['pages']}"

    async def open(self, path: str = "/") -> None:
        await self.page.goto(self.origin + path)

    async def sign_in(self) -> None:
        await self.open()
        await self.type("Name", self.member.sign_in_name)
        await self.type("Password", PASSWORD)
        await self.press("Sign in")

    async def follow(self, link: str) -> None:
        """A link by what it says; of several, the first. Nobody follows what is not shown."""
        places = self.page.get_by_role("link", name=link, exact=True)
        if not await places.count():
            there = await self.page.get_by_role("link").all_inner_texts()
            raise AssertionError(f"{self.page.url} has no link {link!r}, only {there}")
        async with self.page.expect_navigation():
            await places.first.click()

    async def press(self, button: str) -> None:
        """A button, or a link that is drawn as one."""
        one = self.page.get_by_role("button", name=button, exact=True)
        found = one.or_(self.page.locator("a.govuk-button", has_text=button))
        if not await found.count():
            there = await self.page.locator("button, a.govuk-button").all_inner_texts()
            raise AssertionError(f"{self.page.url} has no button {button!r}, only {there}")
        async with self.page.expect_navigation():
            await found.first.click()

    async def save(self, button: str) -> bytes:
        """Press a button whose answer is a file; what is in it."""
        async with self.page.expect_download() as coming:
            await self.page.get_by_role("button", name=button, exact=True).click()
        return _content(await (await coming.value).path())

    async def look_again(self) -> None:
        await self.page.reload()

    # filling in

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def group(self, legend: str) -> Locator:
        return self.main.get_by_role("group", name=legend, exact=True)

    async def unfold(self, summary: str) -> None:
        """Open what is folded away."""
        await self.main.locator("summary", has_text=summary).first.click()

    async def type(self, label: str, text: str, within: str = "") -> None:
        """Type into the input beside this label, or choose in its list."""
        place = self.group(within) if within else self.main
        field = place.get_by_label(label, exact=True)
        if await field.evaluate("e => e.tagName") == "SELECT":
            await field.select_option(label=text)
        else:
            await field.fill(text)

    async def tick(self, legend: str, *labels: str) -> None:
        """Choose under a legend: one, or several where boxes are to be ticked."""
        for label in labels:
            await self.group(legend).get_by_label(label, exact=True).check()

    async def date(self, legend: str, day: str, month: str, year: str) -> None:
        for label, part in (("Day", day), ("Month", month), ("Year", year)):
            await self.type(label, part, within=legend)

    async def fill(self, *lines: tuple[str, Typed] | tuple[str, Typed, str]) -> None:
        """Fill in line by line: label or legend, what is typed, and the group it stands in.

        A list ticks boxes or buttons under a legend; three numbers with spaces under a legend are
        a date.
        """
        for label, said, *within in lines:
            if isinstance(said, list):
                await self.tick(label, *said)
            elif await self.group(label).get_by_label("Year", exact=True).count():
                day, month, year = said.split(" ")
                await self.date(label, day, month, year)
            else:
                await self.type(label, said, *within)

    # reading

    async def heading(self) -> str:
        return await self.page.get_by_role("heading", level=1).inner_text()

    async def reads(self) -> str:
        """All that the page's main part shows, on one line."""
        return " ".join((await self.main.inner_text()).split())

    async def sees(self, *words: str) -> None:
        """The page shows each of these."""
        shown = await self.reads()
        for each in words:
            assert each in shown, f"{self.page.url} does not say {each!r} but: {shown}"

    async def misses(self, *words: str) -> None:
        """The page shows none of these."""
        shown = await self.reads()
        for each in words:
            assert each not in shown, f"{self.page.url} says {each!r}"

    async def problems(self) -> list[str]:
        """The lines of the error summary."""
        return await self.page.locator(".govuk-error-summary li").all_inner_texts()

    async def ladder(self) -> list[tuple[str, str]]:
        """Where it stands: each rung as it is drawn (done, now, todo, unknown), and its words."""
        rungs = await self.page.locator("ol.ladder li").evaluate_all(
            "all => all.map(e => [e.className.replace('is-', ''), e.querySelector('b').innerText])"
        )
        return [(drawn, words) for drawn, words in rungs]

    async def statements(self) -> list[str]:
        """The names of all statements of both sides, from the page of evidence."""
        await self.follow("Signed evidence for each line")
        facts = self.main.locator("ol.evidence dt", has_text="Statement")
        names = await facts.locator("+ dd").all_inner_texts()
        await self.follow("Back to the referral")
        return sorted(names)


def _content(file: Path) -> bytes:
    return file.read_bytes()
