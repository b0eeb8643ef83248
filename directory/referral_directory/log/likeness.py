"""Names that look like another's: a hint for the registrar, who alone decides.

An organisation may have the same name as another one, and a name may well be written in two
alphabets; so nothing is refused here. What no honest name holds (control characters, overrides of
the direction, characters that nobody sees) is refused where profiles are read.

Law: two texts that a tired person takes for the same have the same :func:`skeleton`. The letters
that look alike are those of Unicode's UTS #39 (confusables) between Latin, Greek, Cyrillic,
Armenian and Georgian, and the few whose small capitals do; accents count for nothing.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

SAME: Final = "same"
ALIKE: Final = "alike"
MIXED: Final = "mixed"
MOST: Final = 5
"""Most members that are named: a registrar calls one of them, not a hundred."""


class Hint(NamedTuple):
    """``same`` or ``alike``: the member, and its name; ``mixed``: None and the word."""

    kind: str
    member: bytes | None
    text: str


def hint_words(kind: str, text: str) -> str:
    """A hint in a few words, for a terminal."""
    if kind == MIXED:
        return f"letters of several alphabets in {text}"
    return f"same name as a member: {text}" if kind == SAME else f"looks like a member: {text}"


_PAIRS: Final = (
    # Latin letters that are no accented ones, and those of other uses
    ("ɑıɡøđłħƅɩǀ", "aigodlhbll"),
    # Greek: capitals, small letters
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ", "ABEZHIKMNOPTYXCJ"),
    ("αγεηικνορστυχωϲϳ", "ayenikvopotuxwcj"),
    # Cyrillic: capitals, small letters, and small ones that look like small capitals
    ("АВЕЅІЈКМНОРСТУХҮҺԌԚԜѴӀЬ", "ABESIJKMHOPCTYXYHGQWVLb"),
    ("аеѕіјорсухһԁԍԛԝѵӏґгүьѡ", "aesijopcyxhdgqwvlrrybw"),
    ("вкмнтп", "bkmhtn"),
    # Armenian, Georgian
    ("ՍՏՕԼհոսօցգզյա", "USOLhnuogqqjw"),
    ("ყჿ", "yo"),
)
_LOOKS: Final = {
    ord(one): other for these, those in _PAIRS for one, other in zip(these, those, strict=True)
}
# After lower-casing: what a hurried eye does not tell apart.
_LINES: Final = str.maketrans({"i": "l", "1": "l", "|": "l", "0": "o"})
_SHAPES: Final = (("rn", "m"), ("vv", "w"))
# Written together in one word by those who write these languages.
_TOGETHER: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})
_OF_NONE: Final = ("MODIFIER", "FEMININE", "MASCULINE", "MICRO")


def folded(text: str) -> str:
    """The letters and digits alone, without case and compatibility forms."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in plain if c.isalnum() or unicodedata.category(c) == "Mn")


@lru_cache(maxsize=65_536)
def skeleton(text: str) -> str:
    """What is left of a name when everything that a reader may overlook is gone."""
    plain = unicodedata.normalize("NFKD", text).translate(_LOOKS)
    letters = "".join(c for c in plain.casefold() if c.isalnum())
    looked = unicodedata.normalize("NFKD", letters).translate(_LOOKS).translate(_LINES)
    for shape, letter in _SHAPES:
        looked = looked.replace(shape, letter)
    return "".join(c for c in looked if c.isalnum())


def mixed_words(text: str) -> Iterator[str]:
    """Words with letters of several alphabets, as nobody types them on one keyboard."""
    for word in "".join(c if c.isalpha() or _mark(c) else " " for c in text).split():
        if len({_script(c) for c in word if c.isalpha()} - {""}) > 1:
            yield word


def _mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc", "Cf")


def _script(character: str) -> str:
    """The alphabet, as the beginning of the character's name; "" for letters of none."""
    if unicodedata.name(character, "").startswith(_OF_NONE):
        return ""
    name = unicodedata.name(unicodedata.normalize("NFKC", character)[0], "")
    script = name.partition(" ")[0].partition("-")[0]
    return "CJK" if script in _TOGETHER else script


Known = dict[str, dict[bytes, str]]
"""From how a name looks to whose it is, and the name itself."""


class Likeness:
    """The names of members, to be compared with others; they come and go one by one."""

    def __init__(self) -> None:
        self._same: Known = {}
        self._alike: Known = {}
        self._names: dict[bytes, tuple[str, ...]] = {}

    def put(self, member: bytes, names: Iterable[str]) -> None:
        """A member's names now, in place of those before."""
        self.drop(member)
        kept = tuple(dict.fromkeys(name for name in names if skeleton(name)))
        self._names[member] = kept
        for name in kept:
            self._same.setdefault(folded(name), {}).setdefault(member, name)
            self._alike.setdefault(skeleton(name), {}).setdefault(member, name)

    def drop(self, member: bytes) -> None:
        """A member has no names any more."""
        for name in self._names.pop(member, ()):
            _drop(self._same, folded(name), member)
            _drop(self._alike, skeleton(name), member)

    def hints(self, names: Iterable[str], but: bytes = b"") -> list[Hint]:
        """What a registrar should look at; ``but``: a member that is not compared with itself."""
        found: dict[bytes, Hint] = {}
        mixed: dict[str, Hint] = {}
        for name in names:
            for kind, known in (
                (SAME, self._same.get(folded(name), {})),
                (ALIKE, self._alike.get(skeleton(name), {})),
            ):
                for member, text in islice(known.items(), MOST + 1):
                    if member != but and len(found) < MOST:
                        found.setdefault(member, Hint(kind, member, text))
            mixed |= {word: Hint(MIXED, None, word) for word in mixed_words(name)}
        return [*found.values(), *mixed.values()]


def _drop(known: Known, key: str, member: bytes) -> None:
    there = known.get(key, {})
    there.pop(member, None)
    if not there:
        known.pop(key, None)
