"""A second log under the same log key: what a directory that lies, or its thief, can make.

    fork = Fork.of(fed, "lisboa")          # the members and leaves that this node holds, so far
    await fork.join("ghost")               # grows otherwise from here on
    note = fork.note()                     # signed by the directory's true log key
    serving = await fork.serve()           # checkpoint and entries over HTTP, as a directory does

Every byte is made by the package; only the keys are where a thief would have them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

from directory_world import card_of, id_of, signer
from referral_directory.sealing import read_log_key
from referral_protocol.directory import paths
from referral_protocol.directory.entries import (
    Leaf,
    Status,
    make_member_entry,
    make_status_entry,
    sign_entry,
)
from referral_protocol.directory.notes import TreeHead, make_checkpoint
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.suite import Signer

LOOPBACK: Final = "http://127.0.0.1:9"


class Fork:
    """A log that shares its first leaves with another one. ``now`` is when it signs and logs."""

    def __init__(
        self, genesis: bytes, leaves: Sequence[bytes], log: Signer, registrar: Signer, now: int
    ) -> None:
        self.log = log
        self.registrar = registrar
        self.now = now
        self.leaves: list[bytes] = []
        self.tree = Tree()
        self.directory = Directory(genesis, allow_loopback=True)
        for leaf in leaves:
            self.append(leaf)

    @classmethod
    async def of(cls, member: Any, log_key: Path, registrar: Signer, now: int) -> Self:
        """From what a node holds; ``log_key``: the directory's file."""
        rows = await member.store.rows("SELECT leaf FROM log_entries ORDER BY number")
        replica = member.exchange.members.replica
        leaves = [bytes(row["leaf"]) for row in rows]
        return cls(replica.directory.genesis, leaves, read_log_key(log_key), registrar, now)

    def back_to(self, size: int) -> None:
        """Forget the leaves from ``size`` on."""
        kept = self.leaves[:size]
        self.leaves, self.tree = [], Tree()
        self.directory = Directory(self.directory.genesis, allow_loopback=True)
        for leaf in kept:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Append a leaf, which must be right."""
        self.directory.apply(leaf, len(self.leaves))
        self.leaves.append(leaf)
        self.tree.append(leaf_hash(leaf))

    def force(self, leaf: bytes) -> None:
        """Append a leaf that no node should take."""
        self.leaves.append(leaf)
        self.tree.append(leaf_hash(leaf))

    def join(self, name: str, **changes: Any) -> None:
        """A member whose keys depend on its name only joins."""
        fields = {"endpoint": LOOPBACK, **changes}
        card = card_of(name, **fields)
        vault = fields.get("vault", signer(f"{name} vault"))
        content = make_member_entry(self.directory.genesis, id_of(name), card, self.now)
        self._log(content, vault, signer(f"{name} node"), self.registrar)

    def status(self, member: bytes, status: str) -> None:
        """What a registrar says of a member."""
        old = self.directory.known(member)
        content = make_status_entry(
            self.directory.genesis,
            member,
            old.number + 1,
            old.head,
            Status(status, None, "test"),
            self.now,
        )
        self._log(content, self.registrar)

    def _log(self, content: bytes, *signers: Signer) -> None:
        self.append(Leaf(self.now, content, sign_entry(content, *signers)).pack())

    def note(self, size: int | None = None, at: int | None = None) -> bytes:
        """The checkpoint of this log, signed by the true log key."""
        count = len(self.leaves) if size is None else size
        origin = self.directory.roots[0].root.origin
        head = TreeHead(origin, count, self.tree.root(count))
        return make_checkpoint(head, self.log, self.now if at is None else at)

    def answer(self, path: str) -> bytes | None:
        """What a server of this log says to a GET; None: 404. Paths are those of a directory."""
        if path == paths.CHECKPOINT:
            return self.note()
        try:
            if path.startswith(paths.ENTRIES):
                number, width = paths.parse_tile_suffix(path.removeprefix(paths.ENTRIES))
                start = number * paths.TILE_WIDTH
                return paths.pack_entries(self.leaves[start : start + width])
            if path.startswith("/tile/0/"):
                number, width = paths.parse_tile_suffix(path.removeprefix("/tile/0/"))
                return b"".join(self.tree.hashes(0, number * paths.TILE_WIDTH, width))
        except ValueError:
            pass
        return None

    async def serve(self, prefix: str = "") -> TestServer:
        """Serve it on loopback; the caller closes it."""

        async def get(request: web.Request) -> web.Response:
            body = self.answer(request.path.removeprefix(prefix))
            return web.Response(status=404) if body is None else web.Response(body=body)

        app = web.Application()
        app.router.add_get("/{rest:.*}", get)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server()
        return server
