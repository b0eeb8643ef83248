"""A vault key is replaced, and the board does not show the bundle of the new one yet."""

from pathlib import Path

import pytest

from faces import poll
from federation import DIRECTORY, Federation, until
from links import Answer, Request
from referral_protocol.directory.entries import COMPROMISED, ROUTINE


def no_board(request: Request, _: Answer) -> bytes | None:
    if not request.path.startswith("/v1/board"):
        return None
    return b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(("reason", "kept"), [(ROUTINE, True), (COMPROMISED, False)])
async def test_what_is_still_sealed_to(tmp_path: Path, reason: str, kept: bool) -> None:
    """After a routine change the bundle before still serves; a compromised key's does not."""
    async with Federation(tmp_path, "lisboa", "utrecht") as fed:
        lisboa, utrecht = fed["lisboa"], fed["utrecht"]
        before = lisboa.exchange.members.get(utrecht.id).vault_key
        fed.link("lisboa", DIRECTORY).change = no_board
        await utrecht.exchange.keys.replace(utrecht.vault(), utrecht.actor, reason)

        async def knows() -> bool:
            await poll(utrecht)
            await poll(lisboa)
            return bool(lisboa.exchange.members.get(utrecht.id).vault_key != before)

        await until(knows)
        assert (lisboa.exchange.members.bundle(utrecht.id) is not None) is kept
