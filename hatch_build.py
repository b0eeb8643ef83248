"""Stops a wheel or an sdist that would lack its page assets.

The assets are built from `tools/assets` and ignored by git; `artifacts` in `pyproject.toml` takes
them along when they are there. Without this hook a build in a fresh clone would succeed and the
installed pages would have no style sheet. The assets' own manifest says what must be there and with
which SHA-256, so that a half-built folder is refused too. An editable install needs none of it: it
serves from the checkout.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = Path("tools/referral_ui/static")


class AssetsHook(BuildHookInterface[Any]):
    """Runs before each build; raises, in one line, when the assets are not whole."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Check the assets, unless `version` is "editable"."""
        if version != "editable":
            missing = self.missing(Path(self.root) / STATIC)
            if missing:
                raise SystemExit(
                    f"no build without page assets: {missing}. Run `make assets` first."
                )

    @staticmethod
    def missing(static: Path) -> str:
        """What is wrong with the assets in `static`, in a few words; empty when they are whole."""
        try:
            files = json.loads((static / "manifest.json").read_bytes())["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return f"{STATIC}/manifest.json is missing or not readable"
        if not files:
            return f"{STATIC}/manifest.json names no file"
        for name, made in sorted(files.items()):
            path = static / name
            if not path.is_file():
                return f"{STATIC}/{name} is missing"
            if hashlib.sha256(path.read_bytes()).hexdigest() != made["sha256"]:
                return f"{STATIC}/{name} is not what was built"
        return ""
