"""All acts by their code, and whose they are."""

from typing import Final

from referral_node.web.act import Act
from referral_node.web.acts_receiving import RECEIVING
from referral_node.web.acts_referring import BOTH, REFERRING

ACTS: Final[dict[str, Act]] = {act.code: act for act in (*RECEIVING, *REFERRING, *BOTH)}
"""All acts by their code."""
ROLE: Final = {
    **{act.code: "receiving" for act in RECEIVING},
    **{act.code: "referring" for act in REFERRING},
}
"""Whose act it is; what is not here is everybody's."""
ENDED_WELL: Final = frozenset({"got-help", "referred-on"})
"""Outcomes with which a referral is completed; with the others it ended without result."""
STEPS: Final = (
    *("contact-attempted", "contact-made"),
    *("meeting-held", "joint-meeting-held", "no-show"),
)
"""Steps that are recorded by choosing them."""
