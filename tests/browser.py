"""Finds the browser that the stories run in, or installs one.

The order: the one named in REFERRAL_BROWSER; a Chromium or Chrome on the path; the one that
Playwright installed. With `--install` and none of these: Debian's package where we are root and
have apt, else Playwright's own download; else one line that says what to install. A browser counts
only once it has said its version: on some systems `chromium` is a shell script that only tells how
to get one.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# A test's browser talks to the pages under test and to nobody else.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)

ADVICE = (
    "No browser for the stories: install chromium (Debian: apt install chromium), or run"
    " `.venv/bin/python -m playwright install --with-deps chromium`, or name one in"
    " REFERRAL_BROWSER=/path/to/chromium."
)


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that starts: its path and the line it says about its version."""

    path: str
    version: str


def arguments() -> list[str]:
    """What to start it with; Chromium refuses its sandbox to root, so there we go without."""
    return [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET)


def find() -> Browser | None:
    """The first browser that starts, in the order given above."""
    named = os.environ.get("REFERRAL_BROWSER")
    if named:
        return started(named)
    for path in filter(None, map(shutil.which, NAMES)):
        browser = started(path)
        if browser:
            return browser
    own = playwrights_own()
    return started(own) if own else None


def started(path: str) -> Browser | None:
    """The browser at `path`, if it is one that runs here."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return Browser(path, said.splitlines()[-1]) if "Chrom" in said else None


def playwrights_own() -> str | None:
    """Where Playwright's own Chromium lies or would lie; asked in a process of its own."""
    # In this process it would start Playwright's driver beside the tests' own event loop.
    asked = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p: print(p.chromium.executable_path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=False
    )
    path = done.stdout.strip()
    return path if done.returncode == 0 and Path(path).exists() else None


def install() -> None:
    """Try Debian's package, else Playwright's download; what went wrong goes to standard error."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
        print("no browser found: installing chromium with apt", file=sys.stderr)
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            [*apt, "update"],
            # The fonts hold Latin, Cyrillic and Arabic: screenshots are for people to look at.
            [*apt, "install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
        ):
            subprocess.run(command, env=quietly, stdout=sys.stderr, check=False)
        if find():
            return
    print("no browser found: asking Playwright to download one", file=sys.stderr)
    subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr, check=False
    )


def main() -> int:
    """Print the browser; exit code 1 with advice when there is none."""
    browser = find()
    if browser is None and "--install" in sys.argv[1:] and not os.environ.get("REFERRAL_BROWSER"):
        install()
        browser = find()
    if browser is None:
        print(ADVICE, file=sys.stderr)
        return 1
    print(f"browser: {browser.path} ({browser.version})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
