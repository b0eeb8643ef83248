"""The demo's second referral: another woman, with a life of her own, in the same eight sections.

Law: what is typed about a person is about this person alone; nothing of the first story's words is
left but what is Lisbon's own (its caseworker, its address) and the codes.
"""

from typing import Any, Final

from referral_protocol import examples

Draft = dict[str, Any]
_WHO: Final = {
    "name": "Дарина Мельник",
    "name_latin": "Daryna Melnyk",
    "name_to_use": "Daryna",
    "date_of_birth": "1988-09-21",
    "home_address": "Voorbeeldlaan 7\n3500 AB Utrecht",
    "case_number": "PT-2026-0420",
}
_SAFE_CONTACT: Final = {
    "who_may_answer": "She or her sister. If someone else answers, order a cake and end the call.",
    "say_you_are": "Els from the bakers' school",
    "code_word": "Rye bread",
    "never_contact": "Andrii M., husband. The shop's own number. Her e-mail.",
    "watched_what": "E-mail; he knows the password",
}
_TELEPHONE: Final = {"value": "+31 30 000 01 57", "where": "At her sister's"}
_HAPPENED: Final = {
    "report_reference": "NUIPC 0437/26.0PXLSB",
    "summary": (
        "While they visited his family in Lisbon her husband pushed her down the stairs. A "
        "neighbour took her to hospital (right shoulder). She has been back in Utrecht since, and "
        "sleeps at her sister's when she can. It was not the first time."
    ),
}
_NEEDS: Final = {
    "emotional-support": "She has spoken with nobody but her sister and us, once.",
    "shelter-and-safety": "Her sister has one room; she can stay there for some days.",
    "compensation-claim": "Not begun. She has the hospital's bill.",
}
_RISK: Final = {
    "danger": "He waits for her after work and asks her sister where she is.",
    "nature": "He said that he will take her papers, and that she will not get far.",
    "agreed": "Her sister walks with her. The papers lie at the sister's.",
    "police_note": "In Lisbon, when she left hospital. Nothing was said in Utrecht yet.",
}


def second_referral(now: int) -> Draft:
    """The whole draft, like :func:`referral_protocol.examples.referral`. ``now``: ms UTC."""
    draft = examples.referral(b"", now)
    draft["who"] |= _WHO
    safe = draft["safe_contact"]
    safe |= _SAFE_CONTACT
    safe["ways"] = [
        each | _TELEPHONE if each["way"] == "telephone" else each for each in safe["ways"]
    ]
    draft["happened"] |= _HAPPENED
    needs = draft["needs"]
    needs["needs"] = [each | {"note": _NEEDS[each["need"]]} for each in needs["needs"]]
    needs["already_done"] = "Her shoulder was treated; the hospital's letter is at her sister's."
    draft["risk"] |= _RISK
    draft["answer"]["note"] = "Joint first call wanted: Daryna, you and I."
    return draft
