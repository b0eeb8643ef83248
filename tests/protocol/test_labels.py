"""No signature made for one purpose ever verifies for another."""

from itertools import combinations

import pytest

from referral_protocol import labels
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer, digest, verify


def test_no_label_is_a_prefix_of_another() -> None:
    assert len(labels.ALL) > 20
    for one, other in combinations(labels.ALL, 2):
        assert not one.startswith(other)
        assert not other.startswith(one)


def test_every_label_ends_with_its_only_line_feed() -> None:
    assert all(label.count(b"\n") == 1 and label.endswith(b"\n") for label in labels.ALL)


def test_a_signature_holds_for_its_label_only() -> None:
    signer = Signer(bytes(32))
    signature = signer.sign(labels.STATEMENT, b"content")
    verify(signer.public, labels.STATEMENT, b"content", signature, "test")
    for label in labels.ALL:
        if label != labels.STATEMENT:
            with pytest.raises(ProtocolError, match="bad-signature"):
                verify(signer.public, label, b"content", signature, "test")
            assert digest(label, b"content") != digest(labels.STATEMENT, b"content")
