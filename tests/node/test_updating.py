"""A change of our card: signed once, sent until it stands in the log, and never half-made."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from directory_world import signer
from fed_member import PROFILES, Member
from federation import DIRECTORY, Federation, until
from links import LOSE, LOSE_ANSWER, Answer, Request
from referral_node.delivery.http import Http
from referral_node.exchange import NotJoined, UpdateRefused, UpdateWaits
from referral_node.exchange.directory.updating import REFUSED, WAITING
from referral_node.store.facts import SUBMISSION
from referral_protocol import profiles
from referral_protocol.directory.entries import entry_hash, parse_entry, parse_leaf
from referral_protocol.directory.paths import SUBMIT


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


def services(capacity: str) -> dict[str, bytes]:
    """The record of Lisbon's services, with this capacity of the first one."""
    rows = [dict(row) for row in PROFILES["lisboa"]["services"]]
    rows[0]["capacity"] = capacity
    whole = profiles.encode(PROFILES["lisboa"] | {"services": rows})
    return {"services": profiles.split(whole)["services"]}


async def propose(member: Member, capacity: str = "no-capacity") -> bytes:
    updating = member.exchange.updating
    card = await updating.own_card()
    made: bytes = await updating.propose(
        member.vault(), member.actor, card, records=services(capacity)
    )
    return made


async def no_more(member: Member) -> bool:
    return await member.exchange.updating.status() is None


def said(member: Member, of: Member) -> str | None:
    """The capacity that a node's copy of the directory tells of another's first service."""
    found = member.exchange.members.get(of.id)
    assert found is not None
    return None if found.profile is None else found.profile.services[0].capacity


async def in_the_log(member: Member, content_hash: bytes) -> int:
    rows = await member.store.rows("SELECT leaf FROM log_entries")
    leaves = [parse_leaf(bytes(row["leaf"])).content for row in rows]
    return [entry_hash(content) for content in leaves].count(content_hash)


