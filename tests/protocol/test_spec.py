"""SPEC.md says what the code does: generated parts, labels, codes, limits, fields, example."""

import hashlib
import re
from typing import Any

import msgpack
import pytest
from nacl.signing import SigningKey, VerifyKey

from referral_protocol import (
    bodies,
    certificates,
    labels,
    messages,
    parcels,
    receipts,
    retry,
    statements,
    wire,
)
from referral_protocol.errors import CODES
from referral_protocol.evidence import MAX_EVIDENCE, EvidenceBundle
from referral_protocol.states import diagram
from referral_protocol.suite import KEM_PUBLIC_SIZE, SEAL_OVERHEAD
from referral_tools.conformance.specification import SPEC, filled, main

TEXT = SPEC.read_text("utf-8")
FLAT = re.sub(r"\s+", " ", TEXT)
PROSE = re.sub(r"<!-- generated: codes -->.*?<!-- end -->", "", TEXT, flags=re.DOTALL)
PREFIX = "referral-exchange/1 "


def test_the_generated_parts_are_fresh() -> None:
    assert filled(TEXT) == TEXT, "run python -m referral_tools.conformance.specification"
    assert main(["--check"]) == 0
    assert diagram() in TEXT


def test_a_stale_part_is_noticed() -> None:
    stale = TEXT.replace("    received --> accepted\n", "")
    assert stale != TEXT
    assert filled(stale) == TEXT
    with pytest.raises(ValueError, match="codes"):
        filled(TEXT.replace("<!-- generated: codes -->", ""))


def test_it_stays_short() -> None:
    words = [word for word in TEXT.split() if any(letter.isalnum() for letter in word)]
    assert len(words) < 3000


def test_every_label_is_named_and_no_other() -> None:
    section = FLAT[FLAT.index("### 2.2") : FLAT.index("## 3.")]
    named = set(re.findall(r"`([a-z ]+)`", section))
    assert named == {label.decode().removeprefix(PREFIX).strip() for label in labels.ALL}
    assert f"`{PREFIX}`" in TEXT


def test_every_code_stands_where_its_rule_is() -> None:
    beside = ("DIRECTORY.md", "ATTACHMENTS.md")
    rules = PROSE + "".join((SPEC.parent / name).read_text("utf-8") for name in beside)
    for code in CODES:
        assert f"`{code}`" in rules, code


LIMITS: list[tuple[str, int, int]] = [
    ("**Statement**, at most {} bytes", statements.MAX_STATEMENT, 1),
    ("at most {} of `[hash Hash, size Int 1–2^26]`", statements.MAX_ATTACHMENTS, 1),
    ("`expires` ≤ `at` + {} days", statements.MAX_EXPIRES, certificates.DAY),
    ("an array of over {}", wire.MAX_ITEMS, 1),
    ("a structure of over {} values", wire.MAX_VALUES, 1),
    ("over {} arrays inside one another", wire.MAX_DEPTH, 1),
    ("signed by the vault key, at most {} bytes", certificates.MAX_CERTIFICATE, 1),
    ("Signed by the node key, at most {}:", certificates.MAX_TRANSPORT_PREKEY, 1),
    ("Signed by the vault key, at most {} KiB", certificates.MAX_BUNDLE, 1024),
    ("at most {} of `[suite Int, public bin", certificates.MAX_BUNDLE_PREKEYS, 1),
    ("by at most {} days; none starts", certificates.CASE_PREKEY_LIFE, certificates.DAY),
    ("starts at least {} days after", certificates.CASE_PREKEY_LEAD, certificates.DAY),
    ("destroyed {} days after it ends", certificates.CASE_PREKEY_KEPT, certificates.DAY),
    ("by at most {} h (`bad-prekey`)", certificates.TRANSPORT_PREKEY_LIFE, 3_600_000),
    ("destroys it {} h after", certificates.TRANSPORT_PREKEY_KEPT, 3_600_000),
    ("is not over {} minutes ahead (`clock`)", certificates.CLOCK_AHEAD, 60_000),
    ("u16 length of the head (1 to {})", parcels.MAX_HEAD, 1),
    ("checkpoint text? of 1–{} characters", parcels.MAX_CHECKPOINT, 1),
    ("1 to {}, no statement twice", parcels.MAX_MESSAGES, 1),
    ("to 8, 16, …, {} KiB", max(parcels.CLASSES), 1024),
    ("128, {} KiB that holds it", max(bodies.CLASSES), 1024),
    ("Answer, at most {} KiB", receipts.MAX_ENVELOPE, 1024),
    ("`application/msgpack`, at most {} KiB", receipts.MAX_PREKEY_ANSWER, 1024),
    ("[receipt bin ≤ {} KiB", receipts.MAX_RECEIPT, 1024),
    ("so {} more than the plaintext", SEAL_OVERHEAD, 1),
    ("`KemKey` {}", KEM_PUBLIC_SIZE, 1),
    ("up to {} s · 2^(n−1)", retry.FIRST, 1000),
    ("at most {} h, at least 0.5 s", retry.LONGEST, 3_600_000),
    ("After {} days a person is told", retry.PATIENCE, certificates.DAY),
    ("contents]`, at most {} MiB", MAX_EVIDENCE, 1024 * 1024),
]


