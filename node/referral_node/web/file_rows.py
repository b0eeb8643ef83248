"""The rows of the files that a content lists. Pure.

Law: as in ``reading``: what an entry says beyond its own fields follows too.
"""

from collections.abc import Mapping

from markupsafe import Markup

from referral_node.exchange import entry_of
from referral_node.web.file_view import link
from referral_node.web.reading_rows import Part, joined
from referral_protocol import codes
from referral_ui.parts import Fact


def rows(part: Part) -> tuple[Fact, ...]:
    """One row for each file: what it is, its name, which leads to it, and its size."""
    return tuple(_row(row, part.reader.files) for row in part.rows("files"))


def _row(row: Part, base: str) -> Fact:
    values: Mapping[str, object] = {
        key: row.value(key) for key in ("hash", "key", "name", "type", "size")
    }
    tag = row.text("language")
    beside = (codes.language_label(tag) if tag else "", row.quoted("note"), *row.left())
    entry = entry_of(values)
    if entry is None:
        return Fact("A file", joined(("cannot be opened", *beside)))
    shown = link(entry, base)
    name = (
        Markup('<a class="govuk-link tap" href="{}">{}</a>').format(shown.href, shown.name)
        if base
        else shown.name
    )
    return Fact(shown.kind, joined((name, shown.size, *beside)))
