"""A name that somebody typed about a case lies nowhere in the clear: not in a file, log or metric.

Unmistakable names go into a referral, a note, a draft, a search and into every place of a request
where a name does not belong; then everything that both nodes and the directory wrote or said is
searched for them. A positive control proves that the search finds each form.
"""

import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import structlog

from fed_member import PASSWORD, Member
from federation import DIRECTORY, Federation
from planted import ARABIC, CYRILLIC, LATIN, NAMES, Search, dressings, encodings, escapes, spellings
from referral_node import logs
from referral_node.exchange import Said
from referral_node.store import Tx
from referral_protocol import forms
from referral_protocol.examples import referral
from referral_protocol.statements import NOTE, STATE, Head

ALL = " ".join(NAMES)


@pytest.fixture(scope="module")
def search() -> Search:
    return Search()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """Everything that production's logging writes, at the level that says the most."""
    lines = StringIO()
    monkeypatch.setattr("sys.stderr", lines)
    logs.set_up("debug")
    yield lines
    structlog.reset_defaults()


@pytest.fixture
async def fed(
    tmp_path: Path, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Federation]:
    """Temporary files would be made among the files that are searched."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert log is not None
    async with Federation(tmp_path / "all", "lisboa", "utrecht") as made:
        yield made


# the search itself


def test_each_form_is_found_wherever_it_stands(search: Search) -> None:
    """The positive control: every word, spelling, encoding and dressing, between other bytes."""
    seen = 0
    for name in NAMES:
        for word in name.split():
            for spelled in spellings(word):
                made = [d for _, data in encodings(spelled) for _, d in dressings(data)]
                made += [escaped for _, escaped in escapes(spelled)]
                for form in made:
                    for before in (b"", b"\x00", b"ab", b"xyz"):
                        assert search.find(os.urandom(50) + before + form + b"\x00after"), form
                    seen += 1
    assert seen > 1000


@pytest.mark.parametrize("name", NAMES)
def test_real_writers_of_each_form_are_found_out(search: Search, name: str) -> None:
    """Not our own dressings, but what libraries make of a sentence with the name in it."""
    import base64
    from html import escape

    text = f"Dear {name}, we have written to you."
    made = {
        "json": json.dumps({"text": text}).encode(),
        "json, plain": json.dumps({"text": text}, ensure_ascii=False).encode(),
        "address": quote(text).encode(),
        "form": quote(text.upper(), safe="").encode(),
        "python": repr(text.encode()).encode(),
        "ascii": ascii(text).encode(),
        "html": escape(text).encode("ascii", "xmlcharrefreplace"),
        "utf-16": text.encode("utf-16"),
        "hex": text.encode().hex().encode(),
    }
    for lead in range(3):
        made[f"base64 {lead}"] = base64.b64encode(b"." * lead + text.encode())
        made[f"urlsafe {lead}"] = base64.urlsafe_b64encode(b"." * lead + text.encode("utf-16-le"))
    for how, data in made.items():
        assert search.find(data), f"{how}: {data!r}"


def test_nothing_is_found_where_nothing_is(search: Search) -> None:
    assert search.find(os.urandom(4 * 1024 * 1024)) == set()
    assert search.find("Оксана Ткаченко, Oksana Tkachenko".encode() * 100) == set()


async def test_what_a_node_writes_in_the_clear_is_found(fed: Federation, search: Search) -> None:
    """In the database and its log, while it runs: had a case been written, it would be seen."""
    utrecht = fed["utrecht"]

    async def work(tx: Tx) -> None:
        for number, name in enumerate(NAMES):
            await tx.execute(
                "INSERT INTO facts (name, value) VALUES (?, ?)", (f"test {number}", name)
            )

    await utrecht.store.write(work)
    found = search.folder(utrecht.folder.path)
    assert {words.split(":")[0] for hits in found.values() for words in hits} == set(ALL.split())


# the story


def planted(value: object) -> object:
    """Every text of a content with all the names in it; codes, dates and ids as they are."""
    if isinstance(value, dict):
        return {key: planted(each) if key not in _KEPT else each for key, each in value.items()}
    if isinstance(value, list):
        return [planted(each) for each in value]
    if isinstance(value, str) and " " in value:
        return f"{value} {ALL}"
    return value


_KEPT = {"author", "form", "telephone", "hours", "times"}


async def referred(fed: Federation) -> Said:
    """A referral full of names, sent, read, answered and talked about."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    content, _ = forms.body(referral(utrecht.id, fed.clock.now))
    full = planted(content)
    assert isinstance(full, dict)
    full["who"] |= {"name": CYRILLIC, "name_latin": LATIN, "name_to_use": ARABIC}
    said: Said = await lisboa.exchange.voice.open(
        lisboa.vault(),
        lisboa.actor,
        recipient=utrecht.id,
        head=Head("referral", "urgent", fed.clock.now + 3 * 24 * 3_600_000, None),
        content=full,
    )
    await fed.read_all()
    assert await utrecht.exchange.voice.received(utrecht.vault(), utrecht.actor, said.thread)
    await utrecht.say(said.thread, STATE, Head(state="accepted"), form="answer", text=ALL)
    for member, name in ((lisboa, CYRILLIC), (utrecht, ARABIC), (lisboa, LATIN)):
        await fed.read_all()
        await member.say(said.thread, NOTE, Head(), form="note", text=f"About {name}: {ALL}")
    # One that waits for its recipient, one that is refused, one that cannot be read.
    fed.link("lisboa", "utrecht").cut()
    await lisboa.say(said.thread, NOTE, Head(), form="note", text=f"Later: {ALL}")
    return said


