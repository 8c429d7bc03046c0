"""
What cannot be traced, by stable codes: what it says, and what to write instead.

One table for the refusals, for `apibench explain CODE` and for the documentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of mistake."""

    title: str
    """What is wrong, in a sentence without its end."""
    why: str
    wrong: str
    right: str


_BUYER = """\
@python_user(base_url="http://localhost:8080", load="5 vus", duration="30s")
async def buyer(u):
"""

CODES: Mapping[str, Code] = {
    "AB101": Code(
        "Python cannot branch on a value that exists only while the load runs",
        "A scenario is run when it is loaded, before any request: `if`, `while`, `and`, `or`, `not`, `in`, `a < x < b` "
        "and `match` ask for the value now. Conditions on late values are blocks, and are joined with &, | and ~.",
        'if r.status == 409:\n    u.post("/retry")',
        'with when(r.status == 409):\n    u.post("/retry")',
    ),
    "AB102": Code(
        "Python cannot loop over a value that exists only while the load runs",
        "How many items there will be is not known yet. The engine goes through them with `each`; `x.random()` is "
        "one of them.",
        'for item in page.json["items"]:\n    u.get(f"/items/{item}")',
        'for item in each(page.json["items"]):\n    u.get(f"/items/{item}")',
    ),
    "AB103": Code(
        "the length or number of a value is not known before the load runs",
        "`len()`, `int()`, `float()` and dictionary keys ask for the value now. The same are methods of late values.",
        'check(len(r.json["items"]) > 0, "some")',
        'check(r.json["items"].length() > 0, "some")',
    ),
    "AB104": Code(
        "a late value has no text yet",
        "`str()`, `%` and `print` would write something that looks like a value and is none. Text with late parts is "
        "an f-string, or is put together with +.",
        'u.get("/items/%s" % item)',
        'u.get(f"/items/{item}")',
    ),
    "AB105": Code(
        "a text with late parts was changed as text",
        "An f-string with a late value holds a place for it, which slices, `.upper()`, `quote()` or `json.dumps()` "
        "destroy; and `len()`, `==` or `b64encode()` would be of that place. Change the late value itself.",
        'u.get(f"/{name}".upper())',
        'u.get(f"/{name.upper()}")',
    ),
    "AB106": Code(
        "a block was left before its end",
        "The body of `repeat`, `when` and `pick` is read once, whole: `break`, `continue` and `return` would cut off "
        "what follows, for every virtual user and not for one. `leave_loop()` goes on behind the loop, and `u.end()` "
        "ends the iteration, where the load comes by.",
        'for _ in repeat(3):\n    r = u.get("/a")\n    if FAST:\n        break',
        'for _ in repeat(3):\n    r = u.get("/a")\n    with when(r.status == 204):\n        leave_loop()',
    ),
    "AB107": Code(
        "a word of scenarios was used outside of one",
        "Requests, checks and blocks belong to a function under @scenario, which is run when it is loaded.",
        'think("1s")',
        '@scenario(base_url="http://localhost:8080")\ndef browse(u):\n    u.get("/products")\n    think("1s")',
    ),
    "AB110": Code(
        "a scenario was not the same when it was run twice",
        "What Python makes of `uuid4()`, `random`, `time` or a global that changes, is made once, when the scenario is "
        "loaded: every virtual user would send the same. Late values are made anew for each.",
        'u.get(f"/items/{uuid4()}")',
        'u.get(f"/items/{rand.uuid()}")',
    ),
    "AB111": Code(
        "a value was made of a variable that was set anew before it was used",
        "Text and sums are written down as what they are made of, and worked out where they are used: by then the "
        "variable holds something else. What is made behind `set` has the new value.",
        'n = u.var("n", 1)\npath = f"/pages/{n}"\nn.set(n + 1)\nu.get(path)',
        'n = u.var("n", 1)\nu.get(f"/pages/{n}")\nn.set(n + 1)',
    ),
    "AB120": Code(
        "Python compares something else than the value",
        "`is` compares the late value's own object, which is there always, and `isinstance` its type.",
        'with when(r.json["next"] is None):\n    ...',
        'with when(r.json["next"].is_null()):\n    ...',
    ),
    "AB121": Code(
        "a name was bound anew in a block, and is read in its next pass or behind it",
        "The body of `repeat`, `each`, `when` and `weight` is read once, when the scenario is loaded: a name that it "
        "binds anew would keep the value of that reading, in every pass and behind the block. One that only some "
        "passes bind would be made of the last pass. What changes while the load runs is a variable of the user.",
        'cursor = ""\nfor _ in repeat(5):\n    page = u.get("/items", params={"from": cursor})\n'
        '    cursor = page.json["next"]',
        'cursor = u.var("cursor", "")\nfor _ in repeat(5):\n    page = u.get("/items", params={"from": cursor})\n'
        '    cursor.set(page.json["next"])',
    ),
    "AB130": Code(
        "nothing fails while a scenario is loaded",
        "Requests are sent later, so `except` would never see how they went. Say what is expected of an answer.",
        'try:\n    u.get("/a")\nexcept Exception:\n    u.get("/b")',
        'r = u.get("/a", expect=status("100-599"))\nwith when(r.status >= 400):\n    u.get("/b")',
    ),
    "AB140": Code(
        "an argument is not what this word takes",
        "What a scenario says is checked when it is loaded, with its place.",
        'think("a while")',
        'think("1s")',
    ),
    "AB141": Code(
        "a function can't be called by its name in another process",
        "`u.py` has it called while the load runs, and a user in Python is run then, by processes that load the file "
        "for themselves and look the function up. Lambdas, functions within functions and methods of objects have no "
        "name that leads to them; a coroutine would have nobody to await it, unless it is a user.",
        "u.py(lambda text: html.escape(text), page.text)",
        "u.py(html.escape, page.text)",
    ),
    "AB150": Code(
        "a scenario raised an error while it was loaded",
        "Its function is run when it is loaded, to see what it does. An error in it is one in Python, not of a "
        "request. So is an argument that a word does not take, or lacks.",
        'u.get(path, header={"X-Id": "7"})',
        'u.get(path, headers={"X-Id": "7"})',
    ),
    "AB160": Code(
        "a file of data has no such column",
        "The first line of a file names its columns, and the rest of it is looked through before the load runs.",
        'me = users.next()\nu.post("/login", json={"user": me.nmae})',
        'me = users.next()\nu.post("/login", json={"user": me.name})',
    ),
    "AB170": Code(
        "what a request or a check is counted under is not written beside it",
        "Each row of results is known before the load, so names of requests and checks of a user in Python are read "
        "from its text, of which nothing is run then. A path is text, or an f-string that begins with its `/`; another "
        "one has a `name`. Methods, names of requests and names of checks stand in quotes.",
        f"""{_BUYER}    page = await u.get("/products")
    await u.get(page.json["next"])""",
        f"""{_BUYER}    page = await u.get("/products")
    await u.get(page.json["next"], name="GET next page")""",
    ),
    "AB171": Code(
        "a user in Python is a coroutine function, and takes itself and its data",
        "It is run while the load goes, many at a time in a process, and each gives way to the others where it awaits "
        "something. Its first parameter is the user; there is one more for each row of `data`, of the same name, and "
        "no other.",
        '@python_user(base_url="http://localhost:8080", load="5 vus", duration="30s")\n'
        'def buyer(u):\n    u.get("/products")',
        f'{_BUYER}    await u.get("/products")',
    ),
    "AB172": Code(
        "a request of a user in Python is not awaited",
        "The words of a user that take time are coroutines: without `await` they do nothing, and there is no answer.",
        f'{_BUYER}    u.get("/products")',
        f'{_BUYER}    await u.get("/products")',
    ),
    "AB173": Code(
        "no request stands in the text of a user in Python",
        "Rows of results are made of the requests that stand in its function, in the functions of its file that it "
        "names, and in its `helpers`, which may be of other files. A file that has changed since it was loaded has "
        "another text.",
        f"{_BUYER}    pass",
        f'{_BUYER}    await u.get("/products")',
    ),
    "AB174": Code(
        "a user in Python does this itself",
        "Its code goes on where a request has failed, and may end, try again or raise. What lasts from one iteration "
        "to the next is kept in the user, for each virtual user by itself.",
        f'{_BUYER}    await u.get("/products")\n\n@buyer.on_start\nasync def log_in(u):\n    await u.post("/login")',
        f'{_BUYER}    if not hasattr(u, "token"):\n        u.token = (await u.post("/login")).json["token"]\n'
        '    await u.get("/products", headers={"X-Token": u.token})',
    ),
}


def page() -> str:
    """The documentation of all codes, in Markdown."""
    about = (
        "What cannot be traced in a scenario of Python or read from a user in Python, and what to write instead. "
        "`apibench explain CODE` says so too."
    )
    parts = [f"# Codes of refusals\n\n{about}\n"]
    for code, told in CODES.items():
        parts.append(
            f"\n## {code}: {told.title}\n\n{told.why}\n\nInstead of\n\n```python\n{told.wrong}\n```\n\n"
            f"write\n\n```python\n{told.right}\n```\n"
        )
    return "".join(parts)
