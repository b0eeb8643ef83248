"""Asks that are wrong, and answers that lie: refused by rule, and nothing is held for them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from structlog.testing import capture_logs

from directory_world import DAY, signer
from forge import Forge
from node_world import Offices, delivered, send
from referral_node.api.asks import AT_ONCE
from referral_node.delivery.asking import ASK_TYPE, Asker, Failed
from referral_node.delivery.http import Answer
from referral_node.exchange.catchup import gaps
from referral_node.exchange.catchup.wanting import Wanting
from referral_protocol import labels
from referral_protocol.asks import (
    BODIES,
    GAPS,
    GONE,
    MAX_ASK,
    RESTORE,
    AnswerHeader,
    Ask,
    AskEnvelope,
    Brought,
    Number,
    Page,
    make_answer,
    make_ask,
    open_answer,
    parse_answer,
    verify_answer,
)
from referral_protocol.certificates import (
    CLOCK_AHEAD,
    make_certificate,
    make_transport_prekey,
    verify_transport_prekey,
)
from referral_protocol.directory.entries import REMOVED, SUSPENDED
from referral_protocol.statements import Head, SignedStatement
from referral_protocol.suite import SUITE, Opener, Signer
from referral_protocol.wire import encode


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht", "lisboa", "lviv")
    await made.start()
    yield made
    await made.stop()


@dataclass
class Answered:
    status: int
    data: bytes
    retry_after: str | None
    page: Page | None = None
    header: AnswerHeader | None = None

    @property
    def code(self) -> str | None:
        """Why it was refused; None if it was answered."""
        if self.header is None:
            return str(msgspec.json.decode(self.data)["code"])
        return self.header.code


class Asking:
    """Makes what ``name`` would ask of Utrecht's node."""

    def __init__(self, name: str, offices: Offices) -> None:
        self.name = name
        self.office = offices["utrecht"]
        self.id = offices[name].id
        self.opener = Opener(signer(f"{name} transport").seed())
        self.count = 0

    def ask(self, kind: str = RESTORE, **changes: Any) -> Ask:
        self.count += 1
        base = Ask(
            SUITE, self.count.to_bytes(16, "big"), self.id, self.office.id, self.office.clock.now,
            kind, since=0 if kind == RESTORE else None,
        )  # fmt: skip
        return msgspec.structs.replace(base, **changes)

    def made(
        self,
        ask: Ask,
        *,
        node: Signer | None = None,
        prekey_at: int | None = None,
        label: bytes = labels.ASK,
    ) -> bytes:
        """The bytes of an ask, checked by nobody here."""
        key = node or signer(f"{self.name} node")
        now = self.office.clock.now
        vault = signer(f"{self.name} vault")
        certificate = make_certificate(vault, self.id, signer(f"{self.name} node").public, now)
        public = self.opener.public
        prekey = make_transport_prekey(
            key, self.id, public, now if prekey_at is None else prekey_at
        )
        content = encode(ask)
        return encode(AskEnvelope(content, key.sign(label, content), certificate, prekey))

    async def post(self, data: bytes, content_type: str = ASK_TYPE) -> Answered:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.office.endpoint + "/v1/asks",
                data=data,
                headers={"Content-Type": content_type},
            ) as response,
        ):
            body = await response.read()
            answered = Answered(response.status, body, response.headers.get("Retry-After"))
        if answered.status == 200:
            answered.header = parse_answer(body).header
        return answered

    async def send(self, ask: Ask, **how: Any) -> Answered:
        """Ask, and check what comes back as a node does."""
        answered = await self.post(self.made(ask, **how))
        if answered.status == 200:
            arrived = parse_answer(answered.data)
            verify_answer(arrived, ask, signer("utrecht node").public, self.office.clock.now)
            if arrived.header.code is None:
                answered.page = open_answer(self.opener, arrived)
        return answered


@pytest.fixture
async def asking(offices: Offices) -> Asking:
    return Asking("lisboa", offices)


