"""VSE's registrar at a browser: signs in with password and the code of a telephone."""

from typing import Self

from playwright.async_api import Browser, BrowserContext, Page

from federation import REGISTRAR, Federation
from referral_directory.registrars import FIRST, unlock
from referral_directory.totp import STEP_SECONDS, code_at
from stories.person import PATIENCE, Person


class Registrar(Person):
    """Like anybody else at a page; only the way in is another."""

    def __init__(self, fed: Federation, context: BrowserContext, page: Page) -> None:
        self.fed = fed
        self.context = context
        self.page = page

    @classmethod
    async def sits(cls, browser: Browser, fed: Federation) -> Self:
        """A new browser window at the console, not signed in."""
        context = await browser.new_context(
            viewport={"width": 1280, "height": 900}, java_script_enabled=False
        )
        context.set_default_timeout(PATIENCE)
        return cls(fed, context, await context.new_page())

    @property
    def origin(self) -> str:
        assert self.fed.console is not None
        return self.fed.console.replace("127.0.0.1", "localhost").rstrip("/")

    async def sign_in(self) -> None:
        secret = unlock(self.fed.directory, FIRST, REGISTRAR).secret
        self.fed.clock.now += STEP_SECONDS * 1000  # each code counts once
        await self.open()
        await self.type("Name", FIRST)
        await self.type("Password", REGISTRAR)
        await self.type("Code from your telephone", code_at(secret, self.fed.clock.now))
        await self.press("Sign in")
