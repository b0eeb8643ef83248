"""The directory's profile of a member. (The tables follow.)"""

from typing import Final

from referral_protocol.forms.model import Form

RECORDS: Final[dict[str, Form]] = {}