async def typed(member: Member, said: Said) -> None:
    """The same names by hand: in a draft, in searches, and where they do not belong."""
    reader = member.page()
    page = await member.sign_in()
    assert page.status == 200
    page = await reader.get("/new")
    page = await reader.submit(
        page,
        "Save and continue",
        {"name": CYRILLIC, "name_latin": LATIN, "name_to_use": ARABIC, "case_number": LATIN},
    )
    form = page.forms()[-1]
    for name in sorted(form.free)[:8]:
        form.values[name] = [ALL]
    await reader.send(form, form.buttons[0])
    for path in (
        f"/find?q={quote(ALL)}&language={quote(LATIN)}&need={quote(ARABIC)}",
        f"/referrals?which={quote(CYRILLIC)}&page={quote(ARABIC)}&name={quote(LATIN)}",
        f"/{quote(CYRILLIC)}/{quote(LATIN)}",
        f"/referral/{said.thread.hex()}?{quote(ALL)}",
        f"/referral/{quote(ALL)}",
        f"/new/{quote(LATIN)}/who",
        f"/organisation/{quote(ARABIC)}",
        f"/sign-in?to=/{quote(LATIN)}",
    ):
        async with aiohttp.ClientSession() as strange:
            for client in (strange, reader._client):
                async with client.get(
                    f"{reader.base.rstrip('/')}{path}",
                    headers={
                        "User-Agent": LATIN,
                        "Referer": f"http://x/{quote(ALL)}",
                        "X-Name": quote(CYRILLIC),
                        "Cookie": f"a={quote(LATIN)}",
                    },
                ) as answer:
                    await answer.read()
    # As a name to sign in with, as a form that was not asked for, as a file, as rubbish.
    asked = await reader.get("/sign-in")
    async with aiohttp.ClientSession() as strange:
        base = reader.base.rstrip("/")
        for data in ({"name": ALL, "password": ALL}, {LATIN: ARABIC}):
            async with strange.post(f"{base}/sign-in", data=data) as answer:
                await answer.read()
        async with strange.post(f"{base}/new", data=ALL.encode()) as answer:
            await answer.read()
        for port in (member.port, member.node.ports["metrics"]):
            for path in (f"/v1/{quote(LATIN)}", f"/metrics?{quote(ALL)}"):
                async with strange.get(f"http://127.0.0.1:{port}{path}") as answer:
                    await answer.read()
            async with strange.post(
                f"http://127.0.0.1:{port}/v1/parcels",
                data=ALL.encode(),
                headers={"Content-Type": "application/vnd.referral-exchange.parcel"},
            ) as answer:
                await answer.read()
    assert asked.status == 200


