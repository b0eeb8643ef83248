"""The fit check: a reason for every verdict, nothing hidden, "not stated" never "no"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol import codes, examples, fit, profiles
from referral_protocol.fit import FITS, MISFIT, UNSTATED, Finding, Wanted
from referral_protocol.profiles import Service

OKSANA = fit.wanted(examples.referral(bytes(16)), examples.SENT)
MEMBERS = [
    (name, profiles.decode(profiles.encode(plain))) for name, plain in examples.PROFILES.items()
]


def service(**said: object) -> Service:
    plain = {"name": "S", "language": "en", "needs": ("legal-information",), "forms": ("online",)}
    return Service(**{**plain, **said})  # type: ignore[arg-type]  # the values are the test's


def aspect(name: str, person: Wanted, **said: object) -> Finding | None:
    return next((each for each in fit.fit(person, service(**said)) if each.aspect == name), None)


def test_what_the_draft_of_the_story_wants() -> None:
    assert (
        Wanted(
            needs=("emotional-support", "shelter-and-safety", "compensation-claim"),
            lives_country="NL",
            lives_region="NL-UT",
            harmed_country="PT",
            age_from=34,
            age_to=34,
            role="victim",
            groups=("women", "migrants", "domestic-violence"),
            languages=("uk",),
            interpreter="uk",
        )
        == OKSANA
    )


def test_a_capacity_query_is_compared_like_a_draft() -> None:
    query = fit.wanted(examples.capacity_query(), examples.SENT)
    assert (query.age_from, query.age_to, query.lives_region) == (25, 34, "NL-UT")
    assert query.languages == ("uk",)


def test_the_story_utrecht_fits_but_for_the_interpreter_which_is_not_stated() -> None:
    utrecht = fit.organisation_fit(OKSANA, "utrecht", dict(MEMBERS)["utrecht"])
    verdicts = {(each.aspect, *each.values): each.verdict for each in utrecht.findings}
    assert verdicts["need", "emotional-support"] == FITS
    assert verdicts["need", "shelter-and-safety"] == FITS
    assert verdicts["need", "compensation-claim"] == FITS
    assert verdicts["place", "NL-UT"] == FITS
    assert verdicts["age", "18", "150"] == FITS
    assert verdicts["language", "uk"] == UNSTATED
    assert utrecht.counted == (6, 7)


def test_the_story_lviv_speaks_ukrainian_and_offers_talks_only() -> None:
    lviv = fit.organisation_fit(OKSANA, "lviv", dict(MEMBERS)["lviv"])
    assert Finding("language", FITS, "spoken", ("uk",)) in lviv.findings
    assert Finding("place", FITS, "any-place") in lviv.findings
    assert Finding("need", MISFIT, "not-offered", ("shelter-and-safety",)) in lviv.findings


def test_best_fit_first_and_nothing_left_out() -> None:
    ranked = fit.rank_organisations(OKSANA, MEMBERS)
    assert ranked[0].key == "utrecht"
    assert {each.key for each in ranked} == {"lisboa", "utrecht", "lviv"}
    services = fit.rank(OKSANA, ((name, s) for name, p in MEMBERS for s in p.services))
    assert len(services) == sum(len(p.services) for _, p in MEMBERS)
    assert services[-1].excludes
    assert services[-1].service.name_english == "Help in Lviv"


NOBODY = Wanted()
HERE = Wanted(lives_country="NL", lives_region="NL-UT", harmed_country="PT")


@pytest.mark.parametrize(
    ("person", "said", "verdict", "reason"),
    [
        (HERE, {}, UNSTATED, "area-not-stated"),
        (HERE, {"eligibility": "any-place"}, FITS, "any-place"),
        (HERE, {"eligibility": "lives-here", "lives_in": ("NL",)}, FITS, "lives-in-area"),
        (
            HERE,
            {"eligibility": "lives-here", "lives_in": ("NL",), "lives_in_regions": ("NL-UT",)},
            FITS,
            "lives-in-area",
        ),
        (
            HERE,
            {"eligibility": "lives-here", "lives_in": ("NL",), "lives_in_regions": ("NL-ZH",)},
            MISFIT,
            "only-lives-here",
        ),
        (
            HERE,
            {
                "eligibility": "lives-here",
                "lives_in": ("NL", "BE"),
                "lives_in_regions": ("BE-VAN",),
            },
            FITS,
            "lives-in-area",
        ),
        (
            HERE._replace(lives_region=""),
            {"eligibility": "lives-here", "lives_in": ("NL",), "lives_in_regions": ("NL-ZH",)},
            UNSTATED,
            "person-region-unknown",
        ),
        (HERE, {"eligibility": "lives-here", "lives_in": ("PT",)}, MISFIT, "only-lives-here"),
        (HERE, {"eligibility": "lives-here"}, UNSTATED, "area-not-stated"),
        (HERE, {"eligibility": "harmed-here", "harmed_in": ("PT",)}, FITS, "harmed-in-area"),
        (HERE, {"eligibility": "harmed-here", "lives_in": ("PT",)}, FITS, "harmed-in-area"),
        (HERE, {"eligibility": "harmed-here", "harmed_in": ("NL",)}, MISFIT, "only-harmed-here"),
        (
            HERE,
            {"eligibility": "either", "lives_in": ("UA",), "harmed_in": ("PT",)},
            FITS,
            "harmed-in-area",
        ),
        (
            HERE,
            {"eligibility": "either", "lives_in": ("UA",), "harmed_in": ("UA",)},
            MISFIT,
            "only-lives-or-harmed-here",
        ),
        (
            HERE,
            {"eligibility": "either", "lives_in": ("PT",), "lives_in_regions": ("PT-11",)},
            UNSTATED,
            "area-not-stated",
        ),
        (NOBODY, {"eligibility": "either", "lives_in": ("PT",)}, UNSTATED, "person-place-unknown"),
        (HERE, {"eligibility": "by-moonlight"}, UNSTATED, "area-not-stated"),
    ],
)
def test_place(person: Wanted, said: dict[str, object], verdict: str, reason: str) -> None:
    found = aspect("place", person, **said)
    assert found is not None
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("years", "said", "verdict", "reason"),
    [
        ((34, 34), {"age_from": 18}, FITS, "age-in-range"),
        ((34, 34), {"age_to": 17}, MISFIT, "age-out-of-range"),
        ((18, 18), {"age_from": 18, "age_to": 18}, FITS, "age-in-range"),
        ((17, 17), {"age_from": 18}, MISFIT, "age-out-of-range"),
        ((16, 17), {"age_from": 17}, UNSTATED, "age-band-overlaps"),
        ((34, 34), {}, UNSTATED, "ages-not-stated"),
        ((None, None), {"age_from": 18}, UNSTATED, "person-age-unknown"),
        ((None, None), {"age_from": 0}, FITS, "age-in-range"),
    ],
)
def test_age(
    years: tuple[int | None, int | None], said: dict[str, object], verdict: str, reason: str
) -> None:
    found = aspect("age", Wanted(age_from=years[0], age_to=years[1]), **said)
    assert found is not None
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("groups", "served", "expected"),
    [
        (("women",), ("all",), None),
        ((), (), None),
        (("women",), (), (UNSTATED, "served-not-stated")),
        (("women", "migrants"), ("women",), (FITS, "group-served")),
        (("men",), ("women",), (MISFIT, "group-not-served")),
        (("women",), ("men",), (MISFIT, "group-not-served")),
        (("men",), ("women", "children"), (UNSTATED, "only-groups")),
        ((), ("women",), (UNSTATED, "only-groups")),
        (("women",), ("lgbti",), (UNSTATED, "only-groups")),
    ],
)
def test_people_served(
    groups: tuple[str, ...], served: tuple[str, ...], expected: tuple[str, str] | None
) -> None:
    found = aspect("served", Wanted(groups=groups, role="victim"), served=served)
    assert (found and (found.verdict, found.reason)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("yes", (FITS, "witnesses-served")),
        ("no", (MISFIT, "witnesses-not-served")),
        ("", (UNSTATED, "witnesses-not-stated")),
    ],
)
def test_a_witness(said: str, expected: tuple[str, str]) -> None:
    found = aspect("served", Wanted(role="witness"), served=("all",), witnesses=said)
    assert found is not None
    assert (found.verdict, found.reason) == expected


@pytest.mark.parametrize(
    ("person", "said", "verdict", "reason"),
    [
        (OKSANA, {"languages": ("nl", "uk")}, FITS, "spoken"),
        (OKSANA, {"interpreter_languages": ("uk",)}, FITS, "interpreter"),
        (OKSANA, {"interpreters": "any-language"}, FITS, "interpreter"),
        (
            OKSANA,
            {"languages": ("nl",), "interpreters": "on-request"},
            UNSTATED,
            "interpreter-not-stated",
        ),
        (OKSANA, {"languages": ("nl",), "interpreters": "none"}, MISFIT, "no-interpreter"),
        (OKSANA, {}, UNSTATED, "languages-not-stated"),
        (NOBODY, {"languages": ("nl",)}, UNSTATED, "person-language-unknown"),
        (Wanted(languages=("dse",)), {"languages": ("dse",)}, FITS, "spoken"),
    ],
)
def test_language(person: Wanted, said: dict[str, object], verdict: str, reason: str) -> None:
    found = aspect("language", person, **said)
    assert found is not None
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("capacity", "verdict", "reason"),
    [
        ("has-capacity", FITS, "has-capacity"),
        ("waiting-list", FITS, "waiting-list"),
        ("no-capacity", MISFIT, "no-capacity"),
        ("", UNSTATED, "capacity-not-stated"),
        ("later-code", UNSTATED, "capacity-not-stated"),
    ],
)
def test_capacity(capacity: str, verdict: str, reason: str) -> None:
    found = aspect("capacity", NOBODY, capacity=capacity)
    assert found is not None
    assert (found.verdict, found.reason) == (verdict, reason)


def test_of_equal_fit_the_readier_and_then_the_quicker_comes_first() -> None:
    person = Wanted(needs=("legal-information",))
    offered = [
        ("none", service(capacity="no-capacity", answer_days=0)),
        ("unsaid", service()),
        ("slow", service(capacity="has-capacity", answer_days=9)),
        ("waiting", service(capacity="waiting-list", answer_days=0)),
        ("quick", service(capacity="has-capacity", answer_days=1)),
        ("asked", service(capacity="assessment-required")),
    ]
    ranked = [each.key for each in fit.rank(person, offered)]
    assert ranked == ["quick", "slow", "asked", "waiting", "unsaid", "none"]


def test_whom_it_may_not_serve_comes_last_even_if_it_meets_more_needs() -> None:
    person = OKSANA
    everything = service(needs=OKSANA.needs, age_to=17, capacity="has-capacity")
    little = service(needs=OKSANA.needs[:1], age_from=18, capacity="no-capacity")
    ranked = fit.rank(person, [("all", everything), ("little", little)])
    assert [each.key for each in ranked] == ["little", "all"]


def test_a_need_that_only_an_excluding_service_meets_says_why() -> None:
    home = profiles.Organisation("H", "en", "NL", "Utrecht", "Europe/Amsterdam")
    member = profiles.Profile(
        home,
        (),
        (
            service(needs=("emotional-support",), age_from=18),
            service(needs=("shelter-and-safety",), age_to=17),
        ),
    )
    found = fit.organisation_fit(OKSANA, "h", member).findings
    assert Finding("need", FITS, "offered", ("emotional-support",)) in found
    assert Finding("need", MISFIT, "age-out-of-range", ("shelter-and-safety",)) in found
    assert Finding("need", MISFIT, "not-offered", ("compensation-claim",)) in found


def member(*services: Service) -> profiles.Profile:
    home = profiles.Organisation("H", "en", "NL", "Utrecht", "Europe/Amsterdam")
    return profiles.Profile(home, (), services)


TALK_AND_ROOM = HERE._replace(needs=("emotional-support", "shelter-and-safety"))
TALK = service(needs=("emotional-support",), eligibility="any-place", age_from=0)


@pytest.mark.parametrize(
    ("person", "room", "expected"),
    [
        (
            TALK_AND_ROOM,
            {"lives_in": ("PT",)},
            Finding("place", MISFIT, "only-lives-here", ("PT",)),
        ),
        (
            TALK_AND_ROOM._replace(lives_region=""),
            {"lives_in": ("NL",), "lives_in_regions": ("NL-UT",)},
            Finding("place", UNSTATED, "person-region-unknown", ("NL-UT",)),
        ),
        (
            TALK_AND_ROOM,
            {"lives_in": ("NL",), "served": ("women",)},
            Finding("served", UNSTATED, "only-groups", ("women",)),
        ),
        (
            TALK_AND_ROOM._replace(age_from=34, age_to=34),
            {"lives_in": ("NL",), "age_to": 17},
            Finding("age", MISFIT, "age-out-of-range", ("0", "17")),
        ),
    ],
)
def test_an_organisation_is_as_open_as_the_service_that_each_need_takes(
    person: Wanted, room: dict[str, object], expected: Finding
) -> None:
    shelter = service(needs=("shelter-and-safety",), **{"eligibility": "lives-here", **room})
    found = fit.organisation_fit(person, "h", member(TALK, shelter)).findings
    assert [each for each in found if each.aspect == expected.aspect] == [expected]


def test_each_need_takes_the_most_open_of_the_services_that_cover_it() -> None:
    both = service(needs=TALK_AND_ROOM.needs, eligibility="lives-here", languages=("nl",))
    room = service(needs=("shelter-and-safety",), eligibility="any-place", age_from=0)
    found = fit.organisation_fit(TALK_AND_ROOM, "h", member(both, TALK, room)).findings
    assert Finding("place", FITS, "any-place") in found
    assert Finding("age", FITS, "age-in-range", ("0", "150")) in found


def test_a_service_that_covers_no_need_does_not_count() -> None:
    other = service(needs=("legal-information",), eligibility="lives-here", lives_in=("PT",))
    found = fit.organisation_fit(TALK_AND_ROOM, "h", member(TALK, other)).findings
    assert Finding("place", FITS, "any-place") in found


def test_a_member_without_services_is_shown_too() -> None:
    home = profiles.Organisation("H", "en", "NL", "Utrecht", "Europe/Amsterdam")
    empty = fit.organisation_fit(OKSANA, "h", profiles.Profile(home))
    assert {each.verdict for each in empty.findings} == {MISFIT}
    assert [each.key for each in fit.rank_organisations(OKSANA, [("h", profiles.Profile(home))])]


def pick(key: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["", "later-code", *codes.listed(key)])


def some(key: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(sorted(codes.listed(key))), max_size=3, unique=True).map(tuple)


PLACES = st.lists(st.sampled_from(["NL", "PT", "UA"]), max_size=2, unique=True).map(tuple)
YEARS = st.none() | st.integers(0, 150)
SERVICES = st.builds(
    Service,
    name=st.just("S"),
    language=st.just("en"),
    needs=some("needs"),
    forms=some("forms-of-help"),
    served=some("victim-groups"),
    witnesses=pick("answers"),
    age_from=YEARS,
    age_to=YEARS,
    eligibility=pick("eligibilities"),
    lives_in=PLACES,
    lives_in_regions=st.sampled_from([(), ("NL-UT",), ("PT-11", "NL-ZH")]),
    harmed_in=PLACES,
    languages=st.sampled_from([(), ("uk",), ("nl", "en")]),
    interpreter_languages=st.sampled_from([(), ("uk",)]),
    interpreters=pick("interpreters"),
    capacity=pick("capacities"),
    answer_days=YEARS,
)
PEOPLE = st.builds(
    Wanted,
    needs=some("needs"),
    lives_country=st.sampled_from(["", "NL", "PT"]),
    lives_region=st.sampled_from(["", "NL-UT"]),
    harmed_country=st.sampled_from(["", "PT"]),
    age_from=YEARS,
    age_to=YEARS,
    role=pick("person-roles"),
    groups=some("victim-groups"),
    languages=st.sampled_from([(), ("uk",)]),
    interpreter=st.sampled_from(["", "uk"]),
)


@given(PEOPLE, st.lists(SERVICES, max_size=5))
def test_every_service_is_there_once_with_a_known_reason_for_each_aspect(
    person: Wanted, services: list[Service]
) -> None:
    ranked = fit.rank(person, list(enumerate_keys(services)))
    assert sorted(each.key for each in ranked) == sorted(key for key, _ in enumerate_keys(services))
    for each in ranked:
        aspects = [finding.aspect for finding in each.findings]
        assert {"place", "age", "language", "capacity"} <= set(aspects)
        assert aspects.count("need") == len(person.needs)
        for finding in each.findings:
            assert codes.known("fit-reasons", finding.reason)
            assert codes.known("fit-verdicts", finding.verdict)
            assert codes.known("fit-aspects", finding.aspect)
    home = profiles.Organisation("H", "en", "NL", "Utrecht", "Europe/Amsterdam")
    whole = fit.organisation_fit(person, "h", profiles.Profile(home, (), tuple(services)))
    for finding in whole.findings:
        assert codes.known("fit-reasons", finding.reason)
    fitting, counted = whole.counted
    assert 0 <= fitting <= counted


def enumerate_keys(services: list[Service]) -> list[tuple[str, Service]]:
    return [(str(place), each) for place, each in enumerate(services)]
