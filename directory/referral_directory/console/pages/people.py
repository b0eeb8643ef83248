"""The registrars: who signs now, from when a new root acts, and how one becomes a registrar."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from referral_directory.console.routing import Route, get
from referral_directory.console.visit import Visit
from referral_ui.parts import Text


@dataclass(frozen=True)
class Row:
    """One registrar's key."""

    display: str
    name: str
    key: str
    signs: str


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    directory, people = visit.site.ledger.directory, visit.site.people()
    acting = directory.root_at(visit.now)
    coming = [each for each in directory.roots if each.acts_from > visit.now]
    later = [key for each in coming for key in each.root.registrars]
    keys = dict.fromkeys((*acting.root.registrars, *later, *people))
    rows = []
    for key in keys:
        known = people.get(key)
        signs = "yes" if key in acting.root.registrars else "no"
        for each in coming:
            if (key in each.root.registrars) != (key in acting.root.registrars):
                word = "from" if key in each.root.registrars else "until"
                signs = f"{word} {visit.times.record(each.acts_from)}"
        rows.append(
            Row(
                "Not known on this machine" if known is None else known.display,
                "" if known is None else known.name,
                key.hex()[:16],
                signs,
            )
        )
    when: Text | None = None if not coming else visit.times.record(coming[-1].acts_from)
    return visit.page(
        "registrars.html",
        rows=rows,
        root=acting.version,
        threshold=acting.root.registrar_threshold,
        coming=None if not coming else coming[-1].version,
        coming_at=when,
        root_keys=len(acting.root.root_keys),
        root_threshold=acting.root.root_threshold,
        witnesses=len(acting.root.witnesses),
    )


routes: Final[list[Route]] = [get("/registrars", show)]
