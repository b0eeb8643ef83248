"""Files that are added to a message or a draft, and sent with it.

Law: a file is encrypted while it comes; nothing of it lies anywhere in the clear. What is sent is
what the page showed and what came with its form. Only the pages of this module run a script, ours,
which shows how far an upload is; they show nothing of a case but names of files and the message
that is being written.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from referral_node.exchange import (
    FileEntry,
    FilesGone,
    NotAllowed,
    TooMany,
    author,
)
from referral_node.exchange.files.filing import rows_of
from referral_node.exchange.files.kinds import RefusedFile
from referral_node.exchange.files.names import safe_name, shown_name
from referral_node.store import StoreError
from referral_node.web import faults, file_view, top_lines
from referral_node.web.act_view import languages_near
from referral_node.web.case import Case
from referral_node.web.file_view import FileLink, link
from referral_node.web.kept import OtherContent
from referral_node.web.pages.at_hand import at_hand, draft_of
from referral_node.web.pages.referral import case_of, look
from referral_node.web.routing import Handler, Route, get, post
from referral_node.web.uploading import led, read_upload
from referral_node.web.visit import STALE, Posted, Visit
from referral_protocol import forms
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import MAX_ATTACHMENTS, NOTE, Head
from referral_ui.formdata import FormData
from referral_ui.forms import Form
from referral_ui.http import with_script
from referral_ui.parts import Text
from referral_ui.problems import Problem

_FIELDS: Final = ("text", "language", "file")
_TOO_MANY: Final = (
    f"One message has at most {MAX_ATTACHMENTS} files. “{{name}}” was not added: send it with the"
    " next message"
)
_NOTHING: Final = "Choose a file"
_GONE: Final = (
    "The list of files has changed meanwhile, so nothing was sent. Look at it, then send it"
)


@dataclass(frozen=True)
class FilesPage:
    """All that the template draws. ``message``: a text goes with the files."""

    title: str
    heading: str
    caption: Text
    lead: Text
    back_href: str
    back_text: str
    action: str
    added: tuple[FileLink, ...]
    room: int
    message: bool
    hint: str = file_view.OF_EACH


@dataclass(frozen=True)
class _Came:
    """A form that came: what was added, and why the rest was not."""

    posted: Posted
    added: tuple[FileEntry, ...]
    refused: tuple[str, ...]

    @property
    def do(self) -> str:
        return self.posted.data.get("do")


# What comes.


async def _receive(visit: Visit, owner: bytes) -> _Came:
    """Read the form, take its files for ``owner``. If this very form came before, this goes where
    it led, and what came a second time does not stay."""
    added: list[FileEntry] = []
    refused: list[str] = []
    filing = visit.exchange.filing

    async def take(name: str, pieces: AsyncIterator[bytes]) -> None:
        try:
            entry = await filing.add(
                visit.vault, visit.actor, owner, lambda kind: safe_name(name, kind), pieces
            )
        except RefusedFile as refusal:
            refused.append(file_view.refusal(name, refusal.code))
        except TooMany:
            refused.append(_TOO_MANY.format(name=shown_name(name)))
        except StoreError as error:
            refused.append(faults.of_store(error))
        else:
            added.append(entry)

    posted = await read_upload(visit, take)
    if posted.stale:
        return _Came(posted, (), (STALE,))
    try:
        where = await visit.led(posted)
    except OtherContent:
        return _Came(Posted(posted.data, posted.nonce, True), tuple(added), (STALE,))
    came = _Came(posted, tuple(added), tuple(refused))
    if where is not None:
        await _take_back(visit, came, owner)
        raise web.HTTPSeeOther(where)
    return came


async def _take_back(visit: Visit, came: _Came, owner: bytes) -> None:
    for entry in came.added:
        await visit.exchange.filing.remove(visit.actor, owner, entry.hash)


async def _shown(visit: Visit, came: _Came, owner: bytes) -> list[FileEntry] | None:
    """The files that the page showed, and those that came with it; None if one is there no more."""
    there = await visit.exchange.filing.added(visit.vault, owner)
    wanted = {*came.posted.data.all("kept"), *(entry.hash.hex() for entry in came.added)}
    found = [entry for entry in there if entry.hash.hex() in wanted]
    return found if len(found) == len(wanted) else None


async def _removed(visit: Visit, came: _Came, owner: bytes) -> bool:
    """Whether the form asked to take a file away; then that is done."""
    does, _, named = came.do.partition(":")
    if does != "remove" or len(named) != 64 or set(named) - set("0123456789abcdef"):
        return False
    await visit.exchange.filing.remove(visit.actor, owner, bytes.fromhex(named))
    return True


def _form(data: FormData | dict[str, str], errors: tuple[str, ...] = ()) -> Form:
    form = Form(_FIELDS, data)
    for words in errors:
        form.wrong_because("", words, "file")
    return form


# Files with a message.


async def show(visit: Visit) -> web.StreamResponse:
    """A message with files, as far as it is written."""
    case = await look(visit)
    typed = visit.kept.typed.get(case.view.id, {"language": case.language})
    return await _page(visit, case, _form(typed))


async def send(visit: Visit) -> web.StreamResponse:
    """The form came back, with files or without."""
    case = await case_of(visit)
    thread = case.view.id
    if case.view.erased_at is not None:
        raise Problem(409, "erased", "This case was erased: nothing can be added to it.")
    came = await _receive(visit, thread)
    data = came.posted.data
    base = f"/referral/{thread.hex()}"
    if came.refused:
        return await _page(visit, case, _form(data, came.refused), status=422)
    if await _removed(visit, came, thread) or came.do == "add":
        if came.do == "add" and not came.added:
            return await _page(visit, case, _form(data, (_NOTHING,)), status=422)

        async def back() -> str:
            visit.kept.typed[thread] = {name: data.get(name) for name in ("text", "language")}
            return f"{base}/files"

        return await visit.once(came.posted, back)
    entries = await _shown(visit, came, thread)
    if entries is None:
        return await _page(visit, case, _form(data, (_GONE,)), status=409)
    content = {
        "form": "note",
        "topic": "message",
        "author": author(visit.actor),
        "language": data.get("language"),
        "text": data.get("text"),
        "files": rows_of(entries),
    }
    draft = forms.tidy(content)
    errors = _wrong(draft, data, entries, visit.now)
    if errors is not None:
        return await _page(visit, case, errors, status=422)

    said = False

    async def say() -> str:
        nonlocal said
        body, _ = forms.body(draft)
        await visit.exchange.voice.say(visit.vault, visit.actor, thread, NOTE, Head(), body)
        said = True
        visit.kept.typed.pop(thread, None)
        visit.tell_sent(f"Your message is on its way, with {file_view.counted(len(entries))}.")
        return base

    try:
        response = await visit.once(came.posted, say)
        if not said:  # pressed twice: what came the second time does not stay
            await _take_back(visit, came, thread)
        return response
    except NotAllowed:
        late = f"{top_lines.meanwhile(await case_of(visit))} So this was not sent"
        return await _page(visit, case, _form(data, (late,)), status=409)
    except FilesGone:
        return await _page(visit, case, _form(data, (_GONE,)), status=409)
    except StoreError as error:
        return await _page(visit, case, _form(data, (faults.of_store(error),)), status=503)
    except ProtocolError as error:
        return await _page(visit, case, _form(data, (faults.of_protocol(error),)), status=422)


def _wrong(
    draft: dict[str, Any], data: FormData, entries: list[FileEntry], now: int
) -> Form | None:
    """The form with what is wrong with the message; None if it may go."""
    form = _form(data)
    if not entries:
        form.wrong_because("file", _NOTHING)
    for problem in forms.validate(draft, for_writing=True, now=now):
        name = str(problem.path[0]) if problem.path else ""
        if name in ("text", "language"):
            form.wrong_because(name, problem.words)
        elif name != "files" or not form.problems:
            form.wrong_because("", problem.words, "file")
    return None if form.valid else form


async def _page(visit: Visit, case: Case, form: Form, *, status: int = 200) -> web.StreamResponse:
    base = f"/referral/{case.view.id.hex()}"
    entries = await visit.exchange.filing.added(visit.vault, case.view.id)
    page = FilesPage(
        title="Send files",
        heading="Send files",
        caption=case.subject.full,
        lead="Becomes part of the case. Only they can read it. Files that you add and do not send"
        " are removed after two days.",
        back_href=base,
        back_text="Back to the referral",
        action=f"{base}/files",
        added=tuple(link(entry, f"{base}/files") for entry in entries),
        room=MAX_ATTACHMENTS - len(entries),
        message=True,
    )
    return with_script(
        visit.page(
            "files.html",
            status=status,
            page=page,
            form=form,
            languages=languages_near(case),
            peer=case.peer.plain,
        )
    )


# Files of a draft.


async def show_draft(visit: Visit) -> web.StreamResponse:
    """The files of a draft."""
    draft = await draft_of(visit, visit.request.match_info["draft"])
    return await _draft_page(visit, draft.id, _form({}))


async def save_draft(visit: Visit) -> web.StreamResponse:
    """The form came back: files were added, one was taken away, or it goes on."""
    draft = await draft_of(visit, visit.request.match_info["draft"])
    came = await _receive(visit, draft.id)
    if came.refused:
        return await _draft_page(visit, draft.id, _form({}, came.refused), status=422)
    removed = await _removed(visit, came, draft.id)
    if came.do == "add" and not came.added:
        return await _draft_page(visit, draft.id, _form({}, (_NOTHING,)), status=422)
    base = f"/new/{draft.id.hex()}"

    async def on() -> str:
        return f"{base}/files" if removed or came.do == "add" else f"{base}/check"

    return await visit.once(came.posted, on)


async def _draft_page(
    visit: Visit, named: bytes, form: Form, *, status: int = 200
) -> web.StreamResponse:
    base = f"/new/{named.hex()}"
    draft = await draft_of(visit, named.hex())
    hand = at_hand(visit, draft)
    entries = await visit.exchange.filing.added(visit.vault, named)
    page = FilesPage(
        title="New referral: files",
        heading="Files",
        caption=hand.person.full if hand.person.known else "New referral",
        lead="They go with the referral as they are. Nothing has been sent.",
        back_href=f"{base}/check",
        back_text="Back to check before sending",
        action=f"{base}/files",
        added=tuple(link(entry, f"{base}/files") for entry in entries),
        room=MAX_ATTACHMENTS - len(entries),
        message=False,
    )
    return with_script(visit.page("files.html", status=status, page=page, form=form))


def _scripted(handler: Handler) -> Handler:
    """What our own script posts is told where to go."""

    async def handle(visit: Visit) -> web.StreamResponse:
        try:
            return led(visit.request, await handler(visit))
        except web.HTTPSeeOther as onward:
            return led(visit.request, visit.go(str(onward.location)))

    return handle


routes: Final[list[Route]] = [
    get("/referral/{thread}/files", show),
    post("/referral/{thread}/files", _scripted(send)),
    get("/new/{draft}/files", show_draft),
    post("/new/{draft}/files", _scripted(save_draft)),
]
