"""One made-up story, complete: who writes what to whom. Used by tests, vectors and the demo.

Ponte Tejo (Lisbon) refers Oksana Tkachenko to Steunpunt Dom (Utrecht); Підтримка Поруч (Lviv) is
the third member. All people, organisations and numbers are made up; the telephone numbers lie in
ranges that nobody has.
"""

from referral_protocol.examples.profiles import LISBON, LVIV, PROFILES, UTRECHT
from referral_protocol.examples.story import (
    SENT,
    accepted,
    advice,
    call_made,
    capacity_query,
    declined,
    first_message,
    join_confirmed,
    meeting_fixed,
    outcome,
    question_back,
    referral,
    reply,
    withdrawal,
)

__all__ = [
    "LISBON",
    "LVIV",
    "PROFILES",
    "SENT",
    "UTRECHT",
    "accepted",
    "advice",
    "call_made",
    "capacity_query",
    "declined",
    "first_message",
    "join_confirmed",
    "meeting_fixed",
    "outcome",
    "question_back",
    "referral",
    "reply",
    "withdrawal",
]
