"""Asking a directory to admit this node (DIRECTORY 5.3).

Law: the request is signed by the vault key, so a keyholder gives their password for it, once; asked
again with the same profile, the same bytes are sent again. It is stored before it is sent. Nothing
is sent to a directory whose first entry is not the one that the anchor names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from referral_node.config import Exchange
from referral_node.delivery.http import Answer, Http, Unreachable
from referral_node.delivery.problem import read_problem
from referral_node.store import Store, Tx
from referral_node.store.facts import (
    BUNDLE,
    CHECKPOINT,
    DIRECTORY_URL,
    GENESIS,
    MEMBER,
    REQUEST,
    REQUEST_STATE,
    SUBMISSION,
    VAULT_PUBLIC,
    fact,
    keep,
)
from referral_node.trouble import Trouble
from referral_node.vault.vault import UnlockedVault
from referral_protocol import profiles
from referral_protocol.certificates import verify_certificate, verify_transport_prekey
from referral_protocol.directory import paths
from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.directory.entries import (
    Card,
    entry_hash,
    parse_anchor,
    parse_entry,
    parse_leaf,
)
from referral_protocol.directory.invitation import parse_invitation
from referral_protocol.directory.notes import MAX_NOTE, peek_checkpoint
from referral_protocol.directory.records import salted
from referral_protocol.directory.requests import (
    APPROVED,
    DECLINED,
    MAX_REQUEST_STATE,
    RequestState,
    Submission,
    make_join,
    parse_request_state,
    parse_submission,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.receipts import parse_prekey_answer
from referral_protocol.suite import Signer

MSGPACK: Final = "application/msgpack"
_MAX_PROBLEM: Final = 16 * 1024


class NeedsKeyholder(Exception):
    """The request must be signed: a keyholder has to give their password."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which directory to join, as what. ``profile``: the bytes of a checked profile."""

    url: str
    anchor: str
    profile: bytes


