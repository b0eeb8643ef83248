"""Watching the directory: checkpoints that others show, fork proofs, a whole log in a file."""

from collections.abc import Iterator
from typing import Any

import msgspec

from referral_protocol.certificates import DAY
from referral_protocol.directory.entries import make_root_entry
from referral_protocol.directory.forks import ForkProof, make_fork_proof, root_leaves
from referral_protocol.directory.notes import TreeHead, make_checkpoint
from referral_protocol.directory.paths import pack_entries
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.saved import saved_head
from referral_protocol.directory.tree import Tree
from referral_protocol.directory.views import judge
from referral_protocol.suite import Signer
from referral_protocol.wire import decode, encode
from referral_tools.conformance.log import LOG, ORIGIN, ROOT_KEYS, Log, root
from referral_tools.conformance.scenes.scene import Scene, ok, refused
from referral_tools.conformance.world import LISBON, LVIV, NOW, UTRECHT, fixed


def scenes() -> Iterator[Scene]:
    """All of this part."""
    yield from views()
    yield from fork_proofs()
    yield from saved_logs()


def _logs() -> tuple[Log, Log]:
    """Two logs under one log key, alike in their first two entries."""
    return Log(LISBON, LVIV), Log(LISBON, UTRECHT, LVIV)


def views() -> Iterator[Scene]:
    ours, theirs = _logs()
    small = Log(LISBON)

    def given(note: bytes, **change: Any) -> dict[str, Any]:
        held = {"held_note": ours.checkpoint(NOW - DAY), "held": ours.leaves}
        return {"genesis": ours.genesis, "now": NOW, "note": note, **held, **change}

    def bad(code: str, cause: str, note: bytes) -> Scene:
        return refused(code, "shown checkpoint", cause, "view", **given(note))

    head = TreeHead(ORIGIN, 3, theirs.tree.root(3))
    yield ok("shown checkpoint the same", "view", **given(ours.checkpoint()))
    yield ok("shown checkpoint behind", "view", **given(small.checkpoint()))
    yield ok("shown checkpoint ahead", "view", **given(theirs.checkpoint()))
    forked = make_checkpoint(head, LOG, NOW)
    yield ok("shown checkpoint of another log", "view", **given(forked))
    yield bad("missing-signature", "by no key of the log", make_checkpoint(head, LVIV.vault, NOW))
    yield bad("clock", "over ten minutes ahead", make_checkpoint(head, LOG, NOW + 700_000))
    empty = TreeHead(ORIGIN, 0, Tree().root())
    yield bad("bad-checkpoint", "of an empty log", make_checkpoint(empty, LOG, NOW))
    elsewhere = TreeHead("other.example.org", 3, head.root)
    yield bad("bad-checkpoint", "of another origin", make_checkpoint(elsewhere, LOG, NOW))
    yield from _after_a_rotation()


def _rotated() -> tuple[Log, Signer, int]:
    """A log whose second root names another log key, and when that acts."""
    log = Log(LISBON)
    new = Signer(fixed("second log key"))
    newest = log.directory.roots[-1]
    content = make_root_entry(
        root(log_key=new.public), log.now, log.genesis, newest.hash, newest.version + 1
    )
    log.append(log.leaf(content, *ROOT_KEYS))
    return log, new, log.now + 3 * DAY


def _after_a_rotation() -> Iterator[Scene]:
    log, new, acts = _rotated()
    head = TreeHead(ORIGIN, len(log.leaves), log.tree.root())
    now = acts + 3 * DAY
    held = make_checkpoint(head, new, now)

    def given(note: bytes) -> dict[str, Any]:
        base = {"genesis": log.genesis, "now": now, "held_note": held, "held": log.leaves}
        return {**base, "note": note}

    in_time = make_checkpoint(head, LOG, acts + DAY)
    yield ok("shown checkpoint by the log key before, in its time", "view", **given(in_time))
    late = make_checkpoint(head, LOG, acts + DAY + 1000)
    yield refused(
        "wrong-key",
        "shown checkpoint",
        "by a log key whose time was over",
        "view",
        **given(late),
    )


