"""Set-up says in one line what is missing, before it has made anything."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import browser

ROOT = Path(__file__).parents[2]


def make(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout as a person would: without what an outer make has set."""
    kept = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(
        [shutil.which("make") or "make", *words],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_help_lists_every_target_that_a_person_calls() -> None:
    said = make("help").stdout
    for target in ("demo", "demo-clean", "test", "check", "assets", "wheel", "bench", "lock"):
        assert f"make {target} " in said


def test_a_python_that_is_too_old_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    # What an old Python does with the question "are you new enough": it exits 1.
    old = program(tmp_path / "python3", "exit 1")
    done = make(f"{tmp_path}/venv/bin/python", f"VENV={tmp_path}/venv", f"PYTHON={old}")
    assert done.returncode != 0
    assert f"{old} does not start, or is older than 3.11" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_without_any_new_enough_python_it_says_how_to_name_one(tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        program(tmp_path / f"bin/{name}", "exit 1")
    path = f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"
    done = make(f"{tmp_path}/venv/bin/python", f"VENV={tmp_path}/venv", "PYTHON=", PATH=path)
    assert done.returncode != 0
    assert "No Python 3.11 or newer found" in done.stderr
    assert "PYTHON=/path/to/python3" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_an_old_default_python_is_passed_over_for_a_newer_one(tmp_path: Path) -> None:
    for name in ("python3.14", "python3.13", "python3.12", "python3"):
        program(tmp_path / f"bin/{name}", "exit 1")
    program(tmp_path / "bin/python3.11", f'exec "{sys.executable}" "$@"')
    path = f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"
    done = make(f"{tmp_path}/venv/bin/python", f"VENV={tmp_path}/venv", "PYTHON=", PATH=path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "venv/bin/python").exists()


# --- the browser --------------------------------------------------------------------------------


def test_a_browser_must_have_said_its_version(tmp_path: Path) -> None:
    good = program(tmp_path / "good", "echo Chromium 150.0")
    hint = program(tmp_path / "hint", "echo 'snap install chromium' >&2; exit 10")
    assert browser.started(str(good)) == browser.Browser(str(good), "Chromium 150.0")
    assert browser.started(str(hint)) is None
    assert browser.started(str(tmp_path / "nowhere")) is None


def test_the_named_browser_wins_and_a_wrong_name_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = program(tmp_path / "mine", "echo Chromium 150.0")
    monkeypatch.setenv("REFERRAL_BROWSER", str(named))
    assert browser.find() == browser.Browser(str(named), "Chromium 150.0")
    monkeypatch.setenv("REFERRAL_BROWSER", str(tmp_path / "nowhere"))
    assert browser.find() is None


def test_without_a_browser_one_line_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tests/browser.py", "--install"],
        env={**os.environ, "REFERRAL_BROWSER": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == browser.ADVICE + "\n"


def test_the_first_browser_on_the_path_that_starts_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "chromium", "exit 1")
    good = program(tmp_path / "google-chrome", "echo Google Chrome 150.0")
    monkeypatch.delenv("REFERRAL_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find() == browser.Browser(str(good), "Google Chrome 150.0")


def test_the_browser_that_was_found_shows_a_page() -> None:
    found = browser.find()
    assert found is not None, browser.ADVICE
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found.path, args=browser.arguments())
        page = running.new_page()
        page.set_content("<h1>Утрехт</h1>")
        assert page.inner_text("h1") == "Утрехт"
        running.close()
