"""What is typed into the eight steps of a referral: the story's words, and the entry's text."""

from typing import Final

import referral_inputs as inputs
from chaos.ledger import Entry

PRIORITIES: Final = ("immediate", "urgent", "routine")


def steps_of(entry: Entry) -> list[tuple[str, inputs.Inputs]]:
    """The eight steps; the entry's text is in what happened."""
    consent = {k: v for k, v in inputs.CONSENT[0].items() if not k.startswith("withheld")}
    return [
        ("who", {}),
        ("safe_contact", inputs.SAFE_CONTACT),
        ("happened", inputs.HAPPENED | {"summary": entry.text}),
        ("needs", inputs.NEEDS[0]),
        ("risk", inputs.RISK),
        ("communication", inputs.COMMUNICATION),
        ("consent", consent | {"needs": ["emotional-support"]}),
        ("answer", inputs.ANSWER | {"priority": PRIORITIES[entry.number % 3]}),
    ]