async def test_it_is_sent_and_everybody_reads_it(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    before = await lisboa.exchange.updating.own_records()
    made = await propose(lisboa)
    assert await lisboa.exchange.updating.quiet(20)
    await until(partial(no_more, lisboa))
    assert await in_the_log(lisboa, made) == 1
    await fed.learns(utrecht, lambda: said(utrecht, lisboa) == "no-capacity")
    await fed.learns(lisboa, lambda: said(lisboa, lisboa) == "no-capacity")
    after = await lisboa.exchange.updating.own_records()
    assert after == before | services("no-capacity")
    actions = await lisboa.store.rows("SELECT action, actor FROM audit WHERE action LIKE 'update%'")
    assert [(row["action"], row["actor"]) for row in actions] == [
        ("update-made", lisboa.actor.id),
        ("update-done", None),
    ]


async def test_a_directory_that_is_down_gets_it_later(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    await fed.stop_directory()
    made = await propose(lisboa)
    await until(partial(_in_trouble, lisboa))
    waiting = await lisboa.exchange.updating.status()
    assert waiting is not None
    assert (waiting.hash, waiting.state, waiting.sent_at) == (made, WAITING, None)
    assert waiting.changed == ("services",)
    assert not await lisboa.exchange.updating.quiet(0.01)
    await fed.start_directory()
    await fed.learns(lisboa, lambda: said(lisboa, lisboa) == "no-capacity")
    await until(partial(no_more, lisboa))
    assert await in_the_log(lisboa, made) == 1


async def _in_trouble(member: Member) -> bool:
    return member.node.poller is not None and member.node.poller.trouble is not None


async def test_killed_in_between_it_is_sent_by_the_next_start(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    fed.link("lisboa", DIRECTORY).cut()
    made = await propose(lisboa)
    await lisboa.crash()
    await lisboa.start()
    await until(partial(no_more, lisboa))
    assert await in_the_log(lisboa, made) == 1


@pytest.mark.parametrize("fate", [LOSE, LOSE_ANSWER])
async def test_what_is_lost_on_the_way_is_logged_once(fed: Federation, fate: str) -> None:
    lisboa = fed["lisboa"]
    link = fed.link("lisboa", DIRECTORY)

    def weather() -> str:
        link.weather = None
        return fate

    def begin(request: Request, _: Answer) -> None:
        # The request before the one that brings the update: what comes next is lost.
        if request.path.startswith("/v1/board") and posts() == 0:
            link.weather = weather

    def posts() -> int:
        return len([r for r in link.requests if r.path == SUBMIT])

    link.change = begin
    made = await propose(lisboa)
    await until(partial(_in_trouble, lisboa))
    waiting = await lisboa.exchange.updating.status()
    assert waiting is not None
    assert waiting.sent_at is None
    link.change = None
    await fed.learns(lisboa, lambda: said(lisboa, lisboa) == "no-capacity")
    await until(partial(no_more, lisboa))
    assert await in_the_log(lisboa, made) == 1


async def test_one_at_a_time(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    fed.link("lisboa", DIRECTORY).cut()
    first = await propose(lisboa)
    with pytest.raises(UpdateWaits):
        await propose(lisboa, "waiting-list")
    waiting = await lisboa.exchange.updating.status()
    assert waiting is not None
    assert waiting.hash == first
    fed.link("lisboa", DIRECTORY).mend()
    await fed.learns(lisboa, lambda: said(lisboa, lisboa) == "no-capacity")
    await until(partial(no_more, lisboa))
    await propose(lisboa, "waiting-list")
    await fed.learns(lisboa, lambda: said(lisboa, lisboa) == "waiting-list")


async def test_what_the_directory_refuses_is_told_and_may_be_made_anew(fed: Federation) -> None:
    """The registrar was quicker: the place in our chain is taken, and the directory says so."""
    lisboa = fed["lisboa"]
    link = fed.link("lisboa", DIRECTORY)
    link.cut()
    made = await propose(lisboa)
    await fed.change_status_unseen(lisboa, "suspended")
    await fed.change_status_unseen(lisboa, "active")

    def unchanged(request: Request, _: Answer) -> bytes | None:
        # The log does not show it yet: the directory itself has to refuse.
        return b"HTTP/1.1 304 X\r\n\r\n" if request.path == "/checkpoint" else None

    link.mend()
    link.change = unchanged
    with capture_logs() as lines:
        refused = "directory.update-refused"
        await fed.learns(lisboa, lambda: refused in [line["event"] for line in lines])
    found = await lisboa.exchange.updating.status()
    assert found is not None
    assert (found.hash, found.state, found.code) == (made, REFUSED, "old-number")
    assert await lisboa.exchange.updating.quiet(0)
    link.mend()
    await fed.learns(lisboa, lambda: lisboa.exchange.members.directory.size == 5)
    again = await propose(lisboa)
    await until(partial(no_more, lisboa))
    assert await in_the_log(lisboa, again) == 1
    assert await in_the_log(lisboa, made) == 0


async def test_a_place_that_is_taken_in_our_own_copy_needs_no_asking(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    link = fed.link("lisboa", DIRECTORY)
    link.cut()
    await propose(lisboa)
    await fed.change_status_unseen(lisboa, "suspended")
    link.mend()
    await fed.learns(lisboa, lambda: lisboa.exchange.members.get(lisboa.id).status == "suspended")
    await until(partial(_refused, lisboa))
    found = await lisboa.exchange.updating.status()
    assert found is not None
    assert found.code == "broken-chain"
    assert [r for r in link.requests if r.path == SUBMIT] == []
    await lisboa.exchange.updating.forget_refused()
    assert await lisboa.exchange.updating.status() is None


async def _refused(member: Member) -> bool:
    found = await member.exchange.updating.status()
    return found is not None and found.state == REFUSED


async def test_it_was_logged_and_something_came_after_it(fed: Federation) -> None:
    """The answer was lost, then the registrar wrote: our copy of the log knows that it stands."""
    lisboa = fed["lisboa"]
    link = fed.link("lisboa", DIRECTORY)
    link.cut()
    made = await propose(lisboa)
    row = await lisboa.store.row("SELECT submission FROM updates")
    await _post(fed, bytes(row["submission"]))
    await fed.change_status_unseen(lisboa, "suspended")
    link.mend()
    await fed.learns(lisboa, lambda: lisboa.exchange.members.get(lisboa.id).status == "suspended")
    await until(partial(no_more, lisboa))
    assert await in_the_log(lisboa, made) == 1


async def _post(fed: Federation, data: bytes) -> None:
    http = Http()
    try:
        answer = await http.request(
            "POST",
            f"http://127.0.0.1:{fed.directory_port}{SUBMIT}",
            limit=1000,
            data=data,
            content_type="application/msgpack",
        )
    finally:
        await http.close()
    assert answer.status == 201


async def test_what_cannot_stand_is_refused_here_and_leaves_nothing(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    updating = lisboa.exchange.updating
    card = await updating.own_card()
    theirs = (await utrecht.exchange.updating.own_card()).node_key
    cases = [
        (msgspec.structs.replace(card, endpoint="http://cases.example.org"), {}, "bad-endpoint"),
        (msgspec.structs.replace(card, node_key=theirs), {}, "key-in-use"),
        (
            msgspec.structs.replace(card, node_key=signer("another").public),
            {},
            "missing-signature",
        ),
        (card, {"services": b"\x80"}, "wrong-value"),
    ]
    for new, records, code in cases:
        with pytest.raises(UpdateRefused) as caught:
            await updating.propose(lisboa.vault(), lisboa.actor, new, records=records)
        assert caught.value.code == code
        assert await updating.status() is None


async def test_new_keys_sign_beside_the_vault_key(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    updating = lisboa.exchange.updating
    new = signer("lisboa's next machine")
    card = msgspec.structs.replace(await updating.own_card(), node_key=new.public)
    made = await updating.propose(lisboa.vault(), lisboa.actor, card, signers=[new, new])
    waiting = await updating.status()
    assert waiting is None or waiting.changed == ("node-key",)
    await fed.learns(utrecht, lambda: utrecht.exchange.members.node_key(lisboa.id) == new.public)
    await until(partial(no_more, lisboa))
    rows = await lisboa.store.rows("SELECT leaf FROM log_entries")
    leaf = parse_leaf(bytes(rows[-1]["leaf"]))
    assert (entry_hash(leaf.content), len(leaf.signatures)) == (made, 2)
    assert parse_entry(leaf.content).number == 2


async def test_without_a_place_in_the_directory_there_is_no_card(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    lisboa.exchange.members.replica = None
    with pytest.raises(NotJoined):
        await lisboa.exchange.updating.own_card()


async def test_our_records_are_known_before_the_directory_serves_them(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    await lisboa.store.write(lambda tx: tx.execute("DELETE FROM records"))
    records = await lisboa.exchange.updating.own_records()
    assert records == profiles.split(profiles.encode(PROFILES["lisboa"]))
    await lisboa.store.write(
        lambda tx: tx.execute("DELETE FROM facts WHERE name = ?", (SUBMISSION,))
    )
    assert await lisboa.exchange.updating.own_records() == {}
