"""Fields that several forms share: files, contacts, meetings, weekly hours."""

from typing import Final

from referral_protocol.forms.model import Field, Kind, codes, groups, line, text

HOURS_FIELDS: Final = (
    codes("days", "Days", "weekdays").must("Choose the days"),
    Field("from", Kind.TIME, "From", "24 hours, for example 09:00").must("Enter when it starts"),
    Field("to", Kind.END_TIME, "To", "24 hours, for example 11:30").must("Enter when it ends"),
)
"""A time of the week; past midnight is two of them, the first one ending at 24:00."""

FILES: Final = groups(
    "files",
    "Files",
    Field("hash", Kind.HASH, "Hash of the ciphertext", "as in the statement").must(),
    Field("key", Kind.HASH, "Key").must(),
    line("name", "Name").must("Give the file a name"),
    line("type", "Type", 100, "media type").must(),
    Field("size", Kind.NUMBER, "Size in bytes", max=52_428_800).must(),
    Field("language", Kind.LANGUAGE, "Language"),
    line("note", "Note"),
    max=10,
)

CONTACT_FIELDS: Final = (
    line("name", "Name", 120).must("Enter the name"),
    line("role", "Role", 120),
    Field(
        "telephone", Kind.TELEPHONE, "Telephone", "With the country, for example +31 30 123 45 67"
    ),
    Field("email", Kind.E_MAIL, "E-mail"),
    Field("languages", Kind.LANGUAGES, "Languages"),
    line("note", "When to call", 300),
)

SUGGESTION_FIELDS: Final = (
    line("organisation", "Organisation").must("Enter the organisation"),
    Field("member", Kind.MEMBER, "Member of the exchange"),
    line("service", "Service"),
    text("note", "Why", 1_000),
)
