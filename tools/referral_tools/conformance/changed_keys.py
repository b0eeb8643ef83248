"""What a key signed that may have been replaced since, as a vector's operation (DIRECTORY 3.2)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from referral_protocol.directory.earlier import VaultKey, verify_certified, verify_known

if TYPE_CHECKING:
    from referral_tools.conformance.run import Given


def _known(g: "Given") -> tuple[VaultKey, ...]:
    """The vault key of now, then the earlier ones with their ends, the newest first."""
    ends = g.values.get("ends", [])
    earlier = zip(g.many("earlier"), ends, strict=True)
    return VaultKey(g.data("vault_key")), *(VaultKey(key, int(end), "") for key, end in earlier)


def _statement(g: "Given") -> dict[str, Any]:
    """A statement that comes back from whoever held it."""
    signed, by = verify_known(g.data("content"), g.data("signature"), _known(g), g.many("without"))
    return {"hash": signed.hash.hex(), "key": by.key.hex()}


def _certificate(g: "Given") -> dict[str, Any]:
    """A node certificate while its owner's vault key has a history."""
    found = verify_certified(g.data("data"), g.data("member"), _known(g))
    return {"node_key": found.node_key.hex(), "made_at": found.made_at}


OPERATIONS: Final[dict[str, Callable[["Given"], dict[str, Any]]]] = {
    "statement held": _statement,
    "certificate of several keys": _certificate,
}
