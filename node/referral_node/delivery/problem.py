"""A refusal as a directory writes it: a problem document (RFC 9457), read with mistrust.

Law: whoever answers may be anybody, so nothing here fails, and what is shown of their words is
short and printable.
"""

import json
from typing import Final

MAX_WORDS: Final = 300


def read_problem(body: bytes) -> tuple[str | None, str]:
    """The protocol's code, if one stands there, and the words for a person ("" without)."""
    try:
        document = json.loads(body)
        code = document.get("code")
        words = str(document.get("detail") or document.get("title") or "")
    except (ValueError, AttributeError, RecursionError):
        return None, ""  # not a problem document
    shown = "".join(c for c in words if c.isprintable())[:MAX_WORDS]
    return code if isinstance(code, str) else None, shown
