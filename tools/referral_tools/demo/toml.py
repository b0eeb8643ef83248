"""A plain table written as TOML: what a member would write in PROFILE.toml."""

import json
from collections.abc import Mapping
from typing import Any


def write_toml(table: Mapping[str, Any]) -> str:
    """Tables and lists of tables at the top become headings; what lies deeper stands on one line.

    Values are text, whole numbers, true and false, lists and tables of these; TypeError otherwise.
    """
    lines: list[str] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{key}]", *_rows(value)]
        elif isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            for item in value:
                lines += ["", f"[[{key}]]", *_rows(item)]
        else:
            lines.insert(0, f"{key} = {_value(value)}")
    return "\n".join(lines).lstrip("\n") + "\n"


def _rows(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            # JSON's escapes are TOML's too; the one character it leaves bare is DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(_value(item) for item in value)}]"
        case Mapping():
            return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }"
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")
