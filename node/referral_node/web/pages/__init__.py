"""All pages. Each module has ``routes`` (see ``referral_node.web.routing``) and is named here."""

from typing import Final

from referral_node.web.pages import today
from referral_node.web.routing import Route

ROUTES: Final[list[Route]] = [
    *today.routes,
    # pages.referral, pages.acting, pages.access, pages.evidence
    # pages.new_referral, pages.find, pages.organisation
]
