"""QR codes as SVG within the page: no image is fetched, nothing is kept."""

from functools import lru_cache

import segno
from markupsafe import Markup, escape


@lru_cache(maxsize=8)
def qr(text: str, title: str) -> Markup:
    """The text as a QR code that says ``title`` to who cannot see it."""
    drawn = segno.make(text, error="m", micro=False).svg_inline(
        scale=5, svgclass="qr", lineclass=None, omitsize=False, light="#fff"
    )
    label = f' role="img" aria-label="{escape(title)}"'
    return Markup(drawn.replace("<svg", f"<svg{label}", 1))  # noqa: S704 - segno's own drawing
