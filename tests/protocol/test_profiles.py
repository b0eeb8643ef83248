"""A member's profile: its fields, its bytes, and the records that can go alone."""

import copy
import tomllib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol import examples, profiles
from referral_protocol.directory.records import MAX_TOTAL
from referral_protocol.errors import ProtocolError
from referral_protocol.forms import content
from referral_protocol.forms.model import Field, Kind


def utrecht() -> dict[str, Any]:
    return copy.deepcopy(examples.UTRECHT)


def put(plain: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    holder: Any = plain
    for key in path[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return plain


@pytest.mark.parametrize("name", examples.PROFILES)
def test_the_made_up_members_are_right_and_come_back(name: str) -> None:
    plain = examples.PROFILES[name]
    assert profiles.validate(plain) == []
    data = profiles.encode(plain)
    whole = profiles.decode(data)
    assert whole.organisation.name == plain["organisation"]["name"]
    assert [each.name for each in whole.contacts] == [each["name"] for each in plain["contacts"]]
    assert len(whole.services) == len(plain["services"])
    assert profiles.unpack(profiles.split(data)) == whole


@pytest.mark.parametrize("name", examples.PROFILES)
def test_the_made_up_numbers_are_nobodys(name: str) -> None:
    """Every number begins its last part with 000: no subscriber has one."""
    for number in _telephones(examples.PROFILES[name]):
        assert " 000 0" in number


def _telephones(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [found for each in value.values() for found in _telephones(each)]
    if isinstance(value, list):
        return [found for each in value for found in _telephones(each)]
    return [value] if isinstance(value, str) and value.startswith("+") else []


STRUCTS: dict[tuple[str, ...], Any] = {
    ("organisation",): profiles.Organisation,
    ("organisation", "hours"): profiles.Hours,
    ("organisation", "holidays"): profiles.Closure,
    ("organisation", "emergency_line"): profiles.Helpline,
    ("organisation", "mass_events"): profiles.MassEvents,
    ("organisation", "staff"): profiles.Staff,
    ("organisation", "assured"): profiles.Assured,
    ("contacts",): profiles.Contact,
    ("services",): profiles.Service,
}


@pytest.mark.parametrize("path", STRUCTS, ids=".".join)
def test_the_types_have_the_fields_of_the_table(path: tuple[str, ...]) -> None:
    fields: Any = profiles.PROFILE.fields
    for key in path:
        fields = next(field for field in fields if field.key == key).fields
    typed = {each.encode_name: each for each in msgspec.structs.fields(STRUCTS[path])}
    assert set(typed) == {field.key for field in fields}
    for field in fields:
        assert _takes(field, typed[field.key].type), field.key


def _takes(field: Field, kind: Any) -> bool:
    text = str(kind)
    match field.kind:
        case Kind.GROUPS | Kind.CODES | Kind.COUNTRIES | Kind.REGIONS | Kind.LANGUAGES:
            return text.startswith("tuple")
        case Kind.NUMBER:
            return "int" in text
        case Kind.BOOLEAN:
            return kind is bool
        case Kind.GROUP:
            return "profiles.model" in text
        case _:
            return kind is str


@pytest.mark.parametrize(
    ("path", "value", "place", "code"),
    [
        (("organisation",), ..., "organisation", "required"),
        (("organisation", "name"), ..., "organisation.name", "required"),
        (("organisation", "name"), "Dom <b>", "organisation.name", "not-allowed"),
        (("organisation", "name"), "moD\u202etnuS", "organisation.name", "not-allowed"),
        (("organisation", "about"), "a\u200fb", "organisation.about", "not-allowed"),
        (("organisation", "name"), "Do\u200bm", "organisation.name", "not-allowed"),
        (("organisation", "name"), "Dom\ufeff", "organisation.name", "not-allowed"),
        (("organisation", "name"), "Dom\U000e0041", "organisation.name", "not-allowed"),
        (("services", 0, "about"), "a\u2060b", None, "not-allowed"),
        (("organisation", "name"), "Опора", "organisation.name_latin", "required"),
        (("organisation", "city"), "Київ", "organisation.city_latin", "required"),
        (("organisation", "region"), "PT-11", "organisation.region", "not-in-list"),
        (("organisation", "website"), "http://dom.example", "organisation.website", "bad-format"),
        (("organisation", "website"), "https://a@b.example", "organisation.website", "bad-format"),
        (("organisation", "website"), "javascript:alert(1)", "organisation.website", "bad-format"),
        (("organisation", "zone"), "Utrecht", "organisation.zone", "not-in-list"),
        (("organisation", "hours"), [], "organisation.hours", "required"),
        (
            ("organisation", "hours", 0, "to"),
            "08:00",
            "organisation.hours.0.to",
            "end-before-start",
        ),
        (
            ("organisation", "holidays", 0, "to"),
            "2026-12-24",
            "organisation.holidays.0.to",
            "end-before-start",
        ),
        (("organisation", "emergency_line", "number"), "12", None, "bad-format"),
        (("organisation", "mass_events", "duty_line"), ..., None, "required"),
        (("organisation", "motto"), "x", "organisation.motto", "unknown-field"),
        (("contacts",), ..., "contacts", "required"),
        (("contacts", 0, "role"), "deputy", "contacts", "required"),
        (("contacts", 0, "telephone"), "030-123", "contacts.0.telephone", "bad-format"),
        (("contacts", 0, "name"), "Марія", "contacts.0.name_latin", "required"),
        (("services",), [], "services", "empty"),
        (("services", 0, "needs"), ["moon-travel"], "services.0.needs", "not-in-list"),
        (("services", 0, "age_to"), 12, "services.0.age_to", "end-before-start"),
        (("services", 0, "age_to"), 12.5, "services.0.age_to", "wrong-type"),
        (("services", 0, "lives_in_regions"), ["BE-VAN"], None, "not-in-list"),
        (("services", 1, "lives_in"), ..., "services.1.lives_in", "required"),
        (("services", 0, "capacity"), "plenty", "services.0.capacity", "not-in-list"),
        (("money",), {}, "money", "unknown-field"),
    ],
)
def test_every_mistake_has_its_place(
    path: tuple[Any, ...], value: Any, place: str | None, code: str
) -> None:
    problems = [
        (".".join(map(str, problem.path)), problem.code)
        for problem in profiles.validate(put(utrecht(), path, value))
    ]
    assert (place or ".".join(map(str, path)), code) in problems


def test_a_whole_profile_of_mistakes_is_told_at_once() -> None:
    plain = put(put(utrecht(), ("organisation", "city"), ""), ("contacts", 0, "name"), "")
    assert len(profiles.validate(plain)) == 2


def test_the_contacts_can_be_erased_alone() -> None:
    records = profiles.split(profiles.encode(utrecht()))
    assert set(records) == {"organisation", "contacts", "services"}
    assert all(b"Jasmijn" not in records[name] for name in ("organisation", "services"))
    del records["contacts"]
    assert profiles.unpack(records).contacts == ()
    assert profiles.unpack({**records, "photographs": b"later"}).contacts == ()


def test_a_profile_without_its_organisation_is_refused() -> None:
    records = profiles.split(profiles.encode(utrecht()))
    del records["organisation"]
    with pytest.raises(ProtocolError, match="wrong-record"):
        profiles.unpack(records)


def test_a_record_is_not_taken_for_another() -> None:
    records = profiles.split(profiles.encode(utrecht()))
    with pytest.raises(ProtocolError, match="wrong-value"):
        profiles.unpack({**records, "contacts": records["services"]})


def test_a_later_version_may_say_more() -> None:
    plain = content.decode(profiles.encode(utrecht()))
    plain["organisation"]["motto"] = "x"
    plain["services"][0]["capacity"] = "full-moon-only"
    assert profiles.decode(content.encode(plain)).services[0].capacity == "full-moon-only"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("organisation", "name"), "<script>"),
        (("organisation", "name"), ...),
        (("organisation", "name"), "x" * 121),
        (("organisation", "hours", 0, "to"), "late"),
        (("contacts", 0, "telephone"), "call me"),
        (("services", 0, "needs"), ...),
        (("services", 0, "age_from"), 999),
    ],
)
def test_what_a_reader_refuses(path: tuple[Any, ...], value: Any) -> None:
    plain = put(content.decode(profiles.encode(utrecht())), path, value)
    with pytest.raises(ProtocolError):
        profiles.decode(content.encode(plain))


