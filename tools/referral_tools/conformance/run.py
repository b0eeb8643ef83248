"""Runs one vector through the public functions of the protocol package.

A vector is a JSON object: `do` names an operation below, `given` its inputs, `expect` is `"ok"` or
the layer and code of a refusal, `result` what comes out of an "ok". Bytes are hex; a long run of
one byte is `{"hex": "00", "times": 4000}`, and a list of such parts stands for them joined.

Law: an operation does what a node does with the same bytes, in the order of the specification, and
nothing besides. Another implementation that gives the same answers here agrees with this one.
"""

from collections.abc import Callable
from typing import Any, Final

from referral_protocol import bodies, certificates, chain, keys, messages, parcels, receipts
from referral_protocol import statements as statements_
from referral_protocol.directory import board, endpoints, entries, notes, records, replica, tree
from referral_protocol.directory.state import Directory
from referral_protocol.errors import ProtocolError
from referral_protocol.evidence import verify_evidence
from referral_protocol.forms import content
from referral_protocol.states import check_next, check_open, thread_state
from referral_protocol.suite import Opener, SealKey, Signer, verify
from referral_protocol.wire import decode
from referral_tools.conformance import asks, attachments, changed_keys, watching


class Given:
    """The inputs of a vector, read by type."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def data(self, name: str) -> bytes:
        """Bytes."""
        return unhex(self.values[name])

    def maybe(self, name: str) -> bytes | None:
        """Bytes, or None where nothing stands."""
        value = self.values.get(name)
        return None if value is None else unhex(value)

    def number(self, name: str) -> int:
        """A whole number: a time in milliseconds, mostly."""
        return int(self.values[name])

    def text(self, name: str) -> str:
        """Text."""
        return str(self.values[name])

    def many(self, name: str) -> list[bytes]:
        """A list of bytes."""
        return [unhex(value) for value in self.values.get(name, [])]

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self.values.get(name, False))


def unhex(value: Any) -> bytes:
    """The bytes that a JSON value stands for."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    if isinstance(value, dict):
        return unhex(value["hex"]) * int(value["times"])
    return b"".join(unhex(part) for part in value)


def run(vector: dict[str, Any]) -> Any:
    """``("ok", result)``, or ``(layer, code)`` of the refusal."""
    try:
        result = OPERATIONS[vector["do"]](Given(vector["given"]))
    except ProtocolError as refusal:
        return refusal.layer.value, refusal.code
    return "ok", result


def agrees(vector: dict[str, Any]) -> bool:
    """Whether the protocol package answers as the vector says."""
    found = run(vector)
    if vector["expect"] == "ok":
        return bool(found == ("ok", vector.get("result", {})))
    return bool(found == (vector["expect"]["layer"], vector["expect"]["code"]))


# --- keys and what they sign ----------------------------------------------------------------------


def _signature(g: Given) -> dict[str, Any]:
    verify(g.data("key"), g.data("label"), g.data("data"), g.data("signature"), "vector")
    return {}


def _keys(g: Given) -> dict[str, Any]:
    vault, node, case = Signer(g.data("vault")), Signer(g.data("node")), Opener(g.data("case"))
    return {
        "vault_key": vault.public.hex(),
        "node_key": node.public.hex(),
        "member": keys.member_id(vault.public).hex(),
        "fingerprint": keys.fingerprint(vault.public, node.public),
        "case_key": case.public.hex(),
        "prekey": keys.prekey_id(case.public).hex(),
    }


def _seal_key(g: Given) -> dict[str, Any]:
    sealed = SealKey(g.data("public")).seal(b"", b"")
    return {"length": len(sealed)}


def _kit(g: Given) -> dict[str, Any]:
    secret = keys.kit_secret(g.text("text"))
    return {
        "secret": secret.hex(),
        "text": keys.kit_text(secret),
        "slot_key": keys.kit_slot_key(secret).hex(),
        "backup_seed": keys.kit_backup_seed(secret).hex(),
    }


def _certificate(g: Given) -> dict[str, Any]:
    found = certificates.verify_certificate(g.data("data"), g.data("member"), g.data("vault_key"))
    return {"node_key": found.node_key.hex(), "made_at": found.made_at}


def _transport_prekey(g: Given) -> dict[str, Any]:
    found = certificates.verify_transport_prekey(
        g.data("data"), g.data("member"), g.data("node_key"), g.number("now")
    )
    return {"prekey": keys.prekey_id(found.public).hex(), "ends": found.ends}


def _bundle(g: Given) -> dict[str, Any]:
    found = certificates.verify_bundle(
        g.data("data"), g.data("member"), g.data("vault_key"), g.number("now")
    )
    current = found.current(g.number("now"))
    return {"prekeys": len(found.prekeys), "current": None if current is None else current.id.hex()}


# --- messages -------------------------------------------------------------------------------------


