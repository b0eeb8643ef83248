"""[mail] in node.toml: what it takes, what it refuses in which words, and that it reads back."""

import pytest

from referral_node.config import ConfigTrouble, parse_config, write_config
from referral_node.mail_settings import PORTS, Mail, Quiet, is_address

BASE = 'name = "Ponte Tejo"\n[exchange]\nendpoint = "https://exchange.pontetejo.example"\n[mail]\n'
SHORT = 'host = "smtp.example"\nfrom = "exchange@pontetejo.example"\n'
WHOLE = (
    SHORT
    + 'user = "exchange"\npassword_file = "mail.password"\nsecurity = "tls"\nport = 4650\n'
    + 'ca = "ca.pem"\nadministrators = ["it@pontetejo.example", "b@c.de"]\nevery_minutes = 5\n'
    + 'link = "https://cases.pontetejo.example/"\nquiet = { from = "22:00", to = "06:30" }\n'
)


def mail(text: str) -> Mail:
    found = parse_config(BASE + text).mail
    assert found is not None
    return found


def test_without_the_table_no_mail_is_sent() -> None:
    assert parse_config(BASE.removesuffix("[mail]\n")).mail is None


def test_a_server_and_a_sender_are_enough() -> None:
    short = mail(SHORT)
    assert (short.security, short.at_port, short.every_minutes) == ("starttls", 587, 15)
    assert short.quiet is None
    assert [mail(SHORT + f'security = "{name}"\n').at_port for name in ("starttls", "tls")] == [
        PORTS["starttls"],
        PORTS["tls"],
    ]
    assert mail(SHORT.replace("smtp.example", "127.0.0.1") + 'security = "none"').at_port == 25


def test_a_whole_table_reads_back_as_it_was_written() -> None:
    for text in (SHORT, WHOLE):
        config = parse_config(BASE + text)
        assert parse_config(write_config(config)) == config
    assert mail(WHOLE).quiet == Quiet(start="22:00", end="06:30")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('from = "a@b.de"', "line 4: mail.host: this key must be set"),
        ('host = "a.b"', "line 4: mail.from: this key must be set"),
        (SHORT + 'usr = "x"', "line 7: mail.usr: there is no such key here; did you mean user?"),
        (SHORT + 'quiet = { form = "21:00" }', "there is no such key here; did you mean from?"),
        (SHORT + 'quiet = { from = "9 pm" }', "line 7: mail.quiet.from: write times of day"),
        (SHORT + 'quiet = { from = "24:00" }', "write times of day"),
        (SHORT + 'quiet = { from = "07:00", to = "07:00" }', "from and to are the same"),
        ('host = "a.b"\nfrom = "Exchange <a@b.de>"', "mail.from: write an address, like"),
        (SHORT.replace("smtp.example", "smtp example"), "mail.host: write the mail server's name"),
        (SHORT.replace("smtp.example", "smtp.example:587"), "mail.host: write the mail server's"),
        (SHORT + 'administrators = ["it"]', "mail.administrators.0: write addresses, like"),
        (SHORT + 'security = "ssl"', "mail.security: write one of starttls, tls, none"),
        (SHORT + 'security = "none"', "for a mail server on this machine only"),
        (SHORT.replace("smtp.example", "10.0.0.7") + 'security = "none"', "this machine only"),
        (SHORT + 'user = "x"', "line 7: mail.user: it goes with password_file"),
        (SHORT + 'password_file = "x"', "line 7: mail.password_file: it goes with user"),
        (SHORT + 'password = "x"', "mail.password: there is no such key here"),
        (SHORT + "port = 0", "mail.port: expected a whole number >= 1"),
        (SHORT + 'link = "javascript:x"', "mail.link: write the address of the pages"),
    ],
)
def test_a_mistake_names_its_line_and_what_may_stand_there(text: str, said: str) -> None:
    with pytest.raises(ConfigTrouble) as trouble:
        parse_config(BASE + text)
    assert said in str(trouble.value)
    assert "\n" not in str(trouble.value)


@pytest.mark.parametrize(
    "text",
    ["ines@pontetejo.example", "a.b+c@d-e.fg", "o'neill@x.y.z", "1@2.3"],
)
def test_plain_addresses_are_taken(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a@b", "@b.de", "a@", "a b@c.de", "a@b.de\nBcc: x@y.z", "a@b.de\r", "a@b.de ",
        "Inês <a@b.de>", '"a"@b.de', "a@b.de,c@d.ef", "a@@b.de", "a@-b.de", "a@b.de-", "a@b..de",
        ".a@b.de", "a..b@c.de", "inês@b.de", "a@bücher.de", "a" * 65 + "@b.de",
        "a@" + "b" * 250 + ".de", "a@[127.0.0.1]", "a@b.de\x00", "<a@b.de>", "a;b@c.de", "a@b.de>",
    ],
)  # fmt: skip
def test_whatever_else_is_not_an_address(text: str) -> None:
    assert not is_address(text)
