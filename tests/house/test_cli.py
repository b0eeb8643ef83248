"""The `referral` command: offers what is installed, and a broken part breaks only itself."""

import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from referral_tools import cli


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_version_is_that_of_the_installed_project() -> None:
    assert run("--version") == f"referral, version {version('referral-exchange')}\n"


def test_overview_names_every_installed_part_and_imports_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli.Part, "load", lambda part: pytest.fail(f"imported {part.module}"))
    overview = run("--help")
    for name, part in cli.PARTS.items():
        assert (f"\n  {name} " in overview) == part.installed()


@pytest.mark.parametrize("name", cli.PARTS)
def test_every_installed_part_loads_and_explains_itself(name: str) -> None:
    if not cli.PARTS[name].installed():
        pytest.skip(f"{name} is not built yet")
    assert f"Usage: main {name}" in run(name, "--help")


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, with a table of parts that lead into it."""
    (tmp_path / "house_sound.py").write_text(
        "import click\n@click.command()\ndef run(): click.echo('sound')\n"
    )
    (tmp_path / "house_broken.py").write_text("import house_nowhere\n")
    (tmp_path / "house_package").mkdir()
    (tmp_path / "house_package/__init__.py").write_text("import house_nowhere\n")
    (tmp_path / "house_number.py").write_text("run = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = {
        "sound": "house_sound",
        "broken": "house_broken",
        "number": "house_number",
        "absent": "house_absent",
        "orphan": "house_absent.deep.down",
    }
    table = {name: cli.Part(module, "run", f"the {name} one") for name, module in modules.items()}
    monkeypatch.setattr(cli, "PARTS", table)
    yield_path = tmp_path
    for module in ("house_sound", "house_broken", "house_number", "house_package"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return yield_path


@pytest.mark.usefixtures("parts")
def test_a_missing_part_is_not_offered_and_hurts_no_other() -> None:
    overview = run("--help")
    assert "sound" in overview
    assert "absent" not in overview
    assert "orphan" not in overview
    assert run("sound") == "sound\n"
    for name in ("absent", "orphan"):
        done = CliRunner().invoke(cli.main, [name])
        assert done.exit_code == 2
        assert "No such command" in done.output


@pytest.mark.usefixtures("parts")
def test_a_broken_part_is_offered_and_says_what_is_wrong() -> None:
    assert "broken" in run("--help")
    with pytest.raises(ModuleNotFoundError, match="house_nowhere"):
        run("broken")
    with pytest.raises(TypeError, match="house_number:run is not a click command"):
        run("number")


@pytest.mark.usefixtures("parts")
def test_a_package_that_lacks_something_else_is_broken_not_absent() -> None:
    with pytest.raises(ModuleNotFoundError, match="house_nowhere"):
        cli.Part("house_package.command", "run", "").installed()


def test_every_part_is_a_click_command_with_help() -> None:
    for name, part in cli.PARTS.items():
        if part.installed():
            command = part.load()
            assert isinstance(command, click.Command)
            assert command.help, f"{name} has no help text"
