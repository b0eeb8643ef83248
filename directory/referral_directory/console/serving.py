"""The console's listener: bound, swept and closed beside the directory's own.

Law: what is real (clock, chance, cost) is handed in; at the end every session's key is gone before
the listener is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

import structlog
from jinja2 import PackageLoader

from referral_directory.config import Console, tls_context
from referral_directory.console.app import build_app
from referral_directory.console.door import Door
from referral_directory.console.sessions import Sessions
from referral_directory.console.site import Site
from referral_directory.folder import Folder
from referral_directory.log.endpoints import Endpoints
from referral_directory.log.ledger import Ledger
from referral_directory.log.office import Office
from referral_directory.log.requests import Requests
from referral_directory.log.reviews import Reviews
from referral_directory.sealing import Cost
from referral_ui.assets import Assets
from referral_ui.connections import listen
from referral_ui.environment import make_environment
from referral_ui.http import Origins
from referral_ui.times import Place

SWEEP: Final = 60.0
CLOSE_WITHIN: Final = 5.0

log = structlog.get_logger()


class Given(NamedTuple):
    """What the composition root hands in. ``address``: where members reach the directory."""

    folder: Folder
    ledger: Ledger
    office: Office
    requests: Requests
    address: str
    random: Callable[[int], bytes]
    cost: Cost


@asynccontextmanager
async def console(given: Given, config: Console) -> AsyncIterator[str]:
    """Serve the console while the block runs, at the first of its addresses. OSError if it cannot
    listen; AssetsMissing if the pages' style sheets are not built."""
    assets = Assets.load()
    clock = given.ledger.clock
    site = Site(
        folder=given.folder,
        ledger=given.ledger,
        office=given.office,
        requests=given.requests,
        reviews=Reviews(given.ledger.store),
        roster=given.office.roster,
        endpoints=Endpoints(given.ledger.store),
        sessions=Sessions(clock, given.random),
        door=Door(given.folder, given.ledger.store, clock, given.cost, given.random),
        environment=make_environment(
            assets, PackageLoader("referral_directory", "console/templates")
        ),
        origins=Origins(f"https://{host}" for host in config.hosts if config.proxy),
        secure=config.tls is not None or config.proxy,
        address=given.address,
        place=Place(config.time_zone, config.time_zone.rsplit("/", 1)[-1].replace("_", " ")),
        cost=given.cost,
        random=given.random,
        visitor_key=given.random(32),
        log=log,
    )
    try:
        server = await listen(
            build_app(site, assets),
            config.host,
            config.port,
            log=log,
            ssl=None if config.tls is None else tls_context(config.tls, given.folder.path),
            close_within=CLOSE_WITHIN,
        )
        addresses = _addresses(config, server.port)
        for address in addresses:
            site.origins.add(address)
        sweeping = asyncio.create_task(_sweep(site), name="console")
        try:
            yield addresses[0]
        finally:
            site.sessions.end_all()
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping
            await server.close()
    finally:
        site.door.close()


def _addresses(config: Console, port: int) -> list[str]:
    """Where a browser finds it, for each host name; behind a proxy the address of that one."""
    if config.proxy:
        return [f"https://{host}" for host in config.hosts]
    scheme = "http" if config.tls is None else "https"
    return [f"{scheme}://{host}:{port}" for host in config.hosts]


async def _sweep(site: Site) -> None:
    """A closed browser sends no request: its key goes when its time is up. The first round also
    reads all profiles once, so that nobody waits for it."""
    while True:
        try:
            site.sessions.sweep(site.acting())
            await site.roster.fresh()
        except Exception as error:  # noqa: BLE001 - keys must go whatever else fails
            log.error("console.upkeep", kind=type(error).__name__)
        await asyncio.sleep(SWEEP)
