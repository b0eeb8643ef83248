"""Makes docs/pages.png, the picture in the README: three pages of the made-up story, side by side.

Run by hand when the pages have changed: `cd tests && python -m stories.picture`.
"""

import asyncio
import base64
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from federation import Federation
from referral_protocol import examples
from stories import oksana, world
from stories.person import Person
from ui import shots

TARGET = Path(__file__).parents[2] / "docs" / "pages.png"
WIDTH, HEIGHT, PAGE = 1600, 840, 1000
"""Pixels of the picture, and of the window whose upper part each page shows."""

SHEET = """<!doctype html><style>
body{{margin:0;width:{width}px;height:{height}px;background:#dfe6e4;display:grid;
grid-template-columns:repeat(3,1fr);gap:22px;padding:22px;box-sizing:border-box}}
figure{{margin:0;background:#fff;overflow:hidden;border:1px solid #9aa8a6;
box-shadow:0 2px 10px #17212b33}}
img{{width:100%;display:block}}</style>{figures}"""


async def pages(browser: Browser, fed: Federation) -> list[bytes]:
    """Today in Utrecht, the referral that Jasmijn received, and what Inês read before sending."""
    ines = await Person.sit(browser, fed["lisboa"], width=PAGE)
    await ines.sign_in()
    await oksana.write_seven_steps(ines)
    await ines.follow("Emotional support")
    await ines.press("Choose Steunpunt Dom")
    await ines.follow("Back to step 8, answer")
    await ines.fill(*oksana.ANSWER)
    await ines.press(oksana.NEXT)
    check = await shot(ines)
    fed.clock.now = examples.SENT
    await ines.press("Send to Steunpunt Dom")
    week = await world.live(fed, with_oksana=False)
    jasmijn = await Person.sit(browser, week.utrecht, width=PAGE)
    await jasmijn.sign_in()
    today = await shot(jasmijn)
    await jasmijn.follow(f"Answer: {oksana.NAME}")
    return [today, await shot(jasmijn), check]


async def shot(person: Person) -> bytes:
    tall = round(PAGE * (HEIGHT - 44) / ((WIDTH - 88) / 3))
    await person.page.set_viewport_size({"width": PAGE, "height": tall})
    return await person.page.screenshot()


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = examples.SENT - 20 * world.MINUTE
        async with (
            shots.opened() as browser,
            Federation(Path(folder), "lisboa", "utrecht", "lviv", now=start) as fed,
        ):
            await fed["lisboa"].exchange.contacts.compared(
                *(fed["lisboa"].vault(), fed["lisboa"].actor, fed["utrecht"].id),
                same=True,
                spoke_with="Jasmijn de Wit",
            )
            taken = await pages(browser, fed)
            sheet = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            figures = "".join(
                f'<figure><img src="data:image/png;base64,{base64.b64encode(each).decode()}">'
                "</figure>"
                for each in taken
            )
            await sheet.set_content(SHEET.format(width=WIDTH, height=HEIGHT, figures=figures))
            TARGET.parent.mkdir(exist_ok=True)
            await sheet.screenshot(path=TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size // 1000} KB")


if __name__ == "__main__":
    asyncio.run(main())
