"""What the demo prints can be read whole, however narrow the terminal is."""

import io

import pytest
from rich.console import Console

from referral_tools.demo.show import Show

ROW = ("Associação Ponte Tejo, Lisbon", "http://lisboa.localhost:18701/", "ines", "copper-oyster")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_address_and_no_password_is_cut(width: int) -> None:
    written = io.StringIO()
    show = Show(Console(file=written, width=width, force_terminal=True, color_system=None))
    show.table(("Organisation", "Address", "Name", "Password"), [ROW])
    for cell in ROW:
        assert cell in written.getvalue()
