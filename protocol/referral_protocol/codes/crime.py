"""Codes about the crime, the risk and the individual assessment.

Law: the crime category is an ICCS number and nothing finer than victim support needs; what cuts
across categories (domestic, hate, cyber, ...) is a flag, as in the ICCS's own tags.
"""

from typing import Final

from referral_protocol.codes.base import CodeList, code_list

CRIMES: Final[CodeList] = code_list(
    "crimes",
    "Crimes",
    {
        "0101": ("Homicide", "Intentional homicide"),
        "0102": ("Attempted homicide", "Attempted intentional homicide"),
        "0103": ("Killed without intent", "Non-intentional homicide"),
        "010321": ("Killed in traffic, by an offence", "Vehicular homicide"),
        "0109": ("Another act leading to death", "Other acts leading to death"),
        "02011": ("Assault", "Assault"),
        "020111": ("Serious assault", "Serious assault"),
        "020112": ("Minor assault", "Minor assault"),
        "02012": ("Threat", "Threat"),
        "02021": ("Abduction of a minor", "Abduction of a minor"),
        "02022": ("Held against one's will", "Deprivation of liberty"),
        "020221": ("Kidnapping", "Kidnapping"),
        "0203": ("Slavery or exploitation", "Slavery and exploitation"),
        "02032": ("Forced labour", "Forced labour"),
        "0204": ("Trafficking in persons", "Trafficking in persons"),
        "02041": ("Trafficking for sexual exploitation", "for sexual exploitation"),
        "02042": ("Trafficking for forced labour", "for forced labour or services"),
        "0205": ("Coercion", "Coercion"),
        "02051": ("Extortion or blackmail", "Extortion or blackmail"),
        "0206": ("Neglect", "Negligence"),
        "0207": ("Dangerous act", "Dangerous acts, also in traffic"),
        "02081": ("Harassment", "Harassment"),
        "02082": ("Stalking", "Stalking"),
        "0209": ("Defamation or insult", "Defamation or insult"),
        "0210": ("Discrimination", "Discrimination"),
        "0211": ("Invasion of privacy", "Acts that trespass against the person"),
        "0219": ("Another act against the person", "Other acts causing harm to the person"),
        "0301": ("Sexual violence", "Sexual violence"),
        "03011": ("Rape", "Rape"),
        "03012": ("Sexual assault", "Sexual assault"),
        "0302": ("Sexual exploitation", "Sexual exploitation"),
        "03022": ("Sexual exploitation of a child", "Sexual exploitation of children"),
        "0309": ("Another injurious sexual act", "Other injurious acts of a sexual nature"),
        "0401": ("Robbery", "Robbery"),
        "04011": ("Robbery from the person", "Robbery from the person"),
        "0501": ("Burglary", "Burglary"),
        "05012": ("Burglary at home", "Burglary of private residential premises"),
        "0502": ("Theft", "Theft"),
        "05021": ("Theft of a vehicle", "Theft of a motorized vehicle or parts thereof"),
        "05022": ("Theft of personal property", "Theft of personal property"),
        "0504": ("Damage to property", "Property damage"),
        "0701": ("Fraud", "Fraud"),
        "0703": ("Corruption", "Corruption"),
        "0806": ("Act against justice", "Acts against the justice system"),
        "0901": ("Weapons or explosives", "Acts involving weapons, explosives and the like"),
        "0903": ("Crime against computers", "Acts against computer systems"),
        "0906": ("Terrorism", "Terrorism"),
        "1101": ("War crime, torture or genocide", "Acts under universal jurisdiction"),
        "11": ("Another crime", "Other criminal acts not elsewhere classified"),
        "not-known": ("Not known yet", "no ICCS category"),
    },
    source="UNODC International Classification of Crime for Statistical Purposes, 1.0: the code is "
    "its number (2 digits: level 1, 4: level 2, 5: level 3, 6: level 4); the note its title",
)

FLAGS: Final[CodeList] = code_list(
    "crime-flags",
    "Flags of the crime",
    {
        "domestic": "Domestic",
        "sexual": "Sexual",
        "hate": "Hate",
        "cyber": "Cyber",
        "trafficking": "Trafficking",
        "terrorism": "Terrorism",
    },
)

