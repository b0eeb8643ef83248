"""The second referral of the scripted demo is about its own person, in every word."""

from collections.abc import Iterator
from typing import Any

from referral_protocol import examples, forms
from referral_tools.demo.second import second_referral

NOW = examples.SENT
OURS = (
    "author",
    "contact",
    "given_to",
    "checked_by",
    "assessment",
    "reported_to",
    "recipient_name",
)


def sentences(value: Any) -> Iterator[str]:
    """Every text of several words that is about the person."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in OURS:
                yield from sentences(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from sentences(inner)
    elif isinstance(value, str) and " " in value:
        yield value


def test_it_is_a_whole_referral() -> None:
    first, second = (
        draft | {"consent": draft["consent"] | {"recipient": bytes(16)}}
        for draft in (examples.referral(b"", NOW), second_referral(NOW))
    )
    assert forms.validate(forms.body(first)[0]) == forms.validate(forms.body(second)[0]) == []
    for section in ("who", "safe_contact", "happened", "needs", "risk", "answer"):
        assert first[section].keys() == second[section].keys()


def test_no_word_of_it_is_about_the_first_person() -> None:
    first, second = (
        list(sentences(made)) for made in (examples.referral(b"", NOW), second_referral(NOW))
    )
    assert len(second) > 15
    assert not set(first) & set(second)
    for name in ("Oksana", "Оксана", "Ruslan", "library", "notebook"):
        assert not [text for text in second if name in text]
    assert "Joint first call wanted: Daryna, you and I." in second
