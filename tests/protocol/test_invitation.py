"""The invitation line: one spelling, read back as it was made, and told what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol.directory.entries import anchor_text
from referral_protocol.directory.invitation import (
    MAX_LINE,
    Invitation,
    make_invitation,
    parse_invitation,
)
from referral_protocol.errors import ProtocolError

GENESIS = bytes(range(32))
ANCHOR = anchor_text(GENESIS).replace(" ", "-")
URL = "https://directory.example.org"
LINE = f"referral-exchange:join?directory={URL}&anchor={ANCHOR}"


def test_the_line() -> None:
    assert make_invitation(URL, GENESIS) == LINE
    found = parse_invitation(LINE)
    assert found == Invitation(URL, GENESIS)
    assert found.anchor == anchor_text(GENESIS)


@pytest.mark.parametrize(
    "text",
    [
        f"  {LINE}\r\n",
        LINE.replace("anchor=", "anchor=\n  "),
        LINE.replace(ANCHOR, anchor_text(GENESIS).lower()),
        LINE.replace("referral-exchange:join", "Referral-Exchange:Join"),
        LINE.replace(URL, f"{URL}/"),
        f"referral-exchange:join?anchor={ANCHOR}&directory=https%3A%2F%2Fdirectory.example.org",
    ],
)
def test_what_mail_does_to_it_is_undone(text: str) -> None:
    assert parse_invitation(text) == Invitation(URL, GENESIS)


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["", "/d", ":8443", ":8443/a/b_c~d"]))
def test_it_comes_back(genesis: bytes, rest: str) -> None:
    url = f"https://directory.example.org{rest}"
    assert parse_invitation(make_invitation(url, genesis)) == Invitation(url, genesis)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "wrong-value", "it begins with referral-exchange:join"),
        (URL, "wrong-value", "it begins with"),
        (LINE.replace("join", "leave"), "wrong-value", "it begins with"),
        (f"referral-exchange:join?directory={URL}", "wrong-value", "the anchor is missing"),
        (f"referral-exchange:join?anchor={ANCHOR}", "wrong-value", "the directory is missing"),
        (f"{LINE}&", "wrong-value", "each once"),
        (f"{LINE}&directory={URL}", "wrong-value", "each once"),
        (f"{LINE}&password=x", "wrong-value", "each once"),
        (LINE.replace("anchor=", "anchor"), "wrong-value", "each once"),
        (LINE.replace(URL, ""), "wrong-value", "the directory is missing"),
        (LINE.replace(URL, "https%3"), "wrong-value", "the directory is broken off"),
        (LINE.replace(URL, "ftp://a.example"), "bad-endpoint", "not https"),
        (LINE.replace(URL, "http://a.example"), "bad-endpoint", "plain http"),
        (LINE.replace(URL, "https://a.example?x"), "bad-endpoint", "not https"),
        (LINE[:-3], "wrong-genesis", "anchor: "),
        (LINE[:-4] + "9999", "wrong-genesis", "only letters"),
        (LINE + "A" * MAX_LINE, "too-large", "longer than any"),
    ],
)
def test_what_is_none_is_told(text: str, code: str, said: str) -> None:
    with pytest.raises(ProtocolError, match=said) as caught:
        parse_invitation(text)
    assert caught.value.code == code


@given(st.text(max_size=200))
def test_nothing_else_is_raised(text: str) -> None:
    for line in (text, LINE[:40] + text, LINE + text):
        try:
            parse_invitation(line)
        except ProtocolError:
            continue


def test_an_address_that_no_directory_has_is_not_made() -> None:
    with pytest.raises(ProtocolError, match="bad-endpoint"):
        make_invitation("https://directory.example.org/?a=b", GENESIS)