def fork_proofs() -> Iterator[Scene]:
    ours, theirs = _logs()
    held = Replica(ours.genesis).extend(ours.checkpoint(), ours.leaves, NOW)

    def proof(note: bytes) -> bytes:
        _, shown = judge(held, note, NOW)
        roots = root_leaves(ours.leaves)
        return make_fork_proof(held, roots, shown, theirs.tree, UTRECHT.id, NOW)

    def given(data: bytes, **change: Any) -> dict[str, Any]:
        return {"data": data, "now": NOW, "genesis": ours.genesis, **change}

    def at(size: int) -> bytes:
        return make_checkpoint(TreeHead(ORIGIN, size, theirs.tree.root(size)), LOG, NOW)

    longer = proof(theirs.checkpoint())
    yield ok("fork proof, the other log is longer", "fork proof", **given(longer))
    yield ok("fork proof, both of one size", "fork proof", **given(proof(at(3))))
    nothing = given(longer)
    del nothing["genesis"]
    yield ok("fork proof without an anchor", "fork proof", **nothing)
    lie = make_checkpoint(TreeHead(ORIGIN, 2, fixed("no root")), LOG, NOW)
    yield ok("fork proof, the other log is shorter", "fork proof", **given(proof(lie)))
    yield from _bad_proofs(ours, longer, given)


def _bad_proofs(ours: Log, good: bytes, given: Any) -> Iterator[Scene]:
    parsed = decode(good, ForkProof, len(good), "vector")

    def bad(code: str, field: str, cause: str, **change: Any) -> Scene:
        data = encode(msgspec.structs.replace(parsed, **change))
        return refused(code, f"fork proof{field}", cause, "fork proof", **given(data))

    def whole(code: str, cause: str, values: dict[str, Any]) -> Scene:
        return refused(code, "fork proof", cause, "fork proof", **values)

    yield whole("truncated", "a byte is missing", given(good[:-1]))
    yield whole("trailing", "a byte too many", given(good + b"\x00"))
    yield whole("wrong-genesis", "of another directory", given(good, genesis=fixed("other")))
    yield whole("clock", "from the future", given(good, now=NOW - DAY))
    yield bad("wrong-value", ".kind", "another one", kind="evidence")
    yield bad("unknown-suite", ".suite", "another one", suite=2)
    yield bad("wrong-type", ".roots", "none", roots=())
    yield bad("wrong-value", ".roots", "a member's entry", roots=(ours.leaves[1],))
    twice = (ours.leaves[0], ours.leaves[0])
    yield bad("wrong-genesis", ".roots", "the first one twice", roots=twice)
    thief = make_checkpoint(TreeHead(ORIGIN, 3, fixed("no root")), LVIV.vault, NOW)
    yield bad("missing-signature", ".first", "by no key of the log", first=thief.decode())
    yield bad("bad-proof", ".first", "after the second", first=parsed.second, second=parsed.first)
    yield bad("bad-proof", ".path", "a hash is missing", path=parsed.path[1:])
    yield bad("bad-proof", ".path", "a hash too many", path=(*parsed.path, fixed("more")))
    yield bad("bad-proof", ".prefix", "not of the second tree", prefix=fixed("no root"))
    yield bad(
        "bad-proof",
        "",
        "of a log that only grew",
        first=ours.checkpoint().decode(),
        second=ours.checkpoint(NOW - 1000).decode(),
        prefix=ours.tree.root(),
        path=(),
    )


def saved_logs() -> Iterator[Scene]:
    log = Log(LISBON, UTRECHT)
    head = saved_head(log.checkpoint())
    good = head + pack_entries(log.leaves)

    def given(data: bytes, **change: Any) -> dict[str, Any]:
        return {"data": data, "now": NOW, "genesis": log.genesis, **change}

    def bad(code: str, cause: str, data: bytes, **change: Any) -> Scene:
        return refused(code, "saved log", cause, "saved log", **given(data, **change))

    yield ok("saved log", "saved log", **given(good))
    yield bad("wrong-value", "another first line", good.replace(b"saved", b"saves", 1))
    yield bad("truncated", "a byte is missing", good[:-1])
    yield bad("truncated", "the last entry is missing", head + pack_entries(log.leaves[:-1]))
    swapped = head + pack_entries([log.leaves[0], log.leaves[2], log.leaves[1]])
    yield bad("bad-checkpoint", "two entries swapped", swapped)
    yield bad("trailing", "an entry too many", good + pack_entries(log.leaves[-1:]))
    yield bad("wrong-genesis", "of another directory", good, genesis=fixed("other"))
