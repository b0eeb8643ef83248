"""One referral from the first telephone check to the outcome, with JavaScript switched off.

Inês in Lisbon refers Oksana to Jasmijn in Utrecht. After every step both sides' ladders are
compared, and the names of all statements: what one sees, the other sees.
"""

import pytest

from federation import Federation
from referral_protocol.directory.entries import parse_anchor
from referral_protocol.evidence import verify_evidence
from referral_protocol.examples import SENT
from stories import oksana
from stories.conftest import MINUTE, Sit
from stories.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR = 60 * MINUTE
NUMBER = "See the number: you will be asked why"


async def both_see(
    fed: Federation, ines: Person, jasmijn: Person, done: int, next_here: str, next_there: str
) -> None:
    """So many rungs are reached on both sides; which words stand beside the next one."""
    await fed.settle()
    ladders = []
    for person, words in ((ines, next_here), (jasmijn, next_there)):
        await person.look_again()
        ladder = await person.ladder()
        drawn = [how for how, _ in ladder]
        assert drawn[:done] == ["done"] * done, (person.member.name, ladder)
        assert done == 6 or ladder[done][1] == words, (person.member.name, ladder)
        ladders.append(drawn)
    assert ladders[0] == ladders[1]
    # Looking sends a statement too, once: "opened by a person".
    await fed.settle()
    await ines.look_again()
    assert await ines.statements() == await jasmijn.statements()


