"""Bad days: their node is down, a member is suspended, the directory has been silent."""

import pytest

from federation import DIRECTORY, Federation
from referral_protocol import examples
from referral_protocol.directory.entries import ACTIVE
from referral_protocol.statements import WITHDRAW, Head
from stories import world
from stories.conftest import MINUTE, Sit

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY = 24 * 60 * MINUTE


async def test_their_node_is_down_and_comes_back(fed: Federation, sit: Sit) -> None:
    await fed["utrecht"].stop()
    said = await fed["lisboa"].refer(fed["utrecht"], "immediate")
    ines = await sit("lisboa", script=False)
    await ines.sign_in()
    await ines.follow("All referrals")
    await ines.follow("Оксана Ткаченко Oksana Tkachenko")
    assert (await ines.ladder())[:2] == [
        ("now", "Waiting to be delivered"),
        ("todo", "Held by their node: not yet"),
    ]
    # After a while it stands on Today, with the number to telephone.
    fed.clock.now += 25 * MINUTE
    await ines.follow("Today")
    await ines.sees(
        "Telephone them: Оксана Ткаченко Your immediate referral has not reached them.",
        "Call +31 30 000 02 10",
    )
    await fed["utrecht"].start()
    await fed.settle()
    await ines.open(f"/referral/{said.thread.hex()}")
    assert (await ines.ladder())[:2] == [("done", "Sent"), ("done", "Held by their node")]
    await ines.follow("Today")
    await ines.misses("Not delivered", "Telephone them")


async def test_a_suspended_member_is_not_offered(fed: Federation, sit: Sit) -> None:
    ines = await sit("lisboa")
    await ines.sign_in()
    await ines.open(f"/organisation/{fed['lviv'].id.hex()}")
    await ines.misses("suspended")
    await fed.change_status(fed["lviv"])
    await ines.look_again()
    await ines.sees("This organisation is suspended.", "Nothing new can be sent to them now.")
    assert await ines.page.get_by_role("button", name="Choose").count() == 0
    await fed.change_status(fed["lviv"], ACTIVE)
    await ines.look_again()
    await ines.misses("suspended")


async def test_withdrawn_before_anybody_opened_it(fed: Federation, sit: Sit) -> None:
    lisboa = fed["lisboa"]
    said = await lisboa.refer(fed["utrecht"], who=world.person("Юлія Бондар", None, "uk"))
    await fed.settle()
    await fed["utrecht"].read()  # somebody was signed in there, but looked at other pages
    content = dict(examples.withdrawal())
    await lisboa.exchange.voice.say(
        lisboa.vault(), lisboa.actor, said.thread, WITHDRAW, Head(), content
    )
    await fed.settle()
    jasmijn = await sit("utrecht")
    await jasmijn.sign_in()
    # Her node had read it already: they are told what became of that.
    await jasmijn.follow("Say what you erased: Юлія Бондар")
    await jasmijn.sees("Consent was withdrawn", "Do not contact Юлія Бондар")
    await jasmijn.misses("+31 30 000 01 42")
    assert (await jasmijn.ladder())[2] == ("todo", "Opened by a person: not before it ended")


async def test_a_silent_directory_is_told_but_stops_nobody(fed: Federation, sit: Sit) -> None:
    for link in fed.links_of(DIRECTORY):
        link.cut()
    fed.clock.now += DAY + 60 * MINUTE
    ines = await sit("lisboa")
    await ines.sign_in()
    await ines.sees("The directory cannot be reached", "Organisations that you know")
    await ines.misses("Confirm keys by telephone")
    other = world.person("Анна Руденко", None, "uk")
    said = await fed["lisboa"].refer(fed["utrecht"], who=other)
    await fed.settle()
    await ines.open(f"/referral/{said.thread.hex()}")
    assert (await ines.ladder())[1] == ("done", "Held by their node")
    fed.clock.now += 30 * DAY
    await ines.sign_in()
    await ines.sees("Confirm keys by telephone before you send to anybody.")
    for link in fed.links_of(DIRECTORY):
        link.mend()
