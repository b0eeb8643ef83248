"""Declined is not the end: Inês reads why, asks Lviv instead, and Oksana is never lost from Today.

In a browser, without a script: what is filled in again, what is asked anew, and who knows of whom.
"""

import pytest

from federation import Federation
from referral_protocol.examples import SENT
from stories import oksana
from stories.conftest import MINUTE, Sit

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR = 60 * MINUTE
LVIV = "Підтримка Поруч"
FULL = "Оксана Ткаченко Oksana Tkachenko"
DECIDE = "Decide what next: Оксана Ткаченко"
WHY = "No room before January."


async def test_declined_in_utrecht_taken_to_lviv(fed: Federation, sit: Sit) -> None:
    lisboa, utrecht, lviv = (fed[name] for name in ("lisboa", "utrecht", "lviv"))
    for other, spoke in ((utrecht, "Jasmijn de Wit"), (lviv, "Mariia")):
        await lisboa.exchange.contacts.compared(
            lisboa.vault(), lisboa.actor, other.id, same=True, spoke_with=spoke
        )
    fed.clock.now = SENT
    await lisboa.refer(utrecht, "immediate")
    await fed.settle()

    # Jasmijn has no room, and names who may have.
    jasmijn = await sit("utrecht", script=False)
    await jasmijn.sign_in()
    await jasmijn.follow("Answer: Оксана Ткаченко")
    await jasmijn.press("Decline, with a reason")
    await jasmijn.tick("Why do you decline?", "We have no capacity")
    await jasmijn.type("More about the reason", WHY)
    await jasmijn.unfold("Suggest another service")
    await jasmijn.type("Organisation", LVIV)
    await jasmijn.type("Why this one", "They speak her language.")
    await jasmijn.press("Decline this referral")
    await jasmijn.sees("You declined this referral")
    await fed.settle()

    # Inês reads it. She is called away, and Oksana still stands before everything else.
    ines = await sit("lisboa", script=False)
    await ines.sign_in()
    await ines.sees("Now: immediate and overdue (1)", "Declined: we have no capacity")
    await ines.follow(DECIDE)
    await ines.sees("Nobody helps Oksana now.", WHY)
    await ines.follow("Today")
    await ines.sees("Now: immediate and overdue (1)", DECIDE)
    await ines.follow(DECIDE)

    # Another service: whom they suggest comes first, and what is missing is said.
    await ines.press("Refer to another service")
    await ines.sees(
        "They suggest", LVIV, "They speak her language.", "consent", "Not here any more"
    )
    await ines.press("Begin the new referral")
    assert await ines.problems() == ["Say to whom it is to go"]
    await ines.tick("To whom?", f"{LVIV}, Lviv")
    await ines.press("Begin the new referral")
    assert await ines.heading() == "May this be shared, and with whom?"
    await ines.sees("Goes on from the referral to Steunpunt Dom, Utrecht (declined)", LVIV)
    await ines.follow("Today")
    await ines.sees("Finish the new referral: Оксана Ткаченко")
    await ines.follow("Finish the new referral: Оксана Ткаченко")

    # Oksana is asked once more; she agrees that Lviv may know.
    await ines.fill(*[line for line in oksana.CONSENT if len(line) == 2])
    await ines.press(oksana.NEXT)
    await ines.tick("How urgent is it?", "Immediate")
    await ines.press(oksana.NEXT)
    assert await ines.heading() == "Check before sending"
    await ines.sees(
        f"It goes to {LVIV}, Lviv, and to nobody else.", oksana.DANGER, "“Blue notebook”"
    )
    await ines.misses("Steunpunt Dom")
    await ines.press(f"Send to {LVIV}")
    assert await ines.heading() == FULL
    await ines.sees("Goes on from the referral to")
    await ines.follow("Steunpunt Dom, Utrecht (declined)")
    await ines.sees("Referred to:", f"{LVIV}, Lviv (waiting for an answer)")
    await ines.follow("Today")
    await ines.misses("Decide what next", "Finish the new referral")
    await fed.settle()

    # Mariia reads a referral like any other: nothing tells her who was asked before.
    mariia = await sit("lviv", script=False)
    await mariia.sign_in()
    await mariia.follow("Answer: Оксана Ткаченко")
    await mariia.sees(oksana.DANGER)
    await mariia.misses("Steunpunt Dom", "Goes on from", WHY)
