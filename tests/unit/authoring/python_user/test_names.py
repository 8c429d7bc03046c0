"""What a user's requests and checks are called, by its text; and which of a file's functions are looked at."""

import textwrap
from pathlib import Path

import pytest

from apibench.authoring.python_user.scenario import PythonScenario
from apibench.authoring.python_user.written import WrittenRequests, written_requests
from apibench.authoring.tracing.python_file import import_file, importing_beside

HEAD = """\
import asyncio
from apibench import python_user, scenario
from apibench import check as ensure

DECORATED = dict(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)

"""
USER = "@python_user(**DECORATED)\nasync def buyer(u):\n"


def written(folder: Path, text: str, name: str = "buyer") -> WrittenRequests:
    path = folder / "shop.py"
    path.write_text(HEAD + textwrap.dedent(text))
    with importing_beside(path):
        found: PythonScenario = getattr(import_file(path), name)
    return written_requests(found)


def body(folder: Path, text: str) -> WrittenRequests:
    return written(folder, USER + textwrap.indent(textwrap.dedent(text), "    "))


def names(found: WrittenRequests) -> list[str]:
    return [name for name, _ in found.requests]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ('get("/products")', "GET /products"),
        ('delete("/products?page=1&x=2")', "DELETE /products"),
        ('get("/a" "/b")', "GET /a/b"),
        ('get(path="/a")', "GET /a"),
        ("get(f\"/products/{item['id']}\")", "GET /products/{id}"),
        ("get(f\"/products/{page.json['items'][0]['id']}/x\")", "GET /products/{id}/x"),
        ('get(f"/orders/{order.number}?x={y}")', "GET /orders/{number}"),
        ('get(f"/orders/{number}")', "GET /orders/{number}"),
        ('get(f"/orders/{number!r:>10}")', "GET /orders/{number}"),
        ('get(f"/orders/{items[0]}")', "GET /orders/{items}"),
        ("get(f\"/orders/{str(order['id'])}\")", "GET /orders/{id}"),
        ('get(f"/{u.random.randint(1, 20)}")', "GET /{randint}"),
        ("get(f\"/orders/{order['user-id']}\")", "GET /orders/{user-id}"),
        ("get(f\"/orders/{order['a?b']}\")", "GET /orders/{order}"),
        ('get(f"/orders/{1 + 2}")', "GET /orders/{value}"),
        ('get(f"/a" "/b")', "GET /a/b"),
        ('get("/a" f"/{x}")', "GET /a/{x}"),
        ('get(f"/ä/{ü}")', "GET /ä/{ü}"),
        ('get(f"/{{x}}/{x}")', "GET /{x}/{x}"),
        ('get(path, name="GET next page")', "GET next page"),
        ('get("/a", name="b")', "b"),
        ('get(*paths, name="b")', "b"),
        ('get("/a", **words)', "GET /a"),
        ('request("PURGE", "/a")', "PURGE /a"),
        ('request("GET", path="/a")', "GET /a"),
        ('request(method="GET", path="/a")', "GET /a"),
        ('request("GET", path, name="x")', "x"),
        ('options("/a")', "OPTIONS /a"),
        (f'get("/{"x" * 300}")', f"GET /{'x' * 195}"),
    ],
)
def test_a_request_is_called_by_method_and_path_or_as_it_says(call: str, name: str, tmp_path: Path) -> None:
    assert names(body(tmp_path, f"await u.{call}")) == [name]


def test_equal_names_are_one_and_numbers_follow_the_text(tmp_path: Path) -> None:
    found = body(
        tmp_path,
        """
        await u.get("/b")
        for _ in range(3):
            await asyncio.gather(u.get("/a"), u.get("/b"))
        await u.post("/b", name="GET /a")
        await u.get("/c")
        """,
    )
    assert found.requests == (("GET /b", "GET"), ("GET /a", "GET"), ("GET /a", "POST"), ("GET /c", "GET"))
    assert sorted(found.places.values()) == [0, 0, 1, 2, 3]


def test_checks_are_numbered_by_the_text_each_name_once(tmp_path: Path) -> None:
    found = body(
        tmp_path,
        """
        page = await u.get("/a")
        if u.check(page.ok, "ok") and u.check(page.json["n"] > 0, name="some"):
            u.check(True, "ok")
        """,
    )
    assert found.checks == ("ok", "some")


