"""Numbers, names, countries, languages, lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_ui import names, numbers, words


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("+31300000142", "+31 30 000 01 42"),
        ("+351210000142", "+351 21 000 01 42"),
        ("+40264000142", "+40 264 000 142"),
        ("+420220000142", "+420 220 000 142"),
        ("+995320000142", "+995 32 000 01 42"),
        ("+12025550123", "+1 202 555 0123"),
        ("+33140000142", "+33 1 40 00 01 42"),
        ("+3544100000", "+354 410 00 00"),
        ("+4310000142", "+43 1 000 01 42"),
        ("+43155500142", "+43 1 55 50 01 42"),
        ("+493000000142", "+49 30 00 00 01 42"),
        ("+390600000142", "+39 06 00 00 01 42"),
        ("+35310000142", "+353 1 000 01 42"),
        ("+43116006", "+43 116 006"),
        ("+3220000142", "+32 2 000 01 42"),
        ("116006", "116006"),
    ],
)
def test_telephone_numbers_in_groups(stored: str, shown: str) -> None:
    assert numbers.grouped(stored) == shown


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_grouping_loses_no_digit_and_can_be_typed_back(number: str) -> None:
    assert numbers.e164(numbers.grouped(number)) == number


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("+31 (0)30 000-01.42", "+31300000142"),
        ("0031 30 000 01 42", "+31300000142"),
        ("\u202a+31\u00a030 000 01 42\u202c", "+31300000142"),
        ("030 000 01 42", None),
        ("+31", None),
        ("+0301234567", None),
        ("+31 30 000 01 42 ext 5", None),
        ("+1234567890123456", None),
        ("+٣١٣٠٠٠٠٠١٤٢", None),
    ],
)
def test_telephone_numbers_as_typed(typed: str, read: str | None) -> None:
    assert numbers.e164(typed) == read


def test_a_number_keeps_its_direction_and_its_digits_for_the_telephone() -> None:
    number = numbers.telephone("+31300000142")
    assert number.__html__() == '<bdi class="num">+31 30 000 01 42</bdi>'
    assert str(numbers.num("<1>")) == '<bdi class="num">&lt;1&gt;</bdi>'


def test_shares_come_with_their_counts() -> None:
    assert numbers.share(48, 50) == "96% (48 of 50)"
    assert numbers.share(31, 43) == "72% (31 of 43)"
    assert numbers.share(1, 200) == "1% (1 of 200)"
    assert numbers.share(0, 3) == "0% (0 of 3)"
    assert numbers.share(0, 0) == "0 of 0"


def test_fingerprint_lines() -> None:
    digits = "482139057716840330927512604981623751984057713280649145036629"
    lines = numbers.fingerprint_lines(digits)
    assert lines[0] == ["48213", "90577", "16840", "33092"]
    assert "".join(group for line in lines for group in line) == digits
    for wrong in (digits[:-1], digits + "1", digits[:-1] + "x", "٤" * 60):
        with pytest.raises(ValueError, match="60 digits"):
            numbers.fingerprint_lines(wrong)


def test_sizes() -> None:
    assert numbers.size(400_000) == "0.4 MB"
    assert numbers.size(12_300) == "12 KB"
    assert numbers.size(1) == "1 KB"


def test_names_are_isolated_and_tagged() -> None:
    assert names.name("Оксана", "uk") == '<bdi lang="uk">Оксана</bdi>'
    assert (
        names.name("Оксана Ткаченко", "uk", "Oksana Tkachenko")
        == '<bdi lang="uk">Оксана Ткаченко</bdi> '
        '<bdi class="latin" lang="uk-Latn">Oksana Tkachenko</bdi>'
    )
    assert names.name("Ponte Tejo", latin="Ponte Tejo") == "<bdi>Ponte Tejo</bdi>"
    assert names.name('<b lang="x">') == "<bdi>&lt;b lang=&#34;x&#34;&gt;</bdi>"


@pytest.mark.parametrize(
    ("text", "known", "lang"),
    [
        ("Νίκος Αλεξίου", None, "el"),
        ("მარიამ ბერიძე", None, "ka"),
        ("خالد المصري", None, "ar"),
        ("Андрій Мельник", None, "uk"),
        ("Иван Петров", None, "und-Cyrl"),
        ("Jan Kowalczyk", None, None),
        ("Jan Kowalczyk", "pl", "pl"),
        ("Oksana", "uk", "uk-Latn"),
        ("Marko", "sr", "sr-Latn"),
        ("Марко", "sr", "sr"),
        ("Ahmad", "ar", "ar-Latn"),
        ("12", "ar", "ar"),
        ("", None, None),
        ("李小龙", None, None),
        ("Марко", "sr-Cyrl", "sr-Cyrl"),
    ],
)
def test_the_language_of_a_name(text: str, known: str | None, lang: str | None) -> None:
    assert names.lang_of(text, known) == lang


def test_directions() -> None:
    assert names.direction("ar") == "rtl"
    assert names.direction("ar-Latn") == "ltr"
    assert names.direction("nl") == "ltr"
    assert names.direction("az-Arab") == "rtl"
    assert names.direction(None) == "auto"


def test_countries_and_languages() -> None:
    assert words.country("NL") == "Netherlands"
    assert words.country("UK") == words.country("GB") == "United Kingdom"
    assert words.country("US") == "United States"
    assert words.country("NZ") == "New Zealand"
    assert words.country("NL", "pt") == "Países Baixos"
    assert words.country("QQ") == "QQ"
    assert words.country("150") == "150"
    codes = [code for code, _ in words.countries()]
    assert {"GB", "US", "NZ", "UA", "PT", "NL", "AX"} <= set(codes)
    assert not {"EU", "UN", "ZZ", "XA", "150"} & set(codes)
    assert len(codes) == len(set(codes)) == 250
    listed = [name for _, name in words.countries()]
    assert listed.index("Åland Islands") < listed.index("Albania") < listed.index("Zimbabwe")
    assert words.language("uk") == "Ukrainian"
    assert words.language("uk", "nl") == "Oekraïens"
    assert words.language("pt-BR") == "Brazilian Portuguese"
    assert words.language("dse") == "Dutch Sign Language"
    assert words.language("xx") == "xx"


def test_lists_in_sentences() -> None:
    assert words.listing([]) == ""
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.listing(["a", "b"], either=True) == "a or b"
    assert words.listing(["a", "b"], "nl") == "a en b"
    people = [names.name(str(n)) for n in range(12)]
    html = words.listing_html(["<i>", *people])
    assert html.startswith("&lt;i&gt;, <bdi>0</bdi>, <bdi>1</bdi>")
    assert html.endswith("<bdi>10</bdi> and <bdi>11</bdi>")


def test_capital_leaves_the_rest_alone() -> None:
    assert words.capital("e-mail to VSE") == "E-mail to VSE"
    assert words.capital("") == ""


def test_a_number_to_press_leads_to_the_telephone_and_nothing_else_does() -> None:
    assert numbers.dial("+31 30 000 01 42") == (
        '<a class="govuk-link" href="tel:+31300000142"><bdi class="num">+31 30 000 01 42</bdi></a>'
    )
    assert numbers.dial("+31300000142") == numbers.dial("+31 30 000 01 42")
    assert numbers.dial("ask <for> Jan") == '<bdi class="num">ask &lt;for&gt; Jan</bdi>'
