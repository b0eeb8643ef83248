"""Notes and checkpoints against values that others made, and every way of getting them wrong."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory_world import DAY, ORIGIN, START, signer
from referral_protocol.directory.notes import (
    CLOCK_AHEAD,
    COSIGNATURE,
    ED25519,
    MAX_NOTE,
    TreeHead,
    cosign,
    key_id,
    make_checkpoint,
    parse_note,
    parse_tree_head,
    peek_checkpoint,
    sign_note,
    tree_head_text,
    verify_checkpoint,
    verify_cosignature,
    verify_note,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer

# The example of Go's golang.org/x/mod/sumdb/note, with its published private key.
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
    "Zb6KE6RyyBwJnAM=\n"
)
GO_KEY = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]

# The example of the signed-note specification (c2sp.org/signed-note).
SPEC_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKu"
    "wHjG1Yu72IneyaQM=\n"
).encode()
SPEC_KEY = base64.b64decode("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")[1:]

# A checkpoint of a staging log of Certificate Transparency with a public witness's cosignature.
REAL_ORIGIN = "arche2025h1.staging.ct.transparency.dev"
REAL = (
    f"{REAL_ORIGIN}\n1432088532\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n"
    f"— {REAL_ORIGIN} zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtE"
    "roeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=\n"
    f"— {REAL_ORIGIN} ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23"
    "oHP7Ry1k3ZFWwQ=\n"
    "— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sX"
    "Tynk5XeU/zZ0WBxtqB0DrAWfBw==\n"
).encode()
REAL_KEY = base64.b64decode("AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f")[1:]
WITNESS_KEY = base64.b64decode("BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")[1:]

# The example of tlog-cosignature (c2sp.org/tlog-cosignature), whose keys are not published.
SPEC_COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2"
    "q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2"
    "oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
).encode()

HEAD = TreeHead(ORIGIN, 42, bytes(range(32)))
LOG = signer("log")


def test_go_note_verifies_and_is_signed_alike() -> None:
    verify_note(parse_note((GO_TEXT + "\n" + GO_LINE).encode()), "PeterNeumann", GO_KEY)
    assert sign_note(GO_TEXT, "PeterNeumann", Signer(GO_SEED)) == GO_LINE
    assert key_id("PeterNeumann", ED25519, GO_KEY).hex() == "c74f20a3"


def test_specification_note_verifies() -> None:
    verify_note(parse_note(SPEC_NOTE), "example.com/foo", SPEC_KEY)
    assert key_id("example.com/foo", ED25519, SPEC_KEY).hex() == "530d903a"


def test_real_checkpoint_and_its_witness_verify() -> None:
    note = parse_note(REAL)
    verify_note(note, REAL_ORIGIN, REAL_KEY)
    assert verify_cosignature(note, "remora.n621.de", WITNESS_KEY) == 0x6A122120 * 1000
    assert parse_tree_head(note.text).size == 1432088532


def test_specification_checkpoint_parses() -> None:
    note = parse_note(SPEC_COSIGNED)
    head = parse_tree_head(note.text)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert tree_head_text(head) == note.text
    assert [line.name for line in note.signatures] == [
        "example.com/behind-the-sofa",
        "witness.example.com/w1",
    ]
    assert int.from_bytes(note.signatures[1].signature[:8], "big") == 1679315147


def test_text_may_hold_empty_lines() -> None:
    text = "Ognuno sta solo\n\ned è subito sera.\n"
    note = parse_note((text + "\n" + sign_note(text, "a", LOG)).encode())
    assert note.text == text
    verify_note(note, "a", LOG.public)


def test_checkpoint_has_two_lines_of_the_log() -> None:
    data = make_checkpoint(HEAD, LOG, START)
    checkpoint = verify_checkpoint(data, ORIGIN, LOG.public, START)
    assert (checkpoint.size, checkpoint.root, checkpoint.at) == (42, HEAD.root, START)
    lines = parse_note(data).signatures
    assert [line.key_id for line in lines] == [
        key_id(ORIGIN, ED25519, LOG.public),
        key_id(ORIGIN, COSIGNATURE, LOG.public),
    ]
    assert peek_checkpoint(data) == HEAD


def test_unknown_lines_are_ignored() -> None:
    text = tree_head_text(HEAD)
    extra = cosign(text, "witness.example.org", signer("w"), START) + sign_note(text, ORIGIN, LOG)
    data = make_checkpoint(HEAD, LOG, START) + extra.encode()
    assert verify_checkpoint(data, ORIGIN, LOG.public, START).size == 42
    assert verify_cosignature(parse_note(data), "witness.example.org", signer("w").public) == START


def test_latest_of_several_times_counts() -> None:
    text = tree_head_text(HEAD)
    data = make_checkpoint(HEAD, LOG, START) + cosign(text, ORIGIN, LOG, START + 5000).encode()
    assert verify_checkpoint(data, ORIGIN, LOG.public, START).at == START + 5000


def test_checkpoint_of_a_log_that_does_not_show_the_time() -> None:
    text = tree_head_text(HEAD)
    data = (text + "\n" + sign_note(text, ORIGIN, LOG)).encode()
    with pytest.raises(ProtocolError) as error:
        verify_checkpoint(data, ORIGIN, LOG.public, START)
    assert error.value.code == "missing-signature"


def test_checkpoint_from_the_future() -> None:
    data = make_checkpoint(HEAD, LOG, START + CLOCK_AHEAD + 1000)
    with pytest.raises(ProtocolError) as error:
        verify_checkpoint(data, ORIGIN, LOG.public, START)
    assert error.value.code == "clock"


@pytest.mark.parametrize(
    ("origin", "key", "code"),
    [
        ("other.example.org", LOG.public, "bad-checkpoint"),
        (ORIGIN, signer("other").public, "missing-signature"),
    ],
)
def test_checkpoint_of_another_log(origin: str, key: bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as error:
        verify_checkpoint(make_checkpoint(HEAD, LOG, START), origin, key, START)
    assert error.value.code == code


def test_another_tree_under_the_same_signatures() -> None:
    data = make_checkpoint(HEAD, LOG, START).replace(b"\n42\n", b"\n43\n", 1)
    with pytest.raises(ProtocolError) as error:
        verify_checkpoint(data, ORIGIN, LOG.public, START)
    assert error.value.code == "bad-signature"


def test_one_bad_line_of_the_log_refuses_the_note() -> None:
    """Even beside a good line of the same key: whoever adds lines is up to something."""
    other = TreeHead(ORIGIN, 43, HEAD.root)
    line = sign_note(tree_head_text(other), ORIGIN, LOG)
    with pytest.raises(ProtocolError) as error:
        verify_checkpoint(
            make_checkpoint(HEAD, LOG, START) + line.encode(), ORIGIN, LOG.public, START
        )
    assert error.value.code == "bad-signature"


def test_time_of_another_second_does_not_verify() -> None:
    note = parse_note(make_checkpoint(HEAD, LOG, START))
    line = note.signatures[1]
    later = (START // 1000 + DAY // 1000).to_bytes(8, "big") + line.signature[8:]
    with pytest.raises(ProtocolError) as error:
        verify_cosignature(
            note._replace(signatures=(line._replace(signature=later),)), ORIGIN, LOG.public
        )
    assert error.value.code == "bad-signature"


GOOD = make_checkpoint(HEAD, LOG, START).decode()
LINE = GOOD.split("\n\n")[1].split("\n")[0]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad-checkpoint"),
        (b"text\n", "bad-checkpoint"),
        (b"text\n\n", "bad-checkpoint"),
        (GOOD[:-1].encode(), "bad-checkpoint"),
        (GOOD.replace("\n\n", "\n", 1).encode(), "bad-checkpoint"),
        (GOOD.replace("— ", "- ").encode(), "bad-checkpoint"),
        (GOOD.replace(LINE, LINE + " x").encode(), "bad-checkpoint"),
        (GOOD.replace(LINE, LINE.rstrip("=")).encode(), "bad-checkpoint"),
        (GOOD.replace(LINE, f"— {ORIGIN} AAAA").encode(), "bad-checkpoint"),
        (GOOD.replace(LINE, f"— {ORIGIN} AAAAAAB=").encode(), "bad-checkpoint"),
        (GOOD.replace(LINE, f"—  {LINE[2:]}").encode(), "bad-checkpoint"),
        (GOOD.replace(LINE, "— a+b AAAAAAAA").encode(), "bad-checkpoint"),
        (GOOD.replace(LINE, "— a\N{NO-BREAK SPACE}b AAAAAAAA").encode(), "bad-checkpoint"),
        (GOOD.replace("\n42\n", "\n42\r\n").encode(), "not-text"),
        (GOOD.encode().replace(b"42", b"4\xff"), "not-text"),
        (GOOD.encode() + b"x" * MAX_NOTE, "too-large"),
        (
            GOOD.encode() + (LINE + "\n").encode() * 30 + b"\xe2\x80\x94 a AAAAAAA=\n" * 127,
            "too-large",
        ),
    ],
)
def test_malformed_notes(data: bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as error:
        parse_note(data)
    assert error.value.code == code


ROOT = base64.b64encode(HEAD.root).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n042\n{ROOT}\n",
        f"{ORIGIN}\n-1\n{ROOT}\n",
        f"{ORIGIN}\n٤٢\n{ROOT}\n",
        f"{ORIGIN}\n{2**53}\n{ROOT}\n",
        f"{ORIGIN}\n{'9' * 400}\n{ROOT}\n",
        f"{ORIGIN}\n42\n{ROOT[:-4]}\n",
        f"{ORIGIN}\n42\n{ROOT[:-2]}=\n",
        f"{ORIGIN}\n42\n{ROOT}\nextension\n",
        f"{ORIGIN}\n42\n",
        f"\n42\n{ROOT}\n",
        f"a b\n42\n{ROOT}\n",
    ],
)
def test_malformed_tree_heads(text: str) -> None:
    with pytest.raises(ProtocolError) as error:
        parse_tree_head(text)
    assert error.value.code == "bad-checkpoint"


def test_empty_tree_may_be_written() -> None:
    assert parse_tree_head(f"{ORIGIN}\n0\n{ROOT}\n").size == 0


@given(st.binary(max_size=400))
def test_any_bytes_raise_only_our_own_errors(data: bytes) -> None:
    for attempt in (data, GOOD[:60].encode() + data, GOOD.encode() + data):
        try:
            verify_checkpoint(attempt, ORIGIN, LOG.public, START)
        except ProtocolError:
            continue
        assert attempt.startswith(GOOD.encode())


@given(st.data())
def test_any_flipped_bit_is_refused_or_leaves_the_meaning(data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[place // 8] ^= 1 << place % 8
    with pytest.raises(ProtocolError):
        verify_checkpoint(bytes(raw), ORIGIN, LOG.public, START)
