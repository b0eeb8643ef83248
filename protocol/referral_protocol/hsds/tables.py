"""What HSDS 3.0 is: its tables and their columns, which values they take, how they hang together.

Written from the field reference of HSDS 3.0 (docs.openreferral.org) as facts: names, types,
formats, what is required. Version 3.1 and 3.2 only add to it. Left out are tables and columns that
we neither write nor understand (programs, postal addresses, metadata, identifiers of tax offices).

Law: a document that is written has columns of these tables alone, and every one that is required.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

VERSION: Final = "3.0"
HOMEPAGE: Final = "http://docs.openreferral.org"


class Column(NamedTuple):
    """One column. ``type``: text, number, uuid, uri, email, date or time; ``required``: in JSON
    and in a table; ``tabular``: required in a table only, where nothing is nested."""

    name: str
    type: str = "text"
    required: bool = False
    tabular: bool = False
    values: tuple[str, ...] = ()


class Link(NamedTuple):
    """Where a JSON object holds others. ``many``: an array under ``key``; their column ``column``
    then names the object. Otherwise one object, and our own column ``column`` names it."""

    key: str
    table: str
    many: bool
    column: str


class Table(NamedTuple):
    """One table: the file that holds it in a data package, its columns, what is nested in it."""

    name: str
    path: str
    columns: tuple[Column, ...]
    links: tuple[Link, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name; None if there is none."""
        return next((each for each in self.columns if each.name == name), None)


def _columns(text: str, values: Mapping[str, tuple[str, ...]]) -> tuple[Column, ...]:
    """From ``name[:type][!|+]``: "!" is required, "+" required in a table only."""
    found = []
    for word in text.split():
        name, _, kind = word.rstrip("!+").partition(":")
        found.append(
            Column(
                name,
                kind or "text",
                word.endswith("!"),
                word.endswith(("!", "+")),
                values.get(name, ()),
            )
        )
    return tuple(found)


def _table(
    name: str, path: str, columns: str, *links: Link, values: Mapping[str, tuple[str, ...]] = {}
) -> Table:
    return Table(name, path, _columns(columns, values), links)


def _many(key: str, table: str, column: str) -> Link:
    return Link(key, table, True, column)


def _one(key: str, table: str, column: str) -> Link:
    return Link(key, table, False, column)


_ATTRIBUTES: Final = _many("attributes", "attribute", "link_id")

