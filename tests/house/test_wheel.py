"""The wheel is whole: it installs into a clean environment and runs far from the checkout.

The clean environment holds the locked runtime requirements and nothing else: their installed files
are linked in from the environment that runs this test, so no network is needed, and a module that
only developers have is missing there as it is for a user.
"""

import email
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
STATIC = "tools/referral_ui/static"
PACKAGES = (
    "referral_protocol",
    "referral_node",
    "referral_directory",
    "referral_tools",
    "referral_ui",
)


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run without anything in the environment that would lead back to the checkout."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of_the_project(target: Path) -> Path:
    """All that git would take, and the built assets: no caches, no state, no environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not in a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    shutil.copytree(ROOT / STATIC, target / STATIC, dirs_exist_ok=True)
    return target


def build(project: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    return run(*command, cwd=project)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the project."""
    folder = tmp_path_factory.mktemp("wheel")
    done = build(copy_of_the_project(folder / "project"), folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.glob("*.whl")
    return made


def locked_distributions() -> list[str]:
    lines = (ROOT / "requirements/runtime.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line.removesuffix(" \\")) for line in lines if "==" in line]
    return [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate()]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a clean environment with the wheel and what it requires."""
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(home, symlinks=True)
    variables = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", vars=variables))
    for name in locked_distributions():
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}:
            there = Path(str(distribution(name).locate_file(top)))
            if there.exists():
                (site / top).symlink_to(there)
    python = home / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    done = run(*pip, "install", "--no-index", "--no-deps", str(wheel), cwd=home)
    assert done.returncode == 0, done.stderr
    done = run(*pip, "check", cwd=home)
    assert done.returncode == 0, f"the wheel requires more than is locked: {done.stdout}"
    return home / "bin"


def test_the_wheel_holds_code_assets_vectors_and_migrations(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in PACKAGES:
        assert {f"{package}/__init__.py", f"{package}/py.typed"} <= names
    for kind in ("*.html", "*.json", "*.sql", "*.toml"):
        for folder in ("protocol", "node", "directory", "tools"):
            for path in ROOT.joinpath(folder).glob(f"referral_*/**/{kind}"):
                assert str(path.relative_to(ROOT / folder)) in names
    manifest = json.loads((ROOT / STATIC / "manifest.json").read_bytes())
    for asset in manifest["files"]:
        assert f"referral_ui/static/{asset}" in names


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert [name for name in names if "/." in name or "test" in name.rpartition("/")[2]] == []


def test_the_wheel_names_its_licence_and_the_same_requirements_as_the_locks(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        (licence,) = (name for name in archive.namelist() if name.endswith("/licenses/LICENSE"))
        headers = email.message_from_bytes(archive.read(metadata))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert headers["License-Expression"] == "EUPL-1.2"
    required = {Requirement(line).name for line in headers.get_all("Requires-Dist") or []}
    assert required <= set(locked_distributions())


def test_the_source_archive_is_enough_to_build_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    (project / "stray").mkdir()
    (project / "stray/node.key").write_text("lies about in a checkout\n")
    out = tmp_path / "out"
    # Without --wheel or --sdist, build makes the archive first and the wheel out of it.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)]
    done = run(*command, cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    (again,) = out.glob("*.whl")
    assert again.read_bytes() == wheel.read_bytes()
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"Makefile", "LICENSE", "requirements/dev.txt", "tests/conftest.py"} <= set(names)
    assert [name for name in names if name.startswith("stray")] == []


def test_it_runs_from_elsewhere(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "referral", "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("referral, version ")
    where = (
        "import referral_tools, referral_ui; print(referral_tools.__file__, referral_ui.__file__)"
    )
    done = run(installed / "python", "-c", where, cwd=tmp_path)
    assert str(ROOT) not in done.stdout
    assert done.stdout.count("site-packages") == 2


def test_every_module_imports_with_the_runtime_requirements_alone(
    installed: Path, tmp_path: Path
) -> None:
    script = (
        "import importlib, pkgutil\n"
        f"for name in {PACKAGES!r}:\n"
        "    package = importlib.import_module(name)\n"
        "    for found in pkgutil.walk_packages(package.__path__, name + '.'):\n"
        "        if not found.name.endswith('__main__'):\n"
        "            importlib.import_module(found.name)\n"
    )
    done = run(installed / "python", "-W", "error", "-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_scripted_demo_runs_from_elsewhere(installed: Path, tmp_path: Path) -> None:
    if run(installed / "referral", "demo", "--help", cwd=tmp_path).returncode == 2:
        pytest.skip("the demo is not built yet")
    state = str(tmp_path / "state")
    done = run(installed / "referral", "demo", "--state", state, "--scripted", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# --- without assets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("all", "tools/referral_ui/static/manifest.json is missing or not readable"),
        ("one", "is missing"),
        ("changed", "is not what was built"),
    ],
)
def test_there_is_no_wheel_without_whole_assets(harm: str, said: str, tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    static = project / STATIC
    one = static / next(iter(json.loads((static / "manifest.json").read_bytes())["files"]))
    if harm == "all":
        shutil.rmtree(static)
    elif harm == "one":
        one.unlink()
    else:
        one.write_bytes(one.read_bytes() + b"\n")
    done = build(project, tmp_path / "out")
    assert done.returncode != 0
    assert "no build without page assets: " in done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "make assets" in done.stdout + done.stderr
    assert not list(tmp_path.glob("out/*.whl"))
