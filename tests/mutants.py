"""Does a test notice? Each rule below is broken in a copy of the project, and its tests must fail.

    make mutants                    all of them, some minutes
    make mutants ARGS="husk epoch"  those whose names hold one of these words

A test that passes whatever the program does proves nothing. First the same tests run on the copy as
it is: they must pass. A rule whose text is not found any more is an error: move it here too.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
COPIED: Final = ("protocol", "node", "directory", "tools", "tests")
PACKAGES: Final = ("protocol", "node", "directory", "tools", "tests")
LONGEST: Final = 300
"""Seconds for the tests of one mutant; a program that hangs is a difference too."""


class Mutant(NamedTuple):
    """One rule, broken: ``old`` becomes ``new`` everywhere in the file, and ``tests`` notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str


DATABASE: Final = "node/referral_node/store/database.py"
INBOX: Final = "node/referral_node/exchange/receiving/inbox.py"
LISTENER: Final = "node/referral_node/api/listener.py"
HTTP: Final = "node/referral_node/delivery/http.py"
RECEIPTS: Final = "protocol/referral_protocol/receipts.py"
PARCELS: Final = "protocol/referral_protocol/parcels.py"
BAD_RECEIPTS: Final = "tests/node/test_bad_receipts.py"
BAD_PEERS: Final = "tests/node/test_bad_peers.py"
UPDATING: Final = "node/referral_node/exchange/directory/updating.py"
TESTS_OF_UPDATING: Final = "tests/node/test_updating.py"
KEYS_CHANGE: Final = "tests/node/test_changed_keys.py"

