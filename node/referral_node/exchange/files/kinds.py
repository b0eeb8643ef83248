"""Which files are taken: what a file is, is seen in its bytes, never in its name.

Law: a short list; everything else is refused with a code that says why. What could run when it is
opened (programs, scripts, web pages, macros) is on no list. Nothing is unpacked but the small table
of contents of an office document. Only the beginning and the end of a file are kept in memory.
"""

import codecs
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Final, NamedTuple

HEAD: Final = 64 * 1024
"""Bytes of the beginning that are kept: every signature, mostly the types of an office document."""
TAIL: Final = 1024 * 1024
"""Bytes of the end: the directory of an office document."""
_CONTENT_TYPES: Final = "[content_types].xml"


@dataclass(frozen=True)
class Kind:
    """A kind of file that is taken. The first of its ``extensions`` is given to names without."""

    code: str
    type: str
    extensions: tuple[str, ...]


_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_ODF: Final = "application/vnd.oasis.opendocument."

KINDS: Final[dict[str, Kind]] = {
    kind.code: kind
    for kind in (
        Kind("pdf", "application/pdf", ("pdf",)),
        Kind("png", "image/png", ("png",)),
        Kind("jpeg", "image/jpeg", ("jpg", "jpeg")),
        Kind("gif", "image/gif", ("gif",)),
        Kind("webp", "image/webp", ("webp",)),
        Kind("tiff", "image/tiff", ("tif", "tiff")),
        Kind("heic", "image/heic", ("heic", "heif")),
        Kind("docx", _OFFICE + "wordprocessingml.document", ("docx",)),
        Kind("xlsx", _OFFICE + "spreadsheetml.sheet", ("xlsx",)),
        Kind("pptx", _OFFICE + "presentationml.presentation", ("pptx",)),
        Kind("odt", _ODF + "text", ("odt",)),
        Kind("ods", _ODF + "spreadsheet", ("ods",)),
        Kind("odp", _ODF + "presentation", ("odp",)),
        Kind("text", "text/plain", ("txt", "csv", "md", "log")),
    )
}

REFUSALS: Final = frozenset(
    {
        "empty",
        "too-large",
        "program",
        "web-page",
        "macros",
        "embedded",
        "old-office",
        "rich-text",
        "archive",
        "password",
        "sound-or-film",
        "text-encoding",
        "damaged",
        "unknown",
    }
)


class RefusedFile(Exception):
    """A file that is not taken. ``code`` is one of REFUSALS."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


# What a file begins with, in the order in which it is looked for.
_TAKEN: Final = (
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)
_REFUSED: Final = (
    (b"MZ", "program"),
    (b"\x7fELF", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"\xfe\xed\xfa", "program"),
    (b"\xce\xfa\xed\xfe", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"#!", "program"),
    (b"L\0\0\0\x01\x14\x02\0", "program"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old-office"),
    (b"{\\rtf", "rich-text"),
    (b"Rar!", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\0", "archive"),
    (b"PK\x05\x06", "archive"),
    (b"ID3", "sound-or-film"),
    (b"OggS", "sound-or-film"),
    (b"fLaC", "sound-or-film"),
    (b"\x1a\x45\xdf\xa3", "sound-or-film"),
    (b"\xff\xfe", "text-encoding"),
    (b"\xfe\xff", "text-encoding"),
)
_LETTERS: Final = frozenset({b"MZ", b"Rar!", b"BZh", b"ID3", b"OggS", b"fLaC"})
_HEIC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_MARKUP: Final = re.compile(
    rb"\s*<(?:!doctype|!--|\?xml|\?php|html|head|body|svg|script|iframe|[a-z]+[\s>])", re.IGNORECASE
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class Inspection:
    """Looks at a file while it passes. ``add`` its pieces, then ask for its ``kind``."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._length = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = True

    def add(self, piece: bytes) -> None:
        """The next bytes of the file."""
        self._length += len(piece)
        self._head += piece[: max(0, HEAD - len(self._head))]
        self._tail += piece[-TAIL:]
        del self._tail[:-TAIL]
        self._read(piece)

    def _read(self, piece: bytes, final: bool = False) -> None:
        if self._text:
            try:
                text = self._decoder.decode(piece, final)
            except UnicodeDecodeError:
                self._text = False
            else:
                self._text = _CONTROL.search(text) is None

    def kind(self) -> Kind:
        """What it is. Raises RefusedFile."""
        head = bytes(self._head)
        if not self._length:
            raise RefusedFile("empty")
        if head.startswith(b"PK\x03\x04"):
            return KINDS[_Container(head, bytes(self._tail), self._length).kind()]
        for sign, code in _TAKEN:
            if head.startswith(sign):
                return KINDS[code]
        if head.startswith(b"RIFF"):
            if head[8:12] == b"WEBP":
                return KINDS["webp"]
            raise RefusedFile("sound-or-film")
        if head[4:8] == b"ftyp":
            if head[8:12] in _HEIC:
                return KINDS["heic"]
            raise RefusedFile("sound-or-film")
        self._read(b"", final=True)
        for sign, code in _REFUSED:
            # A text may begin with the letters that a machine's file begins with.
            if head.startswith(sign) and not (self._text and sign in _LETTERS):
                raise RefusedFile(code)
        return self._plain_text(head)

    def _plain_text(self, head: bytes) -> Kind:
        if not self._text:
            # Text of another encoding has no bytes that only machines write.
            legible = not any(byte < 9 or 13 < byte < 32 for byte in head)
            raise RefusedFile("text-encoding" if legible else "unknown")
        if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
            raise RefusedFile("web-page")
        return KINDS["text"]


