"""The built style sheets and icon, as they lie in the package.

Each file is served under a path that contains its content's hash, so a browser may keep it for ever
and never shows a page with yesterday's style. Nothing outside the manifest is ever served: the
manifest, not the file system, says what exists. What is no file for browsers (`map.json`) is not
served either.
"""

import json
from dataclasses import dataclass
from importlib import resources

PREFIX = "/static"
MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


class AssetsMissing(Exception):
    """The package was used without its built assets."""


@dataclass(frozen=True)
class Asset:
    """One file: its name, what it holds, its address on our own host."""

    name: str
    content: bytes
    media_type: str
    url: str


class Assets:
    """All files of the manifest, in memory (some 200 KB)."""

    def __init__(self, files: dict[str, Asset]) -> None:
        self._by_name = files
        self._by_url = {asset.url: asset for asset in files.values()}

    @classmethod
    def load(cls) -> "Assets":
        """Read them from the package; AssetsMissing says how to build them."""
        folder = resources.files("referral_ui") / "static"
        try:
            listed = json.loads((folder / "manifest.json").read_bytes())["files"]
            contents = {
                name: (folder / name).read_bytes()
                for name in listed
                if name.rsplit(".", 1)[1] in MEDIA_TYPES
            }
        except OSError as error:
            raise AssetsMissing(
                "the page's style sheets are not built (tools/referral_ui/static is incomplete):"
                " run python tools/assets/build.py"
            ) from error
        return cls(
            {
                name: Asset(
                    name=name,
                    content=content,
                    media_type=MEDIA_TYPES[name.rsplit(".", 1)[1]],
                    url=f"{PREFIX}/{listed[name]['sha256'][:16]}/{name}",
                )
                for name, content in contents.items()
            }
        )

    def url(self, name: str) -> str:
        """The address of a file by its plain name; KeyError is a mistake in a template."""
        return self._by_name[name].url

    def find(self, url: str) -> Asset | None:
        """The file that stands under this very address."""
        return self._by_url.get(url)
