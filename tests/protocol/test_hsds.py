"""HSDS 3.0: what goes out is of its form and comes back whole; what is foreign is never guessed."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from referral_protocol import codes, profiles
from referral_protocol.errors import ProtocolError
from referral_protocol.examples import LISBON, LVIV, UTRECHT
from referral_protocol.hsds import changes, export, reading, tabular, whose
from referral_protocol.hsds.tables import TABLES, Column, Table
from referral_protocol.hsds.terms import FIELDS, NAMESPACE, Term, known, made_id, parse_term
from referral_protocol.profiles import Profile

MEMBER = b"m" * 16
EVERYTHING: dict[str, Any] = {
    "name": 'Alles, und "mehr"\u00a0…',
    "language": "sr-Latn",
    "name_english": "Everything, at once",
    "about": "First line,\nsecond; line\nthird",
    "needs": list(codes.listed("needs"))[:16],
    "forms": list(codes.listed("forms-of-help")),
    "served": list(codes.listed("victim-groups")),
    "witnesses": "unknown" if codes.known("answers", "unknown") else "no",
    "age_from": 0,
    "age_to": 150,
    "children_up_to": 12,
    "eligibility": "lives-here",
    "lives_in": ["NL", "XK"],
    "lives_in_regions": ["NL-UT", "NL-NH"],
    "harmed_in": ["US", "NZ", "NL"],
    "languages": ["nl", "pt-BR", "dse"],
    "interpreter_languages": ["ar", "uk", "tr"],
    "interpreters": "on-request",
    "how_to_reach": "Ring; then wait",
    "accessibility": list(codes.listed("accessibilities")),
    "cost": "contribution",
    "cost_note": "5 € a month",
    "documents": "Police report; or none",
    "capacity": "waiting-list",
    "capacity_note": "3 weeks",
    "capacity_on": "2026-11-12",
    "wait_days": 0,
    "answer_days": 1,
}


def shown(plain: Mapping[str, Any]) -> Profile:
    """What would be published if the member published all of it."""
    services = [{**each, "publish": True} for each in plain["services"]]
    own = {**plain["organisation"], "publish": True}
    whole = profiles.decode(profiles.encode({**plain, "organisation": own, "services": services}))
    found = profiles.published(whole)
    assert found is not None
    return found


def with_everything() -> dict[str, Any]:
    return {**UTRECHT, "services": [EVERYTHING, *UTRECHT["services"]]}


PLAINS = {"lisboa": LISBON, "utrecht": UTRECHT, "lviv": LVIV, "everything": with_everything()}


def without(services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Services without what no file says of them."""
    return [{key: x[key] for key in x if key not in changes.KEPT} for x in services]


def as_json(plain: Mapping[str, Any]) -> bytes:
    found = export.services(MEMBER, shown(plain))
    return json.dumps(export.page(found, 1, 100, len(found))).encode()


# --- of its form ------------------------------------------------------------------------------


def _fits(column: Column, value: Any, *, text: bool) -> bool:
    if column.type == "number":
        return bool(re.fullmatch(r"\d+(\.\d+)?", value)) if text else type(value) in (int, float)
    if not isinstance(value, str):
        return False
    match column.type:
        case "uuid":
            return str(uuid.UUID(value)) == value
        case "uri":
            return bool(urlsplit(value).scheme and urlsplit(value).netloc)
        case "email":
            return re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None
        case "date":
            return date.fromisoformat(value).isoformat() == value
        case "time":
            return time.fromisoformat(value).strftime("%H:%M") == value or value == "24:00"
        case _:
            return not column.values or value in column.values


def wrong(table: Table, document: Mapping[str, Any]) -> Iterator[str]:
    """What HSDS 3.0 would not take of an object, by table and column."""
    columns = {column.name: column for column in table.columns}
    links = {link.key: link for link in table.links}
    for column in table.columns:
        if column.required and not document.get(column.name):
            yield f"{table.name}.{column.name} is missing"
    for key, value in document.items():
        if key in links:
            inner = value if links[key].many else [value]
            for each in inner:
                yield from wrong(TABLES[links[key].table], each)
        elif key not in columns:
            yield f"{table.name}.{key} is no column"
        elif not _fits(columns[key], value, text=False):
            yield f"{table.name}.{key}: {value!r}"


