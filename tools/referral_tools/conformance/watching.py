"""Operations on other people's checkpoints: comparing them, fork proofs, whole logs in a file."""

from typing import TYPE_CHECKING, Any, Final

from referral_protocol.directory.forks import verify_fork_proof
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.saved import verify_saved
from referral_protocol.directory.views import judge

if TYPE_CHECKING:
    from referral_tools.conformance.run import Given


def _view(g: "Given") -> dict[str, Any]:
    """How a checkpoint stands to the log that is held (DIRECTORY 7.1)."""
    now = g.number("now")
    held = Replica(g.data("genesis")).extend(g.data("held_note"), g.many("held"), now)
    view, theirs = judge(held, g.data("note"), now)
    return {"view": view.value, "size": theirs.size}


def _fork_proof(g: "Given") -> dict[str, Any]:
    """A fork proof, with the genesis hash of the anchor (DIRECTORY 7.2)."""
    found = verify_fork_proof(g.data("data"), g.number("now"), g.maybe("genesis"))
    return {
        "genesis": found.genesis.hex(),
        "first": found.first.size,
        "second": found.second.size,
    }


def _saved_log(g: "Given") -> dict[str, Any]:
    """A log in one file, with the genesis hash of the anchor (DIRECTORY 7.5)."""
    found = verify_saved(g.data("data"), g.number("now"), g.maybe("genesis"))
    return {"genesis": found.directory.genesis.hex(), "size": found.size}


OPERATIONS: Final = {"view": _view, "fork proof": _fork_proof, "saved log": _saved_log}
