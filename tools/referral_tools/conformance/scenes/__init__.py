"""Where the vectors come from: one function call for each scenario, in the order of the layers.

Law: what a vector expects is written down here by hand; the generator checks that the protocol
answers so, and never takes its answer for the expectation of a refusal.
"""

from collections.abc import Iterator

from referral_tools.conformance.scenes import (
    asks,
    attachments,
    bodies,
    changed_keys,
    directory,
    keys,
    parcels,
    recovery,
    statements,
    threads,
    watching,
)
from referral_tools.conformance.scenes.scene import Scene


def scenes() -> Iterator[Scene]:
    """Every scenario; those with a seal in them come out differently each time."""
    yield from statements.scenes()
    yield from keys.scenes()
    yield from bodies.scenes()
    yield from threads.scenes()
    yield from parcels.scenes()
    yield from directory.scenes()
    yield from recovery.scenes()
    yield from attachments.scenes()
    yield from asks.scenes()
    yield from changed_keys.scenes()
    yield from watching.scenes()
