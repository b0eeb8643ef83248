"""The registrar's desk: what it says when the fingerprint that was heard is not the request's."""

from pathlib import Path

import pytest

from referral_directory.commands import desk
from referral_directory.trouble import Trouble

DIGITS = "".join(str(number % 10) for number in range(60))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ((25,), "Line 2 is not the same. Ask them to read line 2 again. Different twice? Stop."),
        ((0, 59), "Lines 1 and 3 are not the same. Ask them to read lines 1 and 3 again."),
        ((0, 20, 40), "No line is the same. Ask them to read all of it again, and of which node"),
    ],
)
def test_it_is_said_which_line_differs(tmp_path: Path, wrong: tuple[int, ...], said: str) -> None:
    heard = list(DIGITS)
    for place in wrong:
        heard[place] = str((int(heard[place]) + 1) % 10)
    # In three lines, as the node shows it.
    lines = ["".join(heard[start : start + 20]) for start in (0, 20, 40)]
    path = tmp_path / "heard"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(Trouble) as refused:
        desk.confirm_fingerprint(DIGITS, path)
    assert said in str(refused.value)
    assert not [line for line in lines if line in str(refused.value)]


def test_a_file_in_three_lines_and_one_that_is_too_short(tmp_path: Path) -> None:
    path = tmp_path / "heard"
    path.write_text(f"{DIGITS[:20]}\n{DIGITS[20:40]}\n{DIGITS[40:]}\n")
    desk.confirm_fingerprint(DIGITS, path)
    path.write_text(DIGITS[:20])
    with pytest.raises(Trouble, match=r"That was 20 digits, not 60\."):
        desk.confirm_fingerprint(DIGITS, path)