MUTANTS: Final = (
    # what makes a receipt worth something
    Mutant(
        "commits are not synced",
        DATABASE,
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=NORMAL",
        "tests/node/test_store.py",
    ),
    Mutant(
        "commits are not synced, watched from outside",
        DATABASE,
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=NORMAL",
        "tests/node/test_durable.py",
    ),
    Mutant(
        "acknowledged before the commit",
        DATABASE,
        '        connection.execute("ROLLBACK" if ends is None else "COMMIT")\n',
        "        for job in batch if ends is not None else []:\n"
        "            job.done.get_loop().call_soon_threadsafe(_tell, batch, ends)\n"
        '        __import__("time").sleep(0.05)\n'
        '        connection.execute("ROLLBACK" if ends is None else "COMMIT")\n',
        "tests/node/test_store.py",
    ),
    Mutant(
        "acknowledged before the commit, watched from outside",
        DATABASE,
        '        connection.execute("ROLLBACK" if ends is None else "COMMIT")\n',
        "        for job in batch if ends is not None else []:\n"
        "            job.done.get_loop().call_soon_threadsafe(_tell, batch, ends)\n"
        '        __import__("time").sleep(0.05)\n'
        '        connection.execute("ROLLBACK" if ends is None else "COMMIT")\n',
        "tests/node/test_durable.py",
    ),
    Mutant(
        "stored answers are forgotten",
        INBOX,
        "FROM given WHERE sender = ? AND parcel = ?",
        "FROM given WHERE 0 AND sender = ? AND parcel = ?",
        "tests/node/test_parcels_again.py",
    ),
    Mutant(
        "an epoch is used again",
        "node/referral_node/exchange/catchup/epochs.py",
        "epoch = _above(max(last, 0 if kept is None else time_of(kept)), now, entropy)",
        "epoch = last or (now if kept is None else time_of(kept))",
        "tests/node/test_counters.py tests/node/test_rollback.py",
    ),
    Mutant(
        "a husk is dropped",
        INBOX,
        "        await insert(tx, header.sender, fresh, now)\n",
        "        fresh = [each for each in fresh if each[0].sealed is not None]\n"
        "        await insert(tx, header.sender, fresh, now)\n",
        "tests/node/test_bad_messages.py",
    ),
    Mutant(
        "the reader may write",
        DATABASE,
        'await reader.execute("PRAGMA query_only=ON")',
        'await reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")',
        "tests/node/test_one_writer.py",
    ),
    Mutant(
        "a second connection writes",
        "node/referral_node/exchange/tidying.py",
        "    before = core.clock() - GIVEN_KEPT\n",
        "    before = core.clock() - GIVEN_KEPT\n"
        "    other = core.store._reader\n"
        "    await other.execute_fetchall('PRAGMA query_only=OFF')\n"
        "    await other.execute_fetchall('DELETE FROM given WHERE at < ?', (before,))\n"
        "    await other.execute_fetchall('PRAGMA wal_checkpoint(TRUNCATE)')\n",
        "tests/node/test_durable.py",
    ),
    # catching up
    Mutant(
        "a gap is forgotten",
        "node/referral_node/exchange/catchup/gaps.py",
        "    if not numbers:\n        return\n",
        "    if numbers:\n        return\n",
        "tests/node/test_gaps.py",
    ),
    Mutant(
        "a disk that was put back is not found out",
        "node/referral_node/exchange/catchup/wanting.py",
        "if ask.kind != RESTORE or not taken.found:",
        "if True:",
        "tests/node/test_rollback.py",
    ),
    Mutant(
        "an answer that nobody signed",
        "protocol/referral_protocol/asks.py",
        'verify(node_key, labels.ANSWER, answer.head.content, answer.head.signature, "answer")',
        "pass",
        "tests/node/test_bad_asks.py",
    ),
    Mutant(
        "a page is believed",
        "protocol/referral_protocol/asks.py",
        "signed, _ = verify_known(brought.content, brought.signature, keys[statement.sender], "
        "without)",
        "signed = SignedStatement(brought.content, brought.signature, statement, "
        "labels.STATEMENT and __import__('referral_protocol.statements', fromlist=['x'])"
        ".statement_hash(brought.content))",
        "tests/node/test_bad_asks.py",
    ),
    # keys that are replaced
    Mutant(
        "a key that was replaced goes on signing",
        "protocol/referral_protocol/directory/earlier.py",
        "return self.until is None or at <= self.until + UNHEARD",
        "return True",
        "tests/node/test_earlier_keys.py",
    ),
    Mutant(
        "what a compromised key of ours signed comes back",
        "node/referral_node/exchange/keys/own.py",
        'return {bytes(row["public"]) for row in rows}',
        "return set()",
        "tests/node/test_earlier_keys.py",
    ),
    Mutant(
        "what waits is not signed ahead",
        "node/referral_node/exchange/keys/vault.py",
        "await all_ahead(tx, signer)",
        "pass",
        KEYS_CHANGE,
    ),
    Mutant(
        "what is said meanwhile is not signed ahead",
        "node/referral_node/exchange/sending/saying.py",
        "await sign_ahead(tx, core, vault, number, signed.content)",
        "pass",
        KEYS_CHANGE,
    ),
    Mutant(
        "a new machine's key is not looked for at the start",
        "node/referral_node/folder.py",
        "if coming is not None and coming.public == certified:",
        "if coming is None:",
        KEYS_CHANGE,
    ),
    Mutant(
        "a bundle outlives its compromised key",
        "node/referral_node/exchange/directory/members.py",
        "lambda known: known.reason == ROUTINE",
        "lambda known: True",
        "tests/node/test_bundles_of_earlier_keys.py",
    ),
    Mutant(
        "content is returned that was never said",
        "protocol/referral_protocol/returns.py",
        "    check_content(salt, content, named.statement.commitment)\n    return salt, content\n",
        "    return salt, content\n",
        "tests/protocol/test_vectors.py -k return",
    ),
    # what is refused of a receipt
    Mutant(
        "a receipt of another parcel",
        RECEIPTS,
        "if receipt.parcel != parcel:",
        "if False:",
        BAD_RECEIPTS,
    ),
    Mutant(
        "a receipt for another sender",
        RECEIPTS,
        "if receipt.sender != sender:",
        "if False:",
        BAD_RECEIPTS,
    ),
    Mutant(
        "a receipt of another recipient",
        RECEIPTS,
        "if receipt.recipient != recipient:",
        "if False:",
        BAD_RECEIPTS,
    ),
    Mutant(
        "a receipt from the future",
        RECEIPTS,
        "if receipt.at > now + CLOCK_AHEAD:",
        "if False:",
        BAD_RECEIPTS,
    ),
    Mutant(
        "a receipt from before the parcel",
        RECEIPTS,
        "if receipt.at < made_at - CLOCK_AHEAD:",
        "if False:",
        BAD_RECEIPTS,
    ),
    Mutant(
        "a receipt for messages never sent",
        RECEIPTS,
        "if {answer.statement: answer.sealed for answer in receipt.answers} != sent:",
        "if False:",
        BAD_RECEIPTS,
    ),
    Mutant(
        "a message answered twice",
        RECEIPTS,
        "if len(receipt.answers) != len(sent):",
        "if False:",
        BAD_RECEIPTS,
    ),
    Mutant(
        "a receipt that nobody signed",
        RECEIPTS,
        'verify(node_key, labels.RECEIPT, content, signature, "receipt")',
        "pass",
        BAD_RECEIPTS,
    ),
    # what is refused of a peer
    Mutant(
        "a redirect is followed", HTTP, "allow_redirects=False", "allow_redirects=True", BAD_PEERS
    ),
    Mutant(
        "an answer without end is read",
        HTTP,
        "        if len(pieces) > limit:\n",
        "        if False:\n",
        f"{BAD_PEERS} -k endless",
    ),
    Mutant(
        "a gigabyte is promised and awaited",
        HTTP,
        "    if length is not None and length > limit:\n",
        "    if False:\n",
        f"{BAD_PEERS} -k gigantic",
    ),
    Mutant(
        "an answer may take for ever",
        HTTP,
        "ClientTimeout(total=WHOLE, ",
        "ClientTimeout(total=None, ",
        f"{BAD_PEERS} -k silence",
    ),
    # what is refused of a parcel
    Mutant(
        "a parcel whose length is none",
        PARCELS,
        "if header.length not in SEALED_SIZES:",
        "if False:",
        "tests/node/test_bad_parcels.py",
    ),
    Mutant(
        "a sealed part that was not signed for",
        PARCELS,
        "if not hmac.compare_digest(digest(labels.SEALED_PARCEL, sealed), header.hash):",
        "if False:",
        "tests/node/test_bad_parcels.py",
    ),
    Mutant(
        "a parcel that lies about its inner length",
        PARCELS,
        "    if end > len(padded):\n",
        "    if False:\n",
        "tests/node/test_bad_parcels.py",
    ),
    Mutant(
        "the same statement twice in a parcel",
        PARCELS,
        "if len({message.content for message in content.messages}) != len(content.messages):",
        "if False:",
        "tests/node/test_bad_parcels.py",
    ),
    # limits
    Mutant(
        "a member without a share",
        LISTENER,
        "wait = self._pace.member(head.header.sender)",
        "wait = 0",
        "tests/node/test_limits.py",
    ),
    Mutant(
        "strangers without a share",
        LISTENER,
        "wait = self._pace.stranger(request.remote)",
        "wait = 0",
        "tests/node/test_limits.py",
    ),
    Mutant(
        "the last of the disk is given away",
        INBOX,
        "if not core.room():",
        "if False:",
        "tests/node/test_limits.py",
    ),
    Mutant(
        "nobody waits as long as asked",
        "node/referral_node/delivery/courier.py",
        "now + failure.wait",
        "now",
        "tests/node/test_limits.py",
    ),
    # roots, lost keys, what is erased
    Mutant(
        "a recovery completed within its 72 hours",
        "protocol/referral_protocol/directory/recovery.py",
        "    if place.logged < announced.acts_from:\n",
        "    if False:\n",
        "tests/protocol/test_directory_recovery.py",
    ),
    Mutant(
        "another card than the one announced",
        "protocol/referral_protocol/directory/recovery.py",
        "    if update.card != announced.card:\n",
        "    if False:\n",
        "tests/protocol/test_directory_recovery.py",
    ),
    Mutant(
        "registrars decide after a veto",
        "protocol/referral_protocol/directory/recovery.py",
        "(_root_keys(root) if old.vetoed else _registrars(root),)",
        "(_registrars(root),)",
        "tests/protocol/test_directory_recovery.py",
    ),
    Mutant(
        "the key that is lost goes on changing the card",
        "protocol/referral_protocol/directory/rules.py",
        "    if old.recovering(place.logged):\n",
        "    if False:\n",
        "tests/protocol/test_directory_recovery.py",
    ),
    Mutant(
        "a stranger's request puts the member's own aside",
        "directory/referral_directory/log/requests.py",
        ".vault_key == key:\n",
        ".vault_key:\n",
        "tests/directory/test_recovering.py",
    ),
    Mutant(
        "a log key stops when the next one acts",
        "protocol/referral_protocol/directory/state.py",
        "now < after.acts_from + LOG_KEY_LASTS",
        "now < after.acts_from",
        "tests/protocol/test_directory_replica.py",
    ),
    Mutant(
        "the file for root keys is believed",
        "directory/referral_directory/rootfile.py",
        "        directory.apply(leaf, index)\n",
        "        directory.apply(leaf, index, signatures=False)\n",
        "tests/directory/test_root_commands.py",
    ),
    Mutant(
        "what was erased is served for another hour",
        "directory/referral_directory/log/erasing.py",
        '        "DELETE FROM tiles WHERE kind = ? AND number = ? AND replaced_at IS NOT NULL",\n',
        '        "DELETE FROM tiles WHERE kind = ? AND number = ? AND replaced_at < 0",\n',
        "tests/directory/test_erasing.py",
    ),
    Mutant(
        "a witness's line under another text",
        "directory/referral_directory/log/pen.py",
        "    if given.text != held.text:\n",
        "    if False:\n",
        "tests/directory/test_cosignatures.py",
    ),
    Mutant(
        "what one registrar signed outlives the member's next entry",
        "directory/referral_directory/log/ledger.py",
        '"DELETE FROM proposals WHERE member = ?"',
        '"DELETE FROM proposals WHERE member = ? AND 0"',
        "tests/directory/test_proposals.py",
    ),
    # a directory that lies
    Mutant(
        "another root is no fork",
        "protocol/referral_protocol/directory/views.py",
        "    if replica.tree.root(theirs.size) != theirs.root:\n",
        "    if False:\n",
        "tests/protocol/test_views.py",
    ),
    Mutant(
        "a log key speaks for ever",
        "protocol/referral_protocol/directory/views.py",
        "if key.until is None or found.at <= key.until:",
        "if True:",
        "tests/protocol/test_views.py",
    ),
    Mutant(
        "two checkpoints that can both be true are a proof",
        "protocol/referral_protocol/directory/forks.py",
        "    if proof.prefix == first.root:\n",
        "    if False:\n",
        "tests/protocol/test_views.py",
    ),
    Mutant(
        "the log is taken in while it is in doubt",
        "node/referral_node/exchange/directory/replica.py",
        "if leaves and core.members.forked_at is not None:",
        "if False:",
        "tests/node/web/test_views_pages.py",
    ),
    Mutant(
        "a key in doubt is sealed to",
        "node/referral_node/exchange/directory/members.py",
        "if member in self.doubtful or self.unwitnessed(member):",
        "if False:",
        "tests/node/web/test_views_pages.py tests/node/test_watching.py",
    ),
    Mutant(
        "a key in doubt is heard",
        "node/referral_node/exchange/directory/members.py",
        "        if member in self.doubtful:\n            raise",
        "        if False:\n            raise",
        "tests/node/test_watching.py",
    ),
    Mutant(
        "a witness forgets what it signed",
        "node/referral_node/delivery/cosigner.py",
        "if size > held.size or replica.tree.root(size) != root:",
        "if False:",
        "tests/node/test_witness.py",
    ),
    Mutant(
        "a board that goes back is not noticed",
        "node/referral_node/delivery/board_view.py",
        "shown.get(m, -1) < at",
        "shown.get(m, at) < at",
        "tests/node/test_bad_directory.py",
    ),
    # who is found, and who may read of it
    Mutant(
        "who is suspended stands on the page for everybody",
        "directory/referral_directory/public/published.py",
        " if directory.status(each.id, now) == ACTIVE]",
        "]",
        "tests/directory/test_public.py",
    ),
    Mutant(
        "what excludes a person ranks with what does not",
        "node/referral_node/web/catalogue.py",
        "if not excludes]",
        "if excludes is not None]",
        "tests/node/web/test_find_map.py",
    ),
    # what is said of ourselves
    Mutant(
        "a second change of our card while one waits",
        UPDATING,
        "            if await self._waiting() is not None:\n                raise UpdateWaits\n",
        "",
        TESTS_OF_UPDATING,
    ),
    Mutant(
        "an update counts as done when the directory took it",
        UPDATING,
        "SET sent_at = ? WHERE sent_at IS NULL",
        "SET sent_at = ?, done_at = 1 WHERE sent_at IS NULL",
        TESTS_OF_UPDATING,
    ),
    Mutant(
        "our copy of the log is not asked before an update is sent again",
        UPDATING,
        '        verdict = await self._in_the_log(submission, row["log_size"])\n',
        "        verdict = None\n",
        TESTS_OF_UPDATING,
    ),
    Mutant(
        "people's names are published",
        "protocol/referral_protocol/profiles/__init__.py",
        "    return Profile(shown, (), tuple(",
        "    return Profile(shown, whole.contacts, tuple(",
        "tests/protocol/test_profiles.py",
    ),
    Mutant(
        "an invitation says more than where and which",
        "protocol/referral_protocol/directory/invitation.py",
        'name not in ("directory", "anchor") or not equals',
        "not equals",
        "tests/protocol/test_invitation.py",
    ),
)


