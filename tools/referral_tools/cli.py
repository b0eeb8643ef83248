"""`referral`: one command with the tools of every role in it.

This module knows only where each command lives. A command's module is imported when that command is
run, never to print this page: `referral verify` must not need a node's web server to start, and
`referral --help` answers at once. A part whose module is not installed is not offered; a module
that is there and fails to import is a fault, and is raised as one.
"""

import importlib
import importlib.util
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Part:
    """Where one command lives, and the line about it in the overview."""

    module: str
    attribute: str
    summary: str

    def installed(self) -> bool:
        """Whether the module is there; found without running it, though its packages are run."""
        try:
            return importlib.util.find_spec(self.module) is not None
        except ModuleNotFoundError as error:
            # Only a missing parent package means "not installed"; what a parent imports must exist.
            if error.name is not None and f"{self.module}.".startswith(f"{error.name}."):
                return False
            raise

    def load(self) -> click.Command:
        """Import the module and give its command; raises TypeError if it is none."""
        command = getattr(importlib.import_module(self.module), self.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.module}:{self.attribute} is not a click command")
        return command


PARTS = {
    "node": Part(
        "referral_node.commands.node", "node", "One organisation's node: init, join, serve."
    ),
    "directory": Part(
        "referral_directory.commands.directory",
        "directory",
        "The directory of keys, contacts and services.",
    ),
    "verify": Part(
        "referral_tools.verify", "verify", "Check evidence, a fork proof or a whole log, offline."
    ),
    "demo": Part(
        "referral_tools.demo.command", "demo", "Three organisations on this machine, for a try."
    ),
    "bench": Part("referral_tools.bench.command", "bench", "Measure, and print the machine."),
}


class Parts(click.Group):
    """A group whose commands are looked up in PARTS and imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the installed parts, in the order of the table."""
        return [name for name, part in PARTS.items() if part.installed()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None when there is no such part."""
        part = PARTS.get(cmd_name)
        return part.load() if part is not None and part.installed() else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview from the table, without importing anything."""
        rows = [(name, PARTS[name].summary) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


@click.command(
    cls=Parts,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="referral-exchange", prog_name="referral")
def main() -> None:
    """Referral Exchange: one organisation hands a person on to another, with proof."""
