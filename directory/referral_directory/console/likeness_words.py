"""What the console says of a name that looks like another's."""

from typing import Final

from referral_directory.log.likeness import ALIKE, MIXED, SAME, Hint

TAGS: Final = {
    SAME: "Same name as a member",
    ALIKE: "Looks like a member",
    MIXED: "Mixed letters",
}


def said(hint: Hint, ask: str) -> tuple[str, str]:
    """Heading and text; ``ask``: what to ask the member whose name it is."""
    if hint.kind == MIXED:
        return (
            "Its name mixes letters of several alphabets.",
            f"In “{hint.text}” some letters only look like those of the others. "
            "Ask them to type it anew in one alphabet.",
        )
    same = hint.kind == SAME
    what = "It has the same name as a member" if same else "Its name looks like a member’s"
    return f"{what}: {hint.text}.", ask