@pytest.mark.parametrize("name", PLAINS)
def test_every_document_is_of_its_form(name: str) -> None:
    found = export.services(MEMBER, shown(PLAINS[name]))
    assert len(found) == len(PLAINS[name]["services"])
    for document in found:
        assert list(wrong(TABLES["service"], document)) == []
        json.dumps(document, allow_nan=False)


def test_the_check_finds_what_is_wrong() -> None:
    document = export.services(MEMBER, shown(LISBON))[0]
    for change in (
        {"id": "1"},
        {"name": ""},
        {"status": "open"},
        {"minimum_age": "18"},
        {"url": "pontetejo"},
        {"colour": "red"},
        {"phones": [{"id": str(uuid.uuid4())}]},
    ):
        try:
            assert list(wrong(TABLES["service"], {**document, **change})), change
        except ValueError:
            pass  # an id that is no UUID


@pytest.mark.parametrize("name", PLAINS)
def test_the_package_is_whole(name: str) -> None:
    """Ids are unique in their table, foreign keys lead somewhere, required cells are filled."""
    texts = tabular.package(export.services(MEMBER, shown(PLAINS[name])))
    about = json.loads(texts["datapackage.json"])
    assert about["profile"] == "tabular-data-package"
    paths = {each["name"]: each["path"] for each in about["resources"]}
    assert set(texts) == {"datapackage.json", *paths.values()}
    rows = {each: tabular.parse_csv(texts[path], path) for each, path in paths.items()}
    ids = {each: [row["id"] for row in found] for each, found in rows.items()}
    for resource in about["resources"]:
        table = TABLES[resource["name"]]
        fields = [field["name"] for field in resource["schema"]["fields"]]
        assert texts[table.path].splitlines()[0].split(",") == fields
        assert len(set(ids[table.name])) == len(ids[table.name])
        for column in table.columns:
            for row in rows[table.name]:
                value = row[column.name]
                assert value or not column.tabular, (table.name, column.name)
                assert not value or _fits(column, value, text=True), (table.name, column, value)
        for key in resource["schema"].get("foreignKeys", ()):
            named = {row[key["fields"]] for row in rows[table.name]} - {""}
            assert named <= set(ids[key["reference"]["resource"]])
    for row in rows["attribute"]:
        assert row["link_id"] in ids[row["link_entity"]]
    assert tabular.package(export.services(MEMBER, shown(PLAINS[name]))) == texts


def test_only_what_is_published_goes_out() -> None:
    plain = with_everything()
    text = as_json(plain).decode()
    for person in plain["contacts"]:
        assert person["name"] not in text
        assert person["telephone"] not in text
    assert plain["organisation"]["mass_events"]["duty_line"] not in text


def test_ids_stay_and_differ() -> None:
    first, again = (export.services(MEMBER, shown(UTRECHT)) for _ in range(2))
    assert first == again
    other = export.services(b"o" * 16, shown(UTRECHT))
    assert not {each["id"] for each in first} & {each["id"] for each in other}
    moved = {**UTRECHT, "services": UTRECHT["services"][::-1]}
    assert {x["id"] for x in export.services(MEMBER, shown(moved))} == {x["id"] for x in first}
    twice = {**UTRECHT, "services": [UTRECHT["services"][0]] * 3}
    assert len({each["id"] for each in export.services(MEMBER, shown(twice))}) == 3


def test_ids_are_uuids_of_version_5() -> None:
    expected = uuid.uuid5(uuid.UUID(bytes=NAMESPACE), "a\x1fé")
    assert made_id("a", "é") == str(expected)


def test_a_page_counts() -> None:
    found = export.services(MEMBER, shown(UTRECHT))
    assert export.page(found[:2], 1, 2, 3) == {
        "total_items": 3,
        "total_pages": 2,
        "page_number": 1,
        "size": 2,
        "first_page": True,
        "last_page": False,
        "empty": False,
        "contents": found[:2],
    }
    assert export.page([], 1, 2, 0)["empty"]
    assert export.page(found[2:], 2, 2, 3)["last_page"]


