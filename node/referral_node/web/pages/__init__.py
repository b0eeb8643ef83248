"""All pages. Each module has ``routes`` (see ``referral_node.web.routing``) and is named here."""

from typing import Final

from referral_node.web.pages import check, find, new_referral, organisation, today
from referral_node.web.routing import Route

ROUTES: Final[list[Route]] = [
    *today.routes,
    # pages.referral, pages.acting, pages.access, pages.evidence
    *check.routes,
    *new_referral.routes,
    *find.routes,
    *organisation.routes,
]
