"""The macros' markup: escaped, referable, in order, without script or style of its own."""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import jinja2
import pytest
from jinja2 import DictLoader
from jinja2.nodes import Macro

from referral_ui import parts
from referral_ui.assets import Assets
from referral_ui.environment import make_environment
from referral_ui.forms import Form
from referral_ui.names import name
from ui import gallery
from ui.story import HOSTILE, VALUES

KIT = Path(gallery.__file__).parents[2] / "tools" / "referral_ui" / "templates" / "kit"
PAGES = tuple(VALUES)
VOID = {"meta", "link", "input", "br", "hr", "use", "path", "rect", "circle"}


@dataclass
class Outline(HTMLParser):
    """What the tests ask of a page."""

    ids: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.tags.append((tag, given))
        if len(given) != len(attrs):
            self.unbalanced.append(f"attribute twice on {tag}")
        if "id" in given:
            self.ids.append(given["id"])
        for key in ("for", "aria-labelledby", "aria-describedby"):
            self.asked_for += given.get(key, "").split()
        if given.get("href", "").startswith("#"):
            self.asked_for.append(given["href"][1:])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(f"</{tag}>")


def outline(html: str) -> Outline:
    read = Outline()
    read.feed(html)
    read.close()
    return read


@pytest.mark.parametrize("title", PAGES)
def test_elements_nest_and_references_resolve(title: str) -> None:
    page = outline(gallery.page(title))
    assert page.unbalanced == []
    assert page.open == []
    assert [one for one, count in Counter(page.ids).items() if count > 1] == []
    assert set(page.asked_for) <= set(page.ids)


@pytest.mark.parametrize("title", PAGES)
def test_headings_are_in_order(title: str) -> None:
    levels = outline(gallery.page(title)).headings
    assert levels.count(1) == 1
    after = levels[levels.index(1) :]
    jumps = [later for earlier, later in pairwise(after) if later > earlier + 1]
    assert jumps == []


@pytest.mark.parametrize("title", PAGES)
def test_no_script_no_style_nothing_foreign(title: str) -> None:
    for tag, given in outline(gallery.page(title)).tags:
        assert tag not in {"script", "style", "iframe", "img", "object", "base"}
        assert "style" not in given
        assert not [key for key in given if key.startswith("on")]
        for key in ("href", "src", "action"):
            assert re.match(r"(/(?!/)|#|tel:|$)", given.get(key, ""))


@pytest.mark.parametrize("title", PAGES)
def test_one_filled_button_at_most(title: str) -> None:
    kinds = [given.get("class", "") for _, given in outline(gallery.page(title)).tags]
    filled = [kind for kind in kinds if kind.split()[:2] == ["govuk-button"]]
    assert len(filled) <= 1


@pytest.mark.parametrize("title", PAGES)
def test_every_form_that_changes_something_has_its_token(title: str) -> None:
    html = gallery.page(title)
    posts = re.findall(
        r'<form method="post" action="([^"]+)"[^>]*>\s*<input[^>]*value="([^"]+)"', html
    )
    assert len(posts) == html.count('method="post"') > 0
    assert all(token == f"token-for-{action}" for action, token in posts)


def test_what_people_typed_is_never_markup() -> None:
    html = gallery.page("rest")
    assert html.count("alert(") >= 12
    assert "<script" not in html
    assert "{{" in html.replace("{{ 7 * 7 }}", "{{", 1)
    # A map's outlines hold any number.
    assert "49" not in re.sub(r'/static/[0-9a-f]+/| d="[^"]*"', "", html)
    # An attribute holds it whole.
    typed = [
        given["value"] for tag, given in outline(html).tags if tag == "input" and "value" in given
    ]
    assert HOSTILE in typed


def test_a_text_area_gives_back_every_line() -> None:
    html = gallery.page("rest")
    found = re.search(r'<textarea class="[^"]*" id="note"[^>]*>(.*?)</textarea>', html, re.DOTALL)
    assert found
    # HTML drops one line break after the tag; the two that were typed are left.
    assert found[1].startswith("\n\n\nfirst\n")


