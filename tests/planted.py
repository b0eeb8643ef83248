"""Names that cannot be mistaken for anything else, and a search that finds them however written.

Looked for: each word of each name as typed, in small and in capital letters, composed and
decomposed; in UTF-8, UTF-16 (both orders), UTF-32 and the old one-byte code pages; and each of
those bytes as they are, as hexadecimal digits, as percent-escapes, as escapes of JSON, Python and
HTML, and in base64 at all three alignments.
"""

import base64
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

LATIN: Final = "Xanthippolyta Quillfeatherstone"
CYRILLIC: Final = "Щукомолотська Ґрунтовіївна"
ARABIC: Final = "زرقاءاليمامة القحطانيةالشمرية"
NAMES: Final = (LATIN, CYRILLIC, ARABIC)
SHORTEST: Final = 8
"""Letters of a word: a shorter one might stand in a megabyte of chance by chance."""

_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_PAGES: Final = ("latin-1", "cp1251", "koi8-u", "iso-8859-5", "iso-8859-6", "cp1256")


def spellings(word: str) -> set[str]:
    """The word as it may be written without being another one."""
    cased = {word, word.lower(), word.upper(), word.casefold()}
    return {unicodedata.normalize(form, each) for each in cased for form in ("NFC", "NFD")}


def encodings(word: str) -> Iterator[tuple[str, bytes]]:
    """The word's bytes, by encoding; where a code page lacks a letter it has no bytes there."""
    for name in (*_ENCODINGS, *_PAGES):
        try:
            yield name, word.encode(name)
        except UnicodeEncodeError:
            continue


def dressings(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What these bytes look like inside something else."""
    yield "as it is", data
    yield "hexadecimal", data.hex().encode()
    yield "hexadecimal in capitals", data.hex().upper().encode()
    yield "spaced hexadecimal", data.hex(" ").encode()
    for style, digits in (("small", "{:02x}"), ("capital", "{:02X}")):
        yield f"percent-escaped, {style}", "".join(f"%{digits.format(b)}" for b in data).encode()
        yield (
            f"backslash-escaped, {style}",
            "".join(f"\\x{digits.format(b)}" for b in data).encode(),
        )
    for alignment in range(3):
        whole = base64.b64encode(bytes(alignment) + data)
        # Only the signs that depend on nothing before or after.
        start = -(-alignment * 8 // 6)
        end = (alignment + len(data)) * 8 // 6
        yield f"base64, alignment {alignment}", whole[start:end]
        safe = whole[start:end].translate(bytes.maketrans(b"+/", b"-_"))
        yield f"base64 for addresses, alignment {alignment}", safe


def escapes(word: str) -> Iterator[tuple[str, bytes]]:
    """The word's letters as other languages write them in ASCII."""
    units = [
        int.from_bytes(word.encode("utf-16-be")[n : n + 2], "big")
        for n in range(0, 2 * len(word), 2)
    ]
    for style, form in (("small", "{:04x}"), ("capital", "{:04X}")):
        yield f"JSON, {style}", "".join(f"\\u{form.format(u)}" for u in units).encode()
        yield (
            f"JSON, letters of ASCII as they are, {style}",
            "".join(chr(u) if u < 128 else f"\\u{form.format(u)}" for u in units).encode(),
        )
    yield "HTML, decimal", "".join(f"&#{ord(c)};" for c in word).encode()
    yield "HTML, hexadecimal", "".join(f"&#x{ord(c):x};" for c in word).encode()
    yield "Punycode", word.encode("punycode")
    # A form's own way: letters and digits of ASCII as they are, the rest by bytes.
    yield (
        "percent-escaped where it must be",
        "".join(
            c if c.isascii() and c.isalnum() else "".join(f"%{b:02X}" for b in c.encode())
            for c in word
        ).encode(),
    )


class Search:
    """Finds the words of some names in bytes and files."""

    def __init__(self, names: Iterable[str] = NAMES) -> None:
        self.forms: dict[bytes, str] = {}
        """What is looked for, and what it is called."""
        words = {word for name in names for word in name.split()}
        assert all(len(word) >= SHORTEST for word in words)
        for word in words:
            for spelled in spellings(word):
                for encoding, data in encodings(spelled):
                    for dressing, found in dressings(data):
                        self.forms.setdefault(found, f"{word}: {encoding}, {dressing}")
                for escape, found in escapes(spelled):
                    self.forms.setdefault(found, f"{word}: {escape}")

    def find(self, data: bytes) -> set[str]:
        """Which forms stand in these bytes."""
        return {name for form, name in self.forms.items() if form in data}

    def folder(self, path: Path) -> dict[str, set[str]]:
        """Which files below a folder hold which forms, names of files included."""
        found = {}
        for file in sorted(path.rglob("*")):
            hits = self.find(str(file).encode("utf-8", "surrogateescape"))
            if file.is_file() and not file.is_symlink():
                hits |= self.find(file.read_bytes())
            if hits:
                found[str(file.relative_to(path))] = hits
        return found
