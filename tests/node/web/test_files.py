"""Files through the pages, without a script: added, sent, opened, refused with the reason."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from yarl import URL

import referral_inputs
from files import archive, docx, odt, pdf, pieces, types
from node_world import AUTHOR
from page_reader import Page
from pages_world import PASSWORD, Desk, Desks
from referral_node.exchange.files.kinds import REFUSALS
from referral_node.web import file_view
from referral_protocol.attachments import LARGEST
from referral_protocol.examples import SENT
from referral_protocol.statements import NOTE, Head

SEND = "Send to Steunpunt Dom"
EXE = b"MZ\x90\0\x03" + bytes(300)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.fixture
async def thread(desks: Desks) -> bytes:
    sent = await desks.sent()
    for desk in desks.desks.values():
        await desk.sign_in()
    return sent


async def ready(desks: Desks, **consent: str) -> bytes:
    """The story's draft in Lisbon, ready to be sent; its id."""
    desks.at(SENT)
    office, actor = desks["lisboa"], desks.desk("lisboa").actor
    drafts = office.exchange.drafts
    draft = await drafts.load(office.vault, await drafts.create(office.vault, actor))
    assert draft is not None
    typed = referral_inputs.typed()
    named: dict[str, Any] = {n.replace("__", "."): value for n, value in consent.items()}
    typed["consent"] |= referral_inputs.as_lists(named)
    changed = msgspec.structs.replace(draft, typed=typed, recipient=desks["utrecht"].id)
    await drafts.save(office.vault, actor, changed)
    await office.exchange.contacts.compared(
        office.vault, actor, desks["utrecht"].id, same=True, spoke_with="Jasmijn de Wit"
    )
    await desks.desk("lisboa").sign_in()
    return draft.id


def on_disk(desk: Desk) -> list[str]:
    return desk.office.exchange.core.files.names()


async def files_page(desk: Desk, thread: bytes) -> Page:
    page = await desk.reader.get(f"/referral/{thread.hex()}")
    return await desk.reader.follow(page, "Send files")


async def opened(desk: Desk, page: Page, name: str) -> tuple[dict[str, str], bytes]:
    status, headers, data = await desk.reader.raw(page.links()[name])
    assert status == 200
    return dict(headers), data


async def until_delivered(desk: Desk) -> None:
    async with asyncio.timeout(10):
        while await desk.office.store.row("SELECT 1 FROM outbox"):  # noqa: ASYNC110 - lies in a database
            await asyncio.sleep(0.01)


async def test_a_message_with_two_files(desks: Desks, thread: bytes) -> None:
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    page = await files_page(lisboa, thread)
    assert page.headings == ["Send files"]
    report, photo = pdf(700_000), b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
    page = await lisboa.reader.upload(
        page,
        "Send",
        [("relatório médico.pdf", report), ("photo.JPG", photo)],
        {"text": "O relatório do hospital.", "language": "pt"},
    )
    assert page.path == f"/referral/{thread.hex()}"
    assert "Your message is on its way, with 2 files." in page.text
    assert "relatório médico.pdf PDF, 0.7 MB" in page.text
    await until_delivered(lisboa)
    page = await utrecht.reader.get(f"/referral/{thread.hex()}")
    assert "O relatório do hospital." in page.text
    for desk in (lisboa, utrecht):
        page = await desk.reader.get(f"/referral/{thread.hex()}")
        headers, data = await opened(desk, page, "relatório médico.pdf")
        assert data == report
        assert headers["Content-Type"] == "application/pdf"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Length"] == str(len(report))
        assert headers["Content-Disposition"] == (
            'attachment; filename="relat_rio m_dico.pdf"; '
            "filename*=UTF-8''relat%C3%B3rio%20m%C3%A9dico.pdf"
        )
        assert (await opened(desk, page, "photo.JPG"))[1] == photo
        record = await desk.reader.get(f"/referral/{thread.hex()}/access")
        assert record.text.count("Opened a file") == 2
    assert len(on_disk(lisboa)) == len(on_disk(utrecht)) == 2


