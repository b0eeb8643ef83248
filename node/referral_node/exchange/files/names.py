"""Names of files: what a person called it, made harmless for whoever saves it. Pure.

Law: a name has no folder, no character that hides or turns another one, and ends as its kind does:
a text that calls itself a program is saved as a text.
"""

import re
import unicodedata
from typing import Final

from referral_node.exchange.files.kinds import Kind

LONGEST: Final = 120
"""Characters: what a form's line may hold."""
_BYTES: Final = 200
"""The same in UTF-8: what every file system takes."""
_BAD: Final = re.compile(r'[<>:"|?*\\/]')
_SPACES: Final = re.compile(r"\s+")
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_HIDING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Controls, and marks that change the direction of what follows, among others."""


def safe_name(given: str, kind: Kind) -> str:
    """A name for a file of this kind; never empty."""
    name = shown_name(given)
    stem, dot, extension = name.rpartition(".")
    if not dot or extension.lower() not in kind.extensions:
        stem, extension = name, kind.extensions[0]
    stem = _shortened(stem, len(extension) + 1) or "file"
    if _RESERVED.fullmatch(stem):
        stem = f"_{stem}"
    return f"{stem}.{extension}"


def shown_name(given: str) -> str:
    """The name that somebody gave a file, as it may stand in a sentence; "" if nothing is left."""
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", 1)[-1]
    spaced = _SPACES.sub(" ", name)
    plain = "".join(c for c in spaced if unicodedata.category(c) not in _HIDING)
    return _shortened(_BAD.sub("-", plain), 0)


def _shortened(stem: str, taken: int) -> str:
    stem = stem.strip(" .")[: LONGEST - taken]
    while len(stem.encode()) > _BYTES - taken:
        stem = stem[:-1]
    return stem.strip(" .")
