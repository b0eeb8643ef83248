"""The directory: entries, checkpoints, proofs, records, the board; and evidence over it."""

import base64
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from referral_protocol.certificates import DAY, Bundle, make_bundle
from referral_protocol.directory.entries import (
    COMPROMISED,
    REMOVED,
    ROUTINE,
    SUSPENDED,
    Leaf,
    anchor_text,
    make_member_entry,
    make_root_entry,
    make_update_entry,
    parse_leaf,
)
from referral_protocol.directory.notes import TreeHead, make_checkpoint
from referral_protocol.directory.records import Records
from referral_protocol.directory.tree import leaf_hash
from referral_protocol.evidence import parse_evidence
from referral_protocol.suite import SUITE, Signer
from referral_tools.conformance import story
from referral_tools.conformance.log import (
    LOG,
    ORIGIN,
    REGISTRARS,
    ROOT_KEYS,
    Log,
    card,
    records,
    root,
)
from referral_tools.conformance.scenes.scene import Scene, ok, refused
from referral_tools.conformance.world import LISBON, LVIV, NOW, UTRECHT, Party, fixed

THREE: Final = (LISBON, LVIV, UTRECHT)
NEW: Final = Signer(fixed("Lisbon", "second vault"))


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from entries()
    yield from bad_entries()
    yield from members()
    yield from checkpoints()
    yield from replicas()
    yield from proofs()
    yield from beside_the_log()
    yield from spellings()
    yield from evidence()


def after(log: Log, leaf: bytes) -> dict[str, Any]:
    """One more leaf after those of a log."""
    return {"genesis": log.genesis, "log": log.leaves, "leaf": leaf}


def joined(log: Log, content: bytes, party: Party = UTRECHT) -> bytes:
    """A member's leaf, signed by all who must."""
    return log.leaf(content, party.vault, party.node, REGISTRARS[0])


def entries() -> Iterator[Scene]:
    log = Log(LISBON, LVIV)
    first = Log()
    start = {"genesis": first.genesis, "log": [], "leaf": first.leaves[0]}
    yield ok("entry 0 is the root that the anchor names", "entry", **start)
    yield ok("entry of a member", "entry", **after(log, joined(log, log.member_content(UTRECHT))))
    moved = log.update_content(LISBON, endpoint="https://elsewhere.example.org")
    yield ok("entry of a new endpoint", "entry", **after(log, log.leaf(moved, LISBON.vault)))
    key = log.update_content(LISBON, COMPROMISED, vault_key=NEW.public)
    changed = log.leaf(key, LISBON.vault, NEW)
    yield ok("entry of a new vault key", "entry", **after(log, changed))
    away = log.status_content(LISBON, SUSPENDED, log.now + 7 * DAY)
    yield ok("entry of a suspension", "entry", **after(log, log.leaf(away, REGISTRARS[1])))
    gone = log.status_content(LISBON, REMOVED)
    yield ok("entry of a removal", "entry", **after(log, log.leaf(gone, REGISTRARS[0])))
    rooted = _next_root(log)
    yield ok("entry of a second root", "entry", **after(log, log.leaf(rooted, *ROOT_KEYS)))


def _next_root(log: Log, version: int = 2, **change: Any) -> bytes:
    newest = log.directory.roots[-1]
    return make_root_entry(root(**change), log.now, log.genesis, newest.hash, version)


