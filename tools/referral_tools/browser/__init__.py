"""A browser without a screen: it knows an address and what is on the page, nothing else.

Law: what a person could not do with the page it refuses. It follows links and presses buttons by
their words, fills fields by their labels, chooses only what is offered, sends nothing to any other
address than the page's own, and runs no script. Whatever is not there is told together with what is
there instead.
"""

from referral_tools.browser.client import Browser, Download
from referral_tools.browser.forms import Form, Submission
from referral_tools.browser.page import NotThere, Page
from referral_tools.browser.tree import Element, parse

__all__ = [
    "Browser",
    "Download",
    "Element",
    "Form",
    "NotThere",
    "Page",
    "Submission",
    "parse",
]
