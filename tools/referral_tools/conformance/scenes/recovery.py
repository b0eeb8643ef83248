"""A lost vault key and root keys after a veto; log keys that change hands; private endpoints."""

from collections.abc import Iterator
from typing import Any, Final

from referral_protocol.certificates import DAY
from referral_protocol.directory.entries import (
    ACTIVE,
    LOST,
    RECOVERY_ENDED,
    SUSPENDED,
    VETO,
    Status,
    make_recovery_entry,
    make_status_entry,
)
from referral_protocol.suite import Signer
from referral_tools.conformance.log import REGISTRARS, ROOT_KEYS, Log, card
from referral_tools.conformance.scenes.scene import Scene, ok, refused
from referral_tools.conformance.world import LISBON, LVIV, fixed

NEW: Final = Signer(fixed("Lisbon", "vault after the loss"))
NODE: Final = Signer(fixed("Lisbon", "node after the loss"))
OLD: Final = LISBON.vault
KEYS: Final = {"vault_key": NEW.public, "node_key": NODE.public}
ANNOUNCED: Final = (NEW, NODE, REGISTRARS[0])


def scenes() -> Iterator[Scene]:
    """All scenarios of this file."""
    yield from announced()
    yield from completed()
    yield from vetoed()
    yield from private_endpoints()


def after(log: Log, leaf: bytes) -> dict[str, Any]:
    """One more leaf after those of a log."""
    return {"genesis": log.genesis, "log": log.leaves, "leaf": leaf}


def recovery(log: Log, **changes: Any) -> bytes:
    """Content of an announcement of Lisbon's new keys."""
    old = log.member(LISBON)
    new = card(LISBON, **{**KEYS, **changes})
    return make_recovery_entry(log.genesis, old.id, old.number + 1, old.head, new, log.now)


def lost(log: Log, **changes: Any) -> bytes:
    """Content of the entry that completes it."""
    return log.update_content(LISBON, LOST, **{**KEYS, **changes})


def status(log: Log, value: str, reason: str) -> bytes:
    """Content of a status of Lisbon."""
    old = log.member(LISBON)
    body = Status(value, None, reason)
    return make_status_entry(log.genesis, old.id, old.number + 1, old.head, body, log.now)


def opened(days: int = 0) -> Log:
    """A log with an announcement, this many days later."""
    log = Log(LISBON, LVIV)
    log.append(log.leaf(recovery(log), *ANNOUNCED))
    log.now += days * DAY
    return log


def contested(days: int = 0) -> Log:
    """The same with the veto of the key before."""
    log = opened()
    log.append(log.leaf(status(log, SUSPENDED, VETO), OLD))
    log.now += days * DAY
    return log


def bad(code: str, field: str, cause: str, log: Log, content: bytes, *signers: Signer) -> Scene:
    leaf = log.leaf(content, *signers)
    return refused(code, f"recovery{field}", cause, "entry", **after(log, leaf))


def announced() -> Iterator[Scene]:
    log = Log(LISBON, LVIV)
    content = recovery(log)
    yield ok("recovery that is announced", "entry", **after(log, log.leaf(content, *ANNOUNCED)))
    begun = opened()
    base = {"genesis": begun.genesis, "log": begun.leaves, "member": LISBON.id, "now": begun.now}
    yield ok("member whose recovery is announced keeps its keys", "member", **base)
    for cause, signers in (
        ("none of a registrar", (NEW, NODE)),
        ("none of the new vault key", (NODE, REGISTRARS[0])),
        ("none of the node key", (NEW, REGISTRARS[0])),
    ):
        yield bad("missing-signature", ".signatures", cause, log, content, *signers)
    with_old = (*ANNOUNCED, OLD)
    yield bad("wrong-key", ".signatures", "one of the key that is lost", log, content, *with_old)
    same = recovery(log, vault_key=OLD.public)
    yield bad("wrong-value", ".vault_key", "not a new one", log, same, OLD, NODE, REGISTRARS[0])
    taken = recovery(log, vault_key=LVIV.vault.public)
    theirs = (LVIV.vault, NODE, REGISTRARS[0])
    yield bad("key-in-use", ".vault_key", "another member's", log, taken, *theirs)
    own = begun.update_content(LISBON, endpoint="https://elsewhere.example.org")
    cause = "an update by the key that is said to be lost"
    yield bad("state-not-allowed", "", cause, begun, own, OLD)
    away = status(begun, SUSPENDED, "holiday")
    cause = "another status than a veto by the key that is said to be lost"
    yield bad("state-not-allowed", "", cause, begun, away, OLD)


