"""What VSE erased of a profile is dropped by every node that asks next; the log stays as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fed_member import Member
from federation import Federation
from referral_node.delivery.tiles import absent
from referral_protocol.directory.tiles import EMPTY_TILE, TILE_MEMBERS, Index
from referral_protocol.profiles import Profile


def profile_at(reader: Member, about: Member) -> Profile | None:
    profile: Profile | None = reader.exchange.members.profile(about.id)
    return profile


def root_of(member: Member) -> str:
    """The log as this node holds it, by its checkpoint's root."""
    text: str = member.exchange.members.checkpoint
    return text.split("\n")[2]


def on_disk(member: Member) -> bytes:
    """Every byte of a node's database and of the log beside it."""
    return b"".join(file.read_bytes() for file in member.folder.path.glob("node.db*"))


async def erase(fed: Federation, about: Member, *records: str) -> None:
    async with fed.registrar() as office:
        for record in records:
            await office.ask("erase", member=about.id.hex(), record=record)


async def learn(fed: Federation, reader: Member, so: Callable[[], bool]) -> None:
    fed.clock.now += 60_000
    await fed.learns(reader, so)


async def test_erased_records_are_dropped(tmp_path: Path) -> None:
    async with Federation(tmp_path, "lisboa", "utrecht") as fed:
        lisboa, utrecht = fed["lisboa"], fed["utrecht"]
        before = profile_at(utrecht, lisboa)
        assert before is not None
        name = before.contacts[0].name.encode()
        assert name in on_disk(utrecht)
        root = root_of(utrecht)

        await erase(fed, lisboa, "contacts")

        def without_contacts() -> bool:
            now = profile_at(utrecht, lisboa)
            return now is not None and not now.contacts

        await learn(fed, utrecht, without_contacts)
        assert profile_at(utrecht, utrecht) is not None
        assert root_of(utrecht) == root

        await erase(fed, lisboa, "organisation", "services")
        await learn(fed, utrecht, lambda: profile_at(utrecht, lisboa) is None)
        assert profile_at(utrecht, utrecht) is not None
        assert name not in on_disk(utrecht)
        assert root_of(utrecht) == root
        await utrecht.stop()
        await utrecht.start()
        assert profile_at(utrecht, lisboa) is None


async def test_whose_people_were_erased_is_told_on_today(tmp_path: Path) -> None:
    erased = "VSE erased your people from the directory"
    async with Federation(tmp_path, "lisboa", "utrecht") as fed:
        lisboa = fed["lisboa"]
        await lisboa.sign_in()
        reader = lisboa.page()
        assert erased not in (await reader.get("/")).text
        await erase(fed, lisboa, "contacts")

        def without_contacts() -> bool:
            now = profile_at(lisboa, lisboa)
            return now is not None and not now.contacts

        await learn(fed, lisboa, without_contacts)
        assert erased in (await reader.get("/")).text


async def test_of_a_member_that_was_removed_people_s_names_go(tmp_path: Path) -> None:
    async with Federation(tmp_path, "lisboa", "utrecht") as fed:
        lisboa, utrecht = fed["lisboa"], fed["utrecht"]
        before = profile_at(utrecht, lisboa)
        assert before is not None
        await fed.change_status(lisboa, "removed")

        def without_contacts() -> bool:
            now = profile_at(utrecht, lisboa)
            return now is not None and not now.contacts

        await learn(fed, utrecht, without_contacts)
        after = profile_at(utrecht, lisboa)
        assert after is not None
        assert after.organisation.name == before.organisation.name
        assert before.contacts[0].name.encode() not in on_disk(utrecht)


# which members nothing is said of


MEMBERS = [bytes([n]) * 16 for n in range(TILE_MEMBERS + 3)]
FULL, REST = b"f" * 32, b"r" * 32


@pytest.mark.parametrize(
    ("index", "present", "expected"),
    [
        ((FULL, REST), {}, []),
        ((FULL, REST), {REST: set(MEMBERS[TILE_MEMBERS:])}, []),
        ((FULL, REST), {REST: set(MEMBERS[TILE_MEMBERS + 1 :])}, [TILE_MEMBERS]),
        ((FULL, REST), {FULL: set(MEMBERS[: TILE_MEMBERS - 1])}, [TILE_MEMBERS - 1]),
        ((FULL, EMPTY_TILE), {}, [TILE_MEMBERS, TILE_MEMBERS + 1, TILE_MEMBERS + 2]),
        ((FULL,), {}, [TILE_MEMBERS, TILE_MEMBERS + 1, TILE_MEMBERS + 2]),
    ],
)
def test_who_is_absent(
    index: tuple[bytes, ...], present: dict[bytes, set[bytes]], expected: list[int]
) -> None:
    found = absent(MEMBERS, Index(index), present)
    assert found == [MEMBERS[place] for place in expected]