def main(words: list[str]) -> int:
    """Run the mutants whose names hold one of the words; 1 if one was not noticed."""
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    if not chosen:
        print(f"no mutant has one of these words in its name: {' '.join(words)}")
        return 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder)
        _copy(copy)
        for each in sorted({m.tests for m in chosen}):
            passed, seconds, said = _tests(copy, each)
            if not passed:
                print(f"{each}: does not pass as it is\n{said}")
                return 1
            print(f"{'as it is':<55} {each:<45} {seconds:4.0f} s", flush=True)
        missed = [m.name for m in chosen if not _noticed(copy, m)]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} mutants were noticed")
    for name in missed:
        print(f"NOT NOTICED: {name}")
    return 1 if missed else 0


def _copy(to: Path) -> None:
    left = shutil.ignore_patterns("node_modules", "__pycache__", "shots", "*.pyc")
    for name in COPIED:
        shutil.copytree(ROOT / name, to / name, ignore=left)
    shutil.copyfile(ROOT / "pyproject.toml", to / "pyproject.toml")


def _noticed(copy: Path, mutant: Mutant) -> bool:
    file = copy / mutant.file
    before = file.read_text("utf-8")
    if mutant.old not in before:
        print(f"{mutant.name}: what it changes is not in {mutant.file} any more")
        return False
    file.write_text(before.replace(mutant.old, mutant.new), "utf-8")
    try:
        passed, seconds, said = _tests(copy, mutant.tests)
    finally:
        file.write_text(before, "utf-8")
    if "ERROR collecting" in said:
        print(f"{mutant.name}: the program cannot even be read any more:\n{said}")
        return False
    found = next((line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
    told = "not noticed" if passed else found.partition(" - ")[0] or "the tests hang"
    print(f"{mutant.name:<55} {told} {seconds:4.0f} s", flush=True)
    return not passed


def _tests(copy: Path, tests: str) -> tuple[bool, float, str]:
    """Whether they pass, how long they took, what they said."""
    began = time.monotonic()
    how = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "--show-capture=no", "--tb=short"]
    path = os.pathsep.join(str(copy / name) for name in PACKAGES)
    try:
        done = subprocess.run(
            [*how, "-p", "no:cacheprovider", *tests.split()],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": path, "CI": "true"},
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, time.monotonic() - began, ""
    # 1: a test failed. Anything else but 0 is a fault of this script.
    if done.returncode not in (0, 1):
        raise SystemExit(f"pytest itself failed:\n{done.stdout}{done.stderr}")
    return done.returncode == 0, time.monotonic() - began, done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