# --- and back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAINS)
@pytest.mark.parametrize("kind", ["json", "package"])
def test_what_goes_out_comes_back(name: str, kind: str) -> None:
    plain = PLAINS[name]
    documents = export.services(MEMBER, shown(plain))
    if kind == "json":
        found = reading.read_json(as_json(plain))
    else:
        found = reading.read_tables(tabular.package(documents))
    assert found.problems == ()
    assert found.unknown == ()
    assert found.ignored == ()
    assert list(found.services) == without(plain["services"])
    assert list(found.ids) == [each["id"] for each in documents]


def test_every_field_of_a_service_is_carried_or_listed_as_not() -> None:
    """A field that is added to the profile must be decided here too."""
    columns = {*reading.COLUMNS, *FIELDS, "languages", "documents", "capacity_note"}
    fields = {field.key for field in profiles.PROFILE.fields[2].fields}
    assert fields - columns == set(changes.KEPT)
    assert set(EVERYTHING) == columns
    assert msgspec.convert(EVERYTHING, profiles.Service).name == EVERYTHING["name"]


FOREIGN: dict[str, Any] = {
    "id": "ac148810-d857-441c-9679-408f346de14b",
    "name": "Community Counselling",
    "description": "For everybody",
    "status": "active",
    "minimum_age": 12,
    "eligibility_description": "People of the town",
    "fees_description": "50 an hour",
    "wait_time": "weeks",
    "languages": [{"id": "1", "name": "Urdu", "code": "ur"}, {"id": "2", "name": "Klingon"}],
    "service_areas": [{"id": "3", "name": "MyCity"}],
    "attributes": [
        {
            "id": "4",
            "taxonomy_term": {
                "id": "5",
                "code": "RP-1400",
                "name": "Counseling",
                "taxonomy": "AIRS",
            },
        },
        {"id": "6", "taxonomy_term": {"id": "7", "name": "Face to face", "taxonomy": "Ways"}},
    ],
}
MAPPING = {
    "AIRS/RP-1400": "needs:psychological-help",
    "Ways/Face to face": "forms:in-person",
    "language/Klingon": "-",
    "area/MyCity": "lives_in:NL",
}


def test_foreign_terms_are_listed_and_never_guessed() -> None:
    found = reading.read_json(json.dumps([FOREIGN]).encode(), language="en")
    assert [each.name for each in found.unknown] == [
        "AIRS/RP-1400",
        "Ways/Face to face",
        "language/Klingon",
        "area/MyCity",
    ]
    assert not found.good
    assert "needs" not in found.services[0]
    assert found.problems == (), "that needs are missing is known when the terms are mapped"
    left_out = dict.fromkeys((each.name for each in found.unknown), "-")
    again = reading.read_json(json.dumps([FOREIGN]).encode(), language="en", mapping=left_out)
    assert [each.field for each in again.problems] == ["needs", "forms"]


def test_a_person_maps_them() -> None:
    found = reading.read_json(json.dumps(FOREIGN).encode(), language="en", mapping=MAPPING)
    assert found.good, found
    assert found.services[0] == {
        "name": "Community Counselling",
        "about": "For everybody",
        "language": "en",
        "age_from": 12,
        "cost_note": "50 an hour",
        "needs": ["psychological-help"],
        "forms": ["in-person"],
        "languages": ["ur"],
        "lives_in": ["NL"],
    }
    assert set(found.ignored) == {"eligibility_description", "wait_time"}
    wrong_target = {**MAPPING, "AIRS/RP-1400": "needs:happiness"}
    again = reading.read_json(json.dumps(FOREIGN).encode(), language="en", mapping=wrong_target)
    assert ("service 1", "AIRS/RP-1400") in {each[:2] for each in again.problems}


def services_csv(*lines: str) -> dict[str, str]:
    head = "id,name,description,status,minimum_age"
    return {"services.csv": "\r\n".join([head, *lines])}


