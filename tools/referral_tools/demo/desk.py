"""One person at a browser: knows an address, a name and a password, and reads what is there.

Law: a page is reached by a link or a button of the page before it. What a page says is wrong ends
the story with these words. What needs a moment is looked at again until it is there, never waited
for blindly.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from referral_tools.browser import Browser, Form, NotThere, Page
from referral_tools.demo.cast import Player

PATIENCE: Final = 15.0
"""Seconds that the courier gets for what it does at once."""
LOOK_EVERY: Final = 0.1


class Desk:
    """``page`` is what the person looks at now."""

    def __init__(self, player: Player, browser: Browser, address: str, password: str) -> None:
        self.player = player
        self.browser = browser
        self.address = address
        self._password = password
        self._page: Page | None = None

    @property
    def page(self) -> Page:
        if self._page is None:
            raise NotThere(f"nothing was opened yet at {self.address}")
        return self._page

    async def sign_in(self) -> Page:
        """Open the address and sign in; Today comes."""
        self._page = await self.browser.open(self.address)
        form = self.page.form("Sign in")
        form.fill("Name", self.player.user).fill("Password", self._password)
        return await self.press(form, "Sign in")

    async def sign_out(self) -> Page:
        return await self.press(self.page.form("Sign out"), "Sign out")

    async def follow(self, link: str) -> Page:
        """Press a link of the page."""
        return self._came(await self.browser.follow(self.page, link))

    async def press(self, form: Form, button: str) -> Page:
        """Press a button of the page."""
        return self._came(await self.browser.press(form, button))

    async def again(self) -> Page:
        """Look at the page again."""
        return self._came(await self.browser.reload(self.page))

    async def until(
        self, what: str, there: Callable[[Page], bool], within: float = PATIENCE
    ) -> Page:
        """Look at the page again until something is there; NotThere if it does not come."""
        last = time.monotonic() + within
        while not there(self.page):
            if time.monotonic() > last:
                raise NotThere(
                    f"{self.player.readable} does not see within {within:.0f} s: {what}."
                    f" {self.page.where} says: {self.page.excerpt(1200)}"
                )
            await asyncio.sleep(LOOK_EVERY)
            await self.again()
        return self.page

    def _came(self, page: Page) -> Page:
        if page.problems or page.status >= 400:
            words = "; ".join(page.problems) or page.excerpt()
            raise NotThere(f"{self.player.readable}, {page.where} ({page.status}): {words}")
        self._page = page
        return page
