"""The registrar's office: what is asked of the directory from inside, by name (the commands and
the console).

Law: the registrar's key never comes here. Whoever asks signs with it, beside the person who typed
the password, and hands in the signature; the ledger checks it like any other. Answers are plain
values that msgpack carries.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from referral_directory.log import journal
from referral_directory.log.history import History
from referral_directory.log.journal import TERMINAL, Acting, Journal
from referral_directory.log.ledger import Ledger
from referral_directory.log.proposals import Proposed
from referral_directory.log.recovering import open_recoveries
from referral_directory.log.requests import Kept, Requests
from referral_directory.log.rooting import Rooting
from referral_directory.log.roster import Roster
from referral_directory.log.store import Tx
from referral_protocol import profiles
from referral_protocol.directory.coming import coming
from referral_protocol.directory.entries import (
    RECOVERY,
    EntrySignature,
    anchor_text,
    parse_entry,
)
from referral_protocol.directory.records import Records, held_records, parse_records
from referral_protocol.directory.requests import ASKED, DECLINED, MAX_TEXT, asked_card
from referral_protocol.directory.rules import Member
from referral_protocol.errors import ProtocolError

Plain = dict[str, Any]
Check = Callable[[Kept], Awaitable[str]]
MOST_LINES: Final = 10_000
"""Most lines of the log or of the journal in one answer."""
PREFIX: Final = 4
"""Fewest hexadecimal digits that may stand for a whole id."""


class Refused(Exception):
    """What was asked cannot be done; one line for the person who asked."""


class Office:
    """Answers by name. ``check`` asks a request's endpoint whether it answers with its key."""

    def __init__(self, ledger: Ledger, requests: Requests, check: Check) -> None:
        self._ledger = ledger
        self._requests = requests
        self._check = check
        self._proposals = requests.proposals
        self.journal = Journal(ledger.store)
        self.roster = Roster(ledger)
        self._answers: dict[str, Callable[..., Awaitable[Any]]] = {
            "status": self.status,
            "requests": self.requests,
            "request": self.request,
            "approve": self.approve,
            "decline": self.decline,
            "ask": self.ask,
            "members": self.members,
            "member": self.member,
            "change-status": self.change_status,
            "propose": self.propose,
            "sign": self.sign,
            "proposals": self.proposals,
            "drop": self.drop,
            "recoveries": self.recoveries,
            "acts": self.acts,
            "history": self.history,
            "erase": self.erase,
            **Rooting(ledger).answers(),
        }

    async def answer(self, name: str, arguments: Plain) -> Any:
        """Do what is asked by this name; Refused says in one line why not."""
        found = self._answers.get(name)
        if found is None:
            raise Refused(f"the directory that runs does not know {name!r}: restart it")
        try:
            asked = inspect.signature(found).bind(**arguments)
        except TypeError:
            raise Refused(f"{name}: asked for in another way than this version knows") from None
        try:
            return await found(*asked.args, **asked.kwargs)
        except ProtocolError as error:
            raise Refused(f"refused ({error.code}): {error.detail}") from None

    async def status(self) -> Plain:
        """How the log stands."""
        ledger = self._ledger
        now = ledger.clock()
        counts = dict.fromkeys(("active", "suspended", "removed"), 0)
        for member in ledger.directory.members():
            counts[member.status(now)] += 1
        root = ledger.directory.root_at(now)
        return {
            "origin": root.root.origin,
            "anchor": anchor_text(ledger.directory.genesis),
            "genesis": ledger.directory.genesis,
            "root": root.version,
            "registrars": list(root.root.registrars),
            "threshold": root.root.registrar_threshold,
            "size": ledger.checkpoint.size,
            "signed_at": ledger.checkpoint.at,
            "members": counts,
            "waiting": len(await self._requests.waiting()),
            "coming": [msgspec.to_builtins(each) for each in coming(ledger.directory.roots, now)],
            "now": now,
        }

    async def requests(self) -> list[Plain]:
        """Who waits, oldest first."""
        return [await self._summary(kept) for kept in await self._requests.waiting()]

    async def request(self, request: str, check: bool = False) -> Plain:
        """One request, by the beginning of its id, with the content to sign."""
        kept = await self._find(request)
        if check:
            await self._requests.answered(kept.id, await self._check(kept))
            kept = await self._find(request)
        summary = await self._summary(kept)
        summary["content"] = kept.submission.content
        return summary

    async def approve(
        self, request: str, signatures: list[list[bytes]], by: str = TERMINAL, called: str = ""
    ) -> Plain:
        """Grant a request: ``signatures`` are the registrars' over the request's content;
        ``called`` is the number on which the fingerprint was heard. It admits a member at once; a
        recovery may wait for a second registrar."""
        kept = await self._find(request)
        given = tuple(EntrySignature(key, signature) for key, signature in signatures)
        signed = await self._requests.approve(kept.id, given, Acting(by, called))
        return _came_of(kept.submission.content, signed)

    async def decline(self, request: str, text: str, by: str = TERMINAL) -> None:
        """Decline; ``text`` is for the applicant."""
        await self._decide(request, DECLINED, text, by)

    async def ask(self, request: str, text: str, by: str = TERMINAL) -> None:
        """Ask the applicant for something; the request goes on waiting."""
        await self._decide(request, ASKED, text, by)

    async def members(self) -> list[Plain]:
        """All members in the order in which they joined."""
        profiles_now = await self._profiles()
        return [
            self._member(member, profiles_now.get(member.id))
            for member in self._ledger.directory.members()
        ]

    async def member(self, member: str) -> Plain:
        """One member, by the beginning of its id, with what an entry about it needs."""
        found = self._find_member(member)
        described = self._member(found, await self._profile_of(found.id))
        described["number"] = found.number
        described["head"] = found.head
        described["genesis"] = self._ledger.directory.genesis
        return described

    async def propose(
        self, content: bytes, signatures: list[list[bytes]], by: str = TERMINAL
    ) -> Plain:
        """Log an entry about a member that registrars decide, or keep it until enough signed."""
        return await self._sign(content, signatures, by)

    async def sign(self, proposal: str, signatures: list[list[bytes]], by: str = TERMINAL) -> Plain:
        """Add registrars' signatures to what waits; it is logged once they suffice."""
        content = await self._proposals.content(_whole(proposal))
        if content is None:
            raise Refused("this does not wait for a signature (any more)")
        return await self._sign(content, signatures, by)

    async def proposals(self) -> list[Plain]:
        """What waits for another registrar, oldest first, with the content to sign."""
        return [
            each.plain() | _who(await self._profile_of(each.entry.member or b""))
            for each in await self._proposals.waiting()
        ]

    async def drop(self, proposal: str, by: str = TERMINAL) -> None:
        """Give up what waits for another registrar."""
        await self._proposals.drop(_whole(proposal), Acting(by))

    async def change_status(
        self, content: bytes, signatures: list[list[bytes]], by: str = TERMINAL
    ) -> Plain:
        """Log a status entry that registrars signed, or keep it until enough have."""
        return await self.propose(content, signatures, by)

    async def recoveries(self) -> list[Plain]:
        """Recoveries that are open or vetoed, with what can be signed about each now."""
        return [
            self._member(found.member, await self._profile_of(found.member.id)) | found.plain()
            for found in open_recoveries(self._ledger.directory, self._ledger.clock())
        ]

    async def erase(self, member: str, record: str, by: str = TERMINAL) -> None:
        """Erase a member's profile record; nodes drop it when they ask next."""
        found = self._find_member(member)
        if record not in profiles.RECORDS:
            raise Refused(f"{record!r}: a record is one of {', '.join(profiles.RECORDS)}")
        acting, now = Acting(by, record), self._ledger.clock()

        async def noted(tx: Tx) -> None:
            await journal.note(tx, now, acting, journal.ERASED, member=found.id)

        if not await self._ledger.erase(found.id, record, noted):
            raise Refused(f"{record}: this member has none here (any more)")

    async def acts(self, first: int = 0, most: int = 100) -> list[Plain]:
        """Who changed what, newest first."""
        lines = await self.journal.lines(first, min(most, MOST_LINES))
        return [act._asdict() | {"name": await self._name(act.member)} for act in lines]

    async def history(self, first: int = 0, most: int = 100, member: str = "") -> list[Plain]:
        """The log as sentences, newest first, of all or of one member."""
        only = self._find_member(member).id if member else None
        told = await History(self._ledger).lines(first, min(most, MOST_LINES), only)
        return [
            msgspec.structs.asdict(each) | {"name": await self._name(each.member)} for each in told
        ]

    async def _name(self, member: bytes | None) -> str:
        profile = None if member is None else await self._profile_of(member)
        return "" if profile is None else profile.organisation.name

    async def _sign(self, content: bytes, signatures: list[list[bytes]], by: str) -> Plain:
        given = tuple(EntrySignature(key, signature) for key, signature in signatures)
        return _came_of(content, await self._proposals.sign(content, given, Acting(by)))

    async def _decide(self, request: str, state: str, text: str, by: str) -> None:
        if not text.strip() or len(text) > MAX_TEXT:
            raise Refused(f"write what the applicant will read, at most {MAX_TEXT} characters")
        kept = await self._find(request)
        if not await self._requests.decide(kept.id, state, text.strip(), Acting(by)):
            raise Refused("this request does not wait any more")

    async def _find(self, request: str) -> Kept:
        wanted = _prefix(request)
        found = [k for k in await self._requests.waiting() if k.id.hex().startswith(wanted)]
        if len(found) != 1:
            raise Refused(_not_one("request", request, len(found)))
        return found[0]

    def _find_member(self, member: str) -> Member:
        wanted = _prefix(member)
        found = [m for m in self._ledger.directory.members() if m.id.hex().startswith(wanted)]
        if len(found) != 1:
            raise Refused(_not_one("member", member, len(found)))
        return found[0]

    async def _summary(self, kept: Kept) -> Plain:
        card, entry = asked_card(kept.submission), parse_entry(kept.submission.content)
        sent = _profile({r.name: r.content for r in kept.submission.records})
        asked = _who(sent)
        await self.roster.fresh()
        hints = self.roster.hints(sent, entry.member or b"")
        # Of a member whose key is said to be lost: the numbers known before, not those sent now.
        recovery = entry.kind == RECOVERY
        known = _who(await self._profile_of(entry.member or b"")) if recovery else asked
        try:
            self._requests.check(kept.submission)
            hindrance = None
        except ProtocolError as error:
            hindrance = f"{error.code}: {error.detail}"
        return {
            "id": kept.id.hex(),
            "kind": RECOVERY if recovery else "join",
            "member": (entry.member or b"").hex(),
            "state": kept.state.state,
            "text": kept.state.text,
            "received_at": kept.received_at,
            "endpoint": card.endpoint,
            "vault_key": card.vault_key,
            "node_key": card.node_key,
            "answer": kept.answer,
            "answered_at": kept.answered_at,
            "hindrance": hindrance,
            "asked": asked,
            "hints": [[hint.kind, hint.text] for hint in hints],
            **known,
        }

    def _member(self, member: Member, profile: profiles.Profile | None) -> Plain:
        return {
            "id": member.id.hex(),
            "status": member.status(self._ledger.clock()),
            "joined_at": member.joined_at,
            "endpoint": member.endpoint,
            "vault_key": member.vault_key,
            "node_key": member.node_key,
            "vault_since": member.vault_since,
            **_who(profile),
        }

    async def _profile_of(self, member: bytes) -> profiles.Profile | None:
        row = await self._ledger.store.row(
            "SELECT records FROM members WHERE member = ?", (member,)
        )
        return None if row is None or row["records"] is None else self._read(row["records"])

    async def _profiles(self) -> dict[bytes, profiles.Profile]:
        rows = await self._ledger.store.rows(
            "SELECT member, records FROM members WHERE records IS NOT NULL"
        )
        read = {bytes(row["member"]): self._read(row["records"]) for row in rows}
        return {member: profile for member, profile in read.items() if profile is not None}

    def _read(self, packed: bytes) -> profiles.Profile | None:
        records: Records
        records, _ = held_records(parse_records(bytes(packed)), self._ledger.directory)
        return _profile(records.contents())