def test_problems_name_row_and_field() -> None:
    found = reading.read_tables(
        services_csv(
            "1,Good,,active,18",
            "2,,,active,18",
            "3,Old,,defunct,18",
            '4,"A <b>bold</b> name",,active,eighteen',
        ),
        language="en",
    )
    where = {(each.place, each.field) for each in found.problems}
    assert {
        ("services.csv, line 3", "name"),
        ("services.csv, line 4", "status"),
        ("services.csv, line 5", "name"),
        ("services.csv, line 5", "minimum_age"),
        ("services.csv, line 2", "needs"),
    } <= where
    assert all(each.words and "\n" not in each.words for each in found.problems)
    assert not found.good


RUBBISH = {
    "nothing that is a text": b"\x00\xff\xfe",
    "nothing": b"",
    "half of json": b'{"contents": [',
    "deep json": b"[" * 100_000,
    "json of another kind": b'["a", 1]',
    "a number": b"[1]",
    "many services": json.dumps([{}] * (tabular.MAX_SERVICES + 1)).encode(),
    "many bytes": bytes(reading.MAX_FILE + 1),
}
TABLES_OF_RUBBISH = {
    "no services": {"organizations.csv": "id\r\n1\r\n"},
    "a cell too many": {"services.csv": "id,name\r\n1,2,3\r\n"},
    "a quote that does not end": {"services.csv": 'id,name\r\n1,"2\r\n'},
    "many services": {"services.csv": "id\n" + "1\n" * (tabular.MAX_SERVICES + 1)},
    "many rows": {"services.csv": "id\n1\n", "phones.csv": "id\n" + "1\n" * 100_001},
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError):
        reading.read_json(RUBBISH[name])


@pytest.mark.parametrize("name", TABLES_OF_RUBBISH)
def test_tables_of_rubbish_are_refused(name: str) -> None:
    with pytest.raises(ProtocolError):
        reading.read_tables(TABLES_OF_RUBBISH[name])


def test_empty_lines_and_odd_tables_do_no_harm() -> None:
    files = {"services.csv": "id,name\r\n\r\n , \r\n", "own.csv": "a\r\n1,2\r\n"}
    found = reading.read_tables(files)
    assert [each.words for each in found.problems] == ["There is no service in it"]


SHAPES: dict[str, Any] = {
    "everything of another type": dict.fromkeys(FOREIGN, 7) | {"attributes": 3, "id": []},
    "lists of other things": {**FOREIGN, "attributes": [1, None], "languages": ["de"]},
    "an attribute without a term": {**FOREIGN, "attributes": [{}]},
    "a term that is a text": {**FOREIGN, "attributes": [{"taxonomy_term": "x"}]},
    "an empty object": {},
    "a number too large": {**FOREIGN, "minimum_age": 10**40},
    "half a year": {**FOREIGN, "maximum_age": 1.5},
    "yes": {**FOREIGN, "maximum_age": True},
}


@pytest.mark.parametrize("name", SHAPES)
def test_odd_shapes_are_problems_never_faults(name: str) -> None:
    found = reading.read_json(json.dumps([SHAPES[name]]).encode(), language="en", mapping=MAPPING)
    assert found.problems
    assert not found.good


def test_terms_that_a_person_types() -> None:
    assert parse_term("needs:medical") == Term("needs", "medical")
    assert parse_term(" needs : medical ") == Term("needs", "medical")
    for text in ("needs", "needs:", "needs:nothing", "secrets:medical", ":", ""):
        assert parse_term(text) is None
    assert known(Term("regions", "PT-11"))
    assert not known(Term("regions", "Lisbon"))


# --- what it would change -----------------------------------------------------------------------


def test_an_import_keeps_what_a_file_cannot_say() -> None:
    held = [{**each, "publish": True} for each in UTRECHT["services"]]
    found = reading.read_json(as_json(UTRECHT))
    same = changes.merged(MEMBER, held, found.services, found.ids)
    assert [each.kind for each in same.changes] == ["same"] * 3
    assert list(same.services) == held
    assert not same.anything


