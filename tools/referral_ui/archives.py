"""Small text files in one ZIP file, and out of one that a stranger made.

Law: what is unpacked is bounded before it is: number of files, bytes of all together, whatever
their heads claim. The same files give the same bytes.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final

MAX_FILES: Final = 64
MAX_BYTES: Final = 32 * 1024 * 1024
_DATE: Final = (1980, 1, 1, 0, 0, 0)


class BadArchive(Exception):
    """It cannot be read; the text says why, in plain words."""


def packed(files: Mapping[str, str]) -> bytes:
    """A ZIP file of these texts, by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, text.encode("utf-8"))
    return out.getvalue()


def unpacked(data: bytes, ending: str) -> dict[str, str]:
    """The texts of the files whose names end so, by name without folders. BadArchive if not."""
    found: dict[str, str] = {}
    left = MAX_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_FILES:
                raise BadArchive(f"it holds more than {MAX_FILES} files")
            for info in infos:
                name = info.filename.rpartition("/")[2]
                if not name.endswith(ending):
                    continue
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise BadArchive("it is packed in a way that few programs read; pack it anew")
                with archive.open(info) as file:
                    content = file.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise BadArchive(f"it holds more than {MAX_BYTES} bytes")
                found[name] = text_of(content, name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        raise BadArchive("it is no ZIP file, or a damaged one") from None
    return found


def text_of(content: bytes, name: str) -> str:
    """A file's text; BadArchive with its name if it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadArchive(f"{name} is not UTF-8 text; save it as UTF-8") from None
