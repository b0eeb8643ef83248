"""Writes what is generated of the specification: ``python -m referral_tools.documents``.

It takes the folder as an argument; without one, the folder that holds the protocol's package:
``protocol/`` in a checkout. ``--check`` writes
nothing and fails when a file is stale.
"""

import sys
from pathlib import Path

import referral_protocol
from referral_protocol import codes, forms


def documents() -> dict[str, str]:
    """File name to its whole text."""
    return {"FORMS.md": forms.document(), "CODES.md": codes.document()}


def stale(folder: Path) -> list[str]:
    """Names of the files in ``folder`` that are missing or differ."""
    return [
        name
        for name, text in documents().items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Exit code: 0, or 1 when ``--check`` finds a stale file."""
    folders = [Path(each) for each in arguments if each != "--check"]
    folder = folders[0] if folders else Path(referral_protocol.__file__).resolve().parent.parent
    names = stale(folder)
    if "--check" in arguments:
        for name in names:
            sys.stderr.write(f"{name} is stale: run python -m referral_tools.documents\n")
        return 1 if names else 0
    for name in names:
        (folder / name).write_text(documents()[name], "utf-8")
        sys.stdout.write(f"wrote {folder / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
