"""Text files in and out of a ZIP file; what a stranger packed is bounded."""

import io
import zipfile

import pytest

from referral_ui.archives import MAX_BYTES, MAX_FILES, BadArchive, packed, unpacked

FILES = {"a.csv": 'x,y\r\nä,"1\n2"\r\n', "b.json": "{}"}


def of(files: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return out.getvalue()


def test_what_goes_in_comes_out() -> None:
    assert unpacked(packed(FILES), ".csv") == {"a.csv": FILES["a.csv"]}
    assert packed(FILES) == packed(FILES)
    assert unpacked(of({"folder/a.csv": b"\xef\xbb\xbfid"}), ".csv") == {"a.csv": "id"}


def encrypted() -> bytes:
    data = bytearray(of({"a.csv": b"id"}))
    data[6] |= 1  # as the local head and the central one say it
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


BAD = {
    "nothing": b"",
    "rubbish": b"PK" + bytes(400),
    "half of one": packed(FILES)[:-30],
    "a bit is wrong": packed({"a.csv": "x" * 100}).replace(b"\x4b", b"\x4c", 1),
    "a bomb": of({"a.csv": bytes(MAX_BYTES + 1)}, zipfile.ZIP_DEFLATED),
    "many files": of({f"{number}.csv": b"id" for number in range(MAX_FILES + 1)}),
    "packed in another way": of({"a.csv": b"id"}, zipfile.ZIP_LZMA),
    "not UTF-8": of({"a.csv": b"\xff"}),
    "encrypted": encrypted(),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_said_in_a_line(name: str) -> None:
    with pytest.raises(BadArchive) as told:
        unpacked(BAD[name], ".csv")
    assert str(told.value)
    assert "\n" not in str(told.value)
