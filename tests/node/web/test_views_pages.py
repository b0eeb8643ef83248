"""Pages while the directory is in doubt, and what an organisation's page says of its key."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

import referral_inputs
from directory_world import ORIGIN, World, id_of, signer
from node_world import Office, send, until
from pages_world import DAY, Desk, Desks
from referral_node.exchange import Draft
from referral_node.web.alerts import FORKED, KEPT_BACK
from referral_protocol.directory.entries import Witness, make_root_entry
from referral_protocol.directory.notes import TreeHead, cosign, make_checkpoint
from referral_protocol.errors import ProtocolError
from referral_protocol.examples import SENT

CHOOSE = "Choose Steunpunt Dom"
SEND = "Send to Steunpunt Dom"
PAGES = ("/", "/new", "/find", "/referrals", "/access", "/notifications")


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def lisboa(desks: Desks) -> Desk:
    desk = desks.desk("lisboa")
    await desk.sign_in()
    return desk


async def forked(desks: Desks, desk: Desk, size: int = 2) -> None:
    """Somebody showed another log of the same log key, which differs from entry ``size`` - 1 on."""
    note = make_checkpoint(TreeHead(ORIGIN, size, bytes(32)), desks.world.log, desks.world.now)
    views = desk.office.exchange.views
    _, theirs = views.judge(note)
    await views.fork(theirs, None, id_of("utrecht"))


async def drafted(desk: Desk, recipient: bytes | None = None) -> Draft:
    office = desk.office
    made = await office.exchange.drafts.create(office.vault, desk.actor)
    draft = await office.exchange.drafts.load(office.vault, made)
    assert draft is not None
    changed = msgspec.structs.replace(draft, typed=referral_inputs.typed(), recipient=recipient)
    return await office.exchange.drafts.save(office.vault, desk.actor, changed)


async def test_every_page_says_that_two_versions_were_shown(desks: Desks, lisboa: Desk) -> None:
    for path in PAGES:
        assert str(FORKED.title) not in (await lisboa.reader.get(path)).text, path
    await forked(desks, lisboa)
    organisation = f"/organisation/{id_of('utrecht').hex()}"
    for path in (*PAGES, organisation):
        page = await lisboa.reader.get(path)
        assert str(FORKED.title) in page.text, path
        assert str(FORKED.text) in page.text, path


async def test_a_new_key_is_refused_while_the_log_is_in_doubt(desks: Desks, lisboa: Desk) -> None:
    """Even compared by telephone: what the registrar or the log says of it is not known."""
    office = lisboa.office
    await office.exchange.contacts.compared(
        office.vault, lisboa.actor, id_of("utrecht"), same=True, spoke_with="Jasmijn de Wit"
    )
    draft = await drafted(lisboa)
    page = f"/organisation/{id_of('utrecht').hex()}?draft={draft.id.hex()}"
    before = await lisboa.reader.get(page)
    assert CHOOSE in before.buttons()
    await forked(desks, lisboa)
    after = await lisboa.reader.get(page)
    assert CHOOSE not in after.buttons()
    assert "Two versions of the directory were shown, and the keys of Steunpunt Dom" in after.text
    refused = await lisboa.reader.submit(before, CHOOSE, status=409)
    assert "cleared it up with VSE" in refused.text
    chosen = await drafted(lisboa, id_of("utrecht"))
    check = await lisboa.reader.get(f"/new/{chosen.id.hex()}/check")
    assert SEND not in check.buttons()
    assert "cleared it up with VSE" in check.text


async def test_nothing_more_is_taken_in_whoever_brings_it(desks: Desks, lisboa: Desk) -> None:
    await forked(desks, lisboa)
    keeper, held = lisboa.office.keeper, len(desks.world.leaves)
    desks.world.join("ghost", endpoint="https://ghost.example.org")
    with pytest.raises(ProtocolError) as refused:
        await keeper.take(desks.world.checkpoint(), desks.world.leaves[held:], held)
    assert refused.value.code == "forked-log"
    assert keeper.replica.size == held


async def test_what_is_kept_back_for_a_day_is_told(desks: Desks, lisboa: Desk) -> None:
    views = lisboa.office.exchange.views
    await views.unfollowed(id_of("utrecht"), "a note that nobody can follow")
    assert str(KEPT_BACK.title) not in (await lisboa.reader.get("/")).text
    desks.at(desks.clock.now + DAY)
    await lisboa.sign_in()
    assert str(KEPT_BACK.title) in (await lisboa.reader.get("/find")).text
    await views.agrees(id_of("utrecht"))
    assert str(KEPT_BACK.title) not in (await lisboa.reader.get("/find")).text


# since when a key stands


def witnessed(world: World, quorum: int) -> list[str]:
    """Four witnesses stand in the root from the beginning, one of them Utrecht."""
    names = [f"witness-{n}.example" for n in range(4)]
    members = (id_of("utrecht"), None, None, None)
    witnesses = tuple(
        Witness(name, signer(name).public, member, None)
        for name, member in zip(names, members, strict=True)
    )
    root = msgspec.structs.replace(world.root, witnesses=witnesses, quorum=quorum)
    world.found(root)
    return names


async def test_a_page_says_that_there_are_no_witnesses_yet(lisboa: Desk) -> None:
    page = await lisboa.reader.get(f"/organisation/{id_of('utrecht').hex()}")
    assert "Its key in the directory" in page.text
    assert "In the directory since" in page.text
    assert "Witnesses are asked for once four members have become one" in page.text


async def test_a_page_says_who_witnessed_a_key_and_who_is_awaited(tmp_path: Path) -> None:
    desks = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    names = witnessed(desks.world, 3)
    await desks.start()
    try:
        lisboa = desks.desk("lisboa")
        await lisboa.sign_in()
        members, page = lisboa.office.exchange.members, f"/organisation/{id_of('utrecht').hex()}"
        assert members.unwitnessed(id_of("utrecht"))
        assert members.current_prekey(id_of("utrecht")) is None
        text = (await lisboa.reader.get(page)).text
        assert "Nobody yet" in text
        assert "0 of 3 that the rules ask for" in text

        note = desks.world.checkpoint()
        tree = note.decode().partition("\n\n")[0] + "\n"
        lines = [cosign(tree, n, signer(n), desks.world.now).encode() for n in names[:3]]
        await lisboa.office.keeper.take(note + b"".join(lines[:2]), [])
        assert members.unwitnessed(id_of("utrecht"))
        text = (await lisboa.reader.get(page)).text
        assert "2 of 3 that the rules ask for" in text
        assert "witness-3.example" in text
        await lisboa.office.keeper.take(note + b"".join(lines), [])
        assert not members.unwitnessed(id_of("utrecht"))
        assert members.current_prekey(id_of("utrecht")) is not None
        text = (await lisboa.reader.get(page)).text
        assert "That is as many as the directory's rules ask for" in text
    finally:
        await desks.stop()


async def test_who_was_known_before_witnesses_were_asked_for_is_not_cut_off(
    tmp_path: Path,
) -> None:
    desks = Desks(tmp_path, "lisboa", "utrecht", "lviv", now=SENT)
    await desks.start()
    try:
        world, office = desks.world, desks["lisboa"]
        await send(desks)
        await until(partial(_delivered, office))
        names = [f"witness-{n}.example" for n in range(4)]
        root = msgspec.structs.replace(
            world.root,
            witnesses=tuple(Witness(n, signer(n).public, None, None) for n in names),
            quorum=3,
        )
        before = world.directory.roots[-1]
        world.now = desks.clock.now
        content = make_root_entry(root, world.now, world.genesis, before.hash, 2)
        world.log_in(content, *world.root_keys)
        await office.keeper.take(world.checkpoint(), world.leaves[-1:])
        await office.exchange.views.refresh()
        members = office.exchange.members
        assert not members.unwitnessed(id_of("lviv"))  # the new root does not act yet
        desks.at(desks.clock.now + 3 * DAY + 1)
        assert not members.unwitnessed(id_of("utrecht"))
        assert members.unwitnessed(id_of("lviv"))
    finally:
        await desks.stop()


async def _delivered(office: Office) -> bool:
    row = await office.store.row("SELECT COUNT(*) FROM messages WHERE held_at IS NOT NULL")
    return row is not None and row[0] == 1


async def test_the_telephone_counts_instead_of_witnesses(tmp_path: Path) -> None:
    desks = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    witnessed(desks.world, 3)
    await desks.start()
    try:
        lisboa = desks.desk("lisboa")
        members, office = lisboa.office.exchange.members, lisboa.office
        assert members.unwitnessed(id_of("utrecht"))
        for same in (False, True):
            await office.exchange.contacts.compared(
                office.vault, lisboa.actor, id_of("utrecht"), same=same, spoke_with="Jasmijn"
            )
            assert members.unwitnessed(id_of("utrecht")) is not same
        assert members.current_prekey(id_of("utrecht")) is not None
    finally:
        await desks.stop()