def bad_entries() -> Iterator[Scene]:
    log = Log(LISBON, LVIV)

    def bad(code: str, field: str, cause: str, leaf: bytes, base: Log = log) -> Scene:
        return refused(code, f"entry{field}", cause, "entry", **after(base, leaf))

    def update(**change: Any) -> bytes:
        return log.leaf(log.update_content(LISBON, **change), LISBON.vault)

    member = log.member_content(UTRECHT)
    other_log = Log(LISBON, LVIV, origin="other.example.org")
    theirs = other_log.update_content(LISBON)
    yield bad("wrong-genesis", ".genesis", "of another log", log.leaf(theirs, LISBON.vault))
    anchor = {"genesis": fixed("anchor"), "log": [], "leaf": log.leaves[0]}
    yield refused("wrong-genesis", "entry 0", "not the one of the anchor", "entry", **anchor)
    start = {"genesis": log.genesis, "log": [], "leaf": log.leaves[1]}
    yield refused("wrong-genesis", "entry 0", "a member", "entry", **start)
    yield bad(
        "broken-chain", ".previous", "not the member's last entry", update(previous=fixed("other"))
    )
    yield bad("old-number", ".number", "played again", *_played_again())
    yield bad("counter-gap", ".number", "one is left out", update(number=3))
    yield bad(
        "old-number",
        ".number",
        "the member joins again",
        joined(log, log.member_content(LISBON), LISBON),
    )
    gap = log.leaf(_next_root(log, 3), *ROOT_KEYS)
    yield bad("counter-gap", ".number", "a root's version is left out", gap)
    stolen = make_member_entry(
        log.genesis, UTRECHT.id, card(LISBON, endpoint="https://a.example.org"), log.now
    )
    yield bad(
        "wrong-id",
        ".member",
        "not of its first vault key",
        log.leaf(stolen, LISBON.vault, LISBON.node, REGISTRARS[0]),
    )
    used = log.member_content(UTRECHT, node_key=LVIV.node.public)
    yield bad(
        "key-in-use",
        ".node_key",
        "another member's",
        log.leaf(used, UTRECHT.vault, LVIV.node, REGISTRARS[0]),
    )
    content = log.update_content(LISBON, node_key=LVIV.vault.public)
    yield bad(
        "key-in-use",
        ".node_key",
        "another member's vault key",
        log.leaf(content, LISBON.vault, LVIV.vault),
    )
    for cause, url in (("plain http", "http://a.example.org"), ("loopback", "https://localhost")):
        yield bad("bad-endpoint", ".endpoint", cause, update(endpoint=url))
    for cause, signers in (
        ("none of a registrar", (UTRECHT.vault, UTRECHT.node)),
        ("none of the vault key", (UTRECHT.node, REGISTRARS[0])),
        ("none of the node key", (UTRECHT.vault, REGISTRARS[0])),
    ):
        yield bad("missing-signature", ".signatures", cause, log.leaf(member, *signers))
    lone = log.leaf(_next_root(log), ROOT_KEYS[0])
    yield bad("missing-signature", ".signatures", "one root key of two", lone)
    also = log.leaf(member, UTRECHT.vault, UTRECHT.node, REGISTRARS[0], LVIV.vault)
    yield bad("wrong-key", ".signatures", "one of a member that has no say", also)
    forged = log.leaf(member, UTRECHT.vault, UTRECHT.node, REGISTRARS[0])
    leaf = parse_leaf(forged)
    broken = tuple(msgspec.structs.replace(s, signature=bytes(64)) for s in leaf.signatures)
    yield bad("bad-signature", ".signatures", "only zeros", Leaf(log.now, member, broken).pack())
    turned = Leaf(log.now, member, leaf.signatures[::-1]).pack()
    yield bad("wrong-value", ".signatures", "not ascending by key", turned)
    early = Leaf(log.now - 1, leaf.content, leaf.signatures).pack()
    yield bad("bad-times", ".logged", "before the entry that precedes it", early)
    late = Leaf(log.now + 31 * DAY, leaf.content, leaf.signatures).pack()
    yield bad("bad-times", ".at", "over 30 days before it was logged", late)
    yield bad("state-not-allowed", ".status", "active, of who is not suspended", _lifted())
    yield bad("removed", ".member", "removed before", *_of_a_removed_member())
    nobody = Log(UTRECHT)
    unknown = log.leaf(_as_if(log, nobody), UTRECHT.vault)
    yield bad("unknown-member", ".member", "never joined", unknown)


def _played_again() -> tuple[bytes, Log]:
    """An update that is in the log already, and the log."""
    log = Log(LISBON, LVIV)
    leaf = log.leaf(log.update_content(LISBON), LISBON.vault)
    log.append(leaf)
    return leaf, log


def _lifted() -> bytes:
    log = Log(LISBON, LVIV)
    return log.leaf(log.status_content(LISBON, "active"), *REGISTRARS)


