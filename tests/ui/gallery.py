"""The gallery: pages made only of the kit's macros.

Together they use every macro, so what holds for them holds for the kit. `python -m ui.shots FOLDER`
(in tests/) draws them in a browser and leaves the pictures there for a person to look at.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from referral_ui import parts
from referral_ui.assets import Assets
from referral_ui.environment import make_environment
from ui.story import VALUES


@cache
def environment() -> Environment:
    """The kit with the gallery's own templates."""
    return make_environment(Assets.load(), FileSystemLoader(Path(__file__).parent / "pages"))


def page(title: str, *, rtl: bool = False) -> str:
    """One page of the gallery as HTML."""
    values = VALUES[title]()
    frame = values["frame"]
    if rtl:
        assert isinstance(frame, parts.Frame)
        values["frame"] = replace(frame, lang="ar", dir="rtl")
    return environment().get_template(f"{title}.html").render(values)
