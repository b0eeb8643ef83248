"""The browser without a screen, against small pages of a real server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from referral_tools.browser import Browser, Download, NotThere, Page, parse

FORM = """<!doctype html><html><head><title>First
 contact</title></head><body><header><a href="/elsewhere">Today</a></header><main>
<h1>How can <bdi>Оксана</bdi> be reached?</h1>
<form method="post" action="/save#top">
 <input type="hidden" name="token" value="t1">
 <button name="do" value="continue" class="govuk-visually-hidden" aria-hidden="true">Save</button>
 <label for="a">Name</label><input id="a" name="name" value="O. T." maxlength="20">
 <label for="b">Note<span class="govuk-visually-hidden"> on calling</span></label>
 <textarea id="b" name="note">
first
 second</textarea>
 <label for="c">Country</label><select id="c" name="country"><option value="">Choose</option>
  <optgroup label="Near"><option value="NL">The Netherlands<option value="UA" selected>Ukraine
  </optgroup></select>
 <fieldset><legend>Where it happened</legend>
  <label for="d">Country</label><select id="d" name="there"><option value="PT">Portugal</option>
  </select></fieldset>
 <fieldset><legend>Born</legend>
  <label for="y1">Day</label><input id="y1" name="d"><label for="y2">Month</label>
  <input id="y2" name="m"><label for="y3">Year</label><input id="y3" name="y"></fieldset>
 <fieldset><legend>Safe?</legend>
  <label><input type="radio" name="safe" value="yes">Yes</label>
  <label><input type="radio" name="safe" value="no" checked>No</label></fieldset>
 <fieldset><legend>Needs</legend>
  <input type="checkbox" id="n1" name="needs" value="a" checked><label for="n1">Shelter</label>
  <input type="checkbox" id="n2" name="needs" value="b"><label for="n2">Claim</label>
  <input type="checkbox" id="n3" name="needs" value="c"><label for="n3">Court</label></fieldset>
 <input type="checkbox" id="z" name="sure" value="1"><label for="z">I am sure</label>
 <label for="off">Off</label><input id="off" name="off" value="x" disabled>
 <button name="do" value="continue">Save</button>
 <button name="do" value="later" formaction="/later">Later</button>
