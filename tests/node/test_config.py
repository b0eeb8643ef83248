"""node.toml: defaults, refusals with their line, and a written file that reads back."""

import ssl
from pathlib import Path

import pytest

from referral_node.config import (
    Config,
    ConfigTrouble,
    DirectoryChoice,
    Exchange,
    Metrics,
    Pages,
    Tls,
    parse_config,
    read_config,
    tls_context,
    write_config,
)

MINIMAL = 'name = "Ponte Tejo"\n[exchange]\nendpoint = "https://exchange.pontetejo.example"\n'
ANCHOR = "AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA"


def test_a_short_file_is_enough() -> None:
    config = parse_config(MINIMAL)
    assert (config.name, config.time_zone, config.log_level) == ("Ponte Tejo", "UTC", "info")
    assert (config.exchange.port, config.pages.port, config.metrics.port) == (8700, 8701, 8702)
    assert {config.exchange.host, config.pages.host, config.metrics.host} == {"127.0.0.1"}
    assert not config.allow_loopback
    assert config.directory == DirectoryChoice()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "node.toml: name: this key must be set"),
        ("name = 1", "line 1: name: expected a text in quotes"),
        ("x =", "not well-formed TOML"),
        (MINIMAL + "pinz = []", "line 4: exchange.pinz: there is no such key here; did you mean"),
        ("paint = 1\n" + MINIMAL, "line 1: paint: there is no such key here; known are"),
        (MINIMAL + "[pages]\nports = 1", "line 5: pages.ports: there is no such key"),
        (MINIMAL + "port = '8700'", "line 4: exchange.port: expected a whole number"),
        (MINIMAL + "port = 70000", "line 4: exchange.port: expected a whole number <= 65535"),
        (MINIMAL + "port = true", "line 4: exchange.port: expected a whole number"),
        (MINIMAL + "pins = ['ab']", "line 4: exchange.pins.0: write 64 hexadecimal digits"),
        (MINIMAL + "host = 'localhost'", "line 4: exchange.host: write an IP address"),
        (MINIMAL + "tls = { certificate = 'a' }", "line 4: exchange.tls.key: this key must be set"),
        (MINIMAL + "tls = { certificate = 'a', key = 'b', kye = 'c' }", "did you mean key?"),
        ('name = "x"\n[exchange]\nendpoint = "http://a.io"', "exchange.endpoint: plain http"),
        ('name = "x"\n[exchange]\nendpoint = "http://127.0.0.1:1"', "set allow_loopback = true"),
        (MINIMAL + "[pages]\nhosts = []", "line 5: pages.hosts: expected a list in [ ] of length"),
        (MINIMAL + "[pages]\nhosts = ['A.example:80']", "line 5: pages.hosts.0: write host names"),
        (MINIMAL + "[pages]\nhost = '10.0.0.1'", "line 5: pages.host: off loopback"),
        (MINIMAL + "[pages]\nport = 8700", "line 5: pages.port: the same port as [exchange]"),
        (MINIMAL + "[metrics]\nhost = '0.0.0.0'", "line 5: metrics.host: metrics are served on"),
        (MINIMAL + "[directory]\nanchor = 'AAAA'", "line 5: directory.anchor: thirteen groups"),
        (MINIMAL + "[directory]\nurl = 'ftp://a'", "line 5: directory.url: not https://"),
        (MINIMAL + "[directory]\nevery_seconds = 0", "line 5: directory.every_seconds: expected"),
        ("time_zone = 'Mars/Olympus'\n" + MINIMAL, "line 1: time_zone: not a known time zone"),
        ("time_zone = '../etc/passwd'\n" + MINIMAL, "line 1: time_zone: not a known time zone"),
        ("log_level = 'loud'\n" + MINIMAL, "line 1: log_level: write one of debug, info, warning"),
        ("country = 'Portugal'\n" + MINIMAL, "line 1: country: write two capital letters"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_line_and_key(text: str, said: str) -> None:
    with pytest.raises(ConfigTrouble) as caught:
        parse_config(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith("node.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        parse_config(MINIMAL),
        Config(
            name='Quote " and \\ and\ttab, Дім',
            country="UA",
            time_zone="Europe/Kyiv",
            exchange=Exchange(
                endpoint="http://127.0.0.1:18702",
                port=0,
                pins=("0f" * 32,),
                tls=Tls(certificate="tls/cert.pem", key="tls/key.pem"),
            ),
            pages=Pages(hosts=("a.localhost", "b.localhost"), host="10.0.0.1", port=0, proxy=True),
            metrics=Metrics(port=0),
            directory=DirectoryChoice(url="http://127.0.0.1:1", anchor=ANCHOR, every_seconds=5),
            allow_loopback=True,
        ),
    ],
)
def test_a_written_file_reads_back(config: Config) -> None:
    assert parse_config(write_config(config)) == config


def test_pins_stand_in_order() -> None:
    config = parse_config(MINIMAL + f"pins = ['{'ff' * 32}', '{'00' * 32}']")
    assert config.exchange.pin_bytes == (bytes(32), b"\xff" * 32)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    with pytest.raises(ConfigTrouble, match="`referral node init` makes one"):
        read_config(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigTrouble, match="save it as UTF-8"):
        read_config(file)
    file.write_bytes(b"#" * 70_000)
    with pytest.raises(ConfigTrouble, match="larger than 64 KiB"):
        read_config(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigTrouble, match="cannot be read"):
        read_config(file)


def test_certificate_files_that_cannot_be_used_say_so(tmp_path: Path) -> None:
    tls = Tls(certificate="cert.pem", key="key.pem")
    with pytest.raises(
        ConfigTrouble, match=r"cert\.pem and key\.pem cannot be used \(No such file"
    ):
        tls_context(tls, tmp_path)
    (tmp_path / "cert.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(ConfigTrouble, match="cannot be used"):
        tls_context(tls, tmp_path)


def test_a_certificate_and_its_key_make_a_listener_of_tls_1_3(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "exchange.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = tls_context(Tls(certificate="cert.pem", key="key.pem"), tmp_path)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
