"""Writes the vectors: ``python -m referral_tools.conformance.generate [--reseal] [FOLDER]``.

Everything but a seal comes out the same each time. A file with a seal in it is kept as it is,
unless it is missing or ``--reseal`` is given; a file that no scenario makes is removed.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import referral_protocol
from referral_tools.conformance.run import agrees, run
from referral_tools.conformance.scenes import scenes
from referral_tools.conformance.scenes.scene import Scene

FOLDER: Final = Path(referral_protocol.__path__[0]) / "vectors"


def load(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """All vectors of a folder, by their path in it."""
    return {
        path.relative_to(folder).as_posix(): json.loads(path.read_text("utf-8"))
        for path in sorted(folder.rglob("*.json"))
    }


def text(vector: dict[str, Any]) -> str:
    """A vector as it stands in its file."""
    return json.dumps(vector, indent=1, ensure_ascii=False) + "\n"


def make(kept: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every vector, by path; what has a seal comes from ``kept``, if it is there."""
    vectors: dict[str, dict[str, Any]] = {}
    for scene in scenes():
        if scene.path in vectors:
            raise ValueError(f"two scenarios of one name: {scene.path}")
        vector = kept[scene.path] if scene.sealed and scene.path in kept else _made(scene)
        if not agrees(vector):
            raise ValueError(f"{scene.path}: expected {vector['expect']}, got {run(vector)}")
        vectors[scene.path] = vector
    return vectors


def _made(scene: Scene) -> dict[str, Any]:
    vector = dict(scene.vector)
    if vector["expect"] == "ok":
        standing, vector["result"] = run(vector)
        if standing != "ok":
            raise ValueError(f"{scene.path}: refused: {standing}, {vector['result']}")
    return vector


def main(arguments: list[str]) -> None:
    """Write what is new or changed, remove what is no more."""
    folders = [Path(each) for each in arguments if not each.startswith("--")]
    folder = folders[0] if folders else FOLDER
    kept = load(folder)
    made = make({} if "--reseal" in arguments else kept)
    for path in kept.keys() - made.keys():
        (folder / path).unlink()
        print(f"removed {path}")
    for path, vector in made.items():
        if kept.get(path) != vector:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text(vector), "utf-8")
            print(f"wrote {path}")
    passing = sum(vector["expect"] == "ok" for vector in made.values())
    print(f"{passing} that pass, {len(made) - passing} that must fail")


if __name__ == "__main__":
    main(sys.argv[1:])