async def test_files_alone_are_a_message(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    page = await lisboa.reader.upload(await files_page(lisboa, thread), "Send", [("a.pdf", pdf())])
    assert "with 1 file." in page.text
    assert "a.pdf" in page.links()


async def test_adding_now_and_sending_later_keeps_what_was_typed(
    desks: Desks, thread: bytes
) -> None:
    lisboa = desks.desk("lisboa")
    page = await lisboa.reader.upload(
        await files_page(lisboa, thread),
        "Add files, send later",
        [("one.pdf", pdf()), ("two.txt", "Olá".encode())],
        {"text": "Two files", "language": "en"},
    )
    assert page.path == f"/referral/{thread.hex()}/files"
    assert page.headings == ["Send files", "Added (2)"]
    assert page.form("Send").values["text"] == ["Two files"]
    assert (await opened(lisboa, page, "two.txt"))[1] == "Olá".encode()
    page = await lisboa.reader.upload(page, "Remove one.pdf", [])
    assert page.headings == ["Send files", "Added (1)"]
    assert page.form("Send").values["text"] == ["Two files"]
    page = await lisboa.reader.upload(page, "Send", [])
    assert "with 1 file." in page.text
    assert "two.txt" in page.links()
    assert "one.pdf" not in page.links()
    page = await files_page(lisboa, thread)
    assert page.form("Send").values["text"] == [""]


REFUSED = [
    ("empty", "empty.pdf", b""),
    ("program", "holiday.pdf", EXE),
    ("program", "run.txt", b"#!/bin/sh\necho x\n"),
    ("program", "app", b"\x7fELF" + bytes(100)),
    ("web-page", "page.txt", b"\xef\xbb\xbf \n<!DOCTYPE html><html><body></body></html>"),
    ("web-page", "drawing.svg", b'<?xml version="1.0"?><svg onload="x"/>'),
    ("macros", "letter.docm", docx(**{"word__vbaProject.bin": b"x"})),
    (
        "macros",
        "renamed.docx",
        archive(
            {
                "[Content_Types].xml": types(
                    "application/vnd.ms-word.document.macroEnabled.main+xml"
                ),
                "word/document.xml": b"<w/>",
            }
        ),
    ),
    ("macros", "letter.odt", odt(Basic__Standard__Module1=b"Sub x")),
    ("embedded", "letter.docx", docx(**{"word__embeddings__oleObject1.bin": b"MZ"})),
    ("old-office", "letter.doc", OLE),
    ("rich-text", "letter.rtf", rb"{\rtf1 hello}"),
    ("archive", "all.zip", archive({"a.pdf": pdf()})),
    ("archive", "all.rar", b"Rar!\x1a\x07\0" + bytes(50)),
    ("archive", "drawing.odg", odt("graphics")),
    ("sound-or-film", "film.mp4", b"\0\0\0\x18ftypmp42" + bytes(50)),
    ("sound-or-film", "voice.wav", b"RIFF\x10\0\0\0WAVEfmt " + bytes(50)),
    ("text-encoding", "old.txt", "Olá".encode("latin-1")),
    ("text-encoding", "wide.txt", "Olá".encode("utf-16")),
    ("damaged", "cut.docx", docx()[:-10]),
    ("damaged", "glued.docx", docx() + b"more"),
    ("unknown", "data.bin", bytes(range(256))),
]


@pytest.mark.parametrize(
    ("code", "name", "data"), REFUSED, ids=[r[1] + "-" + r[0] for r in REFUSED]
)
async def test_what_is_not_taken_says_why_and_leaves_nothing(
    desks: Desks, thread: bytes, code: str, name: str, data: bytes
) -> None:
    lisboa = desks.desk("lisboa")
    page = await lisboa.reader.upload(
        await files_page(lisboa, thread), "Send", [(name, data)], {"text": "Kept"}, status=422
    )
    assert page.problems == [file_view.refusal(name, code)]
    assert f"“{name}” " in page.problems[0]
    assert page.title.startswith("Error: ")
    assert page.form("Send").values["text"] == ["Kept"]
    assert on_disk(lisboa) == []
    assert await lisboa.office.store.rows("SELECT 1 FROM attachments") == []


def test_every_reason_has_words_and_nearly_every_one_a_case() -> None:
    assert set(file_view._REFUSED) == REFUSALS
    assert {code for code, _, _ in REFUSED} == REFUSALS - {"too-large", "password"}


async def test_one_refused_file_costs_the_others_nothing(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    chosen = [("good.pdf", pdf()), ("bad.exe", EXE), ("also.txt", b"fine")]
    page = await lisboa.reader.upload(
        await files_page(lisboa, thread), "Send", chosen, {"text": "Kept"}, status=422
    )
    assert len(page.problems) == 1
    assert page.headings == ["There is a problem", "Send files", "Added (2)"]
    page = await lisboa.reader.upload(page, "Send", [])
    assert "with 2 files." in page.text


async def test_a_file_that_is_too_large_is_read_to_its_end_and_refused(
    desks: Desks, thread: bytes
) -> None:
    lisboa = desks.desk("lisboa")
    page = await lisboa.reader.upload(
        await files_page(lisboa, thread),
        "Send",
        [("film.pdf", b"%PDF-" + bytes(LARGEST)), ("small.pdf", pdf())],
        status=422,
    )
    assert page.problems == [file_view.refusal("film.pdf", "too-large")]
    assert len(on_disk(lisboa)) == 1


async def test_no_more_than_ten_go_with_one_message(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    chosen = [(f"{number}.txt", b"file %d" % number) for number in range(11)]
    page = await lisboa.reader.upload(await files_page(lisboa, thread), "Send", chosen, status=422)
    assert page.problems == [
        "One message has at most 10 files. “10.txt” was not added: send it with the next message"
    ]
    assert "There is room for no more files." in page.text
    page = await lisboa.reader.upload(page, "Send", [])
    assert "with 10 files." in page.text


async def test_without_a_file_or_a_valid_page_nothing_is_sent(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    page = await files_page(lisboa, thread)
    empty = await lisboa.reader.upload(page, "Send", [], {"text": "Kept"}, status=422)
    assert empty.problems == ["Choose a file"]
    form = empty.form("Send")
    form.values["token"] = ["0" * 32 + ".bad"]
    stale = await lisboa.reader.send_files(form, form.button("Send"), [("a.pdf", pdf())])
    assert stale.status == 422
    assert "This page had become old" in stale.problems[0]
    assert stale.form("Send").values["text"] == ["Kept"]
    assert on_disk(lisboa) == []


async def test_who_was_signed_out_meanwhile_keeps_the_words(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    form = (await files_page(lisboa, thread)).form("Send")
    form.fill({"text": "Kept"})
    lisboa.sessions.end_all()
    page = await lisboa.reader.send_files(form, form.button("Send"), [("a.pdf", pdf())])
    assert page.status == 401
    assert "What you typed is kept. Choose the files again then: they were not kept." in page.text
    assert on_disk(lisboa) == []
    page = await lisboa.reader.submit(page, "Sign in", {"name": lisboa.name, "password": PASSWORD})
    page = await lisboa.reader.submit(page, "Show what I typed", status=422)
    assert page.form("Send").values["text"] == ["Kept"]
    page = await lisboa.reader.upload(page, "Send", [("a.pdf", pdf())])
    assert "with 1 file." in page.text


async def test_sent_twice_it_is_said_once(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    page = await files_page(lisboa, thread)
    form = page.form("Send")
    chosen = [("a.pdf", pdf())]
    first, second = await asyncio.gather(
        lisboa.reader.send_files(form, form.button("Send"), chosen),
        lisboa.reader.send_files(form, form.button("Send"), chosen),
    )
    assert (first.status, second.status) == (200, 200)
    third = await lisboa.reader.send_files(form, form.button("Send"), chosen)
    assert third.path == f"/referral/{thread.hex()}"
    said = await lisboa.office.store.rows("SELECT 1 FROM messages WHERE kind = 'note'")
    assert len(said) == 1
    left = await lisboa.office.exchange.filing.added(lisboa.office.vault, thread)
    assert left == []


async def test_a_form_that_breaks_off_leaves_nothing(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    page = await files_page(lisboa, thread)
    token = page.form("Send").values["token"][0]
    boundary = b"--x\r\n"
    head = (
        boundary
        + b'Content-Disposition: form-data; name="token"\r\n\r\n'
        + token.encode()
        + b"\r\n"
        + boundary
        + b'Content-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    )

    async def cut() -> AsyncIterator[bytes]:
        yield head + pdf(300_000)
        raise ConnectionResetError

    with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
        async with lisboa.reader._client.post(
            page.form("Send").action,
            data=cut(),
            headers={
                "Content-Type": "multipart/form-data; boundary=x",
                "Origin": str(URL(lisboa.base).origin()),
            },
        ):
            pass
    async with asyncio.timeout(5):
        while on_disk(lisboa):  # noqa: ASYNC110 - a folder
            await asyncio.sleep(0.01)
    assert await lisboa.office.store.rows("SELECT 1 FROM attachments") == []


async def test_names_are_made_harmless(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    chosen = [
        ("..\\..\\evil.exe", pdf()),
        ("invoice\u202efdp.js", b"alert(1)"),
        ("<b>q?.txt", b"text"),
        ("CON.pdf", pdf()),
        ("", b""),
        ("ficheiro" * 40 + ".pdf", pdf()),
    ]
    page = await lisboa.reader.upload(await files_page(lisboa, thread), "Send", chosen)
    names = [name for name, href in page.links().items() if "/files/" in href]
    assert names[:4] == ["evil.exe.pdf", "invoicefdp.js.txt", "-b-q-.txt", "_CON.pdf"]
    assert len(names[4]) <= 120
    for name in names:
        headers, _ = await opened(lisboa, page, name)
        assert "evil.exe" in name or ".exe" not in headers["Content-Disposition"]
        assert "\n" not in headers["Content-Disposition"]


async def test_a_damaged_file_is_not_handed_out(desks: Desks, thread: bytes) -> None:
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    await lisboa.reader.upload(await files_page(lisboa, thread), "Send", [("a.pdf", pdf(300_000))])
    await until_delivered(lisboa)
    page = await utrecht.reader.get(f"/referral/{thread.hex()}")
    path = utrecht.office.exchange.core.files.folder / on_disk(utrecht)[0]
    data = bytearray(path.read_bytes())
    data[100_000] ^= 1
    path.write_bytes(data)
    answer = await utrecht.reader.get(page.links()["a.pdf"])
    assert answer.status == 409
    assert "it is not handed out" in answer.text
    path.unlink()
    answer = await utrecht.reader.get(page.links()["a.pdf"])
    assert answer.status == 404
    assert "not here any more" in answer.text
    other = page.links()["a.pdf"][:-64] + hashlib.sha256(b"another").hexdigest()
    assert (await utrecht.reader.get(other)).status == 404


async def test_what_its_sender_calls_by_another_kind_is_not_handed_out(
    desks: Desks, thread: bytes
) -> None:
    """A sender's program may lie about a file; and one that no node takes is not opened either."""
    lisboa, utrecht = desks["lisboa"], desks.desk("utrecht")
    filing, actor = lisboa.exchange.filing, desks.desk("lisboa").actor
    lies = [("a.png", "image/png", pdf()), ("b.exe", "application/pdf", None)]
    for name, kind, data in lies:
        entry = await filing.add(
            lisboa.vault, actor, thread, lambda _: "x.pdf", pieces(data or pdf(9_000))
        )
        row = {**entry.row(), "type": kind, "name": name}
        if data is None:
            row["size"] = entry.size - 1  # of the same step, and not what was sealed
        body = {"form": "note", "author": AUTHOR, "language": "en", "files": [row]}
        await lisboa.exchange.voice.say(lisboa.vault, actor, thread, NOTE, Head(), body)
    await until_delivered(desks.desk("lisboa"))
    page = await utrecht.reader.get(f"/referral/{thread.hex()}")
    for name in ("a.png", "b.exe.pdf"):
        answer = await utrecht.reader.get(page.links()[name])
        assert answer.status == 409
        assert "not what its sender’s node says it is" in answer.text


async def test_only_these_pages_may_run_our_script(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    page = await files_page(lisboa, thread)
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("; script-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    scripts = page.root.all("script")
    assert [s.text for s in scripts] == [""]
    case = await lisboa.reader.get(f"/referral/{thread.hex()}")
    assert "script-src" not in case.headers["Content-Security-Policy"]
    assert case.root.all("script") == []


async def test_our_script_is_told_where_to_go(desks: Desks, thread: bytes) -> None:
    lisboa = desks.desk("lisboa")
    form = (await files_page(lisboa, thread)).form("Send")
    body = aiohttp.FormData(default_to_multipart=True)
    for name, value in form.pairs(form.button("Send")):
        if name != "file":
            body.add_field(name, value)
    body.add_field("file", pdf(), filename="a.pdf")
    headers = {"Origin": str(URL(lisboa.base).origin()), "X-Upload": "script"}
    async with lisboa.reader._client.post(form.action, data=body, headers=headers) as answer:
        assert answer.status == 204
        assert answer.headers["X-Go"] == f"/referral/{thread.hex()}"


# drafts


async def test_the_files_of_a_draft_go_with_the_referral(desks: Desks) -> None:
    lisboa, utrecht = desks.desk("lisboa"), desks.desk("utrecht")
    draft = await ready(desks)
    check = await lisboa.reader.get(f"/new/{draft.hex()}/check")
    assert "Files Change files" in check.headings
    page = await lisboa.reader.get(f"/new/{draft.hex()}/files")
    page = await lisboa.reader.upload(page, "Add files", [("report.docx", docx())])
    assert page.headings == ["Files", "Added (1)"]
    assert (await opened(lisboa, page, "report.docx"))[1] == docx()
    old = check.form(SEND)
    page = await lisboa.reader.upload(page, "Continue", [])
    assert page.path == f"/new/{draft.hex()}/check"
    assert "Word text report.docx" in page.text
    stale = await lisboa.reader.send(old, old.button(SEND))
    assert stale.status == 422
    assert "The draft was changed" in stale.problems[0]
    sent = await lisboa.reader.submit(page, SEND)
    assert sent.path.startswith("/referral/")
    await until_delivered(lisboa)
    thread = sent.path.rsplit("/", 1)[1]
    await utrecht.sign_in()
    received = await utrecht.reader.get(f"/referral/{thread}")
    assert "Files" in received.headings
    assert (await opened(utrecht, received, "report.docx"))[1] == docx()
    assert await lisboa.office.store.rows("SELECT 1 FROM attachments WHERE owner IS NOT NULL") == []


async def test_a_draft_takes_its_files_with_it(desks: Desks) -> None:
    lisboa = desks.desk("lisboa")
    draft = await ready(desks)
    page = await lisboa.reader.get(f"/new/{draft.hex()}/files")
    page = await lisboa.reader.upload(page, "Add files", [("a.pdf", pdf())])
    page = await lisboa.reader.get(f"/new/{draft.hex()}/delete")
    await lisboa.reader.submit(page, "Delete this draft")
    states = await lisboa.office.store.rows("SELECT state, private FROM attachments")
    assert [tuple(row) for row in states] == [("dropped", None)]


async def test_files_that_the_consent_withholds_stay(desks: Desks) -> None:
    lisboa = desks.desk("lisboa")
    withheld = {"withheld__0__part": "files", "withheld__0__reason": "not-agreed"}
    draft = await ready(desks, **withheld)
    page = await lisboa.reader.get(f"/new/{draft.hex()}/files")
    page = await lisboa.reader.upload(page, "Add files", [("a.pdf", pdf())])
    page = await lisboa.reader.upload(page, "Continue", [])
    assert "You withhold files: those that you added are not sent." in page.text
    assert "a.pdf" not in page.links()
    sent = await lisboa.reader.submit(page, SEND)
    assert sent.path.startswith("/referral/")
    states = await lisboa.office.store.rows("SELECT state FROM attachments")
    assert [row["state"] for row in states] == ["dropped"]


def test_a_name_of_nothing_is_called_this_file() -> None:
    assert file_view.refusal("\u202e", "unknown").startswith("This file is of no kind")
