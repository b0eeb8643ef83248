"""Certificates, transport prekeys and bundles: whose, since when, until when."""

import msgspec
import pytest

from referral_protocol import certificates, keys, labels
from referral_protocol.certificates import (
    CASE_PREKEY_LEAD,
    CASE_PREKEY_LIFE,
    CLOCK_AHEAD,
    DAY,
    Bundle,
    CasePrekey,
    make_bundle,
    verify_bundle,
    verify_certificate,
    verify_transport_prekey,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.signed import sign
from referral_protocol.suite import SUITE, Opener
from referral_tools.conformance.world import LISBON, NOW, UTRECHT, fixed


def prekey(number: int, made_at: int, starts: int, ends: int | None = None) -> CasePrekey:
    """A prekey of Utrecht with a key of its own."""
    public = Opener(fixed("case prekey", number)).public
    return CasePrekey(SUITE, public, made_at, starts, ends or starts + CASE_PREKEY_LIFE)


def refused(bundle: Bundle) -> str:
    """The code with which a bundle is refused, by its maker and by its reader alike."""
    with pytest.raises(ProtocolError) as making:
        make_bundle(UTRECHT.vault, bundle)
    forged = sign(UTRECHT.vault, labels.BUNDLE, bundle).pack()
    with pytest.raises(ProtocolError) as reading:
        verify_bundle(forged, UTRECHT.id, UTRECHT.vault.public, NOW)
    assert making.value.code == reading.value.code
    return reading.value.code


def bundle(*prekeys: CasePrekey, made_at: int = NOW) -> Bundle:
    return Bundle(SUITE, UTRECHT.id, made_at, prekeys)


FIRST = prekey(1, NOW, NOW)


def test_a_certificate_names_the_node_key() -> None:
    read = verify_certificate(LISBON.certificate, LISBON.id, LISBON.vault.public)
    assert read.node_key == LISBON.node.public
    for member, key, code in (
        (UTRECHT.id, LISBON.vault.public, "wrong-key"),
        (LISBON.id, UTRECHT.vault.public, "bad-signature"),
        (LISBON.id, LISBON.node.public, "bad-signature"),
    ):
        with pytest.raises(ProtocolError, match=code):
            verify_certificate(LISBON.certificate, member, key)


def test_a_transport_prekey_lives_for_a_day() -> None:
    data = UTRECHT.transport_prekey()
    made = NOW - 3_600_000
    args = (data, UTRECHT.id, UTRECHT.node.public)
    assert verify_transport_prekey(*args, made + DAY - 1).public == UTRECHT.transport.public
    with pytest.raises(ProtocolError, match="stale-prekey"):
        verify_transport_prekey(*args, made + DAY)
    with pytest.raises(ProtocolError, match="clock"):
        verify_transport_prekey(*args, made - CLOCK_AHEAD - 1)


@pytest.mark.parametrize("life", [-1, 0, DAY + 1])
def test_a_transport_prekey_cannot_live_longer_or_not_at_all(life: int) -> None:
    made = certificates.TransportPrekey(
        SUITE, UTRECHT.id, UTRECHT.transport.public, NOW, NOW + life
    )
    data = sign(UTRECHT.node, labels.TRANSPORT_PREKEY, made).pack()
    with pytest.raises(ProtocolError, match="bad-prekey"):
        verify_transport_prekey(data, UTRECHT.id, UTRECHT.node.public, NOW)


def test_the_current_prekey_is_the_one_of_the_day() -> None:
    second = prekey(2, NOW, FIRST.ends)
    read = verify_bundle(
        make_bundle(UTRECHT.vault, bundle(FIRST, second)), UTRECHT.id, UTRECHT.vault.public, NOW
    )
    assert read.current(NOW) == FIRST
    assert read.current(FIRST.ends - 1) == FIRST
    assert read.current(FIRST.ends) == second
    assert read.current(NOW - 1) is None
    assert read.current(second.ends) is None
    assert FIRST.id == keys.prekey_id(FIRST.public)


@pytest.mark.parametrize(
    ("prekeys", "code"),
    [
        ((prekey(1, NOW, NOW, NOW),), "bad-prekey"),
        ((prekey(1, NOW, NOW, NOW + CASE_PREKEY_LIFE + 1),), "bad-prekey"),
        ((prekey(1, NOW, NOW + CASE_PREKEY_LEAD - 1),), "bad-prekey"),
        ((FIRST, prekey(2, NOW, FIRST.ends - 1)), "bad-prekey"),
        ((prekey(2, NOW, FIRST.ends), FIRST), "bad-prekey"),
        ((FIRST, prekey(2, FIRST.ends, FIRST.ends)), "bad-prekey"),
        ((prekey(1, NOW + 1, NOW + 1),), "bad-prekey"),
        ((FIRST, prekey(1, NOW, FIRST.ends)), "bad-prekey"),
        ((msgspec.structs.replace(FIRST, public=bytes(1215)),), "bad-key"),
    ],
    ids=range(9),
)
def test_dates_and_keys_that_the_rule_does_not_allow(
    prekeys: tuple[CasePrekey, ...], code: str
) -> None:
    assert refused(bundle(*prekeys)) == code


def test_a_prekey_of_an_unknown_suite_is_kept_and_not_used() -> None:
    later = msgspec.structs.replace(FIRST, suite=2, public=bytes(1600))
    read = verify_bundle(
        make_bundle(UTRECHT.vault, bundle(later)), UTRECHT.id, UTRECHT.vault.public, NOW
    )
    assert read.prekeys == (later,)
    assert read.current(NOW) is None


def test_a_bundle_is_of_its_member_and_its_time() -> None:
    data = make_bundle(UTRECHT.vault, bundle(FIRST))
    for member, key, now, code in (
        (LISBON.id, UTRECHT.vault.public, NOW, "wrong-key"),
        (UTRECHT.id, LISBON.vault.public, NOW, "bad-signature"),
        (UTRECHT.id, UTRECHT.node.public, NOW, "bad-signature"),
        (UTRECHT.id, UTRECHT.vault.public, NOW - CLOCK_AHEAD - 1, "clock"),
    ):
        with pytest.raises(ProtocolError, match=code):
            verify_bundle(data, member, key, now)


def test_the_most_prekeys_that_a_bundle_may_hold_fit_into_it() -> None:
    prekeys = [FIRST]
    while len(prekeys) <= certificates.MAX_BUNDLE_PREKEYS:
        prekeys.append(prekey(len(prekeys) + 1, NOW, prekeys[-1].ends))
    data = make_bundle(UTRECHT.vault, bundle(*prekeys[:-1]))
    assert len(data) <= certificates.MAX_BUNDLE
    read = verify_bundle(data, UTRECHT.id, UTRECHT.vault.public, NOW)
    assert read.prekeys == tuple(prekeys[:-1])
    too_many = sign(UTRECHT.vault, labels.BUNDLE, bundle(*prekeys)).pack()
    with pytest.raises(ProtocolError, match="wrong-type"):
        verify_bundle(too_many, UTRECHT.id, UTRECHT.vault.public, NOW)