async def test_what_is_asked_here_is_right(offices: Offices, asking: Asking) -> None:
    """Without it every refusal below could be for another reason."""
    said = await send(offices)
    await delivered(offices["lisboa"])
    with capture_logs() as lines:
        answered = await asking.send(asking.ask())
    assert answered.code is None
    assert answered.page is not None
    events = [line["event"] for line in lines if line["event"].startswith("ask")]
    assert events == ["ask.answered"]
    assert len(answered.page.statements) == 1
    assert answered.page.held is not None
    assert answered.page.held.seq == 1
    gaps = await asking.send(asking.ask(GAPS, hashes=(said.hash,), numbers=(Number(1, 1),)))
    assert gaps.page is not None
    assert gaps.page.statements == ()  # it is ours, not theirs
    bodies = await asking.send(asking.ask(BODIES, hashes=(said.hash, bytes(32))))
    assert bodies.page is not None
    assert [(o.statement, o.code) for o in bodies.page.outcomes] == [
        (said.hash, "coming"),
        (bytes(32), GONE),
    ]


async def test_a_third_member_learns_nothing(offices: Offices) -> None:
    said = await send(offices)
    await delivered(offices["lisboa"])
    lviv = Asking("lviv", offices)
    everything = await lviv.send(lviv.ask())
    assert everything.page == Page(None)
    named = await lviv.send(lviv.ask(GAPS, hashes=(said.hash,)))
    assert named.page == Page(None)
    contents = await lviv.send(lviv.ask(BODIES, hashes=(said.hash,)))
    assert contents.page is not None
    assert [o.code for o in contents.page.outcomes] == [GONE]
    assert await offices["utrecht"].store.row("SELECT 1 FROM owed") is None


async def test_who_asks_and_whom(offices: Offices, asking: Asking) -> None:
    stranger = Signer(bytes(range(32)))
    cases: list[tuple[Ask, dict[str, Any], str]] = [
        (asking.ask(recipient=offices["lviv"].id), {}, "not-for-us"),
        (asking.ask(sender=bytes(16)), {}, "unknown-member"),
        (asking.ask(), {"node": stranger}, "bad-signature"),
        (asking.ask(), {"label": labels.RECEIPT}, "bad-signature"),
        (asking.ask(at=asking.office.clock.now + CLOCK_AHEAD + 1), {}, "clock"),
        (asking.ask(), {"prekey_at": asking.office.clock.now - DAY}, "stale-prekey"),
    ]
    for ask, how, code in cases:
        data = asking.made(ask, **how)
        answered = await asking.post(data)
        assert (answered.status, answered.code) == (200, code)
        assert answered.header is not None
        assert answered.header.length == 0


@pytest.mark.parametrize("status", [SUSPENDED, REMOVED])
async def test_members_who_may_not(offices: Offices, asking: Asking, status: str) -> None:
    utrecht, world = offices["utrecht"], offices.world
    world.log_in(world.status_content("lisboa", status), world.registrars[0])
    await utrecht.keeper.take(world.checkpoint(), world.leaves[utrecht.keeper.replica.size :])
    assert (await asking.send(asking.ask())).code == status


async def test_rubbish_gets_a_problem_document(offices: Offices, asking: Asking) -> None:
    good = asking.made(asking.ask())
    twice = asking.ask(BODIES, hashes=(bytes(32), bytes(32)))
    cases: list[tuple[bytes, dict[str, Any], int, str]] = [
        (b"", {}, 400, "truncated"),
        (good[:-1], {}, 400, "truncated"),
        (good + b"\0", {}, 400, "trailing"),
        (bytes(MAX_ASK + 1), {}, 413, "too-large"),
        (good, {"content_type": "application/json"}, 415, "wrong-type"),
        (asking.made(asking.ask("news")), {}, 400, "wrong-value"),
        (asking.made(asking.ask(BODIES)), {}, 400, "wrong-value"),
        (asking.made(asking.ask(since=None)), {}, 400, "wrong-value"),
        (asking.made(twice), {}, 400, "wrong-value"),
        (asking.made(asking.ask(cursor=b"x")), {}, 200, "wrong-value"),
        (asking.made(asking.ask(cursor=b"\xff" * 16)), {}, 200, "wrong-value"),
    ]
    for data, how, status, code in cases:
        answered = await asking.post(data, **how)
        assert (answered.status, answered.code) == (status, code)


