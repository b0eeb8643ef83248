"""Files as a page shows them: their names, what they are, where they are opened. Pure.

Law: a name is what somebody else typed: it stands isolated, made harmless, and ends as its kind
does. Hash and key are for the machine: they open the file, and tell a reader nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from referral_node.exchange import FileEntry, entry_of
from referral_node.exchange.files.kinds import KINDS
from referral_node.exchange.files.names import safe_name, shown_name
from referral_ui import numbers
from referral_ui.parts import Text

_WORDS: Final = {
    "pdf": "PDF",
    "png": "Picture",
    "jpeg": "Picture",
    "gif": "Picture",
    "webp": "Picture",
    "tiff": "Picture",
    "heic": "Picture",
    "docx": "Word text",
    "xlsx": "Excel sheet",
    "pptx": "PowerPoint slides",
    "odt": "OpenDocument text",
    "ods": "OpenDocument sheet",
    "odp": "OpenDocument slides",
    "text": "Text",
}
_BY_TYPE: Final = {kind.type: kind for kind in KINDS.values()}
OF_EACH: Final = (
    "PDF, pictures, Word, Excel, PowerPoint, OpenDocument and plain text. Up to 50 MB each, and 10"
    " with one message. No programs, macros, web pages or archives."
)
_REFUSED: Final = {
    "empty": "{name} is empty. Choose the file again, or another one",
    "too-large": "{name} is larger than 50 MB. Make it smaller, or send it in parts",
    "program": "{name} is a program or a script. Programs are not sent: they could do harm where"
    " they are opened",
    "web-page": "{name} is a web page or a drawing that may run a script. Save it as PDF",
    "macros": "{name} has macros, which are programs. Save it without them, or as PDF",
    "embedded": "{name} holds an object of another program. Save it as PDF",
    "old-office": "{name} is of an old Office format, or has a password. Save it as DOCX, XLSX,"
    " PPTX or PDF, without a password",
    "rich-text": "{name} is rich text (RTF), which may hold programs. Save it as DOCX or PDF",
    "archive": "{name} is an archive. Send the files in it one by one",
    "password": "{name} has a password, so it cannot be checked. Save it without; here it is"
    " encrypted anyway",
    "sound-or-film": "{name} is a sound or a film. Those are not sent here",
    "text-encoding": "{name} is text in an encoding that cannot be told. Save it as UTF-8, or as"
    " PDF",
    "damaged": "{name} is damaged, or not what it says. Open it, save it anew, and choose it again",
    "unknown": "{name} is of no kind that is sent here. Save it as PDF, if you can",
}


@dataclass(frozen=True)
class FileLink:
    """One file on a page. ``named``: its hash in hex."""

    name: Text
    plain: str
    kind: str
    size: str
    href: str
    named: str

    @property
    def detail(self) -> str:
        """What stands behind the name."""
        return f"{self.kind}, {self.size}"


def link(entry: FileEntry, base: str) -> FileLink:
    """A file whose page is below ``base``."""
    kind = _BY_TYPE.get(entry.type)
    plain = safe_name(entry.name, kind) if kind else shown_name(entry.name) or "A file"
    said = _WORDS[kind.code] if kind else f"Of a kind that is not opened here ({entry.type})"
    named = entry.hash.hex()
    return FileLink(
        Markup('<bdi class="as-written">{}</bdi>').format(plain),
        plain,
        said,
        numbers.size(entry.size),
        f"{base}/{named}",
        named,
    )


def links(content: Mapping[str, Any], base: str) -> tuple[FileLink, ...]:
    """The files of a content."""
    rows = content.get("files")
    if not isinstance(rows, list | tuple):
        return ()
    found = [entry_of(row) for row in rows if isinstance(row, Mapping)]
    return tuple(link(entry, base) for entry in found if entry is not None)


def refusal(name: str, code: str) -> str:
    """Why a file is not taken, by its name."""
    shown = shown_name(name)
    return _REFUSED[code].format(name=f"“{shown}”" if shown else "This file")


def counted(count: int) -> str:
    """ "1 file", "3 files"."""
    return f"{count} file" if count == 1 else f"{count} files"
