"""The asset build: complete, ours alone, quick, and plain about what went wrong."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from referral_ui.assets import Assets, AssetsMissing

SOURCES = Path(__file__).parents[2] / "tools" / "assets"
STATIC = SOURCES.parent / "referral_ui" / "static"


def run(*arguments: str, folder: Path = SOURCES, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(folder / "build.py"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def copy(to: Path) -> Path:
    """A checkout's tools folder, without what was built."""
    folder = to / "assets"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules", "out", ".lock"))
    (to / "referral_ui").mkdir()
    return folder


def test_the_result_is_current_and_a_second_run_is_quick() -> None:
    assert run("--check") == (0, "")
    before = {path: path.stat().st_mtime_ns for path in STATIC.iterdir()}
    began = time.monotonic()
    assert run() == (0, "")
    assert time.monotonic() - began < 5
    assert {path: path.stat().st_mtime_ns for path in STATIC.iterdir()} == before


def test_the_manifest_says_what_is_there() -> None:
    manifest = json.loads((STATIC / "manifest.json").read_text("utf-8"))
    lying = {path.name for path in STATIC.iterdir()} - {"manifest.json"}
    assert lying == set(manifest["files"])
    for name, made in manifest["files"].items():
        content = (STATIC / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == made["sha256"]
        assert len(content) == made["size"]


@pytest.mark.parametrize("name", ["base.css", "base.rtl.css", "exchange.css"])
def test_nothing_of_anyone_elses_is_loaded(name: str) -> None:
    css = (STATIC / name).read_text("utf-8")
    for word in ("url(", "@import", "@font-face", "GDS Transport", "crown"):
        assert word not in css
    assert css.count("{") == css.count("}")


def test_the_one_script_reads_only_its_form_and_speaks_only_to_us() -> None:
    scripts = [path for path in STATIC.iterdir() if path.suffix == ".js"]
    assert [path.name for path in scripts] == ["files.js"]
    text = scripts[0].read_text("utf-8")
    for word in ("eval", "innerHTML", "://", "import", "localStorage", "cookie", "setTimeout"):
        assert word not in text
    assert len(text) < 4_000


def test_both_sheets_carry_the_same_rules_and_differ_in_direction() -> None:
    plain, mirrored = ((STATIC / f"base{rtl}.css").read_text("utf-8") for rtl in ("", ".rtl"))
    assert plain.count("{") == mirrored.count("{")
    assert plain.count("padding-left") == mirrored.count("padding-right") > 5
    for component in ("govuk-button", "govuk-error-summary", "govuk-radios", "moj-message-item"):
        assert f".{component}" in plain
    for absent in ("govuk-header", "govuk-footer", "govuk-logo"):
        assert absent not in plain


def test_our_own_sheet_uses_logical_properties_only() -> None:
    css = (STATIC / "exchange.css").read_text("utf-8")
    screen = css[: css.index("@media print")]
    screen = re.sub(r"/\*.*?\*/", "", screen, flags=re.DOTALL)
    physical = (
        r"(?:margin|padding|border)-(?:left|right)\b|[;{](?:left|right)\s*:|float:\s*(?:left|right)"
    )
    assert re.findall(physical, screen) == []


def test_the_colours_are_those_that_were_checked_for_contrast() -> None:
    css = (STATIC / "exchange.css").read_text("utf-8")
    checked = "ink:#17212b ink-2:#4a5661 brand:#14505c danger:#8f1d14 warn:#6a4300 ok:#1d5b36"
    for colour in checked.split():
        assert f"--{colour};" in css


def test_a_changed_source_or_result_is_noticed(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    assert run("--check", folder=folder)[0] == 1
    shutil.copytree(STATIC, tmp_path / "referral_ui" / "static")
    shutil.copytree(SOURCES / "out", folder / "out")
    assert run("--check", folder=folder) == (0, "")
    sheet = tmp_path / "referral_ui" / "static" / "exchange.css"
    sheet.write_text(sheet.read_text("utf-8") + "/* touched */", "utf-8")
    code, said = run("--check", folder=folder)
    assert code == 1
    assert said == "assets: missing or stale. Run: python tools/assets/build.py\n"


def test_npm_that_cannot_reach_anything_fails_in_one_line(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    code, said = run(
        folder=folder,
        npm_config_registry="http://127.0.0.1:9/",
        npm_config_fetch_retries="0",
        npm_config_cache=str(tmp_path / "cache"),
        npm_config_prefer_online="true",
    )
    assert code == 1
    assert re.fullmatch(r"assets: npm ci failed \(exit \d+\): .*run it again\.\n", said)
    assert not (tmp_path / "referral_ui" / "static" / "manifest.json").exists()


def test_the_lock_and_settings_name_no_address() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))
    for path, package in lock["packages"].items():
        assert "resolved" not in package
        assert not path or re.match(r"sha512-", package["integrity"])
        assert not package.get("hasInstallScript") or package.get("optional")
    wanted = lock["packages"][""]
    assert wanted["dependencies"]["govuk-frontend"] == "6.6.0"
    assert wanted["dependencies"]["@ministryofjustice/frontend"] == "11.1.0"
    exact = {**wanted["dependencies"], **wanted["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in exact.values())
    assert "//" not in (SOURCES / ".npmrc").read_text("utf-8")


def test_addresses_change_with_the_content_and_only_listed_files_exist() -> None:
    assets = Assets.load()
    url = assets.url("exchange.css")
    digest = hashlib.sha256((STATIC / "exchange.css").read_bytes()).hexdigest()
    assert url == f"/static/{digest[:16]}/exchange.css"
    found = assets.find(url)
    assert found is not None
    assert found.media_type == "text/css; charset=utf-8"
    for wrong in (
        url.replace(digest[:4], "0000"),
        "/static/exchange.css",
        "/static/x/manifest.json",
    ):
        assert assets.find(wrong) is None
    with pytest.raises(KeyError):
        assets.url("manifest.json")


def test_a_package_without_its_assets_says_how_to_build_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda _package: Path("/nonexistent"))
    with pytest.raises(AssetsMissing, match=r"run python tools/assets/build\.py"):
        Assets.load()