def _of_a_removed_member() -> tuple[bytes, Log]:
    log = Log(LISBON, LVIV)
    update = log.update_content(LISBON)
    log.append(log.leaf(log.status_content(LISBON, REMOVED), REGISTRARS[0]))
    return log.leaf(update, LISBON.vault), log


def _as_if(log: Log, other: Log) -> bytes:
    """An update of a member that only another log has, made for this one."""
    head = other.member(UTRECHT).head
    return make_update_entry(log.genesis, UTRECHT.id, 2, head, card(UTRECHT), ROUTINE, log.now)


def members() -> Iterator[Scene]:
    log = Log(*THREE)
    log.append(log.leaf(log.status_content(LVIV, SUSPENDED, NOW + DAY), REGISTRARS[0]))
    base = {"genesis": log.genesis, "log": log.leaves, "now": NOW}
    yield ok("member as the log has it", "member", member=LISBON.id, **base)
    unknown = {"member": fixed("nobody")[:16], **base}
    yield refused("unknown-member", "member", "not in the log", "member", **unknown)


# --- checkpoints and proofs -----------------------------------------------------------------------


def checkpoints() -> Iterator[Scene]:
    log = Log(*THREE)
    note = log.checkpoint()

    def given(data: bytes = note, **change: Any) -> dict[str, Any]:
        return {"note": data, "origin": ORIGIN, "log_key": LOG.public, "now": NOW, **change}

    def bad(code: str, field: str, cause: str, **values: Any) -> Scene:
        return refused(code, f"checkpoint{field}", cause, "checkpoint", **values)

    def text(old: bytes, new: bytes) -> dict[str, Any]:
        return given(new.join(note.split(old, 1)))

    yield ok("checkpoint of the log", "checkpoint", **given())
    head = TreeHead(ORIGIN, 5, log.tree.root(4))
    other = make_checkpoint(head, LVIV.vault, NOW)
    yield bad("missing-signature", ".signatures", "none of the log's key", **given(other))
    yield bad("bad-signature", ".size", "another one", **text(b"\n4\n", b"\n5\n"))
    yield bad("bad-checkpoint", ".size", "with a leading zero", **text(b"\n4\n", b"\n04\n"))
    yield bad("bad-checkpoint", ".origin", "of another log", **given(origin="other.example.org"))
    yield bad("bad-checkpoint", "", "no signatures", **given(note.split(b"\n\n")[0]))
    yield bad("bad-checkpoint", ".root", "31 bytes", **given(_with_root(note)))
    extended = text(b"\n\n", b"\nextension\n\n")
    yield bad("bad-checkpoint", "", "an extension line", **extended)
    yield bad("not-text", "", "not UTF-8", **given(note + b"\xff"))
    yield bad("not-text", "", "a control character", **text(b"\n4\n", b"\n4\r\n"))
    yield bad("too-large", "", "over 16 KiB", **given(note.ljust(16_385, b"\n")))
    yield bad("clock", ".time", "over ten minutes ahead", **given(now=NOW - 601_000))


def _with_root(note: bytes) -> bytes:
    lines = note.split(b"\n")
    lines[2] = base64.b64encode(bytes(31))
    return b"\n".join(lines)


def replicas() -> Iterator[Scene]:
    log = Log(*THREE)
    two = Log(LISBON)
    fork = Log(LISBON, UTRECHT, LVIV)

    def given(note: bytes, leaves: list[bytes], held: Log | None = None) -> dict[str, Any]:
        base: dict[str, Any] = {"genesis": log.genesis, "now": NOW, "note": note, "leaves": leaves}
        if held is not None:
            base |= {"held_note": held.checkpoint(NOW - DAY), "held": held.leaves}
        return base

    def bad(code: str, field: str, cause: str, values: dict[str, Any]) -> Scene:
        return refused(code, field, cause, "extend", **values)

    yield ok("log from its beginning", "extend", **given(log.checkpoint(), log.leaves))
    rest = given(log.checkpoint(), log.leaves[2:], two)
    yield ok("log that goes on where it was held", "extend", **rest)
    yield bad(
        "older-checkpoint",
        "checkpoint",
        "of fewer entries than are held",
        given(two.checkpoint(), [], log),
    )
    yield bad(
        "forked-log",
        "checkpoint",
        "of other entries than are held",
        given(fork.checkpoint(), [], log),
    )
    yield bad(
        "forked-log",
        "leaves",
        "not those of the checkpoint",
        given(log.checkpoint(), fork.leaves[2:], two),
    )
    yield bad(
        "truncated", "leaves", "one is missing", given(log.checkpoint(), log.leaves[2:-1], two)
    )
    yield bad(
        "trailing",
        "leaves",
        "one too many",
        given(log.checkpoint(), [*log.leaves[2:], log.leaves[-1]], two),
    )


