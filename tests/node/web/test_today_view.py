"""Today as it is drawn: the groups, their order and their words, from hand-made summaries."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from markupsafe import escape

from referral_node.exchange import Draft, Figure, Figures, Summary
from referral_node.exchange.cases.summaries import CaseSummary, Pending
from referral_node.web import today_view
from referral_node.web.members import Organisation, Person
from referral_node.web.today_job import Known
from referral_node.web.today_view import Today
from referral_protocol.profiles import Hours, Profile
from referral_protocol.profiles import Organisation as Said
from referral_ui import names
from referral_ui.parts import Job
from referral_ui.times import Place, Times, at

UTRECHT = Place("Europe/Amsterdam", "Utrecht")
HOUR = 3_600_000
DAY = 24 * HOUR
MINUTE = 60_000
WEEK = ("mon", "tue", "wed", "thu", "fri")


def when(text: str) -> int:
    """ "20 10:42" of November 2026 in Utrecht, as milliseconds."""
    from datetime import date

    day, clock = text.split()
    return at(date(2026, 11, int(day)), clock, UTRECHT)


NOW = when("20 10:42")
TIMES = Times(NOW, UTRECHT)
NONE = Figures(0, Figure(0, 0), Figure(0, 0), Figure(0, 0))


def organisation(name: str, city: str, telephone: str, zone: str = "Europe/Paris") -> Organisation:
    hours = (Hours(WEEK, "09:00", "17:00"),)
    said = Said(name, "", "FR", city, zone, hours=hours)
    return Organisation(
        id=b"",
        plain=name,
        latin=name,
        name=names.name(name),
        place=Place(zone, city),
        people=(Person(name, name, "point of contact", telephone),),
        profile=Profile(said),
    )


PEERS = {
    b"tejo": organisation("Ponte Tejo", "Lisbon", "+351 21 000 01 42", "Europe/Lisbon"),
    b"umar": organisation("Umăr", "Cluj-Napoca", "+40 264 000 142", "Europe/Bucharest"),
    b"opora": organisation("Opora Vltava", "Prague", "+420 220 000 142", "Europe/Prague"),
    b"wisla": organisation("Wisła Razem", "Gdańsk", "+48 58 000 01 42", "Europe/Warsaw"),
    b"rhone": organisation("Entraide Rhône", "Lyon", "+33 4 00 00 01 42"),
}


def case(name: str = "Jan Kowalczyk", **more: Any) -> CaseSummary:
    return CaseSummary(name=name, needs=("court-accompaniment",), **more)


def thread(number: int, role: str, peer: bytes, **more: Any) -> Summary:
    """A thread in a list; what is not said is quiet: delivered, read, urgent, due in a week."""
    summary = Summary(
        id=number.to_bytes(32, "big"),
        peer=peer,
        role=role,
        kind="referral",
        priority="routine",
        opened_at=NOW - DAY,
        respond_by=NOW + 7 * DAY,
        state="received",
        ended=False,
        changed_at=NOW - DAY,
        follow_up_at=None,
        opener="gone" if role == "referring" else "imported",
        opener_held=NOW - DAY,
        undelivered=0,
        queued_at=None,
        refused=0,
        unreadable=0,
        case=case(),
    )
    return msgspec.structs.replace(summary, **more)


def page(*summaries: Summary, **more: Any) -> Today:
    known = Known(
        times=more.pop("times", TIMES),
        summaries=summaries,
        drafts=more.pop("drafts", ()),
        figures=more.pop("figures", NONE),
        organisation=PEERS.__getitem__,
        **more,
    )
    return today_view.build(known)


def plain(value: object) -> str:
    return " ".join(escape(value if value is not None else "").striptags().split())


def row(job: Job) -> tuple[str, str, str]:
    """By when, what to do about whom and what then, from or to whom."""
    first = " ".join(
        each for each in (plain(job.tag.text) if job.tag else "", plain(job.when)) if each
    )
    if job.distance:
        first += f" {plain(job.distance)}"
    what = " ".join(each for each in (plain(job.do), plain(job.who)) if each)
    return first, f"{what} – {plain(job.detail)}", plain(job.organisation)


def groups(today: Today) -> dict[str, list[tuple[str, str, str]]]:
    return {group.heading: [row(job) for job in group.jobs] for group in today.groups}


def only(today: Today) -> tuple[str, tuple[str, str, str]]:
    """The one row of the one group."""
    ((heading, rows),) = groups(today).items()
    (one,) = rows
    return heading, one


def test_the_page_as_it_is_drawn() -> None:
    oksana = case("Оксана Ткаченко", language="uk")
    oksana = msgspec.structs.replace(
        oksana, needs=("emotional-support", "shelter-and-safety", "compensation-claim")
    )
    today = page(
        thread(4, "receiving", b"wisla", respond_by=when("19 16:00"), case=case("Νίκος Αλεξίου")),
        thread(3, "referring", b"opora", respond_by=when("18 17:00"), case=case("Léa Fontaine")),
        thread(
            2,
            "referring",
            b"umar",
            priority="immediate",
            respond_by=when("20 20:10"),
            state="requested",
            opener="outgoing",
            opener_held=None,
            undelivered=1,
            queued_at=NOW - 14 * HOUR,
            case=case("Ioana Mureșan"),
        ),
        thread(
            1, "receiving", b"tejo", priority="immediate", respond_by=when("20 17:05"), case=oksana
        ),
        thread(5, "receiving", b"tejo", priority="urgent", respond_by=when("21 12:00")),
        thread(
            6,
            "referring",
            b"wisla",
            respond_by=when("23 17:00"),
            case=case(pending=Pending(False, "information", NOW - HOUR)),
        ),
        thread(
            8,
            "referring",
            b"wisla",
            state="accepted",
            respond_by=when("18 12:00"),
            case=case("Mehmet Yıldız", consent_until="2026-11-24"),
        ),
        thread(
            9,
            "referring",
            b"rhone",
            state="accepted",
            respond_by=when("18 12:00"),
            follow_up_at=when("20 08:00"),
            case=case("Amélie Durand", answered_at=NOW - 14 * DAY),
        ),
        thread(
            10,
            "referring",
            b"rhone",
            state="in-progress",
            follow_up_at=when("26 08:00"),
            case=case("خالد المصري", answered_at=NOW - 8 * DAY, contacted_at=NOW - DAY),
        ),
        drafts=[
            Draft(
                b"d" * 16,
                content={"form": "referral", "who": {"name": "Hatice Demir"}},
                step="safe_contact",
                saved_at=when("19 17:40"),
            )
        ],
        figures=Figures(50, Figure(48, 50), Figure(44, 50), Figure(31, 43)),
    )
    assert today.when == "Friday 20 November 2026, 10:42 in Utrecht"
    assert groups(today) == {
        "Now: immediate and overdue (4)": [
            (
                "Immediate Today 17:05 in 6 h 23 min",
                "Answer: Оксана Ткаченко – emotional support, a safe place to stay,"
                " compensation claim",
                "From Ponte Tejo, Lisbon",
            ),
            (
                "Not delivered Today 20:10 in 9 h 28 min",
                "Telephone them: Ioana Mureșan – your immediate referral has not reached them."
                " Call +40 264 000 142",
                "To Umăr, Cluj-Napoca",
            ),
            (
                "Overdue Wed 18 Nov, 17:00 2 days late",
                "Telephone them: Léa Fontaine – no answer. Call +420 220 000 142",
                "To Opora Vltava, Prague",
            ),
            (
                "Overdue Yesterday 16:00 18 h 42 min late",
                "Answer: Νίκος Αλεξίου – court accompaniment",
                "From Wisła Razem, Gdańsk",
            ),
        ],
        "Answers due (2)": [
            (
                "Sat 21 Nov, 12:00",
                "Answer: Jan Kowalczyk – court accompaniment (urgent)",
                "From Ponte Tejo, Lisbon",
            ),
            (
                "Mon 23 Nov, 17:00",
                "Give information: Jan Kowalczyk – they ask for information",
                "To Wisła Razem, Gdańsk",
            ),
        ],
        "Consents about to end (1)": [
            (
                "Tue 24 Nov, 23:59",
                "Ask again, or end it: Mehmet Yıldız – consent to share ends",
                "To Wisła Razem, Gdańsk",
            )
        ],
        "Follow-ups (2)": [
            (
                "Today",
                "Was the person reached? Amélie Durand – accepted 14 days ago, no news since",
                "To Entraide Rhône, Lyon",
            ),
            (
                "Thu 26 Nov",
                "Was the person reached? خالد المصري – accepted 8 days ago, first contact made",
                "To Entraide Rhône, Lyon",
            ),
        ],
    }
    assert row(today.drafts.jobs[0]) == (
        "Yesterday 17:40",
        "Continue: Hatice Demir – saved at step 2 of 8, safe contact",
        "No organisation chosen",
    )
    assert [(plain(f.name), plain(f.value)) for f in today.figures] == [
        ("Acknowledged", "96% (48 of 50)"),
        ("Answered in time", "88% (44 of 50)"),
        ("Outcome returned", "72% (31 of 43)"),
    ]
    assert today.groups[0].urgent
    assert not any(group.urgent for group in today.groups[1:])


def test_danger_outranks_lateness() -> None:
    today = page(
        thread(1, "receiving", b"tejo", respond_by=NOW - 9 * DAY),
        thread(2, "receiving", b"tejo", priority="immediate", respond_by=NOW + HOUR),
        thread(3, "receiving", b"tejo", priority="immediate", respond_by=NOW - HOUR),
    )
    ((heading, rows),) = groups(today).items()
    assert heading == "Now: immediate and overdue (3)"
    assert [first.split(" ")[0] for first, _, _ in rows] == ["Immediate", "Immediate", "Overdue"]
    assert rows[0][0].endswith("1 h late")


def test_the_empty_page_and_what_comes_next() -> None:
    quiet = thread(1, "referring", b"rhone", case=case(), opener_held=NOW)
    later = thread(
        2,
        "referring",
        b"rhone",
        state="accepted",
        follow_up_at=NOW + 20 * DAY,
        case=case(answered_at=NOW - 11 * DAY),
    )
    today = page(quiet, later, figures=replace_received(4))
    assert today.empty
    assert [row(job)[0] for job in today.next] == ["Thu 10 Dec"]
    assert today.too_few == "Too few referrals to show figures (4; at least 10 are needed)."
    assert today.figures == ()
    assert today.reached
    assert plain(today.reach) == "Entraide Rhône can be reached"


def replace_received(count: int) -> Figures:
    return msgspec.structs.replace(NONE, received=count)


@pytest.mark.parametrize(("received", "shown"), [(9, 0), (10, 3)])
def test_percentages_from_ten_on(received: int, shown: int) -> None:
    assert len(page(figures=replace_received(received)).figures) == shown


def test_all_that_we_work_with_can_be_reached_or_not() -> None:
    ours = [thread(1, "referring", b"rhone"), thread(2, "receiving", b"tejo")]
    assert plain(page(*ours).reach) == "All 2 organisations you work with can be reached"
    lost = page(*ours, out_of_reach={b"tejo", b"someone else"})
    assert plain(lost.reach) == "Not reached at the last try: Ponte Tejo"
    assert not lost.reached
    assert plain(page().reach) == ""


ON_ITS_WAY = {
    "state": "requested",
    "opener": "outgoing",
    "opener_held": None,
    "undelivered": 1,
}


def test_on_its_way_for_a_moment_is_no_cause_to_call() -> None:
    heading, one = only(
        page(thread(1, "referring", b"rhone", **ON_ITS_WAY, queued_at=NOW - MINUTE))
    )
    assert heading == "Not delivered yet (1)"
    assert one[1] == "Wait: Jan Kowalczyk – not delivered yet"


def test_on_its_way_for_long_while_they_are_open() -> None:
    heading, one = only(
        page(thread(1, "referring", b"rhone", **ON_ITS_WAY, queued_at=NOW - 3 * HOUR))
    )
    assert heading == "Not delivered yet (1)"
    assert one == (
        "Today 07:42",
        "Telephone them: Jan Kowalczyk – not delivered yet. Call +33 4 00 00 01 42",
        "To Entraide Rhône, Lyon",
    )


def test_on_its_way_while_they_are_closed() -> None:
    saturday = Times(when("21 10:42"), UTRECHT)
    heading, one = only(
        page(
            thread(1, "referring", b"rhone", **ON_ITS_WAY, queued_at=NOW, respond_by=NOW + 9 * DAY),
            times=saturday,
        )
    )
    assert heading == "Not delivered yet (1)"
    assert one == (
        "Mon 23 Nov, 09:00",
        "Wait, then telephone: Jan Kowalczyk – not delivered yet; they are closed until then",
        "To Entraide Rhône, Lyon",
    )


def test_refused_for_good_is_urgent_whatever_its_priority() -> None:
    heading, one = only(
        page(thread(1, "referring", b"rhone", **ON_ITS_WAY, queued_at=NOW - DAY, refused=1))
    )
    assert heading == "Now: immediate and overdue (1)"
    assert one[0].startswith("Not delivered")
    assert one[1].startswith("Telephone them: Jan Kowalczyk – your referral has not reached them")


def test_a_lost_receipt_is_told_as_not_known() -> None:
    lost = {"opener": "outgoing", "opener_held": None, "undelivered": 1, "unknown": True}
    times = {"opened_at": NOW - HOUR, "queued_at": NOW - HOUR, "state": "requested"}
    now = {"priority": "immediate", "respond_by": NOW + DAY}
    one = thread(1, "referring", b"rhone", **now, **lost, **times)
    (urgent,) = page(one).groups
    assert row(urgent.jobs[0])[1] == (
        "Telephone them: Jan Kowalczyk – your immediate referral may have reached them, no receipt "
        "came back. Call +33 4 00 00 01 42"
    )
    calm = thread(2, "referring", b"rhone", **lost, **times)
    (waiting,) = page(calm).groups
    assert "their node may have it, no receipt came back" in row(waiting.jobs[0])[1]


def test_what_is_not_held_when_its_answer_was_due_is_not_delivered() -> None:
    lost = {"opener": "outgoing", "opener_held": None, "undelivered": 1, "state": "requested"}
    late = thread(1, "referring", b"rhone", respond_by=NOW - 1, queued_at=NOW - DAY, **lost)
    first, what, _ = row(page(late).groups[0].jobs[0])
    assert first.startswith("Not delivered")
    assert "your referral has not reached them" in what


def test_a_number_to_call_can_be_pressed() -> None:
    one = thread(1, "referring", b"rhone", opener="outgoing", refused=1, undelivered=1)
    job = page(one).groups[0].jobs[0]
    assert '<a class="govuk-link" href="tel:+33400000142">' in escape(job.detail or "")


def test_a_withdrawn_consent_stands_before_everything_else() -> None:
    stopped = case(withdrawn="consent-withdrawn", unread=1, last_at=NOW - HOUR)
    for state in ("received", "accepted", "on-hold"):
        gone = thread(1, "receiving", b"tejo", state=state, withdrawn=True, case=stopped)
        overdue = thread(2, "receiving", b"umar", respond_by=NOW - DAY)
        (urgent,) = page(gone, overdue).groups
        assert urgent.urgent
        assert row(urgent.jobs[0])[1] == (
            "Stop, and end it: Jan Kowalczyk – consent was withdrawn: erase what no law obliges "
            "you to keep"
        )
        assert len(urgent.jobs) == 2


def test_a_withdrawn_referral_asks_for_its_end_and_for_no_answer() -> None:
    taken = case(withdrawn="no-longer-needed", unread=1, last_at=NOW - HOUR)
    late = {"respond_by": NOW - DAY, "withdrawn": True, "case": taken}
    gone = thread(1, "receiving", b"tejo", **late)
    (due,) = page(gone).groups
    assert (due.title, len(due.jobs)) == ("Answers due", 1)
    assert row(due.jobs[0])[1].startswith("End it: Jan Kowalczyk – they withdrew it: ")
    # Nobody telephones for an answer to what we took back ourselves.
    assert page(thread(2, "referring", b"tejo", **late | {"case": case()})).groups == ()
    over = thread(3, "receiving", b"tejo", state="cancelled", ended=True, **late)
    assert [group.title for group in page(over).groups] == ["New messages"]


def test_waiting_for_their_key() -> None:
    waiting = {**ON_ITS_WAY, "opener": "unsealed"}
    heading, one = only(page(thread(1, "referring", b"rhone", **waiting)))
    assert heading == "Waiting for their key (1)"
    assert one[1].startswith("Wait for their key: Jan Kowalczyk – it goes by itself")


def test_consent_that_has_ended_or_ends_far_off() -> None:
    ended = case(consent_until="2026-11-10")
    going = thread(1, "referring", b"rhone", state="accepted", case=ended)
    assert "consent to share ended" in only(page(going))[1][1]
    far = case(consent_until="2027-05-19")
    assert page(thread(1, "referring", b"rhone", state="accepted", case=far)).empty
    assert page(thread(1, "receiving", b"rhone", state="accepted", case=ended)).empty
    over = thread(1, "referring", b"rhone", state="completed", ended=True, case=ended)
    assert page(over).empty
    nonsense = case(consent_until="soon")
    assert page(thread(1, "referring", b"rhone", state="accepted", case=nonsense)).empty


def test_news_that_nobody_has_read() -> None:
    told = case(unread=2, answer="accepted", last_at=NOW - HOUR)
    heading, one = only(page(thread(1, "referring", b"rhone", state="accepted", case=told)))
    assert heading == "New messages (1)"
    assert one == (
        "Today 09:42",
        "Read: Jan Kowalczyk – accepted; 2 new messages",
        "To Entraide Rhône, Lyon",
    )
    declined = case(unread=1, answer="rejected", last_at=NOW)
    over = thread(1, "referring", b"rhone", state="rejected", ended=True, case=declined)
    assert only(page(over))[1][1] == "Read: Jan Kowalczyk – declined; 1 new message"


def test_what_cannot_be_read_yet_is_a_row_too() -> None:
    sealed = thread(1, "receiving", b"tejo", state="requested", case=None, opener="sealed")
    assert only(page(sealed))[1][1] == "Answer: a referral – not opened yet"
    broken = msgspec.structs.replace(sealed, unreadable=1)
    assert "your node cannot read it" in only(page(broken))[1][1]


def test_unknown_codes_are_shown_as_such() -> None:
    odd = CaseSummary(name="Jan", needs=("moon-landing",))
    assert (
        "moon-landing (unknown code)" in only(page(thread(1, "receiving", b"tejo", case=odd)))[1][1]
    )
    asked = case(pending=Pending(False, "dance", NOW))
    assert (
        "they ask you something" in only(page(thread(1, "referring", b"rhone", case=asked)))[1][1]
    )


def test_a_capacity_query_names_nobody() -> None:
    query = CaseSummary(needs=("child-support",), age_band="6-11")
    one = only(page(thread(1, "receiving", b"tejo", kind="capacity", case=query)))[1]
    assert one[1] == "Say if you have capacity – child support, age 6 to 11; no personal data"


def test_no_summary_no_crash_and_nothing_of_a_thread_in_two_groups() -> None:
    both = thread(
        1,
        "receiving",
        b"tejo",
        priority="immediate",
        undelivered=1,
        queued_at=NOW,
        case=case(unread=3),
    )
    assert [len(rows) for rows in groups(page(both)).values()] == [1]
    assert replace(page(both), groups=()).empty


def test_whom_nobody_helps_stands_until_somebody_decides() -> None:
    nobody = case(reason="at-capacity", answer="rejected", undecided=True, last_at=NOW - HOUR)
    said = ("Today 09:42", "Decide what next: Jan Kowalczyk – declined: we have no capacity")
    gone = thread(1, "referring", b"tejo", state="rejected", ended=True, case=nobody)
    heading, (when_, what, _) = only(page(gone))
    assert (heading, when_, what) == ("Decide what next (1)", *said)
    # What is new in it hides nothing, and is no second row.
    new = msgspec.structs.replace(nobody, unread=2)
    assert only(page(msgspec.structs.replace(gone, case=new)))[0] == "Decide what next (1)"
    # Danger is not over because somebody declined.
    first = only(page(msgspec.structs.replace(gone, priority="immediate")))
    assert first[0] == "Now: immediate and overdue (1)"
    assert said[1] in first[1][1]
    # A state that counted for nothing has ended nothing.
    open_ = msgspec.structs.replace(gone, state="in-progress", ended=False)
    assert page(open_).empty


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        ("failed", {"outcome": "could-not-contact"}, "ended: could not be reached"),
        ("cancelled", {"outcome": "cancelled"}, "cancelled"),
        ("entered-in-error", {}, "sent by mistake"),
        ("cancelled", {"withdrawn": "entered-in-error"}, "withdrawn: sent by mistake"),
    ],
)
def test_how_it_ended_is_said_in_a_few_words(state: str, more: dict[str, str], words: str) -> None:
    nobody = case(undecided=True, last_at=NOW - HOUR, **more)
    gone = thread(1, "referring", b"tejo", state=state, ended=True, case=nobody)
    assert only(page(gone))[1][1] == f"Decide what next: Jan Kowalczyk – {words}"


def test_a_draft_that_goes_on_stands_with_the_person_and_not_twice() -> None:
    nobody = case(undecided=True, last_at=NOW - HOUR, reason="at-capacity")
    gone = thread(1, "referring", b"tejo", state="rejected", ended=True, case=nobody)
    draft = Draft(b"d" * 16, step="consent", saved_at=NOW, follows=gone.id)
    other = Draft(b"e" * 16, step="who", saved_at=NOW, follows=b"x" * 32)
    today = page(gone, drafts=[draft, other])
    (group,) = today.groups
    assert group.jobs[0].do == "Finish the new referral:"
    assert group.jobs[0].href == f"/new/{(b'd' * 16).hex()}/consent"
    assert [job.href for job in today.drafts.jobs] == [f"/new/{(b'e' * 16).hex()}/who"]
