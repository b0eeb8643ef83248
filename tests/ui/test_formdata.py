"""Posted bytes: read strictly, without a surprise for whoever typed them."""

import tracemalloc
import unicodedata
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_ui.formdata import FORM_FIELDS, FormData, check_headers, parse
from referral_ui.problems import Problem

WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t"), max_size=60
)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=8))
def test_what_a_browser_encodes_comes_back(pairs: list[tuple[str, str]]) -> None:
    read = parse(urlencode(pairs).encode())
    for name, _ in pairs:
        wanted = [value for given_name, value in pairs if nfc(given_name) == nfc(name)]
        assert read.all(nfc(name)) == tuple(map(nfc, wanted))
    assert not read.faults


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_read_or_refused_with_a_code(body: bytes) -> None:
    refused = {"bad-escape", "bad-field-name", "too-many-fields"}
    code, read = "", FormData({})
    try:
        read = parse(body)
    except Problem as problem:
        code = f"{problem.status} {problem.code}"
    assert not code or code in {f"400 {known}" for known in refused}
    for name in read.names():
        assert "\0" not in "".join(read.all(name))


def test_letters_are_composed_and_lines_end_one_way() -> None:
    read = parse(b"name=Jose%CC%81&text=a%0D%0Ab%0Dc%0A")
    assert read.get("name") == "José"
    assert read.get("text") == "a\nb\nc\n"


@pytest.mark.parametrize(
    "bad", ["%00", "%1B", "%7F", "%C2%85", "%FF", "%C3", "%ED%A0%80", "%C0%80"]
)
def test_what_cannot_be_kept_is_shown_and_noted(bad: str) -> None:
    read = parse(f"a=before{bad}after&b=untouched".encode())
    assert read.get("a").startswith("before\ufffd")
    assert read.get("a").endswith("after")
    assert set(read.faults) == {"a"}
    assert read.get("b") == "untouched"
    with pytest.raises(Problem) as refused:
        parse(f"{bad}=a".encode())
    assert refused.value.code == "bad-field-name"


@pytest.mark.parametrize("body", [b"a=%", b"a=%4", b"a=%zz", b"a=%%41", b"100%=a"])
def test_half_an_escape_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse(body)
    assert refused.value.code == "bad-escape"


def test_an_escape_across_slices_is_read_whole() -> None:
    slice_size = 1 << 20
    for shift in range(4):
        text = "x" * (slice_size - shift) + "é€😀" * 3 + "y" * slice_size
        assert parse(b"a=" + quote_plus(text).encode()).get("a") == text


def test_too_many_fields_are_refused_before_any_is_read() -> None:
    with pytest.raises(Problem) as refused:
        parse(b"a=1&" * FORM_FIELDS)
    assert refused.value.code == "too-many-fields"
    assert len(parse(b"&".join(b"f%d=1" % n for n in range(FORM_FIELDS))).names()) == FORM_FIELDS


@pytest.mark.parametrize("piece", [b"x", b"%D0%9E", b"%41+", b"%25", b"+"])
def test_a_long_text_costs_a_few_times_its_size(piece: bytes) -> None:
    body = b"a=" + piece * (2_000_000 // len(piece))
    tracemalloc.start()
    try:
        assert len(parse(body).get("a")) >= 2_000_000 // len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The slice that is under work costs most; it does not grow with the text.
    assert peak < 8 * len(body) + 25_000_000


def test_only_plain_forms() -> None:
    check_headers("application/x-www-form-urlencoded", [])
    check_headers("application/x-www-form-urlencoded", ["identity"])
    for media_type, encodings in (
        ("multipart/form-data", []),
        ("application/json", []),
        ("text/plain", []),
        ("application/x-www-form-urlencoded", ["gzip"]),
        ("application/x-www-form-urlencoded", ["identity", "br"]),
    ):
        with pytest.raises(Problem) as refused:
            check_headers(media_type, list(encodings))
        assert refused.value.status == 415


def test_data_does_not_print_what_it_holds() -> None:
    read = parse(b"name=Oksana&token=abc")
    assert "Oksana" not in repr(read)
    assert read.without("token").names() == ("name",)
    assert "token" in read
    assert FormData({}).get("x", "default") == "default"