def proofs() -> Iterator[Scene]:
    log = Log(*THREE)
    tree, size = log.tree, log.tree.size
    old_root, new_root = tree.root(3), tree.root(size)
    inclusion = {
        "leaf": leaf_hash(log.leaves[1]),
        "index": 1,
        "size": size,
        "proof": tree.inclusion(1, size),
        "root": new_root,
    }
    consistency = {
        "old_size": 3,
        "old_root": old_root,
        "new_size": size,
        "new_root": new_root,
        "proof": tree.consistency(3, size),
    }

    def bad(field: str, cause: str, do: str, values: dict[str, Any], **change: Any) -> Scene:
        return refused("bad-proof", field, cause, do, **{**values, **change})

    path, between = tree.inclusion(1, size), tree.consistency(3, size)
    yield ok("inclusion of an entry", "inclusion", **inclusion)
    yield ok("consistency of two sizes", "consistency", **consistency)
    for cause, change in (
        ("of another entry", {"leaf": fixed("other")}),
        ("at another place", {"index": 2}),
        ("outside the tree", {"index": size}),
        ("a hash is missing", {"proof": path[:-1]}),
        ("a hash too many", {"proof": [*path, path[0]]}),
        ("to another root", {"root": old_root}),
    ):
        yield bad("inclusion", cause, "inclusion", inclusion, **change)
    for cause, change in (
        ("from nothing", {"old_size": 0}),
        ("to a smaller tree", {"new_size": 2}),
        ("of two roots of one size", {"new_size": 3}),
        ("a hash is missing", {"proof": between[:-1]}),
        ("from another root", {"old_root": new_root}),
    ):
        yield bad("consistency", cause, "consistency", consistency, **change)


# --- beside the log -------------------------------------------------------------------------------


def beside_the_log() -> Iterator[Scene]:
    log = Log(*THREE)
    base = {"genesis": log.genesis, "log": log.leaves}
    kept = Records(LISBON.id, records(LISBON))
    yield ok("records that the log names", "records", data=kept.pack(), **base)
    swapped = msgspec.structs.replace(kept, member=UTRECHT.id)
    yield refused(
        "wrong-record", "records.member", "another member", "records", data=swapped.pack(), **base
    )
    salted = msgspec.structs.replace(kept.records[0], salt=fixed("other"))
    resalted = msgspec.structs.replace(kept, records=(salted,))
    yield refused(
        "wrong-record", "records.salt", "another salt", "records", data=resalted.pack(), **base
    )
    twice = msgspec.structs.replace(kept, records=kept.records * 2)
    yield refused("wrong-value", "records", "one twice", "records", data=twice.pack(), **base)

    def posted(made_at: int, party: Party = UTRECHT) -> bytes:
        bundle = Bundle(SUITE, UTRECHT.id, made_at, (UTRECHT.case_prekey(),))
        return make_bundle(party.vault, bundle)

    stands = {"held": posted(NOW - 1), "now": NOW, **base}
    yield ok("bundle that replaces an earlier one", "posted bundle", data=posted(NOW), **stands)
    yield ok("bundle that stands already", "posted bundle", data=posted(NOW - 1), **stands)
    older = {"data": posted(NOW - 2), **stands}
    yield refused(
        "old-number", "bundle.made_at", "before the one on the board", "posted bundle", **older
    )
    forged = {"data": posted(NOW, LISBON), **stands}
    yield refused(
        "bad-signature", "posted bundle", "by another member's key", "posted bundle", **forged
    )
    gone = Log(*THREE)
    gone.append(gone.leaf(gone.status_content(UTRECHT, REMOVED), REGISTRARS[0]))
    left = {"genesis": gone.genesis, "log": gone.leaves, "data": posted(NOW), "now": NOW}
    yield refused("removed", "bundle.member", "removed", "posted bundle", **left)