async def test_who_asks_without_end_is_told_to_come_back(asking: Asking) -> None:
    codes = [(await asking.send(asking.ask(GAPS))).code for _ in range(AT_ONCE)]
    assert set(codes) == {None}
    while (answered := await asking.send(asking.ask(GAPS))).code is None:
        pass  # a few more fit while the bucket fills
    assert answered.code == "busy"
    assert int(answered.retry_after or 0) >= 1


# answers that lie


@pytest.fixture
def wanting(offices: Offices) -> Wanting:
    """What Utrecht's node wants of Lisbon's, whose answers are forged here."""
    return Wanting(offices["utrecht"].exchange.core)


def brought(*signed: SignedStatement) -> tuple[Brought, ...]:
    return tuple(Brought(s.content, s.signature) for s in signed)


async def taken(wanting: Wanting, offices: Offices, *signed: SignedStatement) -> int:
    """How many of these statements are held when Lisbon's node brings them."""
    utrecht, lisboa = offices["utrecht"], offices["lisboa"]
    ask = Ask(SUITE, bytes(16), utrecht.id, lisboa.id, offices.clock.now, RESTORE, since=0)
    return await wanting.take(ask, Page(None, brought(*signed)))


async def test_only_what_its_sender_signed_and_the_rules_allow_is_held(
    offices: Offices, wanting: Wanting
) -> None:
    utrecht = offices["utrecht"]
    lisboa = Forge("lisboa", utrecht, offices["lisboa"].id)
    lviv = Forge("lviv", utrecht, offices["lviv"].id)
    opener = lisboa.sign(lisboa.statement())
    assert await taken(wanting, offices, opener) == 1
    same: dict[str, Any] = {"epoch": opener.statement.epoch, "seq": opener.statement.seq}
    other = lviv.sign(lviv.statement())
    note: dict[str, Any] = {"kind": "note", "head": Head(), "thread": opener.hash}
    ours: dict[str, Any] = {"sender": utrecht.id, "recipient": lisboa.sender}
    bad = [
        other,  # between others
        lisboa.sign(lisboa.statement(), lviv.vault),  # signed by somebody else
        lisboa.sign(lisboa.statement(**ours)),  # our word, signed by them
        lisboa.sign(lisboa.statement(**same, at=offices.clock.now + 1)),  # a counter used twice
        lisboa.sign(lisboa.statement(**note | {"kind": "state", "head": Head(state="accepted")})),
        lisboa.sign(lisboa.statement(**note, seen=opener.hash)),  # what it says it read is its own
        lisboa.sign(lisboa.statement(**note, expires=1)),  # its own fields are wrong
    ]
    for each in bad:
        assert await taken(wanting, offices, each) == 0
    assert await taken(wanting, offices, *bad, lisboa.sign(lisboa.statement(**note))) == 1
    rows = await utrecht.store.rows("SELECT body, mine FROM messages ORDER BY number")
    assert [(row["body"], row["mine"]) for row in rows] == [("lost", 0), ("lost", 0)]