def _came_of(content: bytes, signed: Proposed) -> Plain:
    return {
        "done": signed.done is not None,
        "index": None if signed.done is None else signed.done.index,
        "member": parse_entry(content).member,
        "proposal": signed.id.hex(),
        "have": signed.have,
        "need": signed.need,
    }


def _profile(contents: dict[str, bytes]) -> profiles.Profile | None:
    try:
        return profiles.unpack(contents)
    except ProtocolError:
        return None  # erased, or of a form of later days


def _who(profile: profiles.Profile | None) -> Plain:
    """What the registrar needs in order to telephone."""
    if profile is None:
        return {"name": "", "country": "", "city": "", "contact": "", "telephone": ""}
    contact = profile.contact("point-of-contact")
    organisation = profile.organisation
    return {
        "name": organisation.name,
        "country": organisation.country,
        "city": organisation.city,
        "contact": "" if contact is None else contact.name,
        "telephone": organisation.telephone if contact is None else contact.telephone,
    }


def _whole(proposal: str) -> bytes:
    try:
        return bytes.fromhex(proposal)
    except ValueError:
        raise Refused(f"{proposal!r}: not the id of something that waits") from None


def _prefix(text: str) -> str:
    wanted = text.strip().lower()
    if len(wanted) < PREFIX:
        raise Refused(f"{text!r}: give at least the first {PREFIX} digits of the id")
    return wanted


def _not_one(what: str, text: str, count: int) -> str:
    if count:
        return f"{text!r}: {count} {what}s begin so; give more of the id"
    return f"{text!r}: no such {what}; `referral directory {what}s` lists them"
