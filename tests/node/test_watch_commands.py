"""`referral node directory | log | witness`, as an administrator types them."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from fed_member import Member
from federation import Federation, until
from forked import Fork
from referral_node.control import ControlServer
from referral_tools.cli import main


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


async def run(*arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a thread of its own, as it has an event loop of its own."""
    command = list(map(str, arguments))
    with capture_logs():  # what the node beside it logs is not what the command says
        done = await asyncio.to_thread(CliRunner().invoke, main, command, input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)


async def forked(fed: Federation, member: Member) -> str:
    """Utrecht shows this member another log; the name of the proof."""
    fork = await Fork.of(member, fed.directory.log_key, fed.registrar_key(), fed.clock.now)
    fork.back_to(2)
    fork.join("ghost")
    views = member.exchange.views
    views.shown(fed["utrecht"].id, fork.note().decode())

    async def found() -> bool:
        return bool(views.conflicts) and member.folder.proofs.exists()

    await until(found)
    return str(views.conflicts[0].proof.hex())


async def test_a_conflict_is_listed_and_settled_by_name(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    state = ("--state", lisboa.folder.path)
    handlers = lisboa.node.operations().handlers()
    async with ControlServer(lisboa.folder.control, handlers):
        nothing = await run("node", "directory", "proofs", *state)
        assert nothing.stdout == "No conflict was ever found.\n"
        proof = await forked(fed, lisboa)
        said = await run("node", "directory", "proofs", *state)
        assert f"Proof {proof}" in said.stdout
        assert f"Shown by     {fed['utrecht'].id.hex()}" in said.stdout
        assert "Settled      no: no new keys are used" in said.stdout
        told = json.loads((await run("node", "directory", "proofs", *state, "--json")).stdout)
        assert [each["proof"] for each in told] == [proof]
        file = lisboa.folder.proofs / f"{proof}.fork"
        assert str(file) in said.stdout
        checked = await run("verify", file, "--anchor", fed.anchor)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert "signed two logs that cannot both be true" in checked.stdout

        wrong = await run("node", "directory", "settle", "0" * 32, *state, "--yes")
        assert (wrong.returncode, wrong.stdout) == (1, "")
        assert "no such proof" in wrong.stderr
        no = await run("node", "directory", "settle", proof, *state, typed="n\n")
        assert no.returncode == 1
        assert lisboa.exchange.members.forked_at is not None
        yes = await run("node", "directory", "settle", proof, *state, typed="y\n")
        assert yes.returncode == 0, yes.stderr
        assert f"Conflict {proof} is settled" in yes.stdout
        assert lisboa.exchange.members.forked_at is None
        again = await run("node", "directory", "settle", proof, *state, "--yes")
        assert "settled already" in again.stderr


async def test_it_is_settled_while_the_node_is_stopped(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    proof = await forked(fed, lisboa)
    await lisboa.stop()
    done = await run("node", "directory", "settle", proof, "--state", lisboa.folder.path, "--yes")
    assert done.returncode == 0, done.stderr
    await lisboa.start()
    assert lisboa.exchange.members.forked_at is None
    assert len(lisboa.exchange.views.conflicts) == 1


async def test_the_log_is_saved_and_checked(fed: Federation, tmp_path: Path) -> None:
    lisboa, file = fed["lisboa"], tmp_path / "log.saved"
    count = await lisboa.count("SELECT COUNT(*) FROM log_entries")
    await lisboa.stop()
    saved = await run("node", "log", "save", file, "--state", lisboa.folder.path)
    assert saved.returncode == 0, saved.stderr
    assert f"{count} entries" in saved.stdout
    checked = await run("verify", file, "--anchor", fed.anchor)
    assert checked.returncode == 0, checked.stderr
    assert f"{count} entries, root" in checked.stdout
    assert "This log is for a trial" in checked.stdout
    again = await run("node", "log", "save", file, "--state", lisboa.folder.path)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)


async def test_a_witness_key_is_made_once_and_shown(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    state = ("--state", lisboa.folder.path)
    await lisboa.stop()
    bad = await run("node", "witness", "init", *state, "--name", "Not A Name")
    assert "cannot be a witness's name" in bad.stderr
    made = await run("node", "witness", "init", *state, "--name", "lisboa.example/witness")
    assert made.returncode == 0, made.stderr
    assert "Name         lisboa.example/witness" in made.stdout
    assert "Give name and key to VSE" in made.stdout
    shown = json.loads((await run("node", "witness", "init", *state, "--json")).stdout)
    assert shown["name"] == "lisboa.example/witness"
    assert shown["key"] in made.stdout
    other = await run("node", "witness", "init", *state, "--name", "other.example")
    assert "is there already, under the name lisboa.example/witness" in other.stderr
    status = await run("node", "status", *state)
    assert "witness lisboa.example/witness, cosigned 0 entries" in status.stdout
