"""What a user in Python can't be is refused when it is loaded, at its line, with its code and a remedy."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apibench import python_user
from apibench.authoring.any_plan import read_any_plan
from apibench.authoring.tracing.codes import CODES
from apibench.model.errors import NotTraceable
from apibench.model.exit_codes import ExitCode

HEAD = "from apibench import *\nfrom apibench import csv, python_user, think\nimport asyncio, functools\n"
USER = '@python_user(base_url="http://127.0.0.1:1", load="1 vu", iterations=1{words})  # 0\nasync def buyer(u{rows}):\n'


def user(*lines: str, words: str = "", rows: str = "") -> str:
    """Its decorator is in line 0; what it does begins in line 2."""
    text = USER.format(words=f", {words}" if words else "", rows=rows)
    return text + "".join(f"    {line}\n" for line in lines or ('await u.get("/a")',))


def other(text: str) -> str:
    """With something else than a coroutine function in the place of one."""
    return user().replace('async def buyer(u):\n    await u.get("/a")\n', text)


def refused(folder: Path, text: str) -> NotTraceable:
    (folder / "users.csv").write_text("user\nann\n")
    (folder / "shop.py").write_text(HEAD + text)
    with pytest.raises(NotTraceable) as caught:
        read_any_plan(str(folder / "shop.py"))
    return caught.value


REFUSED = [
    ("AB170", user('path = "/a"', "await u.get(path)"), 3, "u.get(path, name="),
    ("AB170", user("await u.get(path='/a' + x)"), 2, "u.get(path=..., name="),
    ("AB170", user("await u.get(*paths)"), 2, "made elsewhere"),
    ("AB170", user('await u.get(f"{HOST}/a")'), 2, "made elsewhere"),
    ("AB170", user('await u.get(f"")'), 2, "made elsewhere"),
    ("AB170", user("await u.get(7)"), 2, "begins with /"),
    ("AB170", user('await u.get("a")'), 2, "begins with /"),
    ("AB170", user('await u.get(f"a/{x}")'), 2, "made elsewhere"),
    ("AB170", user('await u.get("http://127.0.0.1/a")'), 2, "base_url"),
    ("AB170", user('await u.get("/a", name=f"{x}")'), 2, "name of this request"),
    ("AB170", user('await u.get("/a", name=x)'), 2, "name of this request"),
    ("AB170", user('await u.get("/a", name="")'), 2, "name of this request"),
    ("AB170", user('await u.get("/a", name=" x")'), 2, "no space at its ends"),
    ("AB170", user(f'await u.get("/a", name="{"x" * 201}")'), 2, "At most 200 characters"),
    ("AB170", user(r'await u.get("/a\tb")'), 2, "printable"),
    ("AB170", user('await u.request(method, "/a")'), 2, "method of this request"),
    ("AB170", user('await u.request("get", "/a")'), 2, "Write GET"),
    ("AB170", user('await u.request("G T", "/a")'), 2, "one word"),
    ("AB170", user('await u.get("/a")', "u.check(True)"), 3, "name of this check"),
    ("AB170", user('await u.get("/a")', 'u.check(True, f"{x}")'), 3, "name of this check"),
    ("AB170", user('await u.get("/a")', 'u.check(True, "x ")'), 3, "no space at its ends"),
    ("AB170", user("get = u.get", 'await get("/a")'), 2, "handed on"),
    ("AB170", user('await asyncio.gather(*map(u.get, ["/a"]))'), 2, "handed on"),
    ("AB170", user("await help(u)") + "async def help(v):\n    await v.get(v.path)\n", 4, "v.get(v.path, name="),
    ("AB150", user("await u.get()"), 2, 'u.get("/products")'),
    ("AB150", user('await u.request("GET", json={})'), 2, "lacks `path`"),
    ("AB171", other('def buyer(u):\n    u.get("/a")\n'), 0, "async def buyer(u):"),
    ("AB171", other("class buyer:\n    pass\n"), 0, "no coroutine function"),
    ("AB171", other('async def buyer(u):\n    yield await u.get("/a")\n'), 0, "yields"),
    ("AB171", other('async def buyer():\n    await u.get("/a")\n'), 0, "async def buyer(u):"),
    ("AB171", other('async def buyer(*u):\n    await u.get("/a")\n'), 0, "async def buyer(u):"),
    ("AB171", other('@python_user(base_url="http://a")\nasync def buyer(u):\n    await u.get("/a")\n'), 0, "coroutine"),
    ("AB171", user(rows=", me"), 0, 'data={"me": csv("users.csv")}'),
    ("AB171", user(rows=", me=None"), 0, 'data={"me": csv("users.csv")}'),
    ("AB171", user(words='data={"me": csv("users.csv")}'), 0, "async def buyer(u, me):"),
    ("AB171", user(words='data={"mee": csv("users.csv")}', rows=", me"), 0, "Did you mean `me`?"),
    ("AB171", user(words='data={"me": csv("users.csv")}', rows=", *, me"), 0, "async def buyer(u, me):"),
    ("AB171", user(words='data={"me": csv("users.csv")}', rows=", **me"), 0, "async def buyer(u, me):"),
    ("AB172", user('u.get("/a")'), 2, "await u.get(...)"),
    ("AB172", user('x = u.get("/a").json'), 2, "await u.get(...)"),
    ("AB172", user('x = u.get("/a")["id"]'), 2, "await u.get(...)"),
    ("AB172", user('await u.get("/a")', 'u.think("1s")'), 3, "await u.think(...)"),
    ("AB173", user("pass"), 0, "sends no request"),
    ("AB173", user('u.check(True, "x")'), 0, "helpers="),
    ("AB174", user(words='on_fail="continue"'), 0, "return, or raise"),
    ("AB174", user(words="on_start=log_in").replace("log_in", "print"), 0, "u.token"),
    ("AB174", user() + "@buyer.on_start\nasync def first(u):\n    pass\n", 3, "u.token"),
    ("AB174", user() + "@buyer.on_stop\nasync def last(u):\n    pass\n", 3, "@shopper.teardown"),
    ("AB174", user('await u.get("/a")', 'think("1s")'), 3, 'await u.think("1s")'),
    ("AB174", user('await u.get("/a")', "for _ in repeat(3):", "    pass"), 3, "for _ in range(3):"),
    ("AB174", user('await u.get("/a", json={"n": rand.int(1, 6)})'), 2, "u.random.randint"),
    ("AB174", user('await u.get("/a")', "check(1, 'x')"), 3, "u.check("),
    ("AB140", user(words='data="users.csv"'), 0, 'data={"me": csv("users.csv")}'),
    ("AB140", user(words='data={"me": "users.csv"}', rows=", me"), 0, 'data={"me": csv("users.csv")}'),
    ("AB140", user(words="helpers=print"), 0, "helpers=["),
    ("AB140", user(words="helpers=[print]"), 0, "helpers=["),
    ("AB140", user(words="helpers=[lambda: 1]"), 0, "helpers=["),
    ("AB140", user(words="helpers=[3]"), 0, "helpers=["),
    ("AB140", user(words="name=3"), 0, "name is text"),
    ("AB140", user(words='thresholds="p99 < 1s"'), 0, "thresholds is a list"),
    ("AB140", user(words='start="soon"'), 0, "soon"),
    ("AB140", user().replace('load="1 vu"', 'load="many"'), 0, "no load"),
    ("AB140", user() + user(), 4, "is called 'buyer' too"),
    ("AB150", user(words="thresholdss=[]"), 0, "Did you mean `thresholds`?"),
    ("AB150", '@python_user\nasync def buyer(u):\n    await u.get("/a")\n', 0, "It takes: base_url"),
    ("AB150", '@python_user()\nasync def buyer(u):\n    await u.get("/a")\n', 0, "lacks `base_url`"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "line", "told"), REFUSED)
def test_what_it_can_not_be_is_refused_at_its_line(code: str, text: str, line: int, told: str, tmp_path: Path) -> None:
    trouble = refused(tmp_path, text)
    shown = str(trouble)
    assert trouble.kind == code, shown
    assert trouble.line == len(HEAD.splitlines()) + 1 + line, shown
    assert f"error[{code}]" in shown
    assert told in shown
    assert "apibench explain" in shown


def test_every_code_of_users_in_python_has_a_test() -> None:
    assert {code for code, *_ in REFUSED} >= {code for code in CODES if code.startswith("AB17")}


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith("AB17")])
def test_what_a_code_shows_is_refused_by_it_and_what_it_says_to_write_instead_is_not(code: str, tmp_path: Path) -> None:
    assert refused(tmp_path, CODES[code].wrong).kind == code
    (tmp_path / "shop.py").write_text(HEAD + CODES[code].right)
    assert read_any_plan(str(tmp_path / "shop.py")).scenarios


def test_one_that_no_name_leads_to_is_refused() -> None:
    @python_user(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
    async def buyer(u: Any) -> None:
        await u.get("/a")

    with pytest.raises(NotTraceable, match="stands within another function") as caught:
        read_any_plan([buyer])
    assert caught.value.kind == "AB141"


def test_one_without_a_text_is_refused() -> None:
    module: dict[str, Any] = {"__name__": "nowhere"}
    exec(HEAD + user(), module)  # noqa: S102 - that is the test
    with pytest.raises(NotTraceable, match="can't be read") as caught:
        read_any_plan([module["buyer"]])
    assert caught.value.kind == "AB173"


def test_a_python_that_keeps_no_columns_of_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(HEAD + user())
    words = ("-X", "no_debug_ranges", "-m", "apibench", "plan", str(tmp_path / "shop.py"))
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.BAD_PLAN
    assert "PYTHONNODEBUGRANGES" in done.stderr