class _Member(NamedTuple):
    """One line of a container's directory."""

    name: str
    flags: int
    method: int
    packed: int
    offset: int


class _Container:
    """An office document: a ZIP file whose directory says what is in it."""

    def __init__(self, head: bytes, tail: bytes, length: int) -> None:
        self._head = head
        self._tail = tail
        self._length = length

    def kind(self) -> str:
        members = self._directory()
        names = [member.name for member in members]
        if any(member.flags & 1 for member in members):
            raise RefusedFile("password")
        found = self._open_document(members) or self._office_open(members)
        if found is None:
            raise RefusedFile("archive")
        if any(_runs(name) for name in names):
            raise RefusedFile("macros")
        if any(_embeds(name) for name in names):
            raise RefusedFile("embedded")
        return found

    def _directory(self) -> list[_Member]:
        """What the end of the file lists; it must account for the file from its first byte."""
        start = self._length - len(self._tail)
        place = self._tail.rfind(b"PK\x05\x06")
        if place < 0 or len(self._tail) < place + 22:
            raise RefusedFile("damaged")
        disk, first, here, count, size, offset, comment = struct.unpack_from(
            "<HHHHIIH", self._tail, place + 4
        )
        begins = place - size
        if (disk, first) != (0, 0) or here != count or 0xFFFF in (count, here):
            raise RefusedFile("damaged")
        if place + 22 + comment != len(self._tail) or begins < 0 or start + begins != offset:
            raise RefusedFile("damaged")
        members, at = [], begins
        for _ in range(count):
            if at + 46 > place or self._tail[at : at + 4] != b"PK\x01\x02":
                raise RefusedFile("damaged")
            flags, method = struct.unpack_from("<HH", self._tail, at + 8)
            packed, _, name, extra, note = struct.unpack_from("<IIHHH", self._tail, at + 20)
            (where,) = struct.unpack_from("<I", self._tail, at + 42)
            text = self._tail[at + 46 : at + 46 + name].decode("utf-8", "replace")
            members.append(_Member(text.replace("\\", "/").lower(), flags, method, packed, where))
            at += 46 + name + extra + note
        if at != place:
            raise RefusedFile("damaged")
        return members

    def _open_document(self, members: list[_Member]) -> str | None:
        """A text, sheet or presentation of OpenDocument says so in its first member."""
        first = next((m for m in members if m.offset == 0), None)
        if first is None or first.name != "mimetype":
            return None
        said = self._content(first).decode("ascii", "replace").strip()
        return next((code for code in ("odt", "ods", "odp") if KINDS[code].type == said), None)

    def _office_open(self, members: list[_Member]) -> str | None:
        types = next((m for m in members if m.name == _CONTENT_TYPES), None)
        if types is None:
            return None
        said = self._content(types).lower()
        if b"macroenabled" in said or b"vbaproject" in said:
            raise RefusedFile("macros")
        names = {member.name for member in members}
        parts = (
            ("word/document.xml", "docx"),
            ("xl/workbook.xml", "xlsx"),
            ("ppt/presentation.xml", "pptx"),
        )
        return next((code for part, code in parts if part in names), None)

    def _content(self, member: _Member) -> bytes:
        """A small member that lies at the beginning or at the end of the file."""
        data = self._part(member.offset, 30)
        if data[:4] != b"PK\x03\x04":
            raise RefusedFile("damaged")
        name, extra = struct.unpack_from("<HH", data, 26)
        packed = self._part(member.offset + 30 + name + extra, member.packed)
        if member.method == 0:
            return packed
        if member.method != 8:
            raise RefusedFile("damaged")
        unpacking = zlib.decompressobj(-15)
        try:
            found = unpacking.decompress(packed, TAIL)
        except zlib.error:
            raise RefusedFile("damaged") from None
        if not unpacking.eof:  # what stands behind could not be looked at
            raise RefusedFile("damaged")
        return found

    def _part(self, offset: int, count: int) -> bytes:
        start = self._length - len(self._tail)
        if offset + count <= len(self._head):
            return self._head[offset : offset + count]
        if start <= offset and offset + count <= self._length:
            return self._tail[offset - start : offset - start + count]
        raise RefusedFile("damaged")


def _runs(name: str) -> bool:
    """Whether a part of a document holds what runs when it is opened."""
    parts = name.split("/")
    return (
        "vbaproject" in parts[-1]
        or "vbadata" in parts[-1]
        or "macrosheets" in parts
        or "activex" in parts
        or parts[0] in ("basic", "scripts")
    )


def _embeds(name: str) -> bool:
    """Whether a part is an object of another program, which may be a program itself."""
    parts = name.split("/")
    # In OpenDocument a folder "Object 1" is a chart; a file of that name is not.
    in_open_document = len(parts) == 1 and name.startswith("object ")
    return in_open_document or ("embeddings" in parts and name.endswith(".bin"))
