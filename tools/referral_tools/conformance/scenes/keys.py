"""Keys, and what says whose they are and how long: certificates, prekeys, bundles, the kit."""

from collections.abc import Iterator
from typing import Any

import msgspec

from referral_protocol import keys, labels
from referral_protocol.certificates import DAY, Bundle, CasePrekey, TransportPrekey, make_bundle
from referral_protocol.signed import sign
from referral_protocol.suite import SUITE, Opener, Signer
from referral_protocol.wire import Wire
from referral_tools.conformance.scenes.scene import (
    Scene,
    changed,
    fields,
    ok,
    packed,
    raw,
    refused,
)
from referral_tools.conformance.world import (
    LISBON,
    LVIV,
    NOW,
    UTRECHT,
    fixed,
)


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from certificates()
    yield from transport_prekeys()
    yield from bundles()
    yield from single_keys()


def certificates() -> Iterator[Scene]:
    good: dict[str, Any] = {
        "data": LISBON.certificate,
        "member": LISBON.id,
        "vault_key": LISBON.vault.public,
    }
    yield ok("certificate of a node key", "certificate", **good)
    content, signature = fields(LISBON.certificate)

    def one(code: str, field: str, cause: str, **change: Any) -> Scene:
        return refused(code, field, cause, "certificate", **{**good, **change})

    def signed(data: bytes) -> bytes:
        return packed([data, LISBON.vault.sign(labels.CERTIFICATE, data)])

    made_at = fields(content)[3]
    loose = raw(content, 0, b"\xcc\x01")
    yield one("too-large", "certificate", "257 bytes", data=LISBON.certificate.ljust(257, b"\0"))
    yield one("not-canonical", "certificate.suite", "two bytes where one does", data=signed(loose))
    yield one("too-deep", "certificate", "nine levels", data=b"\x91" * 9 + b"\xc0")
    yield one("wrong-type", "certificate", "three fields", data=signed(packed(fields(content)[:3])))
    yield one(
        "wrong-type", "certificate.made_at", "text", data=signed(changed(content, 3, str(made_at)))
    )
    yield one("unknown-suite", "certificate.suite", "2", data=signed(changed(content, 0, 2)))
    yield one("wrong-key", "certificate.member", "another member", member=UTRECHT.id)
    yield one(
        "bad-signature",
        "certificate.signature",
        "of another vault key",
        vault_key=UTRECHT.vault.public,
    )
    itself = packed([content, LISBON.node.sign(labels.CERTIFICATE, content)])
    yield one("bad-signature", "certificate.signature", "of the node key itself", data=itself)
    yield one(
        "bad-signature",
        "certificate.node_key",
        "replaced after signing",
        data=packed([changed(content, 2, LVIV.node.public), signature]),
    )


def transport_prekeys() -> Iterator[Scene]:
    public, made = UTRECHT.transport.public, NOW - 3_600_000
    prekey = TransportPrekey(SUITE, UTRECHT.id, public, made, made + DAY)

    def given(value: Wire = prekey, signer: Signer = UTRECHT.node, **change: Any) -> dict[str, Any]:
        data = sign(signer, labels.TRANSPORT_PREKEY, value).pack()
        fixed_ = {"member": UTRECHT.id, "node_key": UTRECHT.node.public, "now": NOW}
        return {"data": data, **fixed_, **change}

    def one(code: str, field: str, cause: str, **values: Any) -> Scene:
        return refused(code, f"transport prekey.{field}", cause, "transport prekey", **values)

    def but(**change: Any) -> TransportPrekey:
        return msgspec.structs.replace(prekey, **change)

    yield ok("transport prekey in its first millisecond", "transport prekey", **given(now=made))
    yield ok(
        "transport prekey in its last millisecond", "transport prekey", **given(now=made + DAY - 1)
    )
    yield one("stale-prekey", "ends", "now", **given(now=made + DAY))
    yield one("clock", "made_at", "over ten minutes ahead", **given(now=made - 600_001))
    yield one(
        "bad-prekey", "ends", "a day and a millisecond later", **given(but(ends=made + DAY + 1))
    )
    yield one("bad-prekey", "ends", "not after it was made", **given(but(ends=made)))
    yield one("wrong-type", "public", "1215 bytes", **given(but(public=public[:-1])))
    yield one("wrong-key", "member", "another member", **given(member=LISBON.id))
    yield one("bad-signature", "signature", "of the vault key", **given(signer=UTRECHT.vault))
    yield one("bad-signature", "signature", "of another node", **given(signer=LVIV.node))


