"""Each dependency has its reason, and each reason its dependency."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def test_every_dependency_has_its_line_in_the_record_and_every_line_its_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    record = (ROOT / "protocol/decisions/0001-dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| (\S+) \| .+ \|$", record, re.MULTILINE)
    reasoned = [name for name in rows if name != "---"]
    assert sorted(reasoned) == sorted(Requirement(line).name for line in wanted)


def test_decision_records_are_numbered_without_gap_or_repetition() -> None:
    names = sorted(path.name for path in (ROOT / "protocol/decisions").glob("*.md"))
    numbers = [int(name[:4]) for name in names]
    assert numbers == list(range(1, len(names) + 1))


def test_every_link_in_our_documents_leads_to_a_file() -> None:
    dead = []
    for document in [*ROOT.glob("*.md"), *ROOT.glob("protocol/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            if not (document.parent / target).exists():
                dead.append(f"{document.name}: {target}")
    assert dead == []