def _statement(g: Given) -> dict[str, Any]:
    found = statements_.verify_statement(
        g.data("content"), g.data("signature"), g.data("vault_key")
    )
    return {"hash": found.hash.hex(), "thread": found.thread.hex()}


def _message(g: Given) -> dict[str, Any]:
    message = decode(g.data("data"), messages.Message, 300_000, "message")
    found = messages.verify_message(message, g.data("vault_key"))
    sealed = message.sealed_hash
    return {"hash": found.hash.hex(), "sealed": None if sealed is None else sealed.hex()}


def _signed(content_: bytes) -> statements_.SignedStatement:
    """A statement whose signature another vector is about."""
    statement = statements_.parse_statement(content_)
    return statements_.SignedStatement(
        content_, bytes(64), statement, statements_.statement_hash(content_)
    )


def _place(held: dict[bytes, statements_.SignedStatement], name: bytes | None) -> Any:
    found = None if name is None else held.get(name)
    return None if found is None else chain.Place(found.thread, found.statement.sender)


def _admit(g: Given) -> dict[str, Any]:
    """Admission of one statement beside those that are held of both sides."""
    signed = _signed(g.data("content"))
    s = signed.statement
    held = {h.hash: h for h in map(_signed, g.many("held"))}
    theirs = [h for h in held.values() if h.statement.sender == s.sender]
    counter = [h.hash for h in theirs if (h.statement.epoch, h.statement.seq) == (s.epoch, s.seq)]
    after = [
        h.hash
        for h in theirs
        if h.thread == signed.thread
        and s.previous is not None
        and (h.statement.epoch, h.statement.previous) == (s.epoch, s.previous)
    ]
    opener = held.get(s.thread) if s.thread is not None else None
    known = chain.Known(
        counter=counter[0] if counter else None,
        successor=after[0] if after else None,
        opener=None if opener is None else opener.statement,
        previous=_place(held, s.previous),
        seen=_place(held, s.seen),
    )
    status = chain.admit(
        signed,
        has_body=g.flag("has_body"),
        has_attachments=g.flag("has_attachments"),
        us=g.data("us"),
        sender=g.data("sender"),
        known=known,
        now=g.number("now"),
    )
    return {"status": status}


def _body(g: Given) -> dict[str, Any]:
    salt, found = bodies.open_body(
        Opener(g.data("seed")),
        bodies.check_sealed(g.data("sealed")),
        g.data("statement"),
        g.data("commitment"),
    )
    return {"salt": salt.hex(), "content": found.hex()}


def _padded(g: Given) -> dict[str, Any]:
    salt, found = bodies.unpad(g.data("padded"))
    return {"salt": salt.hex(), "length": len(found)}


def _commitment(g: Given) -> dict[str, Any]:
    bodies.check_content(g.data("salt"), g.data("content"), g.data("commitment"))
    return {}


def _content(g: Given) -> dict[str, Any]:
    return {"keys": list(content.decode(g.data("data")))}


def _state(g: Given) -> dict[str, Any]:
    """The state of a thread, then, if asked, whether the next state or an opening is allowed."""
    found = thread_state(map(_signed, g.many("statements")))
    if found is None:
        return {"state": None}
    if "next" in g.values:
        check_next(found, g.text("next"))
    if g.flag("open"):
        check_open(found)
    return {
        "state": found.state,
        "since": None if found.since is None else found.since.hex(),
        "withdrawn": None if found.withdrawn is None else found.withdrawn.hex(),
        "ignored": [each.hex() for each in found.ignored],
    }


# --- parcels and receipts -------------------------------------------------------------------------


def _parcel(g: Given) -> dict[str, Any]:
    """A parcel as it arrives at a node that has these transport prekeys."""
    data, us = g.data("data"), g.data("us")
    head, sealed = parcels.split_parcel(data)
    certificate = certificates.verify_certificate(
        head.certificate, head.header.sender, g.data("vault_key")
    )
    parcels.verify_head(head, us, certificate.node_key, g.number("now"))
    openers = {keys.prekey_id(o.public): o for o in map(Opener, g.many("seeds"))}
    opener = openers.get(head.header.prekey)
    if opener is None:
        raise ProtocolError("prekey-unknown", "parcel header: prekey")
    found = parcels.open_parcel(opener, head.header, sealed)
    hashes = [statements_.statement_hash(m.content).hex() for m in found.messages]
    return {"messages": hashes, "checkpoint": found.checkpoint}


def _receipt(g: Given) -> dict[str, Any]:
    """An answer as it comes back to the node that sent the parcel."""
    envelope = receipts.parse_envelope(g.data("data"))
    certificate = certificates.verify_certificate(
        envelope.certificate, g.data("recipient"), g.data("vault_key")
    )
    signed = receipts.verify_receipt(envelope.content, envelope.signature, certificate.node_key)
    sent = {
        bytes.fromhex(statement): None if sealed is None else bytes.fromhex(sealed)
        for statement, sealed in g.values["sent"].items()
    }
    receipts.match_receipt(
        signed,
        parcel=g.data("parcel"),
        sender=g.data("sender"),
        recipient=g.data("recipient"),
        sent=sent,
        made_at=g.number("made_at"),
        now=g.number("now"),
    )
    answers = [[a.statement.hex(), a.status, a.code] for a in signed.receipt.answers]
    return {"code": signed.receipt.code, "answers": answers}


