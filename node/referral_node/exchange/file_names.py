"""Names of files: what a person called it, made harmless for whoever saves it. Pure.

Law: a name has no folder, no character that hides or turns another one, and ends as its kind does:
a text that calls itself a program is saved as a text.
"""

import re
import unicodedata
from typing import Final

from referral_node.exchange.kinds import Kind

LONGEST: Final = 120
"""Characters; what a form's line may hold and every file system takes (in UTF-8 under 255 bytes is
cut again)."""
_BYTES: Final = 200
_BAD: Final = re.compile(r'[<>:"|?*\\/]')
_SPACES: Final = re.compile(r"\s+")
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def safe_name(given: str, kind: Kind) -> str:
    """A name for a file of this kind; never empty."""
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", 1)[-1]
    # Controls, and marks that change the direction of what follows, among others.
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    name = _SPACES.sub(" ", _BAD.sub("-", name)).strip(" .")
    stem, dot, extension = name.rpartition(".")
    if not dot or extension.lower() not in kind.extensions:
        stem, extension = name, kind.extensions[0]
    stem = _shortened(stem.strip(" ."), len(extension) + 1) or "file"
    if _RESERVED.fullmatch(stem):
        stem = f"_{stem}"
    return f"{stem}.{extension}"


def _shortened(stem: str, taken: int) -> str:
    stem = stem[: LONGEST - taken]
    while len(stem.encode()) > _BYTES - taken:
        stem = stem[:-1]
    return stem.strip(" .")
