"""What a file is, by its content alone, however it comes in pieces; and what it may be called."""

import zipfile
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from files import OOXML, archive, docx, odt, pdf, types
from referral_node.exchange.files.kinds import HEAD, KINDS, TAIL, Inspection, RefusedFile
from referral_node.exchange.files.names import LONGEST, safe_name


def kind(data: bytes, *cuts: int) -> str:
    """The kind's code, or why it is refused."""
    looked = Inspection()
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for a, b in pairwise(places):
        looked.add(data[a:b])
    try:
        return looked.kind().code
    except RefusedFile as refusal:
        return f"refused: {refusal.code}"


def office(part: str, kind_of: str, **more: bytes) -> bytes:
    said = types(f"{OOXML}{kind_of}.main+xml")
    return archive({"[Content_Types].xml": said, part: b"<x/>", **more})


def last_types(data: bytes = b"") -> bytes:
    """As LibreOffice writes DOCX: the types stand at the end."""
    said = types(OOXML + "wordprocessingml.document.main+xml")
    return archive({"word/document.xml": b"<w/>" + data, "[Content_Types].xml": said})


def protected() -> bytes:
    """An office document whose parts are marked as encrypted."""
    made = bytearray(docx())
    made[made.index(b"PK\x01\x02") + 8] |= 1
    return bytes(made)


KNOWN = [
    (pdf(), "pdf"),
    (b"\x89PNG\r\n\x1a\n" + bytes(50), "png"),
    (b"\xff\xd8\xff\xe1" + bytes(50), "jpeg"),
    (b"GIF89a" + bytes(50), "gif"),
    (b"RIFF\x10\0\0\0WEBPVP8 " + bytes(50), "webp"),
    (b"II*\0" + bytes(50), "tiff"),
    (b"MM\0*" + bytes(50), "tiff"),
    (b"\0\0\0\x18ftypheic" + bytes(50), "heic"),
    (docx(), "docx"),
    (last_types(), "docx"),
    (last_types(bytes(range(256)) * 8000), "docx"),
    (office("xl/workbook.xml", "spreadsheetml.sheet"), "xlsx"),
    (office("ppt/presentation.xml", "presentationml.presentation"), "pptx"),
    (odt(), "odt"),
    (odt("spreadsheet", Object_1__content=b"a chart"), "ods"),
    (odt("presentation"), "odp"),
    ("Olá, Оксана\n\tمرحبا".encode(), "text"),
    (b"\xef\xbb\xbfname;date\nx;1\n", "text"),
    (b"MZ Street 5, second floor", "text"),
    (b"a < b and c > d", "text"),
    (protected(), "refused: password"),
    (docx(**{"word__activeX__activeX1.xml": b"x"}), "refused: macros"),
    (office("xl/workbook.bin", "spreadsheetml.sheet"), "refused: archive"),
    (archive({"Object 1": b"OLE", "mimetype": b"x"}), "refused: archive"),
    (odt("text", **{"Object 1": b"OLE"}), "refused: embedded"),
    (b"PK\x03\x04" + bytes(40), "refused: damaged"),
    (b"x" + docx(), "refused: unknown"),
    (b"\xff\xfeO\0l\0", "refused: text-encoding"),
    (b"text with \x00 in it", "refused: unknown"),
    (b"  <svg xmlns='x'/>", "refused: web-page"),
    (b"<a href=x>", "refused: web-page"),
]


@pytest.mark.parametrize(("data", "expected"), KNOWN)
def test_each_kind_is_known_by_its_content(data: bytes, expected: str) -> None:
    assert kind(data) == expected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KNOWN), st.lists(st.integers(0, 10_000_000), max_size=5))
def test_how_it_comes_in_pieces_changes_nothing(case: tuple[bytes, str], cuts: list[int]) -> None:
    assert kind(case[0], *cuts) == case[1]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_anything_at_all_is_a_kind_or_is_refused(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04", docx()[:200]):
        kind(start + data)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(docx()) - 1), st.integers(0, 255))
def test_a_damaged_container_is_never_worse_than_refused(place: int, byte: int) -> None:
    data = bytearray(docx())
    data[place] = byte
    assert kind(bytes(data)) == "docx" or kind(bytes(data)).startswith("refused: ")


def test_a_small_file_that_unpacks_to_a_huge_one_is_not_unpacked() -> None:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", b"\0" * 60_000_000)
        file.writestr("word/document.xml", b"x")
    looked = Inspection()
    looked.add(made.getvalue())
    with pytest.raises(RefusedFile, match="damaged"):
        looked.kind()


def test_only_the_beginning_and_the_end_are_kept() -> None:
    looked = Inspection()
    for _ in range(40):
        looked.add(b"x" * 1_000_000)
    assert len(looked._head) == HEAD
    assert len(looked._tail) == TAIL


@pytest.mark.parametrize(
    ("given_", "code", "expected"),
    [
        ("report.pdf", "pdf", "report.pdf"),
        ("REPORT.PDF", "pdf", "REPORT.PDF"),
        ("report", "pdf", "report.pdf"),
        ("report.docx", "pdf", "report.docx.pdf"),
        ("run.exe", "text", "run.exe.txt"),
        ("photo.jpeg", "jpeg", "photo.jpeg"),
        ("/etc/passwd", "text", "passwd.txt"),
        ("C:\\Users\\x\\scan.png", "png", "scan.png"),
        ("..", "pdf", "file.pdf"),
        ("", "pdf", "file.pdf"),
        ("a\u202etxt.exe", "text", "atxt.exe.txt"),
        ("a\r\nb\0c.txt", "text", "a bc.txt"),
        ('a"b<c>d|e?f*g:h.txt', "text", "a-b-c-d-e-f-g-h.txt"),
        ("nul.txt", "text", "_nul.txt"),
        (" . .hidden. .txt", "text", "hidden.txt"),
        ("Звіт лікаря.pdf", "pdf", "Звіт лікаря.pdf"),
        ("\ud800.pdf", "pdf", "pdf.pdf"),
    ],
)
def test_names_are_harmless_and_end_as_their_kind(given_: str, code: str, expected: str) -> None:
    assert safe_name(given_, KINDS[code]) == expected


@given(st.text(max_size=300), st.sampled_from(sorted(KINDS)))
def test_a_name_is_always_one_that_can_be_saved(given_: str, code: str) -> None:
    name = safe_name(given_, KINDS[code])
    assert 0 < len(name) <= LONGEST
    assert len(name.encode()) <= 255
    assert name.rpartition(".")[2].lower() in KINDS[code].extensions
    assert not set(name) & set('/\\"<>|?*:\0\r\n')
    assert name == safe_name(name, KINDS[code])