class Joining:
    """Joins a directory, or asks how the request stands; again and again with the same result."""

    def __init__(
        self,
        store: Store,
        http: Http,
        exchange: Exchange,
        node: Signer,
        *,
        allow_loopback: bool,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._http = http
        self._exchange = exchange
        self._node = node
        self._allow_loopback = allow_loopback
        self._clock = clock
        self._entropy = entropy

    async def join(
        self, wish: Wish, vault: UnlockedVault | None, *, anew: bool = False
    ) -> RequestState:
        """How the request stands, made and sent first if there is none like it, or ``anew``.

        Raises NeedsKeyholder when it must be made and ``vault`` is None; Trouble in one line.
        """
        url = self._checked_url(wish.url)
        genesis = await self._genesis(wish.anchor)
        try:
            contents = profiles.split(wish.profile)
        except ProtocolError as error:
            raise Trouble(f"the profile cannot be used: {error.detail}") from None
        await self._same_directory(url, genesis)
        submission = None if anew else await self._earlier(genesis, contents)
        if submission is None:
            if vault is None:
                raise NeedsKeyholder
            submission = await self._new(genesis, contents, vault)
        await self._keep(url, genesis, submission)
        state = await self._send(url, submission)

        async def work(tx: Tx) -> None:
            await keep(tx, REQUEST_STATE, state.pack())

        await self._store.write(work)
        return state

    async def answers(self) -> str:
        """Whether our endpoint, as `node.toml` has it, answers with our keys: ``answers``,
        ``silent``, ``wrong-tls-key``, ``another-node`` or ``odd``."""
        exchange = self._exchange
        member, vault_key = await fact(self._store, MEMBER), await fact(self._store, VAULT_PUBLIC)
        try:
            answer = await self._http.request(
                "GET",
                f"{exchange.endpoint}/v1/prekey",
                limit=_MAX_PROBLEM,
                pins=exchange.pin_bytes,
            )
        except Unreachable as error:
            return "wrong-tls-key" if error.code == "wrong-tls-key" else "silent"
        if answer.status != 200:
            return "odd"
        try:
            said = parse_prekey_answer(answer.body)
            found = verify_certificate(said.certificate, member or b"", vault_key or b"")
            verify_transport_prekey(said.prekey, member or b"", self._node.public, self._clock())
        except ProtocolError as error:
            other = error.code in ("wrong-key", "bad-signature", "bad-key", "not-for-us")
            return "another-node" if other else "odd"
        return "answers" if found.node_key == self._node.public else "another-node"

    def _checked_url(self, url: str) -> str:
        try:
            return parse_endpoint(url.rstrip("/"), self._allow_loopback).url
        except ProtocolError as error:
            words = error.detail.removeprefix("endpoint: ")
            raise Trouble(f"the directory's address: {words}") from None

    async def _genesis(self, anchor: str) -> bytes:
        try:
            genesis = parse_anchor(anchor)
        except ProtocolError as error:
            words = error.detail.removeprefix("anchor: ")
            raise Trouble(f"the anchor: {words}; copy it from the paper again") from None
        held = await fact(self._store, GENESIS)
        # Once a copy of a log is here, everything that this node knows of others rests on it.
        if held not in (None, genesis) and await fact(self._store, CHECKPOINT) is not None:
            raise Trouble(
                "this node follows the directory of another anchor; "
                "to join a second one, make a node of its own with `referral node init`"
            )
        return genesis

    async def _same_directory(self, url: str, genesis: bytes) -> None:
        """Compare the directory's first entry with the anchor, before anything is told to it."""
        note = await self._get(url, paths.CHECKPOINT, MAX_NOTE)
        try:
            size = peek_checkpoint(note).size
            first = next(paths.entries_paths(0, size), None)
            if first is None:
                raise Trouble("the directory at this address is empty")
            data = await self._get(url, first.path, paths.MAX_BUNDLE_BYTES)
            leaf = parse_leaf(paths.parse_entries(data, first.width)[0])
        except ProtocolError:
            raise Trouble("what answers at this address is not a directory") from None
        if entry_hash(leaf.content) != genesis:
            raise Trouble(
                "the directory at this address is not the one of the anchor: "
                "check both, and ask VSE on a telephone number that you know from elsewhere"
            )

    async def _earlier(self, genesis: bytes, contents: dict[str, bytes]) -> Submission | None:
        """The request that was made before, if it says the same and was not declined."""
        stored = await fact(self._store, SUBMISSION)
        if stored is None:
            return None
        try:
            submission = parse_submission(stored)
            entry = parse_entry(submission.content)
        except ProtocolError:
            return None  # of an earlier version of this program: made anew
        state = await last_state(self._store)
        if entry.genesis != genesis or (state is not None and state.state == DECLINED):
            return None
        if state is not None and state.state == APPROVED:
            return submission
        same = (
            isinstance(entry.body, Card)
            and {record.name: record.content for record in submission.records} == contents
            and entry.body.endpoint == self._exchange.endpoint
            and entry.body.pins == self._exchange.pin_bytes
            and entry.body.node_key == self._node.public
        )
        return submission if same else None

    async def _new(
        self, genesis: bytes, contents: dict[str, bytes], vault: UnlockedVault
    ) -> Submission:
        salts = {name: self._entropy(32) for name in contents}
        try:
            return make_join(
                genesis,
                vault.signer,
                self._node,
                self._exchange.endpoint,
                self._exchange.pin_bytes,
                salted(contents, salts),
                await fact(self._store, BUNDLE),
                self._clock(),
            )
        except ProtocolError as error:
            raise Trouble(f"this request cannot be made: {error.detail}") from None

    async def _keep(self, url: str, genesis: bytes, submission: Submission) -> None:
        packed = submission.pack()
        fresh = packed != await fact(self._store, SUBMISSION)

        async def work(tx: Tx) -> None:
            if fresh:  # how an earlier one stood says nothing of this one
                await tx.execute("DELETE FROM facts WHERE name = ?", (REQUEST_STATE,))
            await keep(tx, GENESIS, genesis)
            await keep(tx, DIRECTORY_URL, url.encode("utf-8"))
            await keep(tx, REQUEST, submission.id)
            await keep(tx, SUBMISSION, packed)

        await self._store.write(work)

    async def _send(self, url: str, submission: Submission) -> RequestState:
        answer = await self._request(
            "POST", url + paths.REQUESTS, MAX_REQUEST_STATE, submission.pack()
        )
        if answer.status not in (200, 202):
            raise _refused(answer)
        try:
            return parse_request_state(answer.body)
        except ProtocolError:
            raise Trouble("the directory's answer cannot be read: is it newer than we?") from None

    async def _get(self, url: str, path: str, limit: int) -> bytes:
        answer = await self._request("GET", url + path, limit, None)
        if answer.status != 200:
            raise _refused(answer)
        return answer.body

    async def _request(self, method: str, url: str, limit: int, data: bytes | None) -> Answer:
        try:
            return await self._http.request(
                method,
                url,
                limit=max(limit, _MAX_PROBLEM),
                data=data,
                content_type=None if data is None else MSGPACK,
            )
        except Unreachable as error:
            why = _UNREACHABLE.get(error.code, "gave no usable answer")
            raise Trouble(f"the directory {why}: check the address, then try again") from None


def invited(line: str) -> tuple[str, str]:
    """The address and the anchor of an invitation; Trouble in one line."""
    try:
        found = parse_invitation(line)
    except ProtocolError as error:
        words = error.detail.removeprefix("invitation: ")
        raise Trouble(
            f"this is not an invitation: {words}; copy the whole line again as you got it"
        ) from None
    return found.url, found.anchor


async def last_state(store: Store) -> RequestState | None:
    """How the request stood when it was last asked after; None before the first time."""
    stored = await fact(store, REQUEST_STATE)
    try:
        return None if stored is None else parse_request_state(stored)
    except ProtocolError:
        return None


_UNREACHABLE: Final = {
    "connect": "cannot be reached",
    "time-out": "does not answer in time",
    "wrong-tls-key": "shows another TLS key than it should",
}


def _refused(answer: Answer) -> Trouble:
    """A problem document in one line."""
    if answer.status in (429, 503):
        wait = f" in {answer.retry_after} s" if answer.retry_after else " later"
        return Trouble(f"the directory is busy: try again{wait}")
    _, shown = read_problem(answer.body)
    if not shown:
        return Trouble(f"the directory answered with HTTP status {answer.status}: is it one?")
    return Trouble(f"the directory refused: {shown}")
