"""Names that look like another's, and those that do not."""

import pytest

from referral_directory.log.likeness import ALIKE, MIXED, SAME, Likeness, mixed_words, skeleton

MEMBER, OTHER = b"m" * 16, b"o" * 16
NAME = "Apoio Pontetejo"
KNOWN = Likeness()
KNOWN.put(MEMBER, [NAME, ""])
KNOWN.put(OTHER, ["Опора Львів", "Opora Lviv"])


def kinds(name: str) -> list[tuple[str, bytes | None]]:
    return [(hint.kind, hint.member) for hint in KNOWN.hints([name])]


@pytest.mark.parametrize(
    "name",
    [
        "Apoio Pontetejo",
        "APOIO PONTETEJO",
        "  apoio   pontetejo ",
        "Apoio-Pontetejo",
        "“Apoio Pontetejo”",
        "Apoio\u00a0Pontetejo",
        "Ａｐｏｉｏ Ｐｏｎｔｅｔｅｊｏ",
        "Apoio Ponte\u200dtejo",
        "Apoio Ponte\u00adtejo",
    ],
)
def test_the_same_name(name: str) -> None:
    assert kinds(name) == [(SAME, MEMBER)]


@pytest.mark.parametrize(
    ("name", "mixed"),
    [
        ("Ароіо Роntеtејо", 1),  # Cyrillic for most of its letters
        ("Αροιο Ροntετεjο", 1),  # Greek
        ("Apoıo Pontetejo", 0),  # dotless i
        ("Apoio Pontetéjo", 0),
        ("Apo1o Pontetejo", 0),
        ("Apoio P0ntetejo", 0),
        ("ApoIo Pontetejo", 0),
        ("Apolo Pontetejo", 0),
        ("Apօio Pontetejo", 1),  # Armenian
        ("Apჿio Pontetejo", 1),  # Georgian
    ],
)
def test_names_that_look_like_it(name: str, mixed: int) -> None:
    if name == "ApoIo Pontetejo":  # another case of the same letter
        assert kinds(name) == [(SAME, MEMBER)]
        return
    assert kinds(name) == [(ALIKE, MEMBER), *[(MIXED, None)] * mixed]


@pytest.mark.parametrize(
    "name",
    [
        "Apoio Pontevedra",
        "Slachtofferhulp Utrecht",
        "Опора Харків",
        "Victim Support",
        "",
        "—",
        "被害者支援センター",
    ],
)
def test_names_of_their_own(name: str) -> None:
    assert kinds(name) == []


def test_a_member_is_not_compared_with_itself() -> None:
    assert KNOWN.hints([NAME], but=MEMBER) == []


def test_every_name_is_compared_with_every_name() -> None:
    found = KNOWN.hints(["Зовсім інша", "0pora Lviv"])
    assert [(hint.kind, hint.member, hint.text) for hint in found] == [(ALIKE, OTHER, "Opora Lviv")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dom", []),
        ("Дім Dom", []),  # two alphabets, but not in one word
        ("Дoм", ["Дoм"]),  # a Latin o
        ("Ποντε Τejο", ["Τejο"]),
        ("Αθήνα-Athens", []),
        ("東京タワー", []),
        ("サポートcenter", ["サポートcenter"]),
        ("École d’été №5", []),
        ("ª µm ʻokina", []),
        ("سلام\u200cخانه", []),
        ("café", []),
    ],
)
def test_words_of_several_alphabets(text: str, words: list[str]) -> None:
    assert list(mixed_words(text)) == words


def test_whole_words_of_lookalikes() -> None:
    assert skeleton("АРАV") == skeleton("APAV") == skeleton("ΑΡΑV")
    assert skeleton("Modern") == skeleton("Modem")
    assert skeleton("Weisser") != skeleton("Weiser")


def test_names_come_and_go() -> None:
    known = Likeness()
    known.put(MEMBER, ["One", "One"])
    known.put(OTHER, ["One"])
    assert [hint.member for hint in known.hints(["ONE"])] == [MEMBER, OTHER]
    known.put(MEMBER, ["Two"])
    assert [hint.member for hint in known.hints(["ONE"])] == [OTHER]
    assert [hint.kind for hint in known.hints(["Tw0"])] == [ALIKE]
    known.drop(OTHER)
    known.drop(OTHER)
    assert known.hints(["One"]) == []
