"""Four members become witnesses; a new key counts once three of them have seen it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from faces import poll
from fed_member import Member
from federation import DIRECTORY, REGISTRAR, Federation, until
from node_world import Entropy
from referral_directory.sealing import open_key
from referral_node.witness import make_witness_key
from referral_protocol.directory.entries import Witness, make_root_entry, sign_entry
from referral_protocol.directory.rules import ROOT_DELAY

WITNESSES = ("lisboa", "utrecht", "lviv", "berlin")


async def named_witnesses(fed: Federation) -> None:
    """What `witness init` does at four nodes, and `root rotate, sign, publish` at VSE."""
    witnesses = []
    for name in WITNESSES:
        member = fed[name]
        await member.stop()
        key = make_witness_key(member.folder.path, f"{name}.example", Entropy(f"{name} w")(32))
        await member.start()
        witnesses.append(Witness(key.name, key.signer.public, member.id, None))
    directory = fed["lisboa"].exchange.members.directory
    assert directory is not None
    newest = directory.roots[-1]
    root = msgspec.structs.replace(
        newest.root, witnesses=tuple(sorted(witnesses, key=lambda w: w.name)), quorum=3
    )
    content = make_root_entry(
        root, fed.clock.now, directory.genesis, newest.hash, newest.version + 1
    )
    files = sorted(fed.directory.offline.glob("root-*.key"))[:2]
    keys = [open_key(file, "root", REGISTRAR) for file in files]
    signed = [[s.key, s.signature] for s in sign_entry(content, *keys)]
    async with fed.registrar() as office:
        await office.ask("publish-root", content=content, signatures=signed)
    for member in fed.members.values():
        if member.here:
            assert await poll(member) is None
    fed.clock.now += ROOT_DELAY + 1


def witnessed(member: Member, other: Member, least: int) -> Callable[[], Awaitable[bool]]:
    """That so many witnesses cover the other's key, as this node knows."""

    async def now() -> bool:
        await poll(member)
        found = member.exchange.views.standing(other.id)
        return found is not None and len(found.witnessed) >= least

    return now


async def test_a_new_key_waits_for_three_of_four_witnesses(tmp_path: Path) -> None:
    async with Federation(tmp_path, *WITNESSES, later=("athina",)) as fed:
        lisboa, utrecht, athina = fed["lisboa"], fed["utrecht"], fed["athina"]
        await lisboa.refer(utrecht)
        await fed.settle()
        await named_witnesses(fed)

        # Athens joins while two of the witnesses cannot reach the directory.
        for name in ("lviv", "berlin"):
            fed.link(name, DIRECTORY).cut()
        await fed.arrives(athina)
        await fed.join(athina)
        for _ in range(3):
            for member in (utrecht, lisboa, athina):
                await poll(member)
        await until(witnessed(lisboa, athina, 2))
        standing = lisboa.exchange.views.standing(athina.id)
        assert not standing.enough
        assert [each.name for each in standing.awaited] == ["berlin.example", "lviv.example"]

        # Known members go on; to the new one nothing is sealed, unless by a telephone check.
        await lisboa.refer(utrecht)
        await fed.settle()
        said = await lisboa.refer(athina)
        await fed.settle(waiting=1)
        assert (await lisboa.view(said.thread)).messages[0].standing == "waiting-for-key"

        # The third witness comes back: the key counts, and what waited goes.
        fed.link("lviv", DIRECTORY).mend()
        await poll(fed["lviv"])
        await until(witnessed(lisboa, athina, 3))
        assert lisboa.exchange.views.standing(athina.id).enough
        await lisboa.read()
        await fed.settle()
        await athina.read()
        assert (await athina.view(said.thread)).opener is not None


async def test_a_telephone_check_does_for_witnesses_that_are_away(tmp_path: Path) -> None:
    async with Federation(tmp_path, *WITNESSES, later=("athina",)) as fed:
        lisboa, athina = fed["lisboa"], fed["athina"]
        await named_witnesses(fed)
        for name in WITNESSES:
            await poll(fed[name])
        for name in ("utrecht", "lviv", "berlin"):
            fed.link(name, DIRECTORY).cut()
        await fed.arrives(athina)
        await fed.join(athina)
        await until(witnessed(lisboa, athina, 1))
        await lisboa.exchange.contacts.compared(
            lisboa.vault(), lisboa.actor, athina.id, same=True, spoke_with="Eleni Makri"
        )
        said = await lisboa.refer(athina)
        await fed.settle()
        await athina.read()
        assert (await athina.view(said.thread)).opener is not None
