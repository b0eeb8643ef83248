"""Services from a file that a keyholder chose, on a page or with a command.

Law: a file is read in memory, within bounds, and kept nowhere. It is all or nothing; and what it
changes is our profile as it is kept on this node, which nobody else reads before it is sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from referral_node.exchange.directory.own_profile import Mine, Values
from referral_protocol import profiles
from referral_protocol.errors import ProtocolError
from referral_protocol.hsds.changes import Merged, merged
from referral_protocol.hsds.reading import MAX_FILE, Problem, Reading, read_json, read_tables
from referral_protocol.hsds.whose import Other, Whose, ourselves
from referral_ui.archives import BadArchive, text_of, unpacked


class BadFile(Exception):
    """It cannot be read as services at all; the text says why, in plain words."""


def read_bytes(data: bytes, language: str, mapping: Mapping[str, str], us: Whose | None) -> Reading:
    """What a file says: JSON, a ZIP file with tables, or one table. BadFile.

    ``language``, ``mapping``, ``us``: see :func:`referral_protocol.hsds.reading.read_json`.
    """
    if len(data) > MAX_FILE:
        raise BadFile(f"it is larger than {MAX_FILE // 1024 // 1024} MB")
    try:
        if data.startswith(b"PK"):
            return read_tables(unpacked(data, ".csv"), language=language, mapping=mapping, us=us)
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
            return read_json(data, language=language, mapping=mapping, us=us)
        table = {"services.csv": text_of(data, "the file")}
        return read_tables(table, language=language, mapping=mapping, us=us)
    except ProtocolError as error:
        raise BadFile(error.detail) from None
    except BadArchive as error:
        raise BadFile(str(error)) from None


def joined(
    member: bytes,
    mine: Mine,
    services: Sequence[dict[str, Any]],
    ids: Sequence[str],
    *,
    replace: bool = False,
) -> tuple[Values, Merged, list[Problem]]:
    """The profile as it would be, what that changes, and what is wrong with it then."""
    held = mine.values.get("services", [])
    found = merged(member, held, services, ids, replace=replace)
    values = {**mine.values, "services": list(found.services)}
    problems = [
        Problem(_place(found.services, each.path), str(each.path[-1]), each.words)
        for each in profiles.validate(values)
        if each.path[0] == "services"
    ]
    return values, found, problems


def whose(member: bytes, *values: Values) -> Whose:
    """Our own id and names, of these versions of our profile."""
    return ourselves(member, [each.get("organisation", {}) for each in values])


def left_out(others: Sequence[Other]) -> str:
    """The services that were left out, with whose they are; "" for none."""
    if not others:
        return ""
    named = ", ".join(f"{each.service} ({each.organisation})" for each in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return f"Left out, because another organisation stands with it: {named}{more}."


def _place(services: tuple[dict[str, Any], ...], path: tuple[str | int, ...]) -> str:
    if len(path) < 2 or not isinstance(path[1], int) or path[1] >= len(services):
        return "services"
    return str(services[path[1]].get("name", f"service {path[1] + 1}"))
