"""The console's keys in memory: what opens them, and when they are gone."""

import os

import pytest

from directory_world import seed, signer
from referral_directory.console.sessions import IDLE, WHOLE, Sessions, SignedOut
from referral_directory.console.throttle import (
    ALL_FREE,
    ALL_WAIT,
    ALL_WITHIN,
    FIRST_WAIT,
    FREE,
    LONGEST_WAIT,
    Throttle,
)
from referral_directory.registrars import Registrar

EWA = Registrar("ewa", "Ewa Lindqvist", signer("ewa"), seed("ewa totp")[:20])


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock, os.urandom)


def test_only_the_cookie_opens_the_key(sessions: Sessions) -> None:
    cookie, other = sessions.create(EWA), sessions.create(EWA)
    session = sessions.find(cookie)
    assert session is not None
    assert session.key(cookie).seed() == EWA.key.seed()
    for wrong in (other, "", "a" * 43, cookie[:-1], cookie + "=", cookie.swapcase()):
        with pytest.raises(SignedOut):
            session.key(wrong)
        assert wrong == other or sessions.find(wrong) is None


def test_no_key_lies_in_memory(sessions: Sessions) -> None:
    """What a session holds, all of it, has the seed and the cookie nowhere."""
    cookie = sessions.create(EWA)
    session = sessions.find(cookie)
    assert session is not None
    held = repr([getattr(session, name) for name in session.__slots__]).encode()
    for secret in (EWA.key.seed(), EWA.secret, cookie.encode()):
        assert repr(secret)[2:-1].encode() not in held
    assert repr(session) == "Session('ewa')"


def test_a_session_ends(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.create(EWA)
    began = clock.now
    session = sessions.find(cookie)
    assert session is not None
    while clock.now - began < WHOLE - IDLE:
        clock.now += IDLE - 1
        assert sessions.find(cookie) is not None
    clock.now = began + WHOLE
    assert sessions.find(cookie) is None
    with pytest.raises(SignedOut):
        session.key(cookie)
    idle = sessions.create(EWA)
    clock.now += IDLE
    assert sessions.find(idle) is None
    assert len(sessions) == 0


def test_a_session_goes_without_being_asked_for(sessions: Sessions, clock: Clock) -> None:
    acting = frozenset({EWA.key.public})
    session = sessions.find(sessions.create(EWA))
    sessions.sweep(acting)
    assert len(sessions) == 1
    clock.now += IDLE
    sessions.sweep(acting)
    assert len(sessions) == 0
    assert session is not None
    assert session.form_secret == b""
    sessions.create(EWA)
    sessions.sweep(frozenset())  # the next root does not name the key any more
    assert len(sessions) == 0


def test_signing_out_and_the_end_of_the_process(sessions: Sessions) -> None:
    cookie = sessions.create(EWA)
    sessions.end("nonsense")
    sessions.end(cookie)
    assert sessions.find(cookie) is None
    sessions.create(EWA)
    sessions.end_all()
    assert len(sessions) == 0


def test_five_wrong_tries_wait_longer_each_time(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(FREE):
        assert throttle.wait("ewa") == 0
        throttle.begin("ewa")
    wanted = FIRST_WAIT
    for _ in range(6):
        assert throttle.wait(" EWA ") == min(wanted, LONGEST_WAIT)
        assert throttle.wait("jan") == 0
        clock.now += throttle.wait("ewa")
        throttle.begin("ewa")
        wanted *= 2
    assert throttle.wait("ewa") == LONGEST_WAIT
    clock.now += LONGEST_WAIT
    throttle.good("ewa", throttle.begin("ewa"))
    assert throttle.wait("ewa") == 0


def test_made_up_names_slow_everybody(clock: Clock) -> None:
    throttle = Throttle(clock)
    for number in range(ALL_FREE):
        throttle.begin(f"name{number}")
    assert throttle.wait("ewa") == ALL_WAIT
    clock.now += ALL_WITHIN
    assert throttle.wait("ewa") == 0


def test_a_try_that_could_not_be_looked_at_does_not_count(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(FREE + ALL_FREE):
        throttle.not_tried("ewa", throttle.begin("ewa"))
    assert throttle.wait("ewa") == 0
