"""A meeting as an entry for any calendar (RFC 5545), which says nothing of the case. Pure.

Law: the entry holds when, how long and with which organisation; no name, no place, no address.
"""

import hashlib
from datetime import UTC, datetime, timedelta


def meeting_entry(starts: int, minutes: int, organisation: str, now: int) -> bytes:
    """One event. ``starts`` and ``now`` in ms UTC; the same meeting always gets the same UID."""
    first = datetime.fromtimestamp(starts / 1000, UTC)
    last = first + timedelta(minutes=minutes)
    # Moved meetings are another entry; an entry added twice stays one.
    uid = hashlib.sha256(f"{starts} {organisation}".encode()).hexdigest()[:32]
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Referral exchange//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}@referral-exchange",
        f"DTSTAMP:{_stamp(datetime.fromtimestamp(now / 1000, UTC))}",
        f"DTSTART:{_stamp(first)}",
        f"DTEND:{_stamp(last)}",
        f"SUMMARY:{_text(f'Meeting with {organisation}')}",
        "CLASS:PRIVATE",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "".join(_folded(line) + "\r\n" for line in lines).encode("utf-8")


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")


def _text(words: str) -> str:
    for sign in ("\\", ";", ","):
        words = words.replace(sign, "\\" + sign)
    return words.replace("\n", " ")


def _folded(line: str) -> str:
    """At most 75 bytes a line, as the format asks; no character is cut."""
    pieces, piece, room = [], "", 75
    for sign in line:
        if len((piece + sign).encode("utf-8")) > room:
            pieces.append(piece)
            piece, room = "", 74
        piece += sign
    return "\r\n ".join([*pieces, piece])