async def test_from_lisbon_to_utrecht_and_back(fed: Federation, sit: Sit) -> None:
    ines = await sit("lisboa", script=False)
    jasmijn = await sit("utrecht", script=False)

    # Inês telephones Utrecht before the first referral: Jasmijn reads her 60 digits out.
    await ines.sign_in()
    await ines.sees("Nothing needs you now")
    await ines.follow("Find a service")
    await ines.follow("Emotional support")
    digits = fed["utrecht"].made.fingerprint
    await ines.sees("Steunpunt Dom", digits)
    await ines.tick("Did they read out the same 60 digits?", "Yes, all of them")
    await ines.type("With whom did you speak?", "Jasmijn de Wit")
    await ines.press("Save the result")
    await ines.sees("Compared by telephone", digits)

    # She writes all eight sections, and sees who fits.
    await oksana.write_seven_steps(ines)
    assert await ines.heading() == "Find a service"
    await ines.sees("Fits: emotional support, lives in Utrecht, age 34")
    await ines.follow("Emotional support")
    await ines.press("Choose Steunpunt Dom")
    await ines.follow("Back to step 8, answer")
    await ines.fill(*oksana.ANSWER)
    await ines.press(oksana.NEXT)

    # What leaves is there word for word, and what stays is not.
    assert await ines.heading() == "Check before sending"
    await ines.sees(
        "This, and nothing else, leaves your organisation. It goes to Steunpunt Dom, Utrecht,"
        " and to nobody else.",
        "Fingerprint compared by telephone",
        oksana.NAME,
        oksana.SUMMARY,
        oksana.DANGER,
        oksana.NOTE,
        "“Blue notebook”",
        *[note for _, note in oksana.NEEDS],
    )
    await ines.misses(oksana.ADDRESS)
    fed.clock.now = SENT
    await ines.press("Send to Steunpunt Dom")
    assert await ines.heading() == "Оксана Ткаченко Oksana Tkachenko"

    # Utrecht's node holds it. Before Jasmijn signs in nobody there can have read it.
    await fed.settle()
    await ines.look_again()
    assert (await ines.ladder())[1:3] == [
        ("done", "Held by their node"),
        ("now", "Waiting for a person to open it"),
    ]
    await jasmijn.sign_in()
    await jasmijn.sees("Now: immediate and overdue (1)")
    await jasmijn.follow("Answer: Оксана Ткаченко")
    assert await jasmijn.heading() == "Оксана Ткаченко Oksana Tkachenko"
    await jasmijn.sees(oksana.DANGER, oksana.SUMMARY, "Blue notebook", "PT-2026-0419")
    await jasmijn.misses(oksana.ADDRESS)
    await both_see(
        fed, ines, jasmijn, 3, "Waiting for their answer", "Waiting for you: accept or decline"
    )

    # It is evening in Utrecht: the number does not lie open until half past nine tomorrow.
    await jasmijn.sees("Do not telephone now")
    await jasmijn.misses(oksana.TELEPHONE)
    await jasmijn.press("Accept this referral")
    await jasmijn.type("Your own case number", "SD-2026-1187")
    await jasmijn.type("Message to Associação Ponte Tejo", "We take this on. I call her myself.")
    await jasmijn.press("Accept this referral")
    await jasmijn.sees("You accepted this referral")
    await both_see(
        fed, ines, jasmijn, 4, "Waiting: victim contacted", "Waiting for you: contact Oksana"
    )
    await ines.sees("Steunpunt Dom accepted this referral.", "We take this on. I call her myself.")

    # Friday, 10:40 in Utrecht. The night was longer than a session.
    fed.clock.now = SENT + 17 * HOUR + 35 * MINUTE
    for person in (ines, jasmijn):
        await person.sign_in()
        await person.follow("All referrals")
        await person.follow("Оксана Ткаченко Oksana Tkachenko")
    await jasmijn.sees("You may telephone now, until 11:30", oksana.TELEPHONE)
    await jasmijn.press("Record that you reached Oksana")
    await jasmijn.tick("Did you go through safe contact with Oksana, and is it still right?", "Yes")
    await jasmijn.type("Message to Associação Ponte Tejo", "Can you join on Monday?")
    await jasmijn.press("Record it")
    await both_see(fed, ines, jasmijn, 5, "Waiting for the outcome", "Waiting for you: the outcome")

    # A first meeting, to which Inês is asked.
    await jasmijn.press("Fix a meeting")
    await jasmijn.fill(
        ("When?", "23 November 2026, 09:30"),
        ("How many minutes?", "45"),
        ("How?", ["Joint call"]),
        ("Who takes part?", "Oksana, Jasmijn de Wit, Inês Carvalhal"),
        ("Do you ask Associação Ponte Tejo to join?", ["Yes"]),
        ("By when should they confirm?", "20 November 2026, 18:00"),
    )
    await jasmijn.press("Fix this meeting")
    await both_see(fed, ines, jasmijn, 5, "Waiting for the outcome", "Waiting for you: the outcome")
    await ines.sees("Monday 23 November 2026, 08:30 (09:30 in Utrecht), 45 minutes")
    await ines.press("Confirm that I join")
    await ines.press("Confirm that I join")

    # Both write.
    await ines.type("Message to Steunpunt Dom", "She is glad of the room. Thank you.")
    await ines.press("Send message")
    await jasmijn.type("Message to Associação Ponte Tejo", "Does the child need a cot?")
    await jasmijn.press("Send message")
    await both_see(fed, ines, jasmijn, 5, "Waiting for the outcome", "Waiting for you: the outcome")
    for person in (ines, jasmijn):
        await person.sees("She is glad of the room. Thank you.", "Does the child need a cot?")
    await jasmijn.sees("They confirmed.")

    # How it ended.
    await jasmijn.press("Give the outcome")
    await jasmijn.tick("The outcome", "Got help")
    await jasmijn.press("Give this outcome")
    await both_see(fed, ines, jasmijn, 6, "", "")
    assert (await ines.ladder())[5] == ("done", "Outcome: got help")
    await jasmijn.sees("Do not contact Oksana: this referral has ended")
    await jasmijn.misses(oksana.TELEPHONE)

    # Inês takes the proof with her.
    await ines.follow("Signed evidence for each line")
    file = await ines.save("Download the evidence")
    assert oksana.NAME.encode() not in file
    found = verify_evidence(file, fed.clock.now, parse_anchor(fed.anchor))
    assert found.problems == ()
    assert found.anchored
    await ines.follow("Back to the referral")
    names = [name.replace(" ", "") for name in await ines.statements()]
    assert names == sorted(each.hash.hex() for each in found.statements)
