"""Files in a browser: with our script, which shows how far an upload is, and without any."""

from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Page

from federation import Federation
from files import docx, pdf
from stories.conftest import Sit
from stories.person import Person
from stories.test_every_page import Walk

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def choose(person: Person, *files: tuple[str, bytes], label: str = "Choose files") -> None:
    """Choose files as from the system's own window."""
    chosen: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        for name, data in files
    ]
    await person.main.get_by_label(label, exact=True).set_input_files(chosen)


async def saved(person: Person, link: str) -> tuple[str, bytes]:
    """Follow a link to a file; the name that the browser gives it, and what is in it."""
    async with person.page.expect_download() as coming:
        await person.page.get_by_role("link", name=link, exact=True).click()
    download = await coming.value
    return download.suggested_filename, _content(await download.path())


def _content(file: Path) -> bytes:
    return file.read_bytes()


async def told(page: Page) -> list[str]:
    """What the page says while it sends; filled as it goes."""
    said: list[str] = []
    await page.expose_function("noted", lambda words: said.append(words))  # noqa: PLW0108 - a built-in method takes no mark of theirs
    await page.evaluate(
        "() => new MutationObserver(all => all.forEach(m => noted(m.target.textContent)))"
        ".observe(document.querySelector('[data-upload-words]'), {childList: true})"
    )
    return said


async def slow(person: Person) -> None:
    """A line that takes a second for what is sent here."""
    line = await person.context.new_cdp_session(person.page)
    up = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 8_000_000}
    await line.send("Network.emulateNetworkConditions", up)


async def test_two_sides_send_each_other_files(fed: Federation, sit: Sit) -> None:
    said = await fed["lisboa"].refer(fed["utrecht"])
    await fed.settle()
    path = f"/referral/{said.thread.hex()}"
    ines = await sit("lisboa")
    walk = Walk(ines, "lisboa")
    await ines.sign_in()
    await ines.open(path)
    await ines.follow("Send files")
    await walk.look("files")

    # A film and a report: the report stays, the film is refused, the words are kept.
    report = pdf(9_000_000)
    film = b"\0\0\0\x18ftypmp42" + bytes(50)
    await choose(ines, ("Relatório médico.pdf", report), ("film.mp4", film))
    await ines.type("Message to Steunpunt Dom", "O relatório do hospital.")
    words = await told(ines.page)
    await slow(ines)
    await ines.main.get_by_role("button", name="Send", exact=True).click()
    await ines.page.locator(".govuk-error-summary").wait_for()
    assert any(" of 9.0 MB" in each for each in words)
    assert await ines.problems() == ["“film.mp4” is a sound or a film. Those are not sent here"]
    assert (await ines.page.title()).startswith("Error: ")
    assert await ines.main.get_by_label("Message to Steunpunt Dom").input_value() == (
        "O relatório do hospital."
    )
    await ines.sees("Added (1)", "Relatório médico.pdf PDF, 9.0 MB")
    await walk.look("files-refused")
    assert await saved(ines, "Relatório médico.pdf") == ("Relatório médico.pdf", report)

    # The line breaks while a second one is sent: nothing typed is lost, and it goes once more.
    await choose(ines, ("letter.docx", docx()), label="Choose more files")
    await ines.page.route("**/files", lambda route: route.abort())
    await ines.main.get_by_role("button", name="Send", exact=True).click()
    broke = ines.page.get_by_text("The connection broke. What you typed is still here")
    await broke.wait_for()
    await walk.look("files-broken")
    await ines.page.unroute("**/files")
    walk.faults = [fault for fault in walk.faults if "ERR_FAILED" not in fault]
    await ines.press("Send")
    await ines.sees("Your message is on its way, with 2 files.", "letter.docx")
    assert walk.faults == []

    # Utrecht, without any script.
    await fed.settle()
    jasmijn = await sit("utrecht", script=False, width=320)
    await jasmijn.sign_in()
    await jasmijn.open(path)
    await jasmijn.sees("O relatório do hospital.", "Relatório médico.pdf PDF, 9.0 MB")
    assert await saved(jasmijn, "Relatório médico.pdf") == ("Relatório médico.pdf", report)
    assert (await saved(jasmijn, "letter.docx"))[1] == docx()
    await jasmijn.follow("Send files")
    await choose(
        jasmijn, ("run.exe", b"MZ\x90\0" + bytes(100)), ("photo.png", b"\x89PNG\r\n\x1a\n")
    )
    await jasmijn.press("Send")
    assert await jasmijn.problems() == [
        "“run.exe” is a program or a script. Programs are not sent: they could do harm where they"
        " are opened"
    ]
    await jasmijn.sees("Added (1)", "photo.png")
    await jasmijn.press("Send")
    await jasmijn.sees("Your message is on its way, with 1 file.", "photo.png")
    await jasmijn.follow("Record of access of this case")
    await jasmijn.sees("Opened a file", "Added a file")
