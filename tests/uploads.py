"""A node that sends ranges of attachments as it likes: in order, out of order, or lying."""

import hashlib
import io
from typing import Any, Self

import aiohttp

from directory_world import signer
from files import pdf
from node_world import Office, Offices
from referral_protocol.attachments import Sealing
from referral_protocol.uploads import (
    Progress,
    RangeHead,
    make_range,
    parse_progress,
    verify_progress,
)

RANGE = "application/vnd.referral-exchange.range"
KEY = bytes(range(32))


def ciphertext(size: int = 300_000) -> bytes:
    sealing = Sealing(KEY)
    return sealing.add(pdf(size)) + b"".join(sealing.finish())


class Sender:
    """A member's node that sends whatever it likes to Utrecht's."""

    def __init__(self, offices: Offices, data: bytes, name: str = "lisboa") -> None:
        self.offices = offices
        self.node = signer(f"{name} node")
        self.office: Office = offices[name]
        self.to: Office = offices["utrecht"]
        self.data = data
        self.hash = hashlib.sha256(data).digest()
        self.client = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    def range(self, offset: int, end: int | None = None, **change: Any) -> tuple[RangeHead, bytes]:
        said: dict[str, Any] = {
            "sender": self.office.id,
            "recipient": self.to.id,
            "hash": self.hash,
            "size": len(self.data),
            "now": self.offices.clock.now,
            "data": self.data[offset:end],
            **change,
        }
        return make_range(
            said.pop("node", self.node),
            said.pop("certificate", self.office.exchange.core.certificate),
            offset=said.pop("offset", offset),
            **said,
        )

    async def send(self, request: tuple[RangeHead, bytes]) -> Progress:
        """The signed answer, verified as the real sender does."""
        head, body = request
        status, answer = await self.post(body, head.range.hash)
        assert status == 200, answer
        key = self.to.exchange.core.node.public
        return verify_progress(parse_progress(answer), key, head, self.offices.clock.now)

    async def post(self, body: bytes, hash: bytes, kind: str = RANGE) -> tuple[int, bytes]:
        url = f"{self.to.endpoint}/v1/attachments/{hash.hex()}"
        async with self.client.put(
            url, data=io.BytesIO(body), headers={"Content-Type": kind}, skip_auto_headers=["Expect"]
        ) as answer:
            return answer.status, await answer.read()

    async def code(self, offset: int, end: int | None = None, **change: Any) -> tuple[Any, int]:
        said = await self.send(self.range(offset, end, **change))
        return said.code, said.held
