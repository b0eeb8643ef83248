"""Writes the generated parts of SPEC.md: ``python -m referral_tools.conformance.specification``.

The table and diagram of the states, the table of refusals and the worked example stand between
marks in the text and come from the code. ``--check`` writes nothing and fails when it is stale.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import referral_protocol
from referral_protocol import bodies, keys, statements
from referral_protocol.errors import CODES, Layer, Retry
from referral_protocol.receipts import HELD, Answer, Receipt, make_receipt
from referral_protocol.states import ENDS, TABLE, diagram
from referral_protocol.suite import SUITE
from referral_tools.conformance.world import LISBON, NOW, UTRECHT, fixed, opener, salt

SPEC: Final = Path(referral_protocol.__path__[0]).parent / "SPEC.md"
END: Final = "<!-- end -->"
MARKS: Final = {Retry.LATER: "later", Retry.REFRESH: "refresh"}


def states_part() -> str:
    """The table of states and its diagram."""
    rows = [f"| {state} | {', '.join(after)} |" for state, after in TABLE.items() if after]
    ends = ", ".join(state for state in TABLE if state in ENDS)
    table = "\n".join(["| state | next |", "| --- | --- |", *rows, f"| {ends} | the end |"])
    return f"{table}\n\n```mermaid\n{diagram()}\n```"


def codes_part() -> str:
    """Every code in its layer; what is not refused for ever says so."""
    rows = []
    for layer in Layer:
        codes = [
            f"`{code}`" + (f" *{MARKS[refusal.retry]}*" if refusal.retry in MARKS else "")
            for code, refusal in CODES.items()
            if refusal.layer is layer
        ]
        rows.append(f"| {layer.value} | {', '.join(codes)} |")
    return "\n".join(["| layer | codes |", "| --- | --- |", *rows])


def example_part() -> str:
    """One referral in hex, from keys to receipt."""
    content = "Olá, Олено".encode()
    signed = opener(content)
    body = bodies.pad(salt(content), content)
    sealed = fixed("a sealed body's hash")
    answers = (Answer(signed.hash, sealed, HELD),)
    receipt = Receipt(SUITE, fixed("parcel")[:16], LISBON.id, UTRECHT.id, NOW + 1, None, answers)
    said, receipt_signature = make_receipt(UTRECHT.node, receipt)
    fields = statements.parse_statement(signed.content)
    lines = {
        'vault seed: SHA-256("Lisbon vault")': LISBON.vault.seed(),
        "vault key": LISBON.vault.public,
        "member id": LISBON.id,
        "node key": LISBON.node.public,
        "certificate": LISBON.certificate,
        "content": content,
        "salt": salt(content),
        "commitment": fields.commitment,
        "padded body, before its zeros": body.rstrip(b"\0"),
        "statement": signed.content,
        "hash": signed.hash,
        "signature": signed.signature,
        "info of its seal": bodies.body_info(signed.hash),
        "receipt": said,
        "its signature": receipt_signature,
    }
    shown = [f"{name}\n{_wrapped(value.hex())}" for name, value in lines.items()]
    fingerprint = keys.fingerprint(LISBON.vault.public, LISBON.node.public)
    return "\n".join(["```", *shown, f"fingerprint\n  {fingerprint}", "```"])


def _wrapped(digits: str) -> str:
    return "\n".join(f"  {digits[i : i + 96]}" for i in range(0, len(digits), 96))


PARTS: Final[dict[str, Callable[[], str]]] = {
    "states": states_part,
    "codes": codes_part,
    "example": example_part,
}


def filled(text: str) -> str:
    """The specification with its generated parts as they should be."""
    for name, part in PARTS.items():
        begin = f"<!-- generated: {name} -->\n"
        if text.count(begin) != 1:
            raise ValueError(f"SPEC.md needs one place for {name}")
        before, after = text.split(begin)
        text = f"{before}{begin}{part()}\n{END}{after.split(END, 1)[1]}"
    return text


def main(arguments: list[str]) -> int:
    """Exit code: 0, or 1 when ``--check`` finds the file stale."""
    text = SPEC.read_text("utf-8")
    new = filled(text)
    if "--check" in arguments:
        if new != text:
            sys.stderr.write(
                "SPEC.md is stale: run python -m referral_tools.conformance.specification\n"
            )
        return int(new != text)
    SPEC.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
