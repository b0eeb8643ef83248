"""Every label under which something is hashed, signed or sealed (SPEC 2).

Law: a label ends with a line feed and holds none before it, so no label is a prefix of another and
a signature made for one purpose never verifies for a second one.
"""

from typing import Final

_PREFIX: Final = "referral-exchange/1 "


def _label(name: str) -> bytes:
    return f"{_PREFIX}{name}\n".encode("ascii")


# signed
STATEMENT: Final = _label("statement")
CERTIFICATE: Final = _label("node certificate")
BUNDLE: Final = _label("case prekey bundle")
TRANSPORT_PREKEY: Final = _label("transport prekey")
PARCEL: Final = _label("parcel header")
RECEIPT: Final = _label("receipt")
ENTRY: Final = _label("directory entry")
REQUEST: Final = _label("directory request")
ATTACHMENT_RANGE: Final = _label("attachment range")
ATTACHMENT_PROGRESS: Final = _label("attachment progress")
ASK: Final = _label("ask")
ANSWER: Final = _label("answer")

# hashed
MEMBER_ID: Final = _label("member id")
FINGERPRINT: Final = _label("fingerprint")
PREKEY_ID: Final = _label("prekey id")
COMMITMENT: Final = _label("body commitment")
SEALED_BODY: Final = _label("sealed body")
SEALED_PARCEL: Final = _label("sealed parcel")
SEALED_ANSWER: Final = _label("sealed answer")
RECORD: Final = _label("profile record")
KIT_CHECK: Final = _label("recovery kit check")

# info of a seal
SEAL_BODY: Final = _label("seal body")
SEAL_PARCEL: Final = _label("seal parcel")
SEAL_ANSWER: Final = _label("seal answer")
SEAL_BACKUP: Final = _label("seal backup")

# derived with HKDF
KIT_SLOT: Final = _label("recovery kit slot")
KIT_BACKUP: Final = _label("recovery kit backup")

ALL: Final = tuple(
    value
    for name, value in sorted(globals().items())
    if name.isupper() and isinstance(value, bytes)
)
