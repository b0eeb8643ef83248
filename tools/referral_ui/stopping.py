"""Being told to stop: once is a request, twice is an order, and either is over in bounded time.

Law: the first SIGTERM or SIGINT lets what is under way finish. The second one, or the end of the
time, ends the process where it stands. That is safe at every moment: what was confirmed to anybody
lies on disk, and what was not is done again after the next start.
"""

import asyncio
import signal
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Listens for the signals from the moment that it is made; for the main thread alone.

    ``within``: seconds that stopping may take, whatever hangs.
    """

    def __init__(self, within: int) -> None:
        self._within = within
        self._told = asyncio.Event()
        for each in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(each, self._tell)

    async def wait(self) -> None:
        """Until somebody says so."""
        await self._told.wait()

    def _tell(self) -> None:
        self._told.set()
        loop = asyncio.get_running_loop()
        for each in SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)  # SIGINT would otherwise raise somewhere
        # By the system, since what hangs may be the event loop itself.
        signal.alarm(self._within)
