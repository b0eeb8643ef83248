"""Files for tests: of each kind that is taken, and of many that are not. All made up here."""

import io
import zipfile
from collections.abc import AsyncIterator, Mapping

OOXML = "application/vnd.openxmlformats-officedocument."


def pdf(size: int = 2_000, text: bytes = b"made up") -> bytes:
    """Something that begins as a PDF file does."""
    head = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + text + b"\n"
    return head + bytes(i % 251 for i in range(max(0, size - len(head) - 6))) + b"%%EOF\n"


def archive(members: Mapping[str, bytes], *, stored: tuple[str, ...] = ()) -> bytes:
    """A ZIP file with these members in this order."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            kind = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            file.writestr(zipfile.ZipInfo(name), data, kind)
    return made.getvalue()


def types(*parts: str) -> bytes:
    """What `[Content_Types].xml` says of these parts."""
    said = "".join(f'<Override PartName="/x" ContentType="{part}"/>' for part in parts)
    return f'<?xml version="1.0"?><Types>{said}</Types>'.encode()


def docx(**more: bytes) -> bytes:
    """A text as Word writes it; ``more`` parts by name, "/" written as "__"."""
    parts = {
        "[Content_Types].xml": types(OOXML + "wordprocessingml.document.main+xml"),
        "_rels/.rels": b"<x/>",
        "word/document.xml": b"<w/>" * 100,
        **{name.replace("__", "/"): data for name, data in more.items()},
    }
    return archive(parts)


def odt(kind: str = "text", **more: bytes) -> bytes:
    """A text as LibreOffice writes it."""
    parts = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
        "content.xml": b"<o/>" * 100,
        **{name.replace("__", "/"): data for name, data in more.items()},
    }
    return archive(parts, stored=("mimetype",))


async def pieces(data: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    """A file as it comes over a line."""
    for at in range(0, len(data), size):
        yield data[at : at + size]
