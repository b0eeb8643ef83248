"""FORMS.md and CODES.md say what the tables say, and all of it."""

from pathlib import Path

import pytest

import referral_protocol
from referral_protocol import codes, forms, profiles
from referral_tools import documents

FOLDER = Path(referral_protocol.__file__).resolve().parent.parent


def test_the_generated_files_are_not_stale() -> None:
    assert documents.stale(FOLDER) == [], "run: python -m referral_tools.documents"


def test_a_stale_file_is_noticed_and_written(tmp_path: Path) -> None:
    assert documents.main([str(tmp_path), "--check"]) == 1
    assert documents.main([str(tmp_path)]) == 0
    assert documents.main([str(tmp_path), "--check"]) == 0
    (tmp_path / "CODES.md").write_text("old", "utf-8")
    assert documents.stale(tmp_path) == ["CODES.md"]


def test_forms_md_names_every_field_with_its_kind() -> None:
    text = forms.document()
    for form in (*forms.FORMS.values(), profiles.PROFILE):
        section = text.split(f"\n## `{form.code}`: ")[1].split("\n## ")[0]
        for path, field in form.walk():
            as_in_referral = form.code == "note" and path[0] in {s.code for s in form.sections}
            if not as_in_referral:
                assert f"\n| `{'.'.join(path)}` | {field.kind} |" in section


def test_codes_md_names_every_code() -> None:
    text = codes.document()
    for key in codes.ALL:
        section = text.split(f"\n## {key}\n")[1].split("\n## ")[0]
        for code in codes.listed(key):
            assert f"`{code}`" in section


def test_every_list_is_used_by_a_field_or_says_why_not() -> None:
    used = {
        field.codes
        for form in (*forms.FORMS.values(), profiles.PROFILE)
        for _, field in form.walk()
        if field.codes
    }
    elsewhere = {
        *("thread-kinds", "message-kinds", "states", "withheld-bodies"),  # in statements
        *("fit-aspects", "fit-verdicts", "fit-reasons"),  # never on the wire
        *("countries", "languages", "sign-languages"),  # kinds of their own
    }
    assert set(codes.ALL) == used | elsewhere


@pytest.mark.parametrize("code", forms.FORMS)
def test_every_rule_of_a_form_is_in_its_text(code: str) -> None:
    from referral_protocol.forms.rules import rules_of

    text = forms.document().split(f"\n## `{code}`: ")[1].split("\n## ")[0]
    for rule in rules_of(code, None):
        assert rule.words.startswith("as in") or rule.words in text
