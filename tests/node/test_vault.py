"""Encryption at rest and the open vault: what is bound to what, and what never shows."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_node.vault import Place, UnlockedVault, Unsealable, VaultClosed, seal, unseal
from referral_node.vault.at_rest import OVERHEAD
from referral_node.vault.vault import VAULT_KEY, secret_place
from referral_protocol.keys import prekey_id
from referral_protocol.suite import Opener, SealKey, verify

KEY = bytes(range(32))
PLACE: Place = ("threads", b"a" * 32, 7)

places = st.tuples(
    st.text(max_size=12), st.binary(max_size=12), st.integers(min_value=0, max_value=2**64 - 1)
)


def new_vault() -> UnlockedVault:
    return UnlockedVault.found(os.urandom(32), os.urandom(32))


@given(st.binary(max_size=300), places)
def test_what_was_sealed_opens_at_its_place(plain: bytes, place: Place) -> None:
    sealed = seal(KEY, plain, place=place)
    assert len(sealed) == len(plain) + OVERHEAD
    assert unseal(KEY, sealed, place=place) == plain


@given(places, places)
def test_nothing_opens_at_another_place(one: Place, other: Place) -> None:
    sealed = seal(KEY, b"text", place=one)
    if one == other:
        assert unseal(KEY, sealed, place=other) == b"text"
    else:
        with pytest.raises(Unsealable):
            unseal(KEY, sealed, place=other)


@pytest.mark.parametrize(
    "other",
    [
        ("thread", b"s" + b"a" * 32, 7),  # the boundary between table and row moved by one byte
        ("drafts", b"a" * 32, 7),
        ("threads", b"a" * 31 + b"b", 7),
        ("threads", b"a" * 32, 6),
    ],
)
def test_table_row_and_version_are_bound(other: Place) -> None:
    sealed = seal(KEY, b"text", place=PLACE)
    with pytest.raises(Unsealable, match=other[0]):
        unseal(KEY, sealed, place=other)


def test_every_flipped_bit_is_refused() -> None:
    sealed = seal(KEY, b"text", place=PLACE)
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unsealable):
            unseal(KEY, bytes(changed), place=PLACE)


@pytest.mark.parametrize("length", [0, 1, OVERHEAD - 1])
def test_shorter_than_a_seal_is_refused(length: int) -> None:
    with pytest.raises(Unsealable):
        unseal(KEY, bytes(length), place=PLACE)


def test_another_key_is_refused_and_the_same_text_never_seals_alike() -> None:
    sealed = seal(KEY, b"text", place=PLACE)
    assert sealed != seal(KEY, b"text", place=PLACE)
    with pytest.raises(Unsealable):
        unseal(bytes(32), sealed, place=PLACE)


def test_the_error_says_the_table_and_what_to_do_but_not_the_row() -> None:
    with pytest.raises(Unsealable) as caught:
        unseal(KEY, bytes(60), place=("threads", b"NAME-IN-ROW", 1))
    said = str(caught.value)
    assert "threads" in said
    assert "restore" in said
    assert "NAME" not in said


def test_the_vault_key_comes_back_with_the_master_key_only() -> None:
    master = os.urandom(32)
    made = UnlockedVault.found(master, b"v" * 32)
    again = UnlockedVault.load(master, made.sealed_vault_key)
    assert again.signer.public == made.signer.public
    verify(made.signer.public, b"l", b"data", again.signer.sign(b"l", b"data"), "test")
    with pytest.raises(Unsealable):
        UnlockedVault.load(os.urandom(32), made.sealed_vault_key)


def test_a_case_key_serves_its_own_thread() -> None:
    vault = new_vault()
    wrapped = vault.wrap_case_key(b"t" * 32, b"k" * 32)
    assert b"k" * 32 not in wrapped
    sealed = vault.case_key(b"t" * 32, wrapped).seal(b"story", PLACE)
    assert vault.case_key(b"t" * 32, wrapped).unseal(sealed, PLACE) == b"story"
    with pytest.raises(Unsealable):
        vault.case_key(b"u" * 32, wrapped)
    other = vault.case_key(b"u" * 32, vault.wrap_case_key(b"u" * 32, b"o" * 32))
    with pytest.raises(Unsealable):
        other.unseal(sealed, PLACE)


def test_a_case_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        new_vault().wrap_case_key(b"t" * 32, b"short")


def test_a_prekey_opens_what_was_sealed_to_its_public_half() -> None:
    vault = new_vault()
    name, public, sealed_seed = vault.seal_prekey(b"s" * 32)
    assert name == prekey_id(public)
    assert public == Opener(b"s" * 32).public
    sealed = SealKey(public).seal(b"info", b"body")
    assert vault.open_prekey(name, sealed_seed).open(b"info", sealed, "test") == b"body"
    assert vault.open_prekey(name, sealed_seed) is vault.open_prekey(name, sealed_seed)


def test_a_prekey_of_another_row_is_refused() -> None:
    vault = new_vault()
    _, _, sealed_seed = vault.seal_prekey(b"s" * 32)
    with pytest.raises(Unsealable):
        vault.open_prekey(b"x" * 16, sealed_seed)


def test_a_closed_vault_does_nothing_any_more() -> None:
    vault = new_vault()
    wrapped = vault.wrap_case_key(b"t" * 32, b"k" * 32)
    name, _, sealed_seed = vault.seal_prekey(b"s" * 32)
    vault.open_prekey(name, sealed_seed)
    sealed = vault.seal(b"text", PLACE)
    vault.close()
    assert vault.closed
    for use in (
        lambda: vault.seal(b"text", PLACE),
        lambda: vault.unseal(sealed, PLACE),
        lambda: vault.wrap_case_key(b"t" * 32, b"k" * 32),
        lambda: vault.case_key(b"t" * 32, wrapped),
        lambda: vault.open_prekey(name, sealed_seed),
        lambda: vault.seal_prekey(b"s" * 32),
        lambda: vault.signer,
        vault.master,
    ):
        with pytest.raises(VaultClosed, match="sign in again"):
            use()


def test_no_secret_shows() -> None:
    master, seed = b"MASTER-MASTER-MASTER-MASTER-MAST", b"VAULT--VAULT--VAULT--VAULT--VAUL"
    vault = UnlockedVault.found(master, seed)
    case = vault.case_key(
        b"t" * 32, vault.wrap_case_key(b"t" * 32, b"CASE-CASE-CASE-CASE-CASE-CASE-CA")
    )
    opener = vault.open_prekey(
        *_first_and_last(vault.seal_prekey(b"PREKEY--PREKEY--PREKEY--PREKEY--"))
    )
    for thing in (vault, vault.signer, case, opener):
        for said in (repr(thing), str(thing)):
            for secret in (b"MASTER", b"VAULT-", b"CASE-C", b"PREKEY"):
                assert secret.decode() not in said
                assert secret.hex() not in said


def _first_and_last(three: tuple[bytes, bytes, bytes]) -> tuple[bytes, bytes]:
    return three[0], three[2]


def test_named_secrets_have_places_of_their_own() -> None:
    vault = new_vault()
    sealed = vault.seal(b"secret", secret_place("other"))
    with pytest.raises(Unsealable):
        vault.unseal(sealed, secret_place(VAULT_KEY))
