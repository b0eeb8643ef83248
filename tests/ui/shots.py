"""Serves the gallery as a node would serve pages, and looks at it in a browser.

As a program (`cd tests && python -m ui.shots FOLDER`) it leaves a picture of every page at 1280 and
320 pixels, the mirrored ones and what paper gets included, for a person to look at.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web
from playwright.async_api import Browser, async_playwright

import browser
from referral_ui.assets import Assets
from referral_ui.http import Origins, protect
from referral_ui.problems import ProblemPages
from ui import gallery
from ui.story import VALUES

WIDTHS = (1280, 320)


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The gallery on a loopback port, behind the kit's own protection; yields its origin."""
    origins = Origins()
    app = web.Application()
    protect(
        app,
        origins=origins,
        assets=Assets.load(),
        respond=ProblemPages(gallery.environment(), "Referral exchange").response,
        log=structlog.get_logger(),
        new_incident=lambda: "test",
    )

    async def show(request: web.Request) -> web.Response:
        html = gallery.page(request.match_info["title"], rtl="rtl" in request.query)
        return web.Response(text=html, content_type="text/html")

    app.router.add_get("/{title}", show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    origin = f"http://localhost:{port}"
    origins.add(origin)
    try:
        yield origin
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened() -> AsyncIterator[Browser]:
    """A headless browser, or the advice on how to get one."""
    found = browser.find()
    if found is None:
        raise RuntimeError(browser.ADVICE)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=found.path, args=browser.arguments()
        )
        try:
            yield running
        finally:
            await running.close()


async def pictures(folder: Path) -> None:
    """Every page at both widths, mirrored, and as paper shows it."""
    async with served() as origin, opened() as running:
        for title in VALUES:
            for width in WIDTHS:
                tab = await running.new_page(viewport={"width": width, "height": 800})
                for query in ("", "?rtl"):
                    await tab.goto(f"{origin}/{title}{query}")
                    name = f"{title}{'-rtl' if query else ''}-{width}.png"
                    await tab.screenshot(path=folder / name, full_page=True)
                await tab.close()
            tab = await running.new_page(viewport={"width": 794, "height": 1123})
            await tab.emulate_media(media="print")
            await tab.goto(f"{origin}/{title}")
            await tab.screenshot(path=folder / f"{title}-print.png", full_page=True)
            await tab.close()


if __name__ == "__main__":
    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    asyncio.run(pictures(into))
