"""Why somebody looks at a number outside its safe time: codes that the record of access keeps."""

from typing import Final

SHOWN_FOR: Final = 10 * 60_000
"""Milliseconds that the number stays on the page afterwards."""
REASONS: Final = {
    "life-in-danger": "Somebody’s life or health is in danger now",
    "agreed-with-person": "The person agreed to be called at this time",
    "to-pass-on": "I pass it on to somebody who calls at a safe time",
    "to-check": "I check that it is written right; I do not call",
}
