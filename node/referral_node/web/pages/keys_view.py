"""Keys for people: what there are, since when, what is under way, what was changed. Pure.

Law: a key is called by what it does, never by how it is made.
"""

from dataclasses import dataclass
from typing import Final

from referral_node.exchange import KeysStanding, WaitingUpdate
from referral_node.exchange.directory.updating import NODE_KEY
from referral_node.exchange.directory.updating import VAULT_KEY as VAULT
from referral_protocol.directory.earlier import VaultKey
from referral_protocol.directory.entries import COMPROMISED, LOST, ROUTINE
from referral_ui.parts import Choice, Text
from referral_ui.times import Times, lower

WHY: Final = {
    ROUTINE: "as a matter of routine",
    COMPROMISED: "because somebody else may have had it",
    LOST: "because it was lost",
}
REASONS: Final = (
    Choice(
        ROUTINE,
        "As a matter of routine",
        "Nobody else ever had it: a new computer, a change of staff, a few years have passed",
    ),
    Choice(
        COMPROMISED,
        "Somebody else may have had it",
        "A computer or a password was stolen, or somebody got in",
    ),
)


@dataclass(frozen=True)
class Way:
    """A change that is under way. ``stuck``: the directory refused it, in these words."""

    title: str
    text: str
    stuck: str = ""


@dataclass(frozen=True)
class KeysPage:
    """All that the template draws. ``joined``: the directory names us, so that keys may change;
    ``busy``: another change is under way, and this one has to wait."""

    fingerprint: str
    organisation_since: str
    machine_since: str
    way: Way | None
    changes: tuple[str, ...]
    joined: bool
    busy: bool


def build(standing: KeysStanding, update: WaitingUpdate | None, times: Times) -> KeysPage:
    """The page of our keys."""
    return KeysPage(
        fingerprint=standing.fingerprint,
        organisation_since=_day(standing.vault_since, times) or "Waits for the directory",
        machine_since=_day(standing.machine_since, times),
        way=_way(standing, update, times),
        changes=tuple(change(key, times) for key in standing.earlier),
        joined=standing.vault_since is not None and not standing.foreign,
        busy=update is not None and update.code is None,
    )


def change(key: VaultKey, times: Times) -> str:
    """When and why one key gave way to the next."""
    why = WHY.get(key.reason or "", key.reason or "")
    return f"{_day(key.until, times)}: the organisation’s key, {why}"


def _way(standing: KeysStanding, update: WaitingUpdate | None, times: Times) -> Way | None:
    stuck = "" if update is None or update.code is None else update.said or update.code
    if standing.coming_since is not None:
        when = lower(times.moment(standing.coming_since))
        why = WHY.get(standing.reason or "", "")
        return Way(
            "The organisation’s key is being replaced",
            f"A new one was made {when}, {why}. It takes over by itself as soon as the directory"
            " names it. Until then you go on as before.",
            stuck if update is None or VAULT in update.changed else "",
        )
    if update is not None and NODE_KEY in update.changed:
        return Way(
            "The machine’s new key is in use",
            "The directory has still to name it. Nobody has to wait for that.",
            stuck,
        )
    return None


def _day(at: int | None, times: Times) -> str:
    return "" if at is None else times.long_day(times.here.local(at).date())


def told(member: str, key: VaultKey | None, times: Times) -> Text:
    """What another organisation's page says of a change of its key; "" if there was none."""
    if key is None:
        return ""
    when = _day(key.until, times)
    if key.reason == COMPROMISED:
        return (
            f"{member} replaced its key on {when} because somebody else may have had the old one."
            " Nothing is sent to the old one any more. Compare the new fingerprint before you send"
            " a new referral."
        )
    if key.reason == LOST:
        return (
            f"{member} lost its key. VSE gave it a new one on {when}, after announcing that for"
            " three days. Compare the new fingerprint before you send a new referral."
        )
    return (
        f"{member} replaced its key on {when} as a matter of routine; the old key signed the new"
        " one. What is under way goes on. Compare the new fingerprint before you send a new"
        " referral."
    )