def test_the_bounds_are_those_of_the_directory() -> None:
    assert profiles.MAX_PROFILE == MAX_TOTAL
    plain = utrecht()
    plain["services"] = [{**plain["services"][0], "about": "ї" * 1_200} for _ in range(30)]
    plain["organisation"]["holidays"] = [{"from": "2026-12-25", "name": "ї" * 120}] * 60
    assert profiles.validate(plain) == []
    assert len(profiles.encode(plain)) <= profiles.MAX_PROFILE
    for service in plain["services"]:
        service |= {"about": "𝕏" * 1_200, "how_to_reach": "𝕏" * 600}
    with pytest.raises(ProtocolError, match="too-large"):
        profiles.encode(plain)


def test_toml_dates_and_times_may_stand_without_quotes() -> None:
    parsed = tomllib.loads(
        """
        [organisation]
        [[organisation.hours]]
        days = ["mon"]
        from = 09:00:00
        to = "17:00"
        [[organisation.holidays]]
        from = 2026-12-25
        """
    )
    organisation = profiles.from_toml(parsed)["organisation"]
    assert organisation["hours"][0]["from"] == "09:00"
    assert organisation["holidays"] == [{"from": "2026-12-25"}]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        profiles.decode(data)
    with pytest.raises(ProtocolError):
        profiles.unpack({"organisation": data})


@given(st.data())
def test_a_changed_byte_is_refused_or_gives_a_whole_profile(data: st.DataObject) -> None:
    right = profiles.encode(examples.LVIV)
    wrong = bytearray(right)
    wrong[data.draw(st.integers(0, len(right) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        profiles.decode(bytes(wrong))
        profiles.unpack(profiles.split(bytes(wrong)))
    except ProtocolError:
        pass


PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "hours", "from", "to", "age_to", "lives_in_regions", "region"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["organisation", "contacts", "services", "x"]), PLAIN))
def test_no_value_makes_validation_raise(plain: dict[str, Any]) -> None:
    assert profiles.validate(plain)


def test_the_world_reads_only_what_the_member_chose() -> None:
    whole = profiles.decode(profiles.encode(utrecht()))
    shown = profiles.published(whole)
    assert shown is not None
    assert [each.name_english for each in shown.services] == [
        "Emotional support",
        "Claims and court",
    ]
    assert shown.contacts == ()
    assert shown.organisation.mass_events == profiles.MassEvents(responds=True)
    assert shown.organisation.assured == profiles.Assured("2026-03-12", "")
    said = str(msgspec.to_builtins(shown))
    for secret in ("Jasmijn", "Bram", "000 02 1", "000 02 99", "Opvanghuis"):
        assert secret not in said


@pytest.mark.parametrize("choice", [..., False])
def test_who_chose_nothing_is_not_shown_at_all(choice: Any) -> None:
    plain = put(utrecht(), ("organisation", "publish"), choice)
    whole = profiles.decode(profiles.encode(plain))
    assert any(each.publish for each in whole.services)
    assert profiles.published(whole) is None
