"""HSDS documents as a tabular data package: CSV files and ``datapackage.json``.

Nested objects become rows of tables of their own that name their parent; an object that stands in
several places (an organisation, a taxonomy term) is one row. A column that no table of HSDS has is
not written. Reading goes the other way round.

Law: the same documents give the same texts. What is read is bounded, in rows and in services.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from referral_protocol.errors import ProtocolError
from referral_protocol.hsds.tables import TABLES, Link, Table, descriptor

Document = dict[str, Any]

DESCRIPTOR: Final = "datapackage.json"
TITLE: Final = "Services of victim support organisations"
JOIN: Final = 4096
"""Lines that are put together when there are so many: each by itself takes twice its size."""
MAX_ROWS: Final = 100_000
MAX_SERVICES: Final = 200
"""Most services that are read: a profile has 40 at most."""


# --- out ----------------------------------------------------------------------------------------


def package(services: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The files of a data package by name: ``datapackage.json`` and a CSV file for each table.

    Every table that has a row, in the order of the specification; services and organizations also
    without any. A row is a line as soon as it is known, for there can be a million of them.
    """
    tables = {"organization": _Table("organization"), "service": _Table("service")}
    for service in services:
        _flatten(tables, TABLES["service"], service, {})
    names = [name for name in TABLES if name in tables]
    about = json.dumps(descriptor(names, TITLE), indent=2)
    return {DESCRIPTOR: about} | {TABLES[name].path: tables[name].text() for name in names}


class _Table:
    """One CSV file (RFC 4180) in the making."""

    def __init__(self, name: str) -> None:
        self.seen: set[str] = set()
        """Ids of rows that may be named again; only of tables that others point to."""
        self._columns = [column.name for column in TABLES[name].columns]
        self._pieces: list[str] = []
        self._writer = csv.writer(self, lineterminator="\r\n")
        self._writer.writerow(self._columns)

    def add(self, row: Mapping[str, Any]) -> None:
        """A row; a column that says nothing is empty."""
        self._writer.writerow([_text(row.get(column)) for column in self._columns])

    def write(self, line: str) -> None:
        """What the writer calls with each line."""
        self._pieces.append(line)
        if len(self._pieces) > JOIN:
            self._pieces = ["".join(self._pieces)]

    def text(self) -> str:
        """The whole file."""
        return "".join(self._pieces)


def _flatten(
    tables: dict[str, _Table], table: Table, document: Mapping[str, Any], above: Mapping[str, str]
) -> None:
    row = {**document, **above}
    for link in table.links:
        inner = document.get(link.key)
        if not inner:
            continue
        if link.many:
            parent = _parent(table, link, str(document["id"]))
            for each in inner:
                _flatten(tables, TABLES[link.table], each, parent)
        else:
            name = row[link.column] = str(inner["id"])
            other = _of(tables, link.table)
            if name not in other.seen:
                other.seen.add(name)
                _flatten(tables, TABLES[link.table], inner, {})
    _of(tables, table.name).add(row)


def _of(tables: dict[str, _Table], name: str) -> _Table:
    found = tables.get(name)
    if found is None:
        found = tables[name] = _Table(name)
    return found


def _parent(table: Table, link: Link, name: str) -> dict[str, str]:
    if link.table == "attribute":
        return {"link_id": name, "link_entity": table.name}
    return {link.column: name}


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, list | dict) else str(value)


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
