"""Whatever a member's keys were and whenever they changed: what each signature is worth."""

from collections.abc import Callable
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol.certificates import make_certificate
from referral_protocol.directory.earlier import UNHEARD, VaultKey, verify_certified, verify_known
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import make_statement
from referral_protocol.suite import Signer
from referral_tools.conformance.world import LISBON, opener

SIGNERS: Final = [Signer(bytes([n]) * 32) for n in range(1, 6)]
SAID: Final = opener(b"said under some key").statement
AT: Final = SAID.at


def history(changes: list[int]) -> tuple[VaultKey, ...]:
    """Keys that gave way to one another at these times, the one of now first."""
    earlier = [
        VaultKey(signer.public, at, "routine") for signer, at in zip(SIGNERS, changes, strict=False)
    ]
    return VaultKey(SIGNERS[len(changes)].public), *reversed(earlier)


def code_of(work: Callable[[], object]) -> str | None:
    """How something is refused; None: it is not."""
    try:
        work()
    except ProtocolError as refusal:
        return refusal.code
    return None


@given(
    st.lists(st.integers(AT - 2 * UNHEARD, AT + 2 * UNHEARD), max_size=4).map(sorted),
    st.integers(0, 4),
    st.sets(st.integers(0, 4)),
)
def test_a_statement_counts_if_its_key_was_not_replaced_before(
    changes: list[int], by: int, without: set[int]
) -> None:
    keys = history(changes)
    signed = make_statement(SIGNERS[by], SAID)
    untaken = {SIGNERS[n].public for n in without}
    code = code_of(lambda: verify_known(signed.content, signed.signature, keys, untaken))
    if by > len(changes):
        assert code == "bad-signature"
    elif by in without:
        assert code == "wrong-key"
    elif by == len(changes):
        assert code is None
    else:
        assert code == (None if changes[by] + UNHEARD >= AT else "wrong-key")


@given(
    st.lists(st.integers(0, 2**50), max_size=4).map(sorted),
    st.integers(0, 4),
    st.integers(0, 2**50),
)
def test_only_the_key_of_now_certifies(changes: list[int], by: int, made_at: int) -> None:
    keys = history(changes)
    data = make_certificate(SIGNERS[by], LISBON.id, LISBON.node.public, made_at)
    code = code_of(lambda: verify_certified(data, LISBON.id, keys))
    if by == len(changes):
        assert code is None
    else:
        assert code == ("wrong-key" if by < len(changes) else "bad-signature")


def test_signed_by_whomever_it_is_the_same_statement() -> None:
    made = [make_statement(signer, SAID) for signer in SIGNERS]
    assert len({each.hash for each in made}) == 1
    assert len({each.signature for each in made}) == len(SIGNERS)


@pytest.mark.parametrize("field", ["seq", "epoch", "at"])
def test_a_changed_statement_is_nobodys(field: str) -> None:
    signed = make_statement(SIGNERS[0], SAID)
    other = msgspec.structs.replace(SAID, **{field: getattr(SAID, field) + 1})
    content = make_statement(SIGNERS[0], other).content
    keys = history([AT])
    assert code_of(lambda: verify_known(content, signed.signature, keys)) == "bad-signature"
