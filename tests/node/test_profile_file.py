"""PROFILE.toml: the made-up members' profiles read back, and each mistake on its line."""

from pathlib import Path
from typing import Any

import pytest

from referral_node.profile_file import ProfileTrouble, parse_profile, read_profile
from referral_protocol import profiles
from referral_protocol.examples import profiles as examples


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"


def written(profile: dict[str, Any]) -> str:
    """A profile as a person writes it: a heading for each part, a line for each key."""
    out = ["[organisation]"]
    out += [f"{key} = {toml(value)}" for key, value in profile["organisation"].items()]
    for part in ("contacts", "services"):
        for row in profile[part]:
            out += ["", f"[[{part}]]"]
            out += [f"{key} = {toml(value)}" for key, value in row.items()]
    return "\n".join(out) + "\n"


MEMBERS = [
    value
    for name, value in vars(examples).items()
    if name.isupper()
    and not name.startswith("_")
    and isinstance(value, dict)
    and "contacts" in value
]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: str(m["organisation"]["country"]))
def test_a_file_gives_the_bytes_of_its_profile(member: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "PROFILE.toml"
    file.write_text(written(member), "utf-8")
    data = read_profile(file)
    assert data == profiles.encode(member)
    assert profiles.decode(data).organisation.name == member["organisation"]["name"]


def test_there_are_members_to_try() -> None:
    assert len(MEMBERS) >= 3


def test_dates_and_times_may_stand_without_quotes() -> None:
    text = written(MEMBERS[0])
    bare = text.replace('"09:00"', "09:00:00").replace('"2026-12-25"', "2026-12-25")
    assert bare != text
    assert parse_profile(bare) == parse_profile(text)


GOOD = written(examples.LISBON)


@pytest.mark.parametrize(
    ("find", "put", "said"),
    [
        ('country = "PT"', 'country = "Portugal"',
         "organisation.country: 'Portugal' is not an ISO 3166-1 code; write PT"),
        ('country = "PT"', 'country = "XX"', "organisation.country: 'XX' is not an ISO"),
        ('name_language = "pt"', 'name_language = "Portuguese"',
         "organisation.name_language: 'Portuguese' is not a language tag (BCP 47); write pt"),
        ('zone = "Europe/Lisbon"', 'zone = "Lisbon"',
         "organisation.zone: 'Lisbon' is not a known time zone; write it like Europe/Lisbon"),
        ('website = "https://pontetejo.example"', 'web_site = "https://pontetejo.example"',
         "organisation.web_site: there is no such key here; did you mean website?"),
        ('telephone = "+351 21 000 01 40"', 'telephone = "21 000 01 40"',
         "organisation.telephone: '21 000 01 40': enter the number with its country"),
        ('languages = ["pt", "en", "fr"]', 'languages = "pt"',
         "organisation.languages: write a list of texts"),
        ('role = "deputy"', 'role = "boss"', "contacts[2].role: 'boss' is not a code of the list; "
         "write one of point-of-contact, deputy"),
        ('capacity = "has-capacity"', 'capacity = "Has capacity"',
         "services[1].capacity: 'Has capacity' is not a code of the list; write has-capacity"),
        ('age_from = 16', 'age_from = "16"', "services[1].age_from: write a whole number"),
        ('witnesses = "yes"', "witnesses = true", "services[1].witnesses: write a text in"),
        ('needs = ["emotional-support", "practical-help", "legal-information"]',
         'needs = ["emotional-suport"]', "services[1].needs: 'emotional-suport' is not a code"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(find: str, put: str, said: str) -> None:
    assert find in GOOD
    with pytest.raises(ProfileTrouble) as caught:
        parse_profile(GOOD.replace(find, put, 1), "PROFILE.toml")
    line = next(n for n, text in enumerate(GOOD.splitlines(), 1) if text == find)
    assert f"PROFILE.toml, line {line}: {said}" in caught.value.found[0]


def test_a_missing_key_is_told_at_the_part_that_should_hold_it() -> None:
    with pytest.raises(ProfileTrouble) as caught:
        parse_profile(GOOD.replace('city = "Lisboa"\n', ""), "p.toml")
    assert caught.value.found == ("p.toml, line 1: organisation.city: Enter the town or city",)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace('role = "deputy"', 'role = "x"').replace('"pt"', '"Portuguese"', 1)
    text = "colour = 1\n" + text
    with pytest.raises(ProfileTrouble) as caught:
        parse_profile(text, "p.toml")
    numbers = [int(said.split("line ")[1].split(":")[0]) for said in caught.value.found]
    assert numbers == sorted(numbers)
    assert len(numbers) == 3


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    file = tmp_path / "PROFILE.toml"
    with pytest.raises(ProfileTrouble, match="No such file"):
        read_profile(file)
    file.write_bytes(b"\xff")
    with pytest.raises(ProfileTrouble, match="save it as UTF-8"):
        read_profile(file)
    file.write_text("a = = b")
    with pytest.raises(ProfileTrouble, match=r"not well-formed TOML.*line 1"):
        read_profile(file)
    file.write_bytes(b"#" * 300_000)
    with pytest.raises(ProfileTrouble, match="larger than"):
        read_profile(file)


def test_a_profile_over_the_directorys_limit_is_refused() -> None:
    service = GOOD[GOOD.index("[[services]]") :].split("\n\n")[0]
    long = service + '\nabout = "' + "x" * 1000 + '"\n'
    with pytest.raises(ProfileTrouble):
        parse_profile(GOOD + "\n".join([long] * 100), "p.toml")


def test_who_wrote_no_hours_reads_how_they_are_written() -> None:
    with pytest.raises(ProfileTrouble) as trouble:
        parse_profile('[organisation]\nname = "x"\n')
    said = str(trouble.value)
    assert "Enter the opening hours, written as [[organisation.hours]] with days = " in said
    assert "Enter the point of contact, written as [[contacts]] with role = " in said