@pytest.mark.parametrize(("words", "limit", "unit"), LIMITS)
def test_every_limit_is_that_of_the_code(words: str, limit: int, unit: int) -> None:
    assert limit % unit == 0
    expected = words.format(f"{limit // unit:,}")
    assert expected.lower() in FLAT.lower(), expected


STRUCTURES: dict[str, type[wire.Wire]] = {
    r"\*\*Certificate\*\*, .*?`(\[.*?\])`": certificates.Certificate,
    r"\*\*Transport prekey\*\*, .*?`(\[.*?\])`": certificates.TransportPrekey,
    r"\*\*Bundle\*\*, Signed .*?`(\[.*?\])`": certificates.Bundle,
    r"at most 12 of `(\[.*?\])`": certificates.CasePrekey,
    r"\| head \| array \| `(\[.*?\])`": statements.Head,
    r"at most 10 of `(\[.*?\])`": statements.Attachment,
    r"\*\*Message\*\* = `(\[.*?\])`": messages.Message,
    r"Head = `(\[.*?\])`": parcels.Head,
    r"Header = `(\[.*?\])`": parcels.Header,
    r"Content = `(\[.*?\])`": parcels.ParcelContent,
    r"Answer, at most 64 KiB: `(\[.*?\])`": receipts.Envelope,
    r"Receipt = `(\[.*?\])`": receipts.Receipt,
    r"answers = at most 256 of `(\[.*?\])`": receipts.Answer,
}
# Where the text calls a field by another name than the code does.
NAMES = {"header": "content", "receipt": "content"}


@pytest.mark.parametrize("pattern", STRUCTURES)
def test_every_structure_has_its_fields_in_order(pattern: str) -> None:
    kind = STRUCTURES[pattern]
    found = re.search(pattern, FLAT)
    assert found is not None
    named = [part.split()[0] for part in found[1].strip("[]").split(", ")]
    assert [NAMES.get(name, name) for name in named] == list(kind.__struct_fields__)


def test_statement_and_evidence_have_their_fields_in_order() -> None:
    table = TEXT[TEXT.index("### 5.1") : TEXT.index("### 5.2")]
    rows = re.findall(r"^\| (\w+) \| \S+.* \|$", table, re.MULTILINE)
    assert rows[1:] == list(statements.Statement.__struct_fields__)
    found = re.search(r"\*\*Bundle\*\* = `\[(.*?)\]`", FLAT)
    assert found is not None
    named = [part.split()[0] for part in found[1].split(", ")]
    assert named[1:] == list(EvidenceBundle.__struct_fields__)[1:]


# --- the example, read as another implementation would --------------------------------------------


def example() -> dict[str, bytes]:
    """Name to bytes, as they stand in the text."""
    block = TEXT[TEXT.index("<!-- generated: example -->") :].split("```")[1]
    found: dict[str, bytes] = {}
    for name, digits in re.findall(r"^(\S.*)\n((?:  [0-9a-f]+\n)+)", block, re.MULTILINE):
        found[name] = bytes.fromhex("".join(digits.split()))
    return found


def hashed(name: str, *parts: bytes) -> bytes:
    return hashlib.sha256(f"{PREFIX}{name}\n".encode() + b"".join(parts)).digest()


def test_the_example_holds_by_the_text_alone() -> None:
    given = example()
    seed = given['vault seed: SHA-256("Lisbon vault")']
    assert seed == hashlib.sha256(b"Lisbon vault").digest()
    vault = SigningKey(seed)
    assert bytes(vault.verify_key) == given["vault key"]
    assert hashed("member id", given["vault key"])[:16] == given["member id"]

    content, signature = msgpack.unpackb(given["certificate"])
    label = f"{PREFIX}node certificate\n".encode()
    VerifyKey(given["vault key"]).verify(label + content, signature)
    suite, member, node_key, _ = msgpack.unpackb(content)
    assert (suite, member, node_key) == (1, given["member id"], given["node key"])

    assert hashed("body commitment", given["salt"], given["content"]) == given["commitment"]
    length = len(given["content"]).to_bytes(4, "big")
    assert given["padded body, before its zeros"] == length + given["salt"] + given["content"]

    fields: list[Any] = msgpack.unpackb(given["statement"])
    assert len(fields) == 14
    assert fields[1] == given["member id"]
    assert fields[10] == "open"
    assert fields[12] == given["commitment"]
    assert hashed("statement", given["statement"]) == given["hash"]
    label = f"{PREFIX}statement\n".encode()
    VerifyKey(given["vault key"]).verify(label + given["statement"], given["signature"])
    assert given["info of its seal"] == f"{PREFIX}seal body\n".encode() + given["hash"]

    receipt = msgpack.unpackb(given["receipt"])
    assert receipt[6][0][0] == given["hash"]
    utrecht = SigningKey(hashlib.sha256(b"Utrecht node").digest()).verify_key
    utrecht.verify(f"{PREFIX}receipt\n".encode() + given["receipt"], given["its signature"])

    digits = hashlib.sha512(
        f"{PREFIX}fingerprint\n".encode() + given["vault key"] + given["node key"]
    ).digest()
    groups = [int.from_bytes(digits[i : i + 5], "big") % 100_000 for i in range(0, 60, 5)]
    assert " ".join(f"{group:05d}" for group in groups) in TEXT
