"""Operations of the vectors about catching up: an ask that comes, its answer, content given back.

Law: as in :mod:`run`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from referral_protocol import asks, certificates, forms, keys, returns, statements
from referral_protocol.directory.earlier import VaultKey
from referral_protocol.suite import Opener
from referral_protocol.wire import decode

if TYPE_CHECKING:
    from referral_tools.conformance.run import Given


def _ask(g: "Given") -> dict[str, Any]:
    """An ask as it arrives; the certificate counts, the sender is active."""
    arrived = asks.parse_ask(g.data("data"))
    certificate = certificates.verify_certificate(
        arrived.envelope.certificate, arrived.ask.sender, g.data("vault_key")
    )
    prekey = asks.verify_ask(arrived, g.data("us"), certificate.node_key, g.number("now"))
    ask = arrived.ask
    return {
        "kind": ask.kind,
        "since": ask.since,
        "numbers": [[number.epoch, number.seq] for number in ask.numbers],
        "hashes": [each.hex() for each in ask.hashes],
        "prekey": keys.prekey_id(prekey.public).hex(),
    }


def _answer(g: "Given") -> dict[str, Any]:
    """An answer as it comes back to the node that asked, with everything that it brings."""
    ask = decode(g.data("ask"), asks.Ask, asks.MAX_ASK_CONTENT, "ask")
    arrived = asks.parse_answer(g.data("data"))
    certificate = certificates.verify_certificate(
        arrived.head.certificate, ask.recipient, g.data("vault_key")
    )
    asks.verify_answer(arrived, ask, certificate.node_key, g.number("now"))
    if arrived.header.code is not None:
        return {"code": arrived.header.code}
    page = asks.open_answer(Opener(g.data("seed")), arrived)
    vaults = {
        ask.recipient: (VaultKey(g.data("vault_key")),),
        ask.sender: (VaultKey(g.data("our_key")),),
    }
    brought = [asks.verify_brought(each, vaults).hash.hex() for each in page.statements]
    return {
        "held": None if page.held is None else [page.held.epoch, page.held.seq],
        "statements": brought,
        "cursor": None if page.cursor is None else page.cursor.hex(),
        "outcomes": [[each.statement.hex(), each.code] for each in page.outcomes],
    }


def _return(g: "Given") -> dict[str, Any]:
    """The content of a `return` of a thread, and the statement of that hash, if it is held."""
    said = forms.read(g.data("data"), returns.FORM)
    raw = g.maybe("named")
    named = None
    if raw is not None:
        statement = statements.parse_statement(raw)
        hashed = statements.statement_hash(raw)
        named = statements.SignedStatement(raw, bytes(64), statement, hashed)
    salt, content = returns.returned(said, g.data("thread"), named)
    return {"salt": salt.hex(), "content": content.hex()}


OPERATIONS: Final[dict[str, Callable[["Given"], dict[str, Any]]]] = {
    "ask": _ask,
    "answer": _answer,
    "return": _return,
}
