"""A content as rows to read, word for word: before it is sent, where it arrived, what was said.

Law: nothing that a content holds is left out, a field of a later version neither. Pure: content and
a :class:`~referral_node.web.reading_rows.Reader` in, rows out.
"""

from collections.abc import Mapping
from typing import Any

from referral_node.web import file_rows, reading_parts
from referral_node.web.reading_rows import Part, Reader, Reading
from referral_protocol.forms import FORMS


def read(content: Mapping[str, Any], reader: Reader) -> tuple[Reading, ...]:
    """All parts of a content, in the order of its form; empty parts left out."""
    form = FORMS.get(str(content.get("form")))
    if form is None:
        return (_unknown(content, reader),)
    lang = _lang(content)
    found = []
    for section in form.sections:
        values = content.get(section.code)
        if isinstance(values, Mapping):
            found.append(reading_parts.section(section, values, content, reader))
    keys = {section.code for section in form.sections}
    around = {key: value for key, value in content.items() if key not in keys or not _is_map(value)}
    part = Part(around, form.all_fields(), reader, lang)
    part.value("form")
    files = file_rows.rows(part)
    if files:
        found.append(Reading("files", "Files", facts=files))
    facts = reading_parts.around(part)
    if facts:
        found.append(Reading("about", "About this text", facts=tuple(facts)))
    return tuple(each for each in found if each.facts or each.told)


def _lang(content: Mapping[str, Any]) -> str:
    found = content.get("language")
    return found if isinstance(found, str) else ""


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _unknown(content: Mapping[str, Any], reader: Reader) -> Reading:
    part = Part(content, (), reader)
    return Reading("unknown", "Content of a later version", facts=tuple(part.rest()))