</form>
<form action="/find?old=1"><label for="q">Town</label><input id="q" name="town">
<button>Search</button></form>
<form method="post" action="http://127.0.0.1:9/"><button>Give it away</button></form>
<p>Word<strong>by</strong>word, <br>and&nbsp;no more</p><script>never()</script>
<dl><dt>Answer by</dt><dd>17:05 <span aria-hidden="true">!</span></dd></dl>
<ul><li>one<li>two<ul><li>inner</ul><li>three</ul>
<a href="/next">Go on<span class="govuk-visually-hidden"> with this</span></a>
<a href="/next">Go on</a> <a href="/other">Twice</a> <a href="/more">Twice</a>
<a href="/file">The evidence</a> <a href="/loop">Round</a> <a href="http://127.0.0.1:9/">Out</a>
</main></body></html>"""
WRONG = """<main><div class="govuk-error-summary"><ul><li><a href="#a">Type a name</a></li></ul>
</div><h1>Again</h1></main>"""


async def form(request: web.Request) -> web.Response:
    response = web.Response(text=FORM, content_type="text/html")
    response.set_cookie("session", "one", httponly=True, samesite="Strict")
    return response


async def save(request: web.Request) -> web.StreamResponse:
    body = await request.text()
    shown = [*parse_qsl(body, keep_blank_values=True), ("Origin", request.headers["Origin"])]
    shown += [("cookie", request.cookies.get("session", "")), ("type", request.content_type)]
    shown += [("site", request.headers["Sec-Fetch-Site"])]
    request.app[SEEN].append(shown)
    if dict(shown)["name"] == "":
        return web.Response(status=422, text=WRONG, content_type="text/html")
    raise web.HTTPSeeOther("/saved")


async def echo(request: web.Request) -> web.Response:
    words = f"<h1>{request.method} {request.path_qs}</h1>"
    return web.Response(text=words, content_type="text/html")


async def evidence(request: web.Request) -> web.Response:
    named = {"Content-Disposition": 'attachment; filename="e.bundle"'}
    return web.Response(body=b"\x00\x01", content_type="application/octet-stream", headers=named)


async def loop(request: web.Request) -> web.Response:
    raise web.HTTPFound("/loop")


SEEN = web.AppKey("seen", list[list[tuple[str, str]]])


@dataclass
class Server:
    """Where the pages are, and what each form sent."""

    port: int
    seen: list[list[tuple[str, str]]]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    app = web.Application()
    app[SEEN] = []
    app.router.add_get("/form", form)
    app.router.add_post("/save", save)
    app.router.add_get("/file", evidence)
    app.router.add_get("/loop", loop)
    app.router.add_route("*", "/{any}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Server(runner.addresses[0][1], app[SEEN])
    await runner.cleanup()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as browser:
        yield browser


async def first(browser: Browser, server: Server) -> Page:
    return await browser.open(f"http://lisboa.localhost:{server.port}/form")


async def test_a_page_is_read_as_a_person_reads_it(browser: Browser, server: Server) -> None:
    page = await first(browser, server)
    assert page.title == "First contact"
    assert page.heading == "How can Оксана be reached?"
    page.says("Wordbyword, and no more", "Answer by 17:05")
    assert page.facts() == {"Answer by": "17:05 !"}
    assert "never()" not in page.text
    page.says("Country Ukraine")  # of a list that is folded, what is chosen
    assert "The Netherlands" not in page.text
    assert page.wording("evid") == "The evidence"
    assert page.problems == []
    with pytest.raises(NotThere, match=r"does not say “sent”\. It says: How can"):
        page.says("sent")


async def test_a_form_sends_what_was_filled_in_and_what_stood_there(
    browser: Browser, server: Server
) -> None:
    page = await first(browser, server)
    form = page.form("Later")
    assert form.value("Country", within="Where it happened") == "Portugal"
    assert form.chosen("Needs") == ["Shelter"]
    assert form.offered("Needs") == ["Shelter", "Claim", "Court"]
    assert form.offered("Country", within="Where it happened") == ["Portugal"]
    form.fill("Note on calling", "Desk é\nquiet").date("Born", "1992-05-03")
    form.choose("Safe?", "Yes").choose("Needs", "Claim", "Court").tick("I am sure")
    saved = await browser.press(form, "Save")
    assert (saved.heading, saved.path, saved.status) == ("GET /saved", "/saved", 200)
    (sent,) = server.seen
    assert sent == [
        ("token", "t1"),
        ("name", "O. T."),
        ("note", "Desk é\r\nquiet"),
        ("country", "UA"),
        ("there", "PT"),
        ("d", "3"),
        ("m", "5"),
        ("y", "1992"),
        ("safe", "yes"),
        ("needs", "b"),
        ("needs", "c"),
        ("sure", "1"),
        ("do", "continue"),
        ("Origin", f"http://lisboa.localhost:{server.port}"),
        ("cookie", "one"),
        ("type", "application/x-www-form-urlencoded"),
        ("site", "same-origin"),
    ]


async def test_errors_stand_on_the_page_that_comes_back(browser: Browser, server: Server) -> None:
    page = await first(browser, server)
    again = await browser.press(page.form("Save").fill("Name", ""), "Save")
    assert (again.status, again.problems) == (422, ["Type a name"])


async def test_a_button_may_name_its_own_address_and_a_search_goes_into_it(
    browser: Browser, server: Server
) -> None:
    page = await first(browser, server)
    assert page.form("Later").press("Later").url.endswith("/later")
    found = await browser.press(page.form("Search").fill("Town", "Sé & Baixa"), "Search")
    assert found.heading == "GET /find?town=S%C3%A9+%26+Baixa"


async def test_links_are_followed_by_what_they_say(browser: Browser, server: Server) -> None:
    page = await first(browser, server)
    assert (await browser.follow(page, "Go on with this")).heading == "GET /next"
    assert (await browser.follow(page, "Go on")).heading == "GET /next"
    with pytest.raises(NotThere, match="2 times the link “Twice”"):
        await browser.follow(page, "Twice")
    with pytest.raises(NotThere, match=r"no link “Sign out” on the page .*; there are: “Today”"):
        await browser.follow(page, "Sign out")


async def test_a_file_is_kept(browser: Browser, server: Server) -> None:
    page = await first(browser, server)
    found = await browser.save(page, "The evidence")
    assert found == Download(
        f"http://lisboa.localhost:{server.port}/file",
        "application/octet-stream",
        "e.bundle",
        b"\x00\x01",
    )
    with pytest.raises(NotThere, match="gave no file but the page “GET /next”"):
        await browser.save(page, "Go on")
    with pytest.raises(NotThere, match="not with a page"):
        await browser.follow(page, "The evidence")


async def test_nothing_leaves_for_another_address(browser: Browser, server: Server) -> None:
    page = await first(browser, server)
    with pytest.raises(NotThere, match="leads to another address"):
        await browser.press(page.form("Give it away"), "Give it away")
    with pytest.raises(NotThere, match="leads to another address"):
        await browser.follow(page, "Out")
    with pytest.raises(NotThere, match="without end"):
        await browser.follow(page, "Round")


async def test_nobody_there_is_told(browser: Browser, server: Server) -> None:
    with pytest.raises(OSError, match="does not answer"):
        await browser.open("http://utrecht.localhost:9/")


async def test_two_browsers_share_no_cookie(browser: Browser, server: Server) -> None:
    page = await first(browser, server)
    async with Browser() as other:
        await other.press(page.form("Save"), "Save")
    await browser.press(page.form("Save"), "Save")
    cookies = [dict(sent)["cookie"] for sent in server.seen]
    assert cookies == ["", "one"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda f: f.fill("Country", "NL", within="Where it happened"), "chosen from a list"),
        (lambda f: f.fill("Surname", "T"), "no field “Surname”.*there are: “Name”, “Note on"),
        (lambda f: f.choose("Country", "Ukraine"), "2 times the field “Country”"),
        (lambda f: f.choose("Country", "Ukraine", within="Where it happened"), "“Portugal”$"),
        (lambda f: f.choose("Safe?", "Perhaps"), "no choice under “Safe\\?” “Perhaps”"),
        (lambda f: f.choose("Safe?", "Yes", "No"), "takes one choice"),
        (lambda f: f.choose("Needs", "Money"), "there are: “Shelter”, “Claim”, “Court”"),
        (lambda f: f.choose("Name", "Money"), "is typed, not chosen"),
        (lambda f: f.fill("Name", "x" * 21), "takes 20 characters at most"),
        (lambda f: f.fill("Name", "x\ny"), "takes one line only"),
        (lambda f: f.fill("Off", "x"), "no field “Off”"),
        (lambda f: f.date("Died", "1992-05-03"), "no date “Died”"),
        (lambda f: f.tick("I am not sure"), "no check box “I am not sure”"),
        (lambda f: f.press("Send"), "no button “Send” on the page “How can Оксана"),
    ],
)
async def test_what_is_not_there_cannot_be_used(
    wrong: object, said: str, browser: Browser, server: Server
) -> None:
    page = await first(browser, server)
    assert callable(wrong)
    with pytest.raises(NotThere, match=said):
        wrong(page.form("Save"))


def test_any_text_gives_a_tree() -> None:
    tree = parse("</p><ul><li>one<li>two<ul><li>inner</ul><li>three</ul>&lt;b&gt; <b>open")
    top = tree.first("ul")
    assert top is not None
    assert [child.tag for child in top.children if not isinstance(child, str)] == ["li"] * 3
    assert tree.seen == "one two inner three <b> open"
    table = parse("<table><tr><th>a<td>b<tr><th>c</table>")
    assert [row.seen for row in table.all("tr")] == ["a b", "c"]
