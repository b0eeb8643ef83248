"""What a request to the root keys asks for, in plain words: old against new.

Law: every word comes from the content that is signed and from verified roots. A key is shown whole
where it is new or goes, so that it can be compared with paper. What the directory says on its own,
like an organisation's name, is marked as that.
"""

from collections.abc import Iterator, Sequence

from referral_directory.commands.desk import shown_time
from referral_directory.rootfile import Asked
from referral_protocol.directory.entries import Root, Update, Witness, anchor_text
from referral_protocol.keys import fingerprint


def described(asked: Asked) -> list[str]:
    """Lines for whoever is going to sign."""
    body, before = asked.entry.body, asked.before
    if not isinstance(body, Root):
        return [*_directory(asked), "", *_decision(asked)]
    if before is None:
        return ["A new directory. This is its first root.", "", *_first(body), *_anchor(asked)]
    changes = list(_changes(before.root, body))
    return [
        *_directory(asked),
        "",
        f"Root version {asked.entry.number} takes the place of version {before.version}, "
        "72 hours after it was published.",
        f"It was made at {shown_time(asked.entry.at)}.",
        "",
        *changes,
        "Nothing else changes.",
    ]


def _directory(asked: Asked) -> list[str]:
    root = asked.before.root if asked.before is not None else None
    name = "" if root is None else root.origin
    return [f"Directory  {name}", *_anchor(asked), "           Compare it with the paper."]


def _anchor(asked: Asked) -> list[str]:
    return [f"Anchor     {anchor_text(asked.genesis)}"]


def _first(root: Root) -> list[str]:
    return [
        f"Directory  {root.origin}",
        f"Log key    {root.log_key.hex()}",
        *_listed("Registrar", root.registrars),
        f"           {root.registrar_threshold} of {len(root.registrars)} decide",
        *_listed("Root key", root.root_keys),
        f"           {root.root_threshold} of {len(root.root_keys)} decide",
    ]


def _listed(what: str, keys: Sequence[bytes]) -> list[str]:
    return [f"{what:<10} {key.hex()}" for key in keys]


def _changes(old: Root, new: Root) -> Iterator[str]:
    if new.log_key != old.log_key:
        yield f"Log key    was {old.log_key.hex()}"
        yield f"           is  {new.log_key.hex()}"
    yield from _key_changes("Registrars", old.registrars, new.registrars)
    yield from _number("Registrars who decide", old.registrar_threshold, new.registrar_threshold)
    yield from _key_changes("Root keys", old.root_keys, new.root_keys)
    yield from _number("Root keys that decide", old.root_threshold, new.root_threshold)
    yield from _witness_changes(old.witnesses, new.witnesses)
    yield from _number("Witnesses who must cosign", old.quorum, new.quorum)


def _key_changes(what: str, old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[str]:
    if set(old) == set(new):
        return
    yield f"{what}: {len(old)} before, {len(new)} after"
    for key in new:
        if key not in old:
            yield f"  new      {key.hex()}"
    for key in old:
        if key not in new:
            yield f"  removed  {key.hex()}"


def _number(what: str, old: int, new: int) -> Iterator[str]:
    if old != new:
        yield f"{what}: {old} before, {new} after"


def _witness_changes(old: Sequence[Witness], new: Sequence[Witness]) -> Iterator[str]:
    if tuple(old) == tuple(new):
        return
    yield f"Witnesses: {len(old)} before, {len(new)} after"
    for witness in new:
        if witness not in old:
            yield f"  new      {_witness(witness)}"
    for witness in old:
        if witness not in new:
            yield f"  removed  {_witness(witness)}"


def _witness(witness: Witness) -> str:
    parts = [witness.name, witness.key.hex()]
    if witness.member is not None:
        parts.append(f"of member {witness.member.hex()}")
    if witness.url is not None:
        parts.append(f"at {witness.url}")
    return " ".join(parts)


def _decision(asked: Asked) -> list[str]:
    body = asked.entry.body
    member = (asked.entry.member or b"").hex()
    lines = [f"Member     {member}"]
    if asked.called:
        shown = "".join(c if c.isprintable() else "?" for c in asked.called)
        lines.append(f"           The directory calls it: {shown}")
    lines.append(f"           Its entry {asked.entry.number}, made at {shown_time(asked.entry.at)}")
    if isinstance(body, Update):
        card = body.card
        return [
            *lines,
            "",
            "The vault key that it had counts no more. These keys take its place:",
            f"Fingerprint {fingerprint(card.vault_key, card.node_key)}",
            f"Its node answers at {card.endpoint}",
        ]
    return [*lines, "", "It keeps the keys that it has. The recovery that was announced ends."]
