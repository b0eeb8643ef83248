"""`return`: content that the other side lost, given back under its own signature (CATCHUP 3).

Law: either side may return the content of any statement of the thread, its own or the other's, and
nothing else; what comes back counts only if the named statement committed to it. A `return` is
never returned itself: what it carried is.
"""

from typing import Any, Final

from referral_protocol import forms
from referral_protocol.bodies import check_content
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import RETURN, SignedStatement

FORM: Final = "return"


def return_content(named: SignedStatement, salt: bytes, content: bytes) -> dict[str, Any]:
    """The content of a `return` that gives this one back.

    Raises ``wrong-value`` for a `return`, ``wrong-commitment`` for a content that is not the
    statement's, ``too-large`` for one that no `return` can carry.
    """
    _check_named(named)
    check_content(salt, content, named.statement.commitment)
    if len(content) > forms.MAX_ORDINARY:
        raise ProtocolError("too-large", "return: content")
    return {"form": FORM, "statement": named.hash, "salt": salt, "content": content}


def returned(
    said: dict[str, Any], thread: bytes, named: SignedStatement | None
) -> tuple[bytes, bytes]:
    """Salt and content that a `return` of this thread brings back, checked.

    ``said``: its content, read as the form `return`; ``named``: the statement that it names, None
    if it is not held.
    """
    if named is None or named.thread != thread or named.hash != said["statement"]:
        raise ProtocolError("foreign-previous", "return: statement")
    _check_named(named)
    salt, content = bytes(said["salt"]), bytes(said["content"])
    check_content(salt, content, named.statement.commitment)
    return salt, content


def _check_named(named: SignedStatement) -> None:
    if named.statement.kind == RETURN:
        raise ProtocolError("wrong-value", "return: of a return")