def test_gallery_shows_every_macro() -> None:
    used = "".join(
        path.read_text("utf-8") for path in Path(gallery.__file__).parent.glob("pages/*")
    )
    missing = []
    for path, prefix in (("page", "page"), ("show", "show"), ("form", "ask")):
        source = (KIT / f"{path}.html").read_text("utf-8")
        names = [node.name for node in gallery.environment().parse(source).find_all(Macro)]
        assert names
        listed = source[: source.index("-#}")]
        for macro in names:
            if macro.startswith("_"):
                continue
            if not re.search(rf"\b{prefix}\.{macro}\(", listed):
                missing.append(f"{prefix}.{macro} is not in the list at the top")
            if not re.search(rf"\b{prefix}\.{macro}\(", used) and macro not in {"icon"}:
                missing.append(f"{prefix}.{macro} is not in the gallery")
    assert missing == []


def draw(template: str, **values: object) -> str:
    environment = make_environment(Assets.load(), DictLoader({"t.html": template}))
    return environment.get_template("t.html").render(**values)


def test_an_error_is_said_at_its_field() -> None:
    form = Form(("tel",), {"tel": "123"})
    form.telephone("tel", called="Telephone")
    html = draw(
        '{% import "kit/form.html" as ask %}{{ ask.telephone(form, "tel", "Tel", "With +") }}',
        form=form,
    )
    page = outline(html)
    field_of = next(given for tag, given in page.tags if tag == "input")
    assert field_of["aria-describedby"] == "tel-hint tel-error"
    assert field_of["aria-invalid"] == "true"
    assert field_of["value"] == "123"
    assert field_of["dir"] == "ltr"
    assert 'class="govuk-form-group govuk-form-group--error"' in html
    assert '<span class="govuk-visually-hidden">Error:</span> Telephone: type the number' in html


def test_two_forms_on_a_page_keep_their_ids_apart() -> None:
    html = draw(
        '{% import "kit/form.html" as ask %}'
        '{{ ask.text(one, "why", "Why?") }}{{ ask.text(two, "why", "Why?") }}',
        one=Form(("why",), prefix="decline-"),
        two=Form(("why",), prefix="ask-"),
    )
    assert outline(html).ids == ["decline-why", "ask-why"]
    assert html.count('name="why"') == 2


def test_a_password_is_never_shown_again() -> None:
    html = draw(
        '{% import "kit/form.html" as ask %}{{ ask.password(form, "secret", "Password") }}',
        form=Form(("secret",), {"secret": "correct horse"}),
    )
    assert "correct horse" not in html


def test_a_missing_name_is_an_error_and_none_is_nothing() -> None:
    with pytest.raises(jinja2.UndefinedError):
        draw("{{ nobody_passed_this }}")
    assert draw("[{{ absent }}]", absent=None) == "[]"


def test_a_page_cannot_shadow_the_kit() -> None:
    environment = make_environment(Assets.load(), DictLoader({"layout.html": "taken over"}))
    assert "taken over" not in (environment.get_template("layout.html").filename or "taken over")


def test_words_around_a_name_keep_its_markup() -> None:
    html = draw(
        '{% import "kit/show.html" as show %}{{ show.told(text, language="English", who=who) }}',
        text="a < b",
        who=name("Оксана", "uk"),
    )
    assert 'written by <bdi lang="uk">Оксана</bdi>' in html
    assert "a &lt; b" in html


def test_the_title_says_that_there_is_an_error() -> None:
    assert "<title>Error: New referral" in gallery.page("step")
    assert "<title>Referral received" in gallery.page("referral")


def test_the_mirrored_page_takes_the_mirrored_sheet() -> None:
    html = gallery.page("today", rtl=True)
    assert '<html lang="ar" dir="rtl"' in html
    assert "/base.rtl.css" in html
    assert "/base.css" not in html


def test_a_frame_without_tokens_draws_no_form() -> None:
    frame = parts.Frame(product="x", organisation="y")
    with pytest.raises(RuntimeError, match="without form tokens"):
        draw(
            '{% import "kit/form.html" as ask %}{% call ask.form(frame, "/x") %}{% endcall %}',
            frame=frame,
        )
