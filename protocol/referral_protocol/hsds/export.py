"""Services of a published profile as HSDS documents.

Law: what comes in is what the member chose to publish, already cut down to it
(:func:`referral_protocol.profiles.published`); nothing is added that it does not say. Ids depend on
the member and the service's name, so a service keeps its id from export to export. Texts that HSDS
wants in words are made from the codes beside them; :mod:`reading` takes the codes.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from referral_protocol import codes
from referral_protocol.hsds.terms import FIELDS, Term, label, made_id, taxonomy_term
from referral_protocol.hsds.whose import organisation_id
from referral_protocol.profiles.model import Hours, Organisation, Profile, Service

Document = dict[str, Any]

VIRTUAL: Final = frozenset({"online", "telephone"})
DAYS: Final = {
    "mon": "MO",
    "tue": "TU",
    "wed": "WE",
    "thu": "TH",
    "fri": "FR",
    "sat": "SA",
    "sun": "SU",
}
MOST_ON_A_PAGE: Final = 100


def organisation(member: bytes, said: Organisation) -> Document:
    """A member as an ``organization``, with its telephones and who pays for it."""
    made = _Made(member.hex(), "organization")
    found = {"id": organisation_id(member)} | _some(
        name=said.name,
        alternate_name=said.name_latin,
        description=said.about or said.name,  # HSDS wants one
        email=said.email,
        website=said.website,
    )
    phones = []
    if said.telephone:
        phones.append(made.new("phone", number=said.telephone, type="voice"))
    if said.emergency_line is not None:
        when = f", {said.emergency_line.when}" if said.emergency_line.when else ""
        phones.append(
            made.new(
                "helpline",
                number=said.emergency_line.number,
                type="voice",
                description=f"Victims’ helpline{when}",
            )
        )
    sources = [codes.label("financing", code) for code in said.financing]
    if said.financing_note:
        sources.append(said.financing_note)
    funding = [made.new(f"funding {number}", source=x) for number, x in enumerate(sources)]
    return found | _some(phones=phones, funding=funding)


def service_ids(member: bytes, services: Sequence[Service]) -> list[str]:
    """The id of each service, by its name; of several of one name by their order."""
    seen: dict[str, int] = {}
    ids = []
    for service in services:
        number = seen[service.name] = seen.get(service.name, 0) + 1
        ids.append(made_id(member.hex(), "service", service.name, str(number)))
    return ids


def services(member: bytes, shown: Profile) -> list[Document]:
    """All services of a published profile, each with its organisation in it."""
    ours = organisation(member, shown.organisation)
    names = service_ids(member, shown.services)
    return [
        _service(name, each, shown.organisation) | {"organization": ours}
        for name, each in zip(names, shown.services, strict=True)
    ]


def page(found: Sequence[Document], number: int, size: int, total: int) -> Document:
    """A page of a list, as HSDS's API answers: ``found`` are the documents of page ``number``."""
    pages = -(-total // size)
    return {
        "total_items": total,
        "total_pages": pages,
        "page_number": number,
        "size": len(found),
        "first_page": number == 1,
        "last_page": number >= pages,
        "empty": not found,
        "contents": list(found),
    }


class _Made:
    """Makes objects with ids that depend on whose they are and what they are called there."""

    def __init__(self, *whose: str) -> None:
        self._whose = whose

    def new(self, called: str, /, **fields: Any) -> Document:
        """An object; fields that say nothing are left out."""
        return {"id": made_id(*self._whose, called)} | _some(**fields)

    def attribute(self, field: str, code: str, value: str = "") -> Document:
        """A code of a field of the profile, as an attribute."""
        term = taxonomy_term(Term(FIELDS[field], code))
        return self.new(f"{field} {code}", link_type=field, value=value, taxonomy_term=term)


def _some(**fields: Any) -> Document:
    return {key: value for key, value in fields.items() if value not in ("", None, [], ())}


def _service(name: str, said: Service, home: Organisation) -> Document:
    made = _Made(name)
    return {"id": name} | _some(
        name=said.name,
        alternate_name=said.name_english,
        description=said.about,
        status="active",
        interpretation_services=_interpreters(said),
        application_process=said.how_to_reach,
        fees_description=said.cost_note or _label("costs", said.cost),
        eligibility_description=_eligible(said),
        minimum_age=said.age_from,
        maximum_age=said.age_to,
        assured_date=home.assured.on if home.assured is not None else "",
        phones=[made.new("phone", number=home.telephone, type="voice")] if home.telephone else [],
        schedules=_schedules(made, home),
        service_areas=_areas(made, said),
        service_at_locations=[_place(made, said, home)],
        languages=[
            made.new(f"language {tag}", name=codes.language_label(tag), code=tag)
            for tag in said.languages
        ],
        required_documents=[made.new("document", document=said.documents)]
        if said.documents
        else [],
        attributes=list(_attributes(made, said)),
    )


def _attributes(made: _Made, said: Service) -> Iterator[Document]:
    for field in ("language", "witnesses", "eligibility", "interpreters", "cost"):
        code = getattr(said, field)
        if code:
            yield made.attribute(field, code)
    if said.capacity:
        yield made.attribute("capacity", said.capacity, said.capacity_note)
    for field in ("needs", "forms", "served", "interpreter_languages"):
        for code in getattr(said, field):
            yield made.attribute(field, code)
    for field in ("children_up_to", "wait_days", "answer_days", "capacity_on"):
        value = getattr(said, field)
        if value not in (None, ""):
            yield made.attribute(field, field, str(value))


def _areas(made: _Made, said: Service) -> list[Document]:
    """One area for each country or region, each saying whether people live or were harmed there."""
    found = []
    for field, who in (
        ("lives_in", "People who live here"),
        ("lives_in_regions", "People who live here"),
        ("harmed_in", "People harmed here"),
    ):
        for code in getattr(said, field):
            area = made.new(
                f"{field} {code}", name=label(Term(FIELDS[field], code)), description=who
            )
            found.append(area | {"attributes": [_Made(area["id"]).attribute(field, code)]})
    return found


def _place(made: _Made, said: Service, home: Organisation) -> Document:
    """Where it is given: the town, never an address, which the profile does not say either."""
    virtual = bool(said.forms) and VIRTUAL.issuperset(said.forms)
    inside = [
        made.new(f"accessibility {code}", description=_label("accessibilities", code))
        | {"attributes": [made.attribute("accessibility", code)]}
        for code in said.accessibility
    ]
    location = made.new(
        "location",
        location_type="virtual" if virtual else "physical",
        name=f"{home.city_latin or home.city}, {codes.COUNTRIES.label(home.country)}",
        accessibility=inside,
    )
    return made.new("service at location") | {"location": location}


def _schedules(made: _Made, home: Organisation) -> list[Document]:
    return [_schedule(made, number, row, home.zone) for number, row in enumerate(home.hours)]


def _schedule(made: _Made, number: int, row: Hours, zone: str) -> Document:
    return made.new(
        f"schedule {number}",
        freq="WEEKLY",
        byday=",".join(DAYS[day] for day in row.days if day in DAYS),
        # HSDS has an offset from UTC, which changes twice a year; the zone does not.
        opens_at=row.starts,
        closes_at=row.ends,
        notes=f"Local time, {zone}",
    )


def _interpreters(said: Service) -> str:
    parts = [codes.language_label(tag) for tag in said.interpreter_languages]
    first = f"With an interpreter: {', '.join(parts)}" if parts else ""
    return "; ".join(x for x in (first, _label("interpreters", said.interpreters)) if x)


def _eligible(said: Service) -> str:
    parts = [_label("eligibilities", said.eligibility)]
    parts += [_label("victim-groups", code) for code in said.served]
    if said.witnesses == "yes":
        parts.append("Witnesses too")
    if said.children_up_to is not None:
        parts.append(f"With children up to the age of {said.children_up_to}")
    return "; ".join(part for part in parts if part)


def _label(key: str, code: str) -> str:
    return codes.label(key, code) if code else ""
