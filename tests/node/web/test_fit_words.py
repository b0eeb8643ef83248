"""The fit check in words: what the draft leaves open is named, and nothing that it says."""

import pytest

from referral_node.web import fit_words
from referral_protocol import fit
from referral_protocol.fit import Wanted
from referral_protocol.profiles import Service


def open_points(person: Wanted, **said: object) -> str:
    plain = {"name": "S", "language": "en", "needs": ("legal-information",), "forms": ("online",)}
    service = Service(**{**plain, **said})  # type: ignore[arg-type]  # the values are the test's
    unstated = [each for each in fit.fit(person, service) if each.verdict == fit.UNSTATED]
    return fit_words.said(unstated, fit_words.Wish())


def test_a_missing_region_is_not_called_a_missing_place() -> None:
    area = {"eligibility": "lives-here", "lives_in": ("NL",), "lives_in_regions": ("NL-UT",)}
    said = open_points(Wanted(lives_country="NL"), **area)
    assert "place: your draft does not say in which region" in said
    assert "lives or was harmed" not in said
    said = open_points(Wanted(), **area)
    assert "place: your draft does not say where the person lives or was harmed" in said


@pytest.mark.parametrize(
    ("served", "groups", "expected"),
    [
        (("women",), (), "women only; your draft does not say the gender"),
        (("men",), ("migrants",), "men only; your draft does not say the gender"),
        (
            ("migrants",),
            ("women",),
            "migrants and refugees only; your draft does not name this group",
        ),
        (
            ("women", "tourists"),
            ("men",),
            "women and people on a journey only; your draft names none of these groups",
        ),
    ],
)
def test_whom_a_service_is_for_and_what_the_draft_leaves_open(
    served: tuple[str, ...], groups: tuple[str, ...], expected: str
) -> None:
    said = open_points(Wanted(groups=groups), served=served)
    assert f"people served: {expected}" in said
    assert "does not say if" not in said
