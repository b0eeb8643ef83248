"""HSDS documents as a tabular data package: CSV files and ``datapackage.json``.

Nested objects become rows of tables of their own that name their parent; an object that stands in
several places (an organisation, a taxonomy term) is one row. A column that no table of HSDS has is
not written. Reading goes the other way round.

Law: the same documents give the same texts. What is read is bounded, in rows and in services.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from referral_protocol.errors import ProtocolError
from referral_protocol.hsds.tables import TABLES, Link, Table, descriptor

Document = dict[str, Any]
Rows = dict[str, list[dict[str, str]]]
"""Rows by table, each by column; a column that says nothing is ""."""

DESCRIPTOR: Final = "datapackage.json"
TITLE: Final = "Services of victim support organisations"
MAX_ROWS: Final = 100_000
MAX_SERVICES: Final = 200
"""Most services that are read: a profile has 40 at most."""


# --- out ----------------------------------------------------------------------------------------


def flat(services: Iterable[Mapping[str, Any]]) -> Rows:
    """The rows of all tables that these services need, in the order of the specification."""
    found: dict[str, dict[str, dict[str, str]]] = {name: {} for name in TABLES}
    for service in services:
        _flatten(TABLES["service"], service, {}, found)
    return {name: list(rows.values()) for name, rows in found.items() if rows}


def _flatten(
    table: Table,
    document: Mapping[str, Any],
    above: Mapping[str, str],
    found: dict[str, dict[str, dict[str, str]]],
) -> None:
    row = {column.name: _text(document.get(column.name)) for column in table.columns}
    row |= {name: value for name, value in above.items() if table.column(name) is not None}
    for link in table.links:
        inner = document.get(link.key)
        if not inner:
            continue
        if link.many:
            for each in inner:
                _flatten(TABLES[link.table], each, _parent(table, link, row["id"]), found)
        else:
            row[link.column] = str(inner["id"])
            _flatten(TABLES[link.table], inner, {}, found)
    found[table.name].setdefault(row["id"], row)


def _parent(table: Table, link: Link, name: str) -> dict[str, str]:
    if link.table == "attribute":
        return {"link_id": name, "link_entity": table.name}
    return {link.column: name}


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, list | dict) else str(value)


def csv_text(name: str, rows: Sequence[Mapping[str, str]]) -> str:
    """One table as CSV: a header, then its rows (RFC 4180)."""
    out = _Text()
    columns = [column.name for column in TABLES[name].columns]
    writer = csv.DictWriter(out, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return "".join(out.lines)


class _Text:
    """What a CSV writer writes to."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)


def package(services: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The files of a data package by name: ``datapackage.json`` and a CSV file for each table."""
    rows = flat(services)
    rows.setdefault("organization", [])
    rows.setdefault("service", [])
    names = [name for name in TABLES if name in rows]
    about = json.dumps(descriptor(names, TITLE), indent=2)
    return {DESCRIPTOR: about} | {TABLES[x].path: csv_text(x, rows[x]) for x in names}


# --- in -----------------------------------------------------------------------------------------


def parse_csv(text: str, name: str) -> list[dict[str, str]]:
    """The rows of one table by column. ProtocolError names the file and the row."""
    reader = csv.reader(_lines(text), strict=True)
    rows: list[dict[str, str]] = []
    try:
        header = [column.strip() for column in next(reader, [])]
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                raise ProtocolError(
                    "wrong-value", f"{name}, line {reader.line_num}: more cells than columns"
                )
            if len(rows) >= MAX_ROWS:
                raise ProtocolError("too-large", f"{name}: at most {MAX_ROWS} rows")
            row = dict(zip(header, cells, strict=False))
            rows.append(row | {LINE: str(reader.line_num)})
    except csv.Error as error:
        raise ProtocolError("wrong-type", f"{name}, line {reader.line_num}: {error}") from None
    return rows


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends; a line break inside a quoted cell stays what it is."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


LINE: Final = "#line"
"""Where a row ended in its file; no column of a table is called so."""


def nested(files: Mapping[str, str]) -> Iterator[Document]:
    """The services of CSV files by name, each with what belongs to it nested in it.

    Each has ``#line``: where it stands in ``services.csv``. ProtocolError if there is no such file.
    """
    paths = {table.path: table.name for table in TABLES.values()}
    rows = {paths[name]: parse_csv(text, name) for name, text in files.items() if name in paths}
    if "service" not in rows:
        raise ProtocolError("wrong-value", "package: no services.csv")
    if len(rows["service"]) > MAX_SERVICES:
        raise ProtocolError("too-large", f"services.csv: at most {MAX_SERVICES} services")
    index = _Index(rows)
    for row in rows["service"]:
        yield index.document("service", row, 0)


class _Index:
    """Rows by id, and by whom they belong to."""

    def __init__(self, rows: Mapping[str, list[dict[str, str]]]) -> None:
        self._by_id = {
            name: {row.get("id", ""): row for row in found} for name, found in rows.items()
        }
        self._below: dict[tuple[str, str, str], list[dict[str, str]]] = {}
        self._shared: dict[tuple[str, str, int], Document] = {}
        for table in TABLES.values():
            for link in table.links:
                if link.many:
                    self._add(link, table.name, rows.get(link.table, ()))

    def _add(self, link: Link, above: str, rows: Iterable[dict[str, str]]) -> None:
        key = (link.table, link.column, above)
        if key[:2] == ("attribute", "link_id"):
            rows = [row for row in rows if row.get("link_entity", above) in (above, f"{above}s")]
        for row in rows:
            name = row.get(link.column, "")
            if name:
                self._below.setdefault((*key[:2], f"{above} {name}"), []).append(row)

    def document(self, name: str, row: Mapping[str, str], depth: int) -> Document:
        """A row with what is nested in it; an object is never nested in itself."""
        table = TABLES[name]
        found: Document = {key: value for key, value in row.items() if value != ""}
        if depth > 4:
            return found
        for link in table.links:
            if link.many:
                below = self._below.get((link.table, link.column, f"{name} {row.get('id', '')}"))
                if below:
                    found[link.key] = [self.document(link.table, x, depth + 1) for x in below]
            else:
                other = self._one(link.table, row.get(link.column, ""), depth + 1)
                if other is not None:
                    found[link.key] = other
        return found

    def _one(self, table: str, name: str, depth: int) -> Document | None:
        """What many rows may name is made once."""
        row = self._by_id.get(table, {}).get(name)
        if row is None or not name:
            return None
        key = (table, name, depth)
        if key not in self._shared:
            self._shared[key] = self.document(table, row, depth)
        return self._shared[key]