def completed() -> Iterator[Scene]:
    ready = opened(3)
    content = lost(ready)
    yield ok(
        "recovery that is completed", "entry", **after(ready, ready.leaf(content, *REGISTRARS))
    )
    changed = opened(3)
    changed.append(changed.leaf(lost(changed), REGISTRARS[0]))
    base = {"genesis": changed.genesis, "log": changed.leaves, "member": LISBON.id}
    yield ok("member that was recovered", "member", now=changed.now, **base)
    early = opened(2)
    yield bad("state-not-allowed", ".logged", "within 72 hours", early, lost(early), REGISTRARS[0])
    late = opened(30)
    yield bad("state-not-allowed", ".logged", "30 days after", late, lost(late), REGISTRARS[0])
    never = Log(LISBON, LVIV)
    cause = "completed, but never announced"
    yield bad("state-not-allowed", "", cause, never, lost(never), REGISTRARS[0])
    other = lost(ready, endpoint="https://elsewhere.example.org")
    yield bad("wrong-value", ".card", "not the one announced", ready, other, REGISTRARS[0])
    yield bad("missing-signature", ".signatures", "only of the new keys", ready, content, NEW, NODE)
    end = status(ready, ACTIVE, RECOVERY_ENDED)
    yield ok(
        "recovery that registrars end", "entry", **after(ready, ready.leaf(end, REGISTRARS[0]))
    )
    ended = opened()
    ended.append(ended.leaf(status(ended, ACTIVE, RECOVERY_ENDED), REGISTRARS[0]))
    ended.now += 3 * DAY
    yield bad("state-not-allowed", "", "ended by registrars", ended, lost(ended), REGISTRARS[0])


def vetoed() -> Iterator[Scene]:
    log = opened()
    veto = log.leaf(status(log, SUSPENDED, VETO), OLD)
    yield ok("recovery that the key before vetoes", "entry", **after(log, veto))
    split = contested(3)
    base = {"genesis": split.genesis, "log": split.leaves, "member": LISBON.id, "now": split.now}
    yield ok("member whose recovery was vetoed is suspended", "member", **base)
    two = ROOT_KEYS[:2]
    for about, content in (
        ("root keys decide for the new keys", lost(split)),
        ("root keys decide for the key before", status(split, ACTIVE, "found")),
    ):
        yield ok(about, "entry", **after(split, split.leaf(content, *two)))
    cause = "completed by registrars after a veto"
    yield bad("missing-signature", ".signatures", cause, split, lost(split), *REGISTRARS)
    cause = "one root key of two after a veto"
    yield bad("missing-signature", ".signatures", cause, split, lost(split), ROOT_KEYS[0])
    lifted = status(split, ACTIVE, "found")
    cause = "lifted by registrars after a veto"
    yield bad("state-not-allowed", "", cause, split, lifted, *REGISTRARS)
    calm = Log(LISBON, LVIV)
    nothing = status(calm, SUSPENDED, VETO)
    yield bad("state-not-allowed", "", "a veto of nothing", calm, nothing, OLD)


def private_endpoints() -> Iterator[Scene]:
    yield ok(
        "endpoint on a private address for a trial",
        "endpoint",
        url="https://10.0.0.7:8700",
        allow_loopback=True,
    )
    for url in (
        "https://10.0.0.7",
        "https://172.31.0.1",
        "https://100.64.0.1",
        "https://[fd00::1]",
    ):
        cause = f"a private address, {url.removeprefix('https://').strip('[]')}"
        yield refused("bad-endpoint", "endpoint", cause, "endpoint", url=url)