async def test_an_answer_counts_only_for_the_ask_that_it_answers(offices: Offices) -> None:
    """Each is refused with one line, nothing is held, and the peer is asked again later."""
    utrecht, lisboa = offices["utrecht"], offices["lisboa"]
    forge = Forge("lisboa", utrecht, lisboa.id)
    opener = forge.sign(forge.statement())
    asker = Asker(utrecht.exchange.core, utrecht.http, lambda: 0.0)
    node, certificate = signer("lisboa node"), lisboa.exchange.core.certificate
    prekey = await utrecht.exchange.core.transport.upkeep()
    verified = verify_transport_prekey(
        prekey, utrecht.id, signer("utrecht node").public, offices.clock.now
    )
    page = Page(None, brought(opener))

    def answer(ask: Ask, key: Signer = node) -> bytes:
        return make_answer(key, certificate, verified, ask, page, offices.clock.now)

    core = utrecht.exchange.core
    real = Ask(SUITE, bytes(16), utrecht.id, lisboa.id, offices.clock.now, RESTORE, since=0)
    replace = msgspec.structs.replace
    good = answer(real)
    ahead = make_answer(
        node, certificate, verified, real, page, offices.clock.now + CLOCK_AHEAD + 1
    )
    assert make_ask(core.node, core.certificate, prekey, real)
    for data, code in (
        (answer(replace(real, ask=bytes(15) + b"x")), "answer-wrong-seal"),
        (answer(replace(real, sender=offices["lviv"].id)), "answer-not-for-us"),
        (answer(replace(real, recipient=offices["lviv"].id)), "answer-wrong-sender"),
        (answer(real, signer("lviv node")), "answer-bad-signature"),
        (ahead, "answer-clock"),
        (good[:-1], "answer-truncated"),
        (good + b"x", "answer-trailing"),
        (good[:-1] + bytes([good[-1] ^ 1]), "answer-wrong-seal"),
        (b"rubbish", "answer-too-large"),
        (b"", "answer-truncated"),
    ):
        with pytest.raises(Failed, match=code):
            asker.verified(real, Answer(200, data, None, None))
    with pytest.raises(Failed, match="http-302"):
        asker.verified(real, Answer(302, good, None, None))
    assert asker.verified(real, Answer(200, good, None, None)) == page


async def test_a_peer_that_asks_for_patience_gets_an_hour_at_most(offices: Offices) -> None:
    utrecht = offices["utrecht"]
    asker = Asker(utrecht.exchange.core, utrecht.http, lambda: 0.0)
    ask = Ask(SUITE, bytes(16), utrecht.id, offices["lisboa"].id, offices.clock.now, GAPS)
    for given, kept in (
        ("7", 7),
        ("86400", 3600),
        ("-1", 0),
        ("soon", 0),
        ("9" * 5000, 0),
        (None, 0),
    ):
        with pytest.raises(Failed) as failed:
            asker.verified(ask, Answer(503, b"", None, given))
        assert failed.value.wait == kept * 1000


async def test_whoever_names_what_we_never_said_is_asked_once_an_hour(offices: Offices) -> None:
    """`seen` of a statement that is not here: we were put back, or they err."""
    utrecht = offices["utrecht"]
    lisboa = Forge("lisboa", utrecht, offices["lisboa"].id)
    opener, first = lisboa.message()
    await lisboa.send(opener)
    note: dict[str, Any] = {"kind": "note", "head": Head(), "thread": first.hash}

    async def said() -> int | None:
        message, _ = lisboa.message(**note, seen=lisboa.entropy(32))
        await lisboa.send(message)
        await gaps.look_on(utrecht.exchange.core)
        row = await utrecht.store.row("SELECT begun_at FROM catching WHERE done_at IS NULL")
        return None if row is None else int(row["begun_at"])

    assert await said() == offices.clock.now

    async def done(tx: Any) -> None:
        await tx.execute("UPDATE catching SET done_at = ?", (offices.clock.now,))

    await utrecht.store.write(done)
    offices.clock.now += 3_500_000
    assert await said() is None
    offices.clock.now += 200_000
    assert await said() == offices.clock.now


async def test_a_lie_about_our_counters_leaves_us_numbers_to_count_with(
    offices: Offices, wanting: Wanting
) -> None:
    utrecht, lisboa = offices["utrecht"], offices["lisboa"]
    core = utrecht.exchange.core
    before = core.epoch
    ask = Ask(SUITE, bytes(16), utrecht.id, lisboa.id, offices.clock.now, GAPS)
    await wanting.take(ask, Page(Number(2**53 - 1, 2**53 - 1)))
    assert core.epoch == before
    assert await utrecht.store.row("SELECT 1 FROM counters") is None
    # What may be true is believed: at the worst it costs an epoch.
    await wanting.take(ask, Page(Number(offices.clock.now + 1000, 1)))
    assert offices.clock.now + 1000 < core.epoch < offices.clock.now + DAY
