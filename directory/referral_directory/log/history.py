"""The log as people read it: each entry as one sentence, with who signed it.

Law: what is said is read from the leaf itself and from the entries before it, not from the state of
today: an old line never changes its meaning. A kind that nobody knows is named as it stands.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from referral_directory.log.ledger import Ledger
from referral_directory.log.wording import ENDINGS, lowered, reason
from referral_protocol.directory.entries import (
    ACTIVE,
    COMPROMISED,
    REMOVED,
    SUSPENDED,
    Card,
    Entry,
    Leaf,
    Recovery,
    Root,
    Status,
    Update,
    parse_entry,
    parse_leaf,
)
from referral_protocol.directory.rules import RECOVERY_DELAY

_BACK: Final = 8
"""Entries of a member that are looked through for the card before an update."""


class Told(msgspec.Struct, frozen=True):
    """One entry. ``text`` follows the member's name, or stands alone where there is none.

    ``signers``: the keys that signed it. ``until``: an end that belongs to the sentence, of a
    recovery the time from which it can be completed.
    """

    index: int
    logged: int
    member: bytes | None
    text: str
    signers: tuple[bytes, ...]
    own: bool
    until: int | None = None


class History:
    """Reads the log of one directory."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def count(self, member: bytes | None = None) -> int:
        """How many entries there are, of all or of one member."""
        if member is None:
            return self._ledger.checkpoint.size
        row = await self._ledger.store.row(
            "SELECT COUNT(*) AS n FROM entries WHERE member = ?", (member,)
        )
        return 0 if row is None else int(row["n"])

    async def lines(self, first: int, most: int, member: bytes | None = None) -> list[Told]:
        """Entries newest first: ``most`` of them after the ``first``."""
        where, values = ("", ()) if member is None else ("WHERE member = ? ", (member,))
        rows = await self._ledger.store.rows(
            f"SELECT number, leaf FROM entries {where}"  # noqa: S608 - the text is ours
            "ORDER BY number DESC LIMIT ? OFFSET ?",
            (*values, most, first),
        )
        return [await self._told(row["number"], parse_leaf(bytes(row["leaf"]))) for row in rows]

    async def _told(self, index: int, leaf: Leaf) -> Told:
        entry = parse_entry(leaf.content)
        signers = tuple(each.key for each in leaf.signatures)
        text, until, own = "", None, False
        match entry.body:
            case Root() as root:
                text = await self._root(index, entry, root)
            case Update() as update:
                before = await self._card_before(index, entry.member or b"")
                text, own = _update(update, before), True
            case Status() as status:
                text, until = _status(status), status.until
                before = await self._card_before(index, entry.member or b"")
                own = before is not None and before.vault_key in signers
            case Card():
                text = "was admitted"
            case Recovery():
                text = "says that its vault key is lost: new keys wait for a veto of the old one"
                until = leaf.logged + RECOVERY_DELAY
            case _:
                text = f"has an entry of the kind {entry.kind}"
        return Told(index, leaf.logged, entry.member, text, signers, own, until)

    async def _card_before(self, index: int, member: bytes) -> Card | None:
        rows = await self._ledger.store.rows(
            "SELECT leaf FROM entries WHERE member = ? AND number < ? ORDER BY number DESC LIMIT ?",
            (member, index, _BACK),
        )
        for row in rows:
            body = parse_entry(parse_leaf(bytes(row["leaf"])).content).body
            if isinstance(body, Update):
                return body.card
            if isinstance(body, Card):
                return body
        return None

    async def _root(self, index: int, entry: Entry, root: Root) -> str:
        if index == 0:
            return "The log began, with its first root."
        versions = {each.version: each for each in self._ledger.directory.roots}
        before = versions[entry.number - 1].root
        changes = _root_changes(before, root)
        what = "; ".join(changes) if changes else "nothing"
        return f"Root {entry.number} was made. It changes {what}. It acts 72 hours after this."


def _update(update: Update, before: Card | None) -> str:
    card = update.card
    if before is None:
        return "changed its entry"
    changed = []
    if card.vault_key != before.vault_key:
        changed.append("its vault key")
    if card.node_key != before.node_key:
        changed.append("its node key")
    if (card.endpoint, card.pins) != (before.endpoint, before.pins):
        changed.append("where its node answers")
    if card.records != before.records:
        changed.append("its profile")
    what = _listed(changed) if changed else "its entry"
    why = {
        COMPROMISED: ", because the one before may be in the wrong hands",
        "lost": ", after its vault key was lost",
    }.get(update.reason, "")
    return f"changed {what}{why}"


def _status(status: Status) -> str:
    why = lowered(reason(status.reason))
    if status.reason in ENDINGS:
        return f"keeps its keys: {why}"
    return {
        SUSPENDED: f"was suspended: {why}",
        ACTIVE: f"is active again: {why}",
        REMOVED: f"was removed: {why}",
    }.get(status.status, f"has the status {status.status}: {why}")


def _root_changes(before: Root, after: Root) -> list[str]:
    found = [
        change
        for change in (
            _keys("registrar", before.registrars, after.registrars),
            _keys("root key", before.root_keys, after.root_keys),
            _keys(
                "witness",
                [each.key for each in before.witnesses],
                [each.key for each in after.witnesses],
            ),
        )
        if change
    ]
    if before.log_key != after.log_key:
        found.append("the log key")
    for name, old, new in (
        ("how many registrars must sign", before.registrar_threshold, after.registrar_threshold),
        ("how many root keys must sign", before.root_threshold, after.root_threshold),
        ("how many witnesses must sign", before.quorum, after.quorum),
    ):
        if old != new:
            found.append(f"{name}: {new} instead of {old}")
    return found


def _keys(name: str, before: Sequence[bytes], after: Sequence[bytes]) -> str:
    new, gone = len(set(after) - set(before)), len(set(before) - set(after))
    parts = [f"{n} {word}" for n, word in ((new, "new"), (gone, "gone")) if n]
    return f"{name}s ({', '.join(parts)})" if parts else ""


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