REACHED = {
    "one that it calls": ("await browse(u)", "async def browse(u):\n    await u.get('/x')", True),
    "one below it": ("await browse(u)", "async def browse(u): await u.get('/x')", True),
    "one under another name": ("await browse(u)", "async def browse(visitor):\n    await visitor.get('/x')", True),
    "one that is given it by name": ("await browse(who=u)", "async def browse(*, who):\n    await who.get('/x')", True),
    "one that hands it on": (
        "await first(u)",
        "async def first(a):\n    await second(a)\nasync def second(b):\n    await b.get('/x')",
        True,
    ),
    "a nested one": ("async def inner():\n        await u.get('/x')\n    await inner()", "", True),
    "a lambda": ("await (lambda v: v.get('/x'))(u)\n    await (lambda: u.get('/x'))()", "", True),
    "of a table": (
        "await WAYS['x'](u)",
        "async def browse(u):\n    await u.get('/x')\nWAYS = {'x': browse}",
        True,
    ),
    "a method": (
        "await Shop().browse(u)",
        "class Shop:\n    async def browse(self, user):\n        await user.get('/x')",
        True,
    ),
    "a static method": (
        "await Shop.browse(u)",
        "class Shop:\n    @staticmethod\n    async def browse(user):\n        await user.get('/x')",
        True,
    ),
    "of an object that keeps it": (
        "await Shop(u).browse()",
        (
            "class Shop:\n    def __init__(self, u):\n        self.user = u\n"
            "    async def browse(self):\n        await self.user.get('/x')"
        ),
        True,
    ),
    "under a condition": ("await browse(u)", "if True:\n    async def browse(u):\n        await u.get('/x')", True),
    "one that it does not name": ("pass", "async def browse(u):\n    await u.get('/x')", False),
    "another user": ("pass", "@python_user(**DECORATED)\nasync def seller(u):\n    await u.get('/x')", False),
    "a traced scenario": ("pass", "@scenario(**DECORATED)\ndef traced(u):\n    u.get('/x' + 'y')", False),
    "its set-up": ("pass", "@buyer.setup\ndef prepare(u):\n    u.get('/x')\n    ensure(True, 'x')", False),
    "what is no user": ("names = [u.get('/x') for u in ({},)]", "", False),
    "what another object has under its name": ("names = {}\n    return x.u.get('x')", "", False),
    "what is no user there": ("browse()", "def browse():\n    u = {}\n    return u.get('x')", False),
}


@pytest.mark.parametrize("case", REACHED)
def test_functions_are_looked_at_that_its_text_leads_to(case: str, tmp_path: Path) -> None:
    inside, below, is_reached = REACHED[case]
    found = written(tmp_path, f"{USER}    await u.get('/own')\n    {inside}\n\n{below}\n")
    assert names(found) == ["GET /own", *(["GET /x"] if is_reached else [])]


def test_helpers_of_other_files_are_looked_at_each_under_its_own_name_for_the_user(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(
        "import functools\n\n"
        "def kept(function):\n    @functools.wraps(function)\n    async def called(*given):\n"
        "        return await function(*given)\n    return called\n\n"
        "@kept\nasync def log_in(visitor):\n    await visitor.post('/login')\n    await _more(visitor)\n\n"
        "async def _more(v):\n    await v.get('/more')\n\n"
        "async def never(visitor):\n    await visitor.post('/never')\n"
    )
    text = "from flows import log_in\n@python_user(**DECORATED, helpers=[log_in, own])\nasync def buyer(u):\n    pass\n"
    found = written(tmp_path, f"async def own(me):\n    await me.get('/own')\n{text}")
    assert names(found) == ["POST /login", "GET /more", "GET /own"]
    assert {place[0].rpartition("/")[2] for place in found.places} == {"flows.py", "shop.py"}


def test_a_text_that_has_changed_since_it_was_loaded_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.py"
    path.write_text(HEAD + USER + "    await u.get('/a')\n")
    found: PythonScenario = import_file(path).buyer
    assert names(written_requests(found)) == ["GET /a"]
    path.write_text("x = 1\n")
    with pytest.raises(Exception, match="AB173"):
        written_requests(found)