def _prekey_answer(g: Given) -> dict[str, Any]:
    found = receipts.parse_prekey_answer(g.data("data"))
    return {"checkpoint": None if found.checkpoint is None else len(found.checkpoint)}


# --- directory ------------------------------------------------------------------------------------


def _log(g: Given) -> Directory:
    directory = Directory(g.data("genesis"))
    for index, leaf in enumerate(g.many("log")):
        directory.apply(leaf, index)
    return directory


def _entry(g: Given) -> dict[str, Any]:
    """One more leaf after those of a log that is held."""
    directory = _log(g)
    found = directory.apply(g.data("leaf"), directory.size)
    return {"hash": found.hash.hex(), "size": directory.size}


def _member(g: Given) -> dict[str, Any]:
    directory = _log(g)
    member = directory.known(g.data("member"))
    return {
        "status": member.status(g.number("now")),
        "vault_key": member.vault_key.hex(),
        "node_key": member.node_key.hex(),
        "number": member.number,
    }


def _checkpoint(g: Given) -> dict[str, Any]:
    found = notes.verify_checkpoint(
        g.data("note"), g.text("origin"), g.data("log_key"), g.number("now")
    )
    return {"size": found.size, "root": found.root.hex(), "at": found.at}


def _extend(g: Given) -> dict[str, Any]:
    """A checkpoint and leaves, after a checkpoint and leaves that are held."""
    empty = replica.Replica(g.data("genesis"))
    held = empty
    if g.maybe("held_note") is not None:
        held = empty.extend(g.data("held_note"), g.many("held"), g.number("now"))
    found = held.extend(g.data("note"), g.many("leaves"), g.number("now"))
    return {"size": found.size}


def _inclusion(g: Given) -> dict[str, Any]:
    tree.verify_inclusion(
        g.data("leaf"), g.number("index"), g.number("size"), g.many("proof"), g.data("root")
    )
    return {}


def _consistency(g: Given) -> dict[str, Any]:
    tree.verify_consistency(
        g.number("old_size"),
        g.data("old_root"),
        g.number("new_size"),
        g.data("new_root"),
        g.many("proof"),
    )
    return {}


def _records(g: Given) -> dict[str, Any]:
    found = records.parse_records(g.data("data"))
    card = _log(g).known(found.member).card
    for record in found.records:
        records.check_record(record, card)
    return {"names": [record.name for record in found.records]}


def _posted(g: Given) -> dict[str, Any]:
    """A bundle for the board, beside the one that stands there."""
    directory, now = _log(g), g.number("now")
    posted = board.verify_posted(g.data("data"), directory, now)
    held = g.maybe("held")
    stands = None if held is None else board.verify_posted(held, directory, now).bundle
    return {"newer": board.check_newer(posted, stands)}


def _endpoint(g: Given) -> dict[str, Any]:
    found = endpoints.parse_endpoint(g.text("url"), g.flag("allow_loopback"))
    return {"host": found.host, "port": found.port}


def _anchor(g: Given) -> dict[str, Any]:
    found = entries.parse_anchor(g.text("text"))
    return {"genesis": found.hex(), "text": entries.anchor_text(found)}


def _evidence(g: Given) -> dict[str, Any]:
    found = verify_evidence(g.data("data"), g.number("now"), g.maybe("anchor"))
    return {
        "state": None if found.state is None else found.state.state,
        "rungs": [str(rung.rung) for rung in found.rungs],
        "problems": [problem.code for problem in found.problems],
    }


OPERATIONS: Final[dict[str, Callable[[Given], dict[str, Any]]]] = {
    "signature": _signature,
    "keys": _keys,
    "seal key": _seal_key,
    "recovery kit": _kit,
    "certificate": _certificate,
    "transport prekey": _transport_prekey,
    "bundle": _bundle,
    "statement": _statement,
    "message": _message,
    "admit": _admit,
    "body": _body,
    "padded body": _padded,
    "commitment": _commitment,
    "content": _content,
    "state": _state,
    "parcel": _parcel,
    "receipt": _receipt,
    "prekey answer": _prekey_answer,
    "entry": _entry,
    "member": _member,
    "checkpoint": _checkpoint,
    "extend": _extend,
    "inclusion": _inclusion,
    "consistency": _consistency,
    "records": _records,
    "posted bundle": _posted,
    "endpoint": _endpoint,
    "anchor": _anchor,
    "evidence": _evidence,
    **attachments.OPERATIONS,
    **asks.OPERATIONS,
    **changed_keys.OPERATIONS,
    **watching.OPERATIONS,
}
