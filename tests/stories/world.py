"""A week at three organisations, for looking at all pages: referrals in every state, two drafts.

Made through the nodes' own functions, not through pages: the stories beside this one do that.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

import referral_inputs
from fed_member import Member
from federation import Federation
from referral_node.exchange import Said
from referral_protocol import examples
from referral_protocol.examples import SENT
from referral_protocol.statements import ASK, NOTE, STATE, WITHDRAW, Head

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = SENT + 3 * DAY + 16 * HOUR + 25 * MINUTE
"""Monday 23 November, 09:30 in Utrecht."""

OTHERS = (
    ("Anabela Nóbrega", None, "pt"),
    ("Joaquim Belo-Marques", None, "pt"),
    ("ليلى حداد", "Layla Haddad", "ar"),
    ("Ελένη Παπαδάκη", "Eleni Papadaki", "el"),
    ("ნინო ბერიძე", "Nino Beridze", "ka"),
)


def person(name: str, latin: str | None, language: str, needs: bool = False) -> dict[str, Any]:
    """The section on who, for somebody else."""
    who = dict(examples.referral(b"", SENT)["who"])
    for key in ("name_latin", "name_to_use", "groups"):
        who.pop(key, None)
    who |= {"name": name, "name_language": language, "case_number": f"PT-2026-{len(name):04}"}
    return who | ({"name_latin": latin} if latin else {})


@dataclass
class Week:
    """The threads by what became of them."""

    fed: Federation
    threads: dict[str, bytes]

    @property
    def lisboa(self) -> Member:
        return self.fed["lisboa"]

    @property
    def utrecht(self) -> Member:
        return self.fed["utrecht"]


async def live(fed: Federation, *, with_oksana: bool = True) -> Week:
    """Friday, 10:41 in Utrecht, after a busy Thursday. Oksana's referral may have been sent."""
    lisboa, utrecht, lviv = (fed[name] for name in ("lisboa", "utrecht", "lviv"))
    fed.clock.now = SENT
    await lisboa.exchange.contacts.compared(
        lisboa.vault(), lisboa.actor, utrecht.id, same=True, spoke_with="Jasmijn de Wit"
    )
    kinds = ("new", "asked", "completed", "declined", "withdrawn")
    threads: dict[str, bytes] = {}
    for kind, other in zip(kinds, OTHERS, strict=True):
        said = await lisboa.refer(utrecht, "routine", who=person(*other))
        threads[kind] = said.thread
    if with_oksana:
        threads["accepted"] = (await lisboa.refer(utrecht, "immediate")).thread
    await fed.read_all()
    await _answers(fed, threads)
    # The way to Lviv is cut: what goes there waits.
    fed.link("lisboa", "lviv").cut()
    waiting = person("Марта Гайова", "Marta Haiova", "uk")
    threads["waiting"] = (await lisboa.refer(lviv, "urgent", who=waiting)).thread
    await draft(lisboa, utrecht, referral_inputs.typed())
    fed.clock.now = SENT + 17 * HOUR + 36 * MINUTE
    await fed.settle(waiting=1)
    return Week(fed, threads)


async def _answers(fed: Federation, threads: dict[str, bytes]) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    for kind in {"accepted", "completed"} & threads.keys():
        await _say(utrecht, threads[kind], STATE, Head(state="accepted"), examples.accepted())
    fed.clock.now = SENT + 17 * HOUR + 20 * MINUTE
    now = fed.clock.now
    accepted = threads.get("accepted")
    if accepted:
        await _say(utrecht, accepted, NOTE, Head(), examples.call_made(now))
        await _say(utrecht, accepted, NOTE, Head(), examples.meeting_fixed(now, MONDAY))
    done = Head(state="completed")
    await _say(utrecht, threads["completed"], STATE, done, examples.outcome())
    no = Head(state="rejected")
    await _say(utrecht, threads["declined"], STATE, no, examples.declined())
    await _say(utrecht, threads["asked"], ASK, Head(), examples.question_back())
    await fed.read_all()
    if accepted:
        await _say(lisboa, accepted, NOTE, Head(), examples.first_message())
    await _say(lisboa, threads["withdrawn"], WITHDRAW, Head(), examples.withdrawal())
    await fed.read_all()


async def _say(member: Member, thread: bytes, kind: str, head: Head, content: Any) -> Said:
    said: Said = await member.exchange.voice.say(
        member.vault(), member.actor, thread, kind, head, dict(content)
    )
    return said


async def draft(member: Member, to: Member | None, typed: dict[str, dict[str, list[str]]]) -> str:
    """A draft with this in it; its id as the pages write it."""
    made = await member.exchange.drafts.create(member.vault(), member.actor)
    found = await member.exchange.drafts.load(member.vault(), made)
    changed = msgspec.structs.replace(found, typed=typed, recipient=to.id if to else None)
    await member.exchange.drafts.save(member.vault(), member.actor, changed)
    return str(made.hex())
