"""The code lists: well formed, complete for the field, and harmless when a code is unknown."""

import re

import pytest

from referral_protocol import codes
from referral_protocol.forms.values import CODE_FORM

UPPER = {"countries"}
TAGS = {"languages", "sign-languages"}


@pytest.mark.parametrize("key", codes.ALL)
def test_every_code_is_well_formed_and_has_words(key: str) -> None:
    for code, row in codes.listed(key).codes.items():
        if key in UPPER:
            assert codes.COUNTRY_FORM.fullmatch(code)
        elif key in TAGS:
            assert codes.LANGUAGE_FORM.fullmatch(code)
        else:
            assert CODE_FORM.fullmatch(code), code
        assert row.label == row.label.strip()
        assert row.label
        assert not re.search(r"[|<>\n]", row.label + row.meaning), "it would break the table"


@pytest.mark.parametrize("key", codes.ALL)
def test_no_two_codes_of_a_list_have_the_same_words(key: str) -> None:
    labels = [row.label for row in codes.listed(key).codes.values()]
    assert len(set(labels)) == len(labels)


def test_an_unknown_code_is_shown_as_itself_and_marked() -> None:
    assert codes.label("needs", "legal-information") == "Legal information and advice"
    assert codes.label("needs", "moon-travel") == "moon-travel (unknown code)"
    assert not codes.known("needs", "moon-travel")
    with pytest.raises(KeyError):
        codes.label("no-such-list", "legal-information")


def test_the_states_are_those_of_fhir_task_that_the_field_uses() -> None:
    assert set(codes.listed("states")) == {
        *("draft", "requested", "received", "accepted", "in-progress", "on-hold", "rejected"),
        *("completed", "failed", "cancelled", "entered-in-error"),
    }


def test_priorities_have_hours() -> None:
    assert set(codes.PRIORITY_HOURS) == set(codes.listed("priorities"))
    assert codes.PRIORITY_HOURS == {"immediate": 24, "urgent": 72, "routine": 336}


def test_decline_reasons_outcomes_and_steps_are_those_of_the_field() -> None:
    assert list(codes.listed("decline-reasons")) == [
        *("at-capacity", "not-eligible", "outside-area", "language-unavailable"),
        *("conflict-of-interest", "insufficient-information", "already-supported"),
        *("safety-concern", "other"),
    ]
    assert set(codes.listed("outcomes")) == {
        *("got-help", "could-not-contact", "declined-by-victim", "no-longer-needed"),
        *("could-not-help", "referred-on"),
    }
    assert {
        *("information-requested", "contact-attempted", "contact-made", "meeting-scheduled"),
        *("no-show", "meeting-held", "joint-meeting-held"),
    } <= set(codes.listed("steps"))


def test_crimes_are_iccs_numbers_of_their_level() -> None:
    for code in codes.listed("crimes"):
        assert code == "not-known" or (code.isdigit() and len(code) in (2, 4, 5, 6))
        if code.isdigit():
            assert 1 <= int(code[:2]) <= 11


def test_age_bands_are_first_and_last_year() -> None:
    for code in codes.listed("age-bands"):
        low, high = map(int, code.split("-"))
        assert 0 <= low <= high <= 150


def test_countries_are_those_of_iso_3166_and_kosovo() -> None:
    assert len(codes.COUNTRIES) == 250
    assert {"PT", "NL", "UA", "XK"} <= set(codes.COUNTRIES)
    assert "UK" not in codes.COUNTRIES
    assert "EU" not in codes.COUNTRIES


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("uk", "Ukrainian"),
        ("dse", "Sign Language of the Netherlands"),
        ("sr-Latn", "Serbian (Latn)"),
        ("pt-BR", "Portuguese (BR)"),
        ("zun", "zun (unknown code)"),
    ],
)
def test_a_language_tag_has_words(tag: str, words: str) -> None:
    assert codes.LANGUAGE_FORM.fullmatch(tag)
    assert codes.language_label(tag) == words


@pytest.mark.parametrize("tag", ["", "u", "UK", "uk-ua", "uk_UA", "ukrainian", "uk-Latn-UA-x"])
def test_what_is_no_language_tag(tag: str) -> None:
    assert not codes.LANGUAGE_FORM.fullmatch(tag)


@pytest.mark.parametrize("region", ["NL-UT", "PT-11", "UA-46", "GB-LND", "FR-2A"])
def test_regions(region: str) -> None:
    assert codes.REGION_FORM.fullmatch(region)


@pytest.mark.parametrize("region", ["NL", "NL-", "nl-ut", "NL-UTRE", "NL UT"])
def test_what_is_no_region(region: str) -> None:
    assert not codes.REGION_FORM.fullmatch(region)
