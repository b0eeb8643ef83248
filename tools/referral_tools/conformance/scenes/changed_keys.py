"""A vault key was replaced: statements signed anew, and those that come back under the old key."""

from collections.abc import Iterator
from typing import Any, Final

from referral_protocol import labels
from referral_protocol.certificates import make_certificate
from referral_protocol.directory.earlier import UNHEARD
from referral_protocol.statements import SignedStatement, make_statement
from referral_protocol.suite import Signer
from referral_tools.conformance.scenes.scene import Scene, flipped, ok, refused
from referral_tools.conformance.world import LISBON, NOW, UTRECHT, opener

HELD: Final = "statement held"
CERTIFIED: Final = "certificate of several keys"
NEW: Final = Signer(b"\x07" * 32)
NEWER: Final = Signer(b"\x08" * 32)
OLD: Final = opener(b"said before the key changed")
ANEW: Final = make_statement(NEW, OLD.statement)


def given(signed: SignedStatement, **changes: Any) -> dict[str, Any]:
    """A statement that comes back after its sender's key was replaced at that very time."""
    return {
        "content": signed.content,
        "signature": signed.signature,
        "vault_key": NEW.public,
        "earlier": [LISBON.vault.public],
        "ends": [OLD.statement.at],
        "without": [],
        **changes,
    }


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    at = OLD.statement.at
    yield ok("statement signed anew has the hash that it had", HELD, **given(ANEW))
    yield ok("statement by the key that was replaced at its time", HELD, **given(OLD))
    yield ok(
        "statement by a key replaced seven days before it was made",
        HELD,
        **given(OLD, ends=[at - UNHEARD]),
    )
    yield ok(
        "statement by the first of three keys",
        HELD,
        **given(
            OLD,
            vault_key=NEWER.public,
            earlier=[NEW.public, LISBON.vault.public],
            ends=[at + 2, at + 1],
        ),
    )
    yield refused(
        "wrong-key",
        "statement held: signature",
        "by a key replaced over seven days before it was made",
        HELD,
        **given(OLD, ends=[at - UNHEARD - 1]),
    )
    yield refused(
        "wrong-key",
        "statement held: signature",
        "by a key that is not to be taken",
        HELD,
        **given(OLD, without=[LISBON.vault.public]),
    )
    yield refused(
        "bad-signature",
        "statement held: signature",
        "by none of its sender's keys",
        HELD,
        **given(OLD, signature=UTRECHT.vault.sign(labels.STATEMENT, OLD.content)),
    )
    yield refused(
        "bad-signature",
        "statement held: content",
        "another one under the old key's signature",
        HELD,
        **given(OLD, content=opener(b"said by nobody").content),
    )
    yield from certificates()


def certificates() -> Iterator[Scene]:
    """Node certificates: only the key of now certifies."""
    member, node = LISBON.id, LISBON.node.public
    history = {"vault_key": NEW.public, "earlier": [LISBON.vault.public], "ends": [NOW]}
    yield ok(
        "certificate by the new vault key for the node key that was",
        CERTIFIED,
        data=make_certificate(NEW, member, node, NOW),
        member=member,
        **history,
    )
    yield refused(
        "wrong-key",
        "certificate: signature",
        "by a vault key that was replaced, made before that",
        CERTIFIED,
        data=make_certificate(LISBON.vault, member, node, NOW - 1),
        member=member,
        **history,
    )
    yield refused(
        "bad-signature",
        "certificate: signature",
        "by none of several vault keys",
        CERTIFIED,
        data=flipped(make_certificate(NEW, member, node, NOW), -1),
        member=member,
        **history,
    )
