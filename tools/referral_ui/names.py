"""Names and free text in any script: isolated, and tagged with the language a screen reader needs.

A name stands inside `<bdi>`, so that a right-to-left name cannot turn the words around it. The
language is what the caller knows; else what the script alone proves; else nothing is claimed.
"""

import unicodedata

from markupsafe import Markup

# A script that (nearly) one language of our members uses; the others are named by script only.
_LANGUAGE_OF_SCRIPT = {
    "ARABIC": "ar",
    "ARMENIAN": "hy",
    "CYRILLIC": "und-Cyrl",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "HEBREW": "he",
}
_SUBTAG_OF_SCRIPT = {
    "ARABIC": "Arab",
    "ARMENIAN": "Armn",
    "CYRILLIC": "Cyrl",
    "GEORGIAN": "Geor",
    "GREEK": "Grek",
    "HEBREW": "Hebr",
    "LATIN": "Latn",
}
# The script that a language is written in when nothing else is said.
_SCRIPT_OF_LANGUAGE = {
    **dict.fromkeys(("ar", "fa", "ur", "ps", "ckb"), "ARABIC"),
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "uk"), "CYRILLIC"),
    "el": "GREEK",
    "he": "HEBREW",
    "hy": "ARMENIAN",
    "ka": "GEORGIAN",
    "yi": "HEBREW",
}
_RIGHT_TO_LEFT = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}


def name(text: str, lang: str | None = None, latin: str | None = None) -> Markup:
    """`<bdi lang="uk">Оксана</bdi>`, with the Latin form beside it where one is given.

    `lang` is a language that the caller knows (BCP 47), for example of the organisation's country.
    """
    shown = _bdi(text, lang_of(text, lang))
    if not latin or latin == text:
        return shown
    beside = _bdi(latin, lang_of(latin, lang), "latin")
    return Markup("{} {}").format(shown, beside)


def lang_of(text: str, known: str | None = None) -> str | None:
    """The `lang` for a text: the known language, its script added when it is not the usual one.

    None when nothing is known and the script (Latin) proves nothing.
    """
    written = script(text)
    if known:
        primary = known.split("-")[0].lower()
        usual = _SCRIPT_OF_LANGUAGE.get(primary, "LATIN")
        if written is None or written == usual or len(known.split("-")) > 1:
            return known
        subtag = _SUBTAG_OF_SCRIPT.get(written)
        return f"{primary}-{subtag}" if subtag else known
    if written == "CYRILLIC" and any(letter in "іїєґІЇЄҐ" for letter in text):
        return "uk"
    return _LANGUAGE_OF_SCRIPT.get(written) if written else None


def script(text: str) -> str | None:
    """The Unicode name of the script most letters are of, None without letters."""
    seen: dict[str, int] = {}
    for letter in text:
        if letter.isalpha():
            word = unicodedata.name(letter, "").split(" ")[0]
            seen[word] = seen.get(word, 0) + 1
    return max(seen, key=lambda word: seen[word]) if seen else None


def direction(lang: str | None) -> str:
    """ltr, rtl, or auto when the language is not known: the value for a `dir` attribute."""
    if not lang:
        return "auto"
    parts = lang.split("-")
    if len(parts) > 1 and len(parts[1]) == 4:
        return "rtl" if parts[1].title() in {"Arab", "Hebr", "Thaa", "Syrc"} else "ltr"
    return "rtl" if parts[0].lower() in _RIGHT_TO_LEFT else "ltr"


def _bdi(text: str, lang: str | None, style: str | None = None) -> Markup:
    opening = Markup("<bdi")
    if style:
        opening += Markup(' class="{}"').format(style)
    if lang:
        opening += Markup(' lang="{}"').format(lang)
    return opening + Markup(">{}</bdi>").format(text)