def bundles() -> Iterator[Scene]:
    first = UTRECHT.case_prekey()

    def prekey(number: int, made_at: int, starts: int, life: int = 30 * DAY) -> CasePrekey:
        public = Opener(fixed("Utrecht case prekey", number)).public
        return CasePrekey(SUITE, public, made_at, starts, starts + life)

    def given(*prekeys: CasePrekey, made_at: int = NOW, **change: Any) -> dict[str, Any]:
        value = Bundle(SUITE, UTRECHT.id, made_at, prekeys)
        data = sign(UTRECHT.vault, labels.BUNDLE, value).pack()
        fixed_ = {"member": UTRECHT.id, "vault_key": UTRECHT.vault.public, "now": NOW}
        return {"data": data, **fixed_, **change}

    def one(code: str, field: str, cause: str, **values: Any) -> Scene:
        return refused(code, f"bundle.{field}", cause, "bundle", **values)

    second = prekey(2, NOW, first.ends)
    tomorrow = msgspec.structs.replace(second, suite=2, public=bytes(1600))
    yield ok("bundle of a first prekey, current at once", "bundle", **given(first))
    yield ok("bundle of two prekeys", "bundle", **given(first, second))
    yield ok(
        "bundle on the day of the second prekey", "bundle", **given(first, second, now=first.ends)
    )
    yield ok("bundle of none: messages wait for a key", "bundle", **given())
    yield ok("bundle with a prekey of an unknown suite", "bundle", **given(first, tomorrow))
    again = msgspec.structs.replace(first, starts=first.ends, ends=first.ends + DAY)
    yield one("bad-prekey", "prekeys", "one twice", **given(first, again))
    yield one(
        "bad-prekey", "prekeys", "two at one time", **given(first, prekey(2, NOW, first.ends - 1))
    )
    yield one("bad-prekey", "prekeys", "not by their beginning", **given(second, first))
    yield one(
        "bad-prekey",
        "prekeys.ends",
        "over 30 days later",
        **given(prekey(3, NOW, NOW, 30 * DAY + 1)),
    )
    yield one("bad-prekey", "prekeys.ends", "not after it starts", **given(prekey(3, NOW, NOW, 0)))
    yield one(
        "bad-prekey",
        "prekeys.starts",
        "less than 7 days after it was made",
        **given(prekey(3, NOW, NOW + 7 * DAY - 1)),
    )
    yield one(
        "bad-prekey",
        "prekeys.made_at",
        "after its bundle",
        **given(prekey(3, NOW + 1, NOW + 8 * DAY)),
    )
    yield one(
        "bad-key",
        "prekeys.public",
        "1215 bytes",
        **given(msgspec.structs.replace(first, public=first.public[:-1])),
    )
    yield one("clock", "made_at", "over ten minutes ahead", **given(first, now=NOW - 600_001))
    yield one("wrong-key", "member", "another member", **given(first, member=LISBON.id))
    yield one(
        "bad-signature",
        "signature",
        "of another member",
        **given(first, vault_key=LISBON.vault.public),
    )
    late = prekey(3, first.ends, first.ends)
    yield one(
        "bad-prekey",
        "prekeys.starts",
        "at once, though it is not the first",
        **given(first, late, made_at=first.ends, now=first.ends),
    )
    by_node = sign(UTRECHT.node, labels.BUNDLE, Bundle(SUITE, UTRECHT.id, NOW, (first,))).pack()
    yield one("bad-signature", "signature", "of the node key", **given(data=by_node))
    good = make_bundle(UTRECHT.vault, Bundle(SUITE, UTRECHT.id, NOW, (first,)))
    yield one(
        "not-msgpack", "content", "a byte that begins nothing", **given(data=raw(good, 0, b"\xc1"))
    )
    yield one("too-large", "content", "over 16 KiB", **given(data=good.ljust(16_385, b"\0")))
    content = fields(good)[0]
    wide = b"\xdd\x00\x00\x00\x01" + packed(fields(content)[3][0])
    loose = raw(content, 3, wide)
    signed = packed([loose, UTRECHT.vault.sign(labels.BUNDLE, loose)])
    yield one("not-canonical", "prekeys", "array header of 32 bits", **given(data=signed))


def single_keys() -> Iterator[Scene]:
    for party in (LISBON, UTRECHT):
        yield ok(
            f"keys of {party.name}: ids, fingerprint, public halves",
            "keys",
            vault=party.vault.seed(),
            node=party.node.seed(),
            case=party.case.seed(),
        )
    yield ok("seal key of suite 1", "seal key", public=UTRECHT.case.public)
    secret = fixed("recovery kit")
    text = keys.kit_text(secret)
    yield ok("recovery kit as it is printed", "recovery kit", text=text)
    misread = text.lower().replace("o", "0").replace("i", "1").replace("b", "8").replace(" ", "-")
    yield ok("recovery kit as it is misread from paper", "recovery kit", text=misread)

    def one(field: str, cause: str, do: str, **given: Any) -> Scene:
        return refused("bad-key", field, cause, do, **given)

    other = text.replace(" ", "")
    other = other[:-1] + ("A" if other[-1] != "A" else "B")
    yield one("recovery kit", "a wrong character", "recovery kit", text=other)
    yield one("recovery kit", "a group is missing", "recovery kit", text=text[:-5])
    yield one("recovery kit", "a character that it never has", "recovery kit", text="9" + text[1:])
    public = UTRECHT.case.public
    yield one(
        "case prekey.public",
        "lattice numbers beyond the modulus",
        "seal key",
        public=b"\xff" * 1184 + public[1184:],
    )
    yield one(
        "case prekey.public",
        "an X25519 key of small order",
        "seal key",
        public=public[:1184] + bytes(32),
    )
    yield one("case prekey.public", "1217 bytes", "seal key", public=public + b"\0")
    yield one("vault seed", "31 bytes", "keys", vault=bytes(31), node=bytes(32), case=bytes(32))
