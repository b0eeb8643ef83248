"""A recovery that nobody here asked for is told by mail: to the point of contact and the
administrator, at once, until a keyholder has answered."""

from pathlib import Path

from directory_world import card_of, signer
from mail_world import ADMINISTRATOR, MINUTE, MailWorld
from node_world import ACTOR
from referral_node.exchange.notices.duty import POINT_OF_CONTACT
from referral_protocol.directory.entries import make_recovery_entry

SAID = "VSE was told that your organisation has lost its key"


async def test_both_are_told_until_it_is_answered(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        assert world.offices is not None
        office, log = world.office, world.offices.world
        office.exchange.core.vault_key = signer("utrecht vault").public
        await world.round()
        assert world.texts("ines") == []
        member = log.member("utrecht")
        card = card_of("utrecht", vault_key=signer("new").public, endpoint=member.endpoint)
        log.now = world.clock.now
        content = make_recovery_entry(
            log.genesis, member.id, member.number + 1, member.head, card, log.now
        )
        log.log_in(content, signer("new"), signer("utrecht node"), log.registrars[0])
        await office.keeper.take(log.checkpoint(), log.leaves[office.keeper.replica.size :])
        for _ in range(3):
            world.clock.now += 10 * MINUTE
            await world.round()
        assert [SAID in text for text in world.texts("ines")] == [True]
        assert [SAID in text for text in world.texts(ADMINISTRATOR)] == [True]
        await office.exchange.keys.recovery.approve(ACTOR)
        for _ in range(3):
            world.clock.now += 10 * MINUTE
            await world.round()
        assert len(world.texts("ines")) == 1
