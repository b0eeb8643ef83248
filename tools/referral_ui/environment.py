"""The template environment: made by a composition root, handed to whoever draws pages.

What holds for every template: all text is escaped unless it carries its own HTML (`Markup` or
`__html__`); a name that was not passed in is an error, not a blank; a value that is None is drawn
as nothing. The kit's templates (`layout.html`, `kit/...`) cannot be shadowed by a package's own.
"""

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined

from . import names, numbers
from .assets import Assets
from .parts import KitWords


def make_environment(
    assets: Assets, *loaders: BaseLoader, kit_words: KitWords | None = None
) -> Environment:
    """An environment over the kit's templates and then those of `loaders`, for example
    `PackageLoader("referral_node", "web/templates")`.

    In templates: `asset("exchange.css")` is a hashed address; `kit` holds the kit's own words. The
    filters are `name` (names.name), `telephone` (numbers.telephone), `num` (numbers.num) and
    `fingerprint_lines`.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("referral_ui"), *loaders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_nothing_for_none,
    )
    environment.globals["asset"] = assets.url
    environment.globals["kit"] = kit_words or KitWords()
    environment.filters["name"] = names.name
    environment.filters["telephone"] = numbers.telephone
    environment.filters["num"] = numbers.num
    environment.filters["fingerprint_lines"] = numbers.fingerprint_lines
    return environment


def _nothing_for_none(value: object) -> object:
    # An absent optional value must never keep a case's page from opening, nor read "None".
    return "" if value is None else value