ALL: Final = (
    _table(
        "organization",
        "organizations.csv",
        "id:uuid! name! alternate_name description! email:email website:uri"
        " year_incorporated:number legal_status logo uri:uri parent_organization_id",
        _many("funding", "funding", "organization_id"),
        _many("contacts", "contact", "organization_id"),
        _many("phones", "phone", "organization_id"),
        _many("locations", "location", "organization_id"),
        _ATTRIBUTES,
    ),
    _table(
        "service",
        "services.csv",
        "id:uuid! organization_id+ name! alternate_name description url:uri email:email status!"
        " interpretation_services application_process fees_description accreditations"
        " eligibility_description minimum_age:number maximum_age:number assured_date:date"
        " assurer_email:email alert",
        _one("organization", "organization", "organization_id"),
        _many("phones", "phone", "service_id"),
        _many("schedules", "schedule", "service_id"),
        _many("service_areas", "service_area", "service_id"),
        _many("service_at_locations", "service_at_location", "service_id"),
        _many("languages", "language", "service_id"),
        _many("funding", "funding", "service_id"),
        _many("cost_options", "cost_option", "service_id"),
        _many("required_documents", "required_document", "service_id"),
        _many("contacts", "contact", "service_id"),
        _ATTRIBUTES,
        values={"status": ("active", "inactive", "defunct", "temporarily closed")},
    ),
    _table(
        "attribute",
        "attributes.csv",
        "id:uuid! link_id+ taxonomy_term_id+ link_type link_entity+ value",
        _one("taxonomy_term", "taxonomy_term", "taxonomy_term_id"),
    ),
    _table(
        "service_at_location",
        "service_at_location.csv",
        "id:uuid! service_id+ location_id+ description",
        _one("location", "location", "location_id"),
        _many("contacts", "contact", "service_at_location_id"),
        _many("phones", "phone", "service_at_location_id"),
        _many("schedules", "schedule", "service_at_location_id"),
        _ATTRIBUTES,
    ),
    _table(
        "location",
        "locations.csv",
        "id:uuid! location_type! url:uri organization_id name alternate_name description"
        " transportation latitude:number longitude:number external_identifier"
        " external_identifier_type",
        _many("languages", "language", "location_id"),
        _many("contacts", "contact", "location_id"),
        _many("accessibility", "accessibility", "location_id"),
        _many("phones", "phone", "location_id"),
        _many("schedules", "schedule", "location_id"),
        _ATTRIBUTES,
        values={"location_type": ("physical", "postal", "virtual")},
    ),
    _table(
        "phone",
        "phones.csv",
        "id:uuid! location_id service_id organization_id contact_id service_at_location_id number!"
        " extension:number type description",
        _ATTRIBUTES,
    ),
    _table(
        "contact",
        "contacts.csv",
        "id:uuid! organization_id service_id service_at_location_id location_id name title"
        " department email:email",
        _many("phones", "phone", "contact_id"),
        _ATTRIBUTES,
    ),
    _table(
        "schedule",
        "schedules.csv",
        "id:uuid! service_id location_id service_at_location_id valid_from:date valid_to:date"
        " dtstart:date timezone:number until:date count:number wkst freq interval:number byday"
        " byweekno bymonthday byyearday description opens_at:time closes_at:time schedule_link:uri"
        " attending_type notes",
        _ATTRIBUTES,
        values={
            "wkst": ("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
            "freq": ("WEEKLY", "MONTHLY"),
        },
    ),
    _table(
        "funding",
        "funding.csv",
        "id:uuid! organization_id service_id source",
        _ATTRIBUTES,
    ),
    _table(
        "service_area",
        "service_areas.csv",
        "id:uuid! service_id name description extent extent_type uri",
        _ATTRIBUTES,
    ),
    _table(
        "required_document",
        "required_documents.csv",
        "id:uuid! service_id document uri:uri",
        _ATTRIBUTES,
    ),
    _table(
        "language",
        "languages.csv",
        "id:uuid! service_id location_id phone_id name code note",
        _ATTRIBUTES,
    ),
    _table(
        "accessibility",
        "accessibility.csv",
        "id:uuid! location_id description details url:uri",
        _ATTRIBUTES,
    ),
    _table(
        "taxonomy_term",
        "taxonomy_terms.csv",
        "id:uuid! code name! description! parent_id taxonomy language taxonomy_id term_uri:uri",
        _one("taxonomy_detail", "taxonomy", "taxonomy_id"),
    ),
    _table(
        "cost_option",
        "cost_options.csv",
        "id:uuid! service_id+ valid_from:date valid_to:date option currency amount:number"
        " amount_description",
        _ATTRIBUTES,
    ),
    _table("taxonomy", "taxonomies.csv", "id:uuid! name! description! uri:uri version"),
)
TABLES: Final[Mapping[str, Table]] = {table.name: table for table in ALL}
"""By name, in the order of the specification's own data package."""


def descriptor(names: list[str], title: str) -> dict[str, object]:
    """``datapackage.json`` of a tabular data package with these tables."""
    return {
        "name": "human_services_data",
        "title": title,
        "profile": "tabular-data-package",
        "version": VERSION,
        "homepage": HOMEPAGE,
        "resources": [_resource(TABLES[name], names) for name in names],
    }


def _resource(table: Table, names: list[str]) -> dict[str, object]:
    schema: dict[str, object] = {
        "fields": [_field(each) for each in table.columns],
        "primaryKey": "id",
    }
    keys = [
        {"fields": link.column, "reference": {"resource": link.table, "fields": "id"}}
        for link in table.links
        if not link.many and link.table in names
    ]
    if keys:
        schema["foreignKeys"] = keys
    return {
        "name": table.name,
        "path": table.path,
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": schema,
    }


def _field(column: Column) -> dict[str, object]:
    constraints: dict[str, object] = {"required": column.tabular}
    if column.name == "id":
        constraints["unique"] = True
    if column.values:
        constraints["enum"] = list(column.values)
    kind = column.type if column.type in ("number", "date", "time") else "string"
    found: dict[str, object] = {"name": column.name, "type": kind, "constraints": constraints}
    if column.type in ("uuid", "uri", "email"):
        found["format"] = column.type
    if column.type == "time":
        found["format"] = "%H:%M"
    return found
