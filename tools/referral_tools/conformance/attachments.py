"""Operations of the vectors about attachments: opening a file, a range that comes, an answer.

Law: as in :mod:`run`. A ciphertext is not written out but made from its key, its header and its
chunks: secretstream has one ciphertext for these, and its state after a header is the same on both
sides.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgpack
from nacl.bindings import crypto_secretstream as stream

from referral_protocol import attachments, certificates, statements, uploads

if TYPE_CHECKING:
    from referral_tools.conformance.run import Given


def ciphertext(key: bytes, header: bytes, chunks: list[tuple[bytes, int]]) -> bytes:
    """What secretstream makes of these chunks and tags after this header."""
    state = stream.crypto_secretstream_xchacha20poly1305_state()
    stream.crypto_secretstream_xchacha20poly1305_init_pull(state, header, key)
    sealed = [
        stream.crypto_secretstream_xchacha20poly1305_push(state, plain, None, tag)
        for plain, tag in chunks
    ]
    return header + b"".join(sealed)


def _attachment(g: "Given") -> dict[str, Any]:
    """Open a file; ``cut`` bytes are gone from its end, ``extra`` follow."""
    chunks = list(zip(g.many("chunks"), g.values["tags"], strict=True))
    made = ciphertext(g.data("key"), g.data("header"), chunks)
    data = made[: len(made) - int(g.values.get("cut", 0))] + (g.maybe("extra") or b"")
    opening = attachments.Opening(g.maybe("opened_with") or g.data("key"), g.number("length"))
    plain = opening.add(data)
    opening.finish()
    return {
        "size": len(data),
        "hash": hashlib.sha256(data).hexdigest(),
        "file": hashlib.sha256(plain).hexdigest(),
    }


def _sealed_size(g: "Given") -> dict[str, Any]:
    length = g.number("length")
    return {"padded": attachments.padded_size(length), "size": attachments.sealed_size(length)}


def _files(g: "Given") -> dict[str, Any]:
    """The files of a body beside its statement."""
    statement = statements.parse_statement(g.data("content"))
    attachments.check_files(msgpack.unpackb(g.data("data")), statement.attachments)
    return {"files": len(statement.attachments)}


def _range(g: "Given") -> dict[str, Any]:
    """A range as it comes to a node that holds so much of the attachment."""
    data = g.data("data")
    end = 2 + int.from_bytes(data[:2], "big")
    head = uploads.parse_range(data[2:end])
    certificate = certificates.verify_certificate(
        head.certificate, head.range.sender, g.data("vault_key")
    )
    uploads.verify_range(head, g.data("us"), certificate.node_key, g.number("now"))
    uploads.check_place(head.range, g.number("held"))
    uploads.check_part(head.range, data[end:])
    return {"name": head.name.hex(), "held": g.number("held") + head.range.length}


def _progress(g: "Given") -> dict[str, Any]:
    """An answer as it comes back to the node that sent this head."""
    head = uploads.parse_range(g.data("head"))
    envelope = uploads.parse_progress(g.data("data"))
    certificate = certificates.verify_certificate(
        envelope.certificate, head.range.recipient, g.data("vault_key")
    )
    said = uploads.verify_progress(envelope, certificate.node_key, head, g.number("now"))
    return {"held": said.held, "code": said.code}


OPERATIONS: Final[dict[str, Callable[["Given"], dict[str, Any]]]] = {
    "attachment": _attachment,
    "attachment size": _sealed_size,
    "files": _files,
    "range": _range,
    "range answer": _progress,
}
