"""What both sides can show of each referral at the end, read from their pages.

For each referral and each side: the state that the list of referrals says, the ladder of its page,
and the evidence that the page hands out with its contents, checked by the protocol's own functions.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from chaos.keyholder import Hand
from chaos.ledger import marks
from page_reader import Page
from referral_protocol.directory.entries import parse_anchor
from referral_protocol.errors import ProtocolError
from referral_protocol.evidence import parse_evidence, verify_evidence
from referral_protocol.evidence.findings import Findings
from referral_protocol.receipts import HELD, HELD_WITHOUT_BODY
from referral_protocol.statements import RETURN

_GOOD: Final = (HELD, HELD_WITHOUT_BODY)


@dataclass
class Account:
    """One side's account of one referral."""

    site: str
    member: bytes
    state: str
    ladder: list[str]
    findings: Findings
    contents: dict[bytes, list[int]]
    """For each statement whose content can be read here: the entries whose texts are in it."""

    @property
    def rungs(self) -> list[str]:
        """Those that both sides can see. Whether a body that was taken back had arrived is known
        to those alone who had it."""
        state = self.findings.state
        unopened = state is not None and state.withdrawn is not None and state.since is None
        return self.ladder[2:] if unopened else self.ladder

    @property
    def statements(self) -> set[bytes]:
        return {each.hash for each in self.findings.statements}

    def said_here(self) -> set[bytes]:
        """The statements of this side, but for those that give back what others said."""
        return {
            s.hash for s in self.findings.statements if s.sender == self.member and s.kind != RETURN
        }

    def held(self) -> set[bytes]:
        """What a verified receipt says is held by the one who was meant to hold it."""
        return {
            named
            for receipt in self.findings.receipts
            for named, status, _ in receipt.answers
            if status in _GOOD
        }


@dataclass
class Accounts:
    """All accounts, by referral and site."""

    by_thread: dict[str, dict[str, Account]] = field(default_factory=lambda: defaultdict(dict))
    faults: list[str] = field(default_factory=list)

    def everything(self) -> list[Account]:
        return [account for sides in self.by_thread.values() for account in sides.values()]

    def of(self, thread: str) -> dict[str, Account]:
        return self.by_thread.get(thread, {})


async def read(hands: Iterable[Hand], anchor: str) -> Accounts:
    """Everything, from the pages of every hand's site; each hand is signed in already."""
    accounts = Accounts()
    for hand in hands:
        for thread, state in (await hand.everything()).items():
            try:
                account = await _account(hand, thread, state, anchor)
            except ProtocolError as refusal:
                accounts.faults.append(f"{hand.site.name} {thread}: evidence: {refusal}")
                continue
            accounts.by_thread[thread][hand.site.name] = account
    return accounts


async def _account(hand: Hand, thread: str, state: str, anchor: str) -> Account:
    page = await hand.browser.get(f"/referral/{thread}")
    evidence = await hand.browser.get(f"/referral/{thread}/evidence")
    form = evidence.form("Download the evidence")
    form.fill({"contents": form.offered["contents"]})
    answer = await hand.browser.send(form, form.button("Download the evidence"))
    if answer.status != 200 or answer.page is not None:
        raise ProtocolError("wrong-value", f"the page answered {answer.status}")
    findings = verify_evidence(answer.body, hand.site.clock.now, parse_anchor(anchor))
    contents = {
        each.statement: marks(each.content.decode("utf-8", "replace"))
        for each in parse_evidence(answer.body).contents
    }
    return Account(hand.site.name, hand.site.id, state, _ladder(page), findings, contents)


def _ladder(page: Page) -> list[str]:
    """How each rung is drawn."""
    ladders = page.main.all("ol", style="ladder")
    return [next(iter(li.classes()), "") for li in ladders[0].all("li")] if ladders else []