RELATIONS: Final[CodeList] = code_list(
    "offender-relations",
    "Who did it",
    {
        "partner": "Partner",
        "former-partner": "Former partner",
        "parent": "Parent or step-parent",
        "child": "Son or daughter",
        "other-family": "Another family member",
        "friend-or-acquaintance": "Friend or acquaintance",
        "colleague": "Colleague or employer",
        "carer": "Carer, teacher or doctor",
        "authority": "Police or another authority",
        "neighbour": "Neighbour",
        "stranger": "Stranger",
        "several": "Several people",
        "not-known": "Not known",
    },
    source="ICCS disaggregation: victim-perpetrator relationship",
)

PROCEEDINGS: Final[CodeList] = code_list(
    "proceedings",
    "Proceedings",
    {
        "statement": "Statement to the police",
        "investigation": "Investigation",
        "protection-order": "Protection order",
        "hearing": "Hearing",
        "trial": "Trial",
        "verdict": "Verdict",
        "appeal": "Appeal",
        "release": "Release of the offender",
        "compensation-deadline": "Last day for a compensation claim",
        "other": ("Another step", "with a note"),
    },
)

RISK_LEVELS: Final[CodeList] = code_list(
    "risk-levels",
    "Level of risk",
    {
        "high": "High",
        "medium": "Medium",
        "low": "Low",
        "not-assessed": "Not assessed",
    },
)

LIKELIHOODS: Final[CodeList] = code_list(
    "likelihoods",
    "How likely",
    {
        "likely": "Likely",
        "possible": "Possible",
        "unlikely": "Unlikely",
        "not-known": "Not known",
    },
)

CHARACTERISTICS: Final[CodeList] = code_list(
    "article-22-characteristics",
    "Article 22: personal characteristics",
    {
        "child": "Child",
        "older-person": "Older person",
        "disability": "Disability",
        "pregnant": "Pregnant",
        "poor-health": "In poor health",
        "dependent-on-offender": "Depends on the offender",
        "related-to-offender": "Related to the offender",
        "earlier-victim": "Victim of crime before",
        "gender-identity": "Gender, gender identity or expression",
        "sexual-orientation": "Sexual orientation",
        "ethnic-or-religious": "Ethnic origin, race, religion or belief",
        "residence-status": "Residence status",
        "communication-difficulty": "Difficulty in communicating",
        "abroad": "Abroad, or without family nearby",
    },
    source="EU Directive 2012/29, Article 22 (2) (a), (3) and recital 56",
)

CRIME_NATURES: Final[CodeList] = code_list(
    "article-22-nature",
    "Article 22: type or nature of the crime",
    {
        "terrorism": "Terrorism",
        "organised-crime": "Organised crime",
        "trafficking": "Trafficking in persons",
        "gender-based": "Gender-based violence",
        "close-relationship": "Violence in a close relationship",
        "sexual": "Sexual violence or exploitation",
        "hate": "Hate crime",
        "repeated": "Repeated",
        "severe-harm": "Severe harm",
    },
    source="EU Directive 2012/29, Article 22 (2) (b) and (3)",
)

CIRCUMSTANCES: Final[CodeList] = code_list(
    "article-22-circumstances",
    "Article 22: circumstances",
    {
        "same-home": "Lives with the offender",
        "offender-at-large": "The offender is at large",
        "offender-knows-address": "The offender knows where the person is",
        "threats-since": "Threats since the crime",
        "weapon": "A weapon was used",
        "several-offenders": "Several offenders",
        "dependent-for-housing": "Dependent for housing",
        "dependent-for-money": "Dependent for money",
        "children-involved": "Children are involved",
        "proceedings-ahead": "Proceedings are ahead",
    },
    source="EU Directive 2012/29, Article 22 (2) (c)",
)

LISTS: Final = (
    CRIMES,
    FLAGS,
    RELATIONS,
    PROCEEDINGS,
    RISK_LEVELS,
    LIKELIHOODS,
    CHARACTERISTICS,
    CRIME_NATURES,
    CIRCUMSTANCES,
)