def spellings() -> Iterator[Scene]:
    genesis = Log().genesis
    text = anchor_text(genesis)
    yield ok("anchor as it stands on paper", "anchor", text=text)
    yield ok("anchor as it is typed", "anchor", text=text.lower().replace(" ", "-"))
    for cause, wrong in (
        ("a group is missing", text[:-5]),
        ("a character that it never has", "9" + text[1:]),
        ("bits after its last byte", text[:-1] + ("B" if text[-1] != "B" else "C")),
    ):
        yield refused("wrong-genesis", "anchor", cause, "anchor", text=wrong)
    for url in ("https://node.example.org", "https://node.example.org:8443/exchange"):
        yield ok(f"endpoint {url}", "endpoint", url=url)
    yield ok(
        "endpoint on loopback for a trial",
        "endpoint",
        url="http://127.0.0.1:8700",
        allow_loopback=True,
    )
    for cause, url in (
        ("plain http elsewhere", "http://node.example.org"),
        ("capital letters", "https://Node.example.org"),
        ("the default port written out", "https://node.example.org:443"),
        ("a user name", "https://user@node.example.org"),
        ("a query", "https://node.example.org/?a=b"),
        ("a dot segment", "https://node.example.org/../a"),
        ("a host without a domain", "https://node"),
        ("an address in short form", "https://127.1"),
    ):
        yield refused("bad-endpoint", "endpoint", cause, "endpoint", url=url, allow_loopback=True)


# --- evidence -------------------------------------------------------------------------------------


def evidence() -> Iterator[Scene]:
    told = story.tell()
    good = story.evidence(told)
    bundle = parse_evidence(good)

    def given(data: bytes = good, **change: Any) -> dict[str, Any]:
        return {"data": data, "now": told.end, "anchor": told.log.genesis, **change}

    def but(**change: Any) -> dict[str, Any]:
        return given(msgspec.structs.replace(bundle, **change).pack())

    def bad(code: str, field: str, cause: str, values: dict[str, Any]) -> Scene:
        return refused(code, f"evidence{field}", cause, "evidence", **values)

    yield ok("evidence of a whole story", "evidence", **given())
    note = told.statements["contacted"]
    shown = story.evidence(told, story.disclosed(note, story.BODY))
    yield ok("evidence with a content that a keyholder added", "evidence", **given(shown))
    wrong = story.evidence(told, story.disclosed(note, b"another"))
    yield ok("evidence with a content that was never committed to", "evidence", **given(wrong))
    forged = tuple(msgspec.structs.replace(s, signature=bytes(64)) for s in bundle.statements[1:])
    unsigned = but(statements=(bundle.statements[0], *forged))
    yield ok("evidence with statements that nobody signed", "evidence", **unsigned)
    yield bad("wrong-genesis", ".anchor", "of another directory", given(anchor=fixed("anchor")))
    yield bad("wrong-genesis", ".entries", "without entry 0", but(entries=bundle.entries[1:]))
    moved = msgspec.structs.replace(bundle.entries[1], index=2)
    placed = (bundle.entries[0], moved, *bundle.entries[2:])
    yield bad("bad-proof", ".entries", "one at another place", but(entries=placed))
    yield bad(
        "wrong-value",
        ".entries",
        "not ascending",
        but(entries=(*bundle.entries, bundle.entries[1])),
    )
    yield bad(
        "bad-thread", ".statements", "without the opener", but(statements=bundle.statements[1:])
    )
    yield bad("clock", ".checkpoint", "over ten minutes ahead", given(now=told.end - DAY))
    yield bad("unknown-suite", ".suite", "2", but(suite=2))
    yield bad("wrong-value", ".form", "another file", but(form="another file"))
