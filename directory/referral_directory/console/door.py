"""Who may come in: a registrar's name, password and a code from their telephone.

Law: whatever of the three is wrong, the answer is the same and takes as long. Passwords are
stretched one at a time, in a thread of their own. The code is looked at after the password, since
the secret opens with it; one that was used is refused, here and after a restart.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from referral_directory import registrars
from referral_directory.console.throttle import Throttle
from referral_directory.folder import Folder
from referral_directory.log.store import Store, Tx
from referral_directory.registrars import Registrar
from referral_directory.sealing import Cost, Random, WrongPassword, stretch
from referral_directory.totp import used_step
from referral_directory.trouble import Trouble

MAX_WAITING: Final = 8
"""Most passwords that wait for their turn; the next one is told to come back."""
MAX_PASSWORD: Final = 1024


class Wrong(Exception):
    """Name, password or code is wrong: which one is not said."""


class Waits(Exception):
    """The next try must wait ``wait`` milliseconds."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(wait)


class Busy(Exception):
    """Too many passwords wait to be looked at."""


class Door:
    """Signs registrars in. ``cost``: what an unknown name's password is stretched at."""

    def __init__(
        self,
        folder: Folder,
        store: Store,
        clock: Callable[[], int],
        cost: Cost,
        random: Random,
    ) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._cost = cost
        self._random = random
        self._throttle = Throttle(clock)
        self._waiting = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def enter(self, name: str, password: str, code: str) -> Registrar:
        """The registrar who comes in. Raises Wrong, Waits before anything is tried, Busy, or
        Trouble if the key's file cannot be used."""
        wait = self._throttle.wait(name)
        if wait > 0:
            raise Waits(wait)
        began = self._throttle.begin(name)
        try:
            registrar = await self._open(name.strip().lower(), password)
        except (Busy, Trouble) as error:
            if isinstance(error, WrongPassword):
                raise Wrong from None
            self._throttle.not_tried(name, began)
            raise
        if not await self.use(registrar, code):
            raise Wrong
        self._throttle.good(name, began)
        return registrar

    async def again(self, name: str, password: str) -> Registrar:
        """Open the file of a registrar who is signed in already; raises as :meth:`enter` does."""
        wait = self._throttle.wait(name)
        if wait > 0:
            raise Waits(wait)
        began = self._throttle.begin(name)
        try:
            registrar = await self._open(name, password)
        except WrongPassword:
            raise Wrong from None
        except (Busy, Trouble):
            self._throttle.not_tried(name, began)
            raise
        self._throttle.good(name, began)
        return registrar

    async def seal(self, registrar: Registrar, password: str) -> None:
        """Write a registrar's file anew, at this process's cost."""
        await asyncio.get_running_loop().run_in_executor(
            self._thread,
            registrars.write,
            self._folder,
            registrar,
            password,
            self._cost,
            self._random,
        )

    async def _open(self, name: str, password: str) -> Registrar:
        if self._waiting >= MAX_WAITING:
            raise Busy
        known = {each.name for each in registrars.everybody(self._folder)}
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            if name not in known or len(password) > MAX_PASSWORD:
                await loop.run_in_executor(self._thread, stretch, "", bytes(16), self._cost)
                raise WrongPassword("")
            return await loop.run_in_executor(
                self._thread, registrars.unlock, self._folder, name, password
            )
        finally:
            self._waiting -= 1

    async def use(self, registrar: Registrar, code: str) -> bool:
        """Whether the code counts; if so it is used up, on disk, before anybody is let in."""
        now = self._clock()

        async def work(tx: Tx) -> bool:
            rows = await tx.rows(
                "SELECT step FROM codes_used WHERE registrar = ?", (registrar.name,)
            )
            step = used_step(registrar.secret, code, now, rows[0]["step"] if rows else -1)
            if step is None:
                return False
            await tx.execute(
                "INSERT INTO codes_used (registrar, step) VALUES (?, ?) "
                "ON CONFLICT (registrar) DO UPDATE SET step = excluded.step",
                (registrar.name, step),
            )
            return True

        return await self._store.write(work)
