"""The exchange: what a node does with messages, whoever asks for it (pages, peers, the courier).

The parts share one :class:`~referral_node.exchange.core.Core` and never call upwards: listeners,
pages and the courier call them.
"""

from referral_node.exchange.cases.erasing import decide as erase
from referral_node.exchange.cases.evidence import Evidence
from referral_node.exchange.cases.figures import NO_ANSWERS, Answers, Counting, Figure, Figures
from referral_node.exchange.cases.listing import Cases, Choice, Lists, Summary
from referral_node.exchange.cases.threads import MessageView, Threads, ThreadView
from referral_node.exchange.core import Actor, Core
from referral_node.exchange.directory.contacts import Contacts, FirstContact, MemberNote
from referral_node.exchange.directory.members import Member, MemberBook
from referral_node.exchange.directory.own_profile import OwnProfile
from referral_node.exchange.directory.updating import (
    NotJoined,
    UpdateRefused,
    UpdateWaits,
    Updating,
    WaitingUpdate,
)
from referral_node.exchange.directory.views import Views
from referral_node.exchange.files.attachments import Attachments
from referral_node.exchange.files.filing import FileEntry, FilesGone, Filing, TooMany, entry_of
from referral_node.exchange.keys.case import CaseKeys
from referral_node.exchange.keys.vault import Keys, KeysStanding
from referral_node.exchange.receiving.importing import Importing, ImportResult
from referral_node.exchange.receiving.inbox import Inbox
from referral_node.exchange.records import Records, looked, set_follow_up
from referral_node.exchange.sending.compose import NotAllowed, Voice, author
from referral_node.exchange.sending.drafts import Draft, DraftGone, Drafts, StaleDraft
from referral_node.exchange.sending.saying import Said, UnknownThread


class Exchange:
    """All parts over one core: what the pages and the listeners are given."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.us = core.us
        self.store = core.store
        self.clock = core.clock
        self.entropy = core.entropy
        self.members = core.members
        self.inbox = Inbox(core)
        self.voice = Voice(core)
        self.importing = Importing(core)
        self.threads = Threads(core)
        self.lists = Lists(core)
        self.drafts = Drafts(core)
        self.contacts = Contacts(core)
        self.records = Records(core)
        self.figures = Counting(core)
        self.casekeys = CaseKeys(core)
        self.evidence = Evidence(core)
        self.attachments = Attachments(core)
        self.filing = Filing(core)
        self.updating = Updating(core)
        self.own_profile = OwnProfile(core, self.updating)
        self.keys = Keys(core, self.updating)
        self.views = Views(core)


__all__ = [
    "NO_ANSWERS",
    "Actor",
    "Answers",
    "Cases",
    "Choice",
    "Core",
    "Draft",
    "DraftGone",
    "Exchange",
    "Figure",
    "Figures",
    "FileEntry",
    "FilesGone",
    "FirstContact",
    "ImportResult",
    "KeysStanding",
    "Member",
    "MemberBook",
    "MemberNote",
    "MessageView",
    "NotAllowed",
    "NotJoined",
    "Said",
    "StaleDraft",
    "Summary",
    "ThreadView",
    "TooMany",
    "UnknownThread",
    "UpdateRefused",
    "UpdateWaits",
    "WaitingUpdate",
    "author",
    "entry_of",
    "erase",
    "looked",
    "set_follow_up",
]
