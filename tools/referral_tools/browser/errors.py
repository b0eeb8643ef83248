"""What a person would say who does not find on a page what they were told to look for."""

from collections.abc import Iterable

_MOST = 24


class NotThere(Exception):
    """A page lacks a link, a button, a field, a choice or a text, or has it twice."""


def not_there(what: str, wanted: str, where: str, found: Iterable[str]) -> NotThere:
    """ "no button “Send” on “Sign in”; there are: “Sign in”, “Help”." """
    listed = list(dict.fromkeys(each for each in found if each))
    shown = ", ".join(f"“{each[:80]}”" for each in listed[:_MOST])
    more = f" and {len(listed) - _MOST} more" if len(listed) > _MOST else ""
    there = f"there are: {shown}{more}" if listed else "there is none at all"
    return NotThere(f"no {what} “{wanted}” on {where}; {there}")


def more_than_one(what: str, wanted: str, where: str, count: int) -> NotThere:
    """A name that does not tell which."""
    return NotThere(f"{count} times {what} “{wanted}” on {where}: say which")