def test_an_import_says_what_it_changes() -> None:
    held = [{**each, "publish": True} for each in UTRECHT["services"]]
    renamed = {**UTRECHT["services"][0], "name": "Anders", "age_from": 21}
    names = [each["id"] for each in export.services(MEMBER, shown(UTRECHT))]
    new = {**without(UTRECHT["services"])[2], "name": "Nieuw"}
    found = changes.merged(MEMBER, held, [renamed, new], [names[0], ""])
    assert found.changes == (
        changes.Change("changed", "Anders", ("name", "age_from")),
        changes.Change("kept", "Opvanghuis Utrecht"),
        changes.Change("kept", "Schadeloket en rechtbank"),
        changes.Change("new", "Nieuw"),
    )
    assert found.services[0]["publish"] is True
    assert "publish" not in found.services[3]
    whole = changes.merged(MEMBER, held, [renamed], [names[0]], replace=True)
    assert [each.kind for each in whole.changes] == ["changed", "removed", "removed"]
    assert len(whole.services) == 1


# --- whose it is ------------------------------------------------------------------------------

OTHERS = b"o" * 16


def both() -> list[dict[str, Any]]:
    """What a directory exports of two members."""
    return [*export.services(MEMBER, shown(LISBON)), *export.services(OTHERS, shown(LVIV))]


@pytest.mark.parametrize("form", ["json", "tables"])
def test_services_of_other_organisations_are_named_not_read(form: str) -> None:
    us, documents = whose.ourselves(MEMBER, []), both()
    if form == "json":
        found = reading.read_json(json.dumps(documents).encode(), us=us)
    else:
        found = reading.read_tables(tabular.package(documents), us=us)
    assert found.good
    assert [x["name"] for x in found.services] == [x["name"] for x in LISBON["services"]]
    theirs = LVIV["organisation"]["name"]
    assert found.others == tuple((x["name"], theirs) for x in LVIV["services"])
    whole = reading.read_json(json.dumps(documents).encode())
    assert len(whole.services) == len(documents)


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ({}, False),
        ({"organization": {"id": "9", "name": " ponte  TEJO "}}, False),
        ({"organization": {"id": "9", "name": "x", "alternate_name": "Ponte Tejo"}}, False),
        ({"organization_id": whose.organisation_id(MEMBER)}, False),
        ({"organization_id": whose.organisation_id(OTHERS)}, True),
        ({"organization": {"id": "9", "name": "Ponte Tejo Dois"}}, True),
        ({"organization": "Ponte Tejo Dois"}, False),
    ],
)
def test_ours_by_id_or_name(said: dict[str, Any], left_out: bool) -> None:
    us = whose.ourselves(MEMBER, [{"name": "Ponte Tejo"}, {"name_latin": ""}, {}])
    found = whose.other({"name": "x", **said}, us)
    assert (found is not None) == left_out


def test_nothing_of_ours_is_a_problem() -> None:
    us = whose.ourselves(MEMBER, [])
    others = export.services(OTHERS, shown(LVIV))
    others[0]["minimum_age"] = "many"  # not ours to put right
    found = reading.read_json(json.dumps(others).encode(), us=us)
    assert [x.words for x in found.problems] == [
        "No service in it is yours by its organisation’s name: they are of "
        + LVIV["organisation"]["name"]
    ]


def test_what_is_missing_in_a_plain_table_says_where_it_belongs() -> None:
    table = "id,name,status,needs,colour\r\n1,Beratung,active,practical-help,\r\n"
    found = reading.read_tables({"services.csv": table})
    said = {problem.field: problem.words for problem in found.problems}
    assert said["needs"].endswith(": an attribute with a term of referral-exchange/needs")
    assert said["forms"].endswith(": an attribute with a term of referral-exchange/forms-of-help")
    assert said["language"].endswith("of referral-exchange/languages")
    assert found.ignored == ("needs",)


def test_the_example_of_the_document() -> None:
    files = {
        "services.csv": "id,name,status\r\n1,Beratung,active\r\n",
        "attributes.csv": "id,link_id,link_entity,link_type,taxonomy_term_id\r\n"
        "1,1,service,needs,7\r\n2,1,service,forms,8\r\n",
        "taxonomy_terms.csv": "id,code,name,taxonomy\r\n"
        "7,practical-help,Practical help,referral-exchange/needs\r\n"
        "8,telephone,By telephone,referral-exchange/forms-of-help\r\n",
    }
    found = reading.read_tables(files, language="de")
    assert found.good, found
    assert found.services[0]["needs"] == ["practical-help"]
    assert found.services[0]["forms"] == ["telephone"]