async def filed(member: Member, said: Said) -> None:
    """The same names in files: one is sent, one refused, one only added, one in a draft; what was
    sent is opened."""
    reader = member.page()
    path = f"/referral/{said.thread.hex()}"
    text = (ALL * 5_000).encode()  # longer than a chunk of its ciphertext
    page = await reader.get(f"{path}/files")
    page = await reader.upload(page, "Send", [(f"{LATIN}.txt", text)], {"text": ALL})
    link = next(href for href in page.links().values() if href.startswith(f"{path}/files/"))
    status, headers, data = await reader.raw(link)
    assert (status, data) == (200, text)
    assert quote(LATIN) in headers["Content-Disposition"]
    page = await reader.get(f"{path}/files")
    bad = [(f"{CYRILLIC}.exe", b"MZ" + ALL.encode() + bytes(10)), (f"{ARABIC}.txt", text)]
    page = await reader.upload(page, "Send", bad, {"text": ALL}, status=422)
    assert CYRILLIC in page.text
    draft = (await member.exchange.drafts.all(member.vault()))[0]
    page = await reader.get(f"/new/{draft.id.hex()}/files")
    await reader.upload(page, "Add files", [(f"{LATIN}.txt", text)])
    for where in (f"{path}/files/{quote(ALL)}", f"/new/{quote(LATIN)}/files"):
        await reader.get(where)


async def said_by(member: Member) -> dict[str, bytes]:
    """What a node tells anybody but its keyholders."""
    ports = member.node.ports
    operations = member.node.operations().handlers()
    async with aiohttp.ClientSession() as client:
        found = {}
        for name in ("metrics", "health"):
            async with client.get(f"http://127.0.0.1:{ports['metrics']}/{name}") as answer:
                found[name] = await answer.read()
        async with client.get(f"http://127.0.0.1:{ports['exchange']}/v1/prekey") as answer:
            found["prekey"] = await answer.read()
    found["status"] = json.dumps(await operations["status"]({}), ensure_ascii=False).encode()
    found["users"] = json.dumps(await operations["users"]({}), ensure_ascii=False).encode()
    return found


async def test_names_lie_nowhere_in_the_clear(
    fed: Federation,
    search: Search,
    log: StringIO,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    for member in (lisboa, utrecht):
        await typed(member, said)
        await filed(member, said)
    # The names are really there, for those who may read them.
    shown = await utrecht.view(said.thread)
    assert shown.opener is not None
    assert shown.opener["who"]["name"] == CYRILLIC
    assert sum(ALL in str(m.content) for m in shown.messages) >= 4
    for member in (lisboa, utrecht):
        assert len(member.exchange.core.files.names()) >= 3
    page = await utrecht.page().get(f"/referral/{said.thread.hex()}")
    assert page.status == 200
    assert all(name in page.text for name in NAMES)
    assert len(await lisboa.exchange.drafts.all(lisboa.vault())) >= 1

    everywhere: dict[str, set[str]] = {}
    for member in (lisboa, utrecht):
        for what, data in (await said_by(member)).items():
            everywhere[f"{member.name}: {what}"] = search.find(data)
    for a in ("lisboa", "utrecht"):
        for b in ("lisboa", "utrecht", DIRECTORY):
            if a != b:
                sent = b"".join(request.data for request in fed.link(a, b).requests)
                assert sent
                everywhere[f"{a} to {b}"] = search.find(sent)
    # While all of it runs, with its write-ahead logs; and after everything was closed.
    assert (lisboa.folder.path / "node.db-wal").stat().st_size > 0
    everywhere |= {f"running: {k}": v for k, v in search.folder(tmp_path).items()}
    for member in (lisboa, utrecht):
        await member.stop()
    await fed.stop_directory()
    everywhere |= {f"stopped: {k}": v for k, v in search.folder(tmp_path).items()}
    written = log.getvalue()
    assert "parcel.held" in written
    assert "signed-in" in written
    everywhere["log"] = search.find(written.encode())
    everywhere["other logs"] = search.find(caplog.text.encode())
    assert {place: hits for place, hits in everywhere.items() if hits} == {}
    assert search.find(PASSWORD.encode()) == set()


async def test_names_do_not_outlive_what_they_were_in(
    fed: Federation, search: Search, tmp_path: Path
) -> None:
    """The same after a crash, and of a draft that was thrown away."""
    lisboa = fed["lisboa"]
    said = await referred(fed)
    fed.link("lisboa", "utrecht").mend()
    draft = await lisboa.exchange.drafts.create(lisboa.vault(), lisboa.actor)
    await lisboa.exchange.drafts.discard(lisboa.actor, draft)
    await lisboa.crash()
    assert search.folder(tmp_path) == {}
    await lisboa.start()
    await fed.read_all()
    assert ALL in str((await lisboa.view(said.thread)).messages[-1].content)
    assert search.folder(tmp_path) == {}
