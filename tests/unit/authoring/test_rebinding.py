"""Names that blocks bind anew: refused where Python would keep the value of one reading, and nowhere else."""

import textwrap
from pathlib import Path

import pytest

from apibench.authoring.tracing.python_file import read_python
from apibench.model.errors import NotTraceable

HEAD = """\
from apibench import between, check, otherwise, pick, rand, repeat, scenario, when

COUNT = 3

def one(u, x):
    return u.get(f"/one/{x}")

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def journey(u):
    r = u.get("/first")
    x = ""
    state = {"x": ""}
"""

PAGES = "for _ in repeat(3):\n    p = u.get('/b')\n"
REFUSED = [
    "for _ in repeat(3):\n    u.get(f'/{x}')  # <-\n    x = r.json['next']",
    "for _ in repeat(3):\n    x = x + r.json['next']  # <-",
    "for _ in repeat(3):\n    x += 'a'  # <-",
    "for _ in repeat(3):\n    one(u, x)  # <-\n    (x := r.json['next'])",
    "for _ in repeat(3):\n    if COUNT:\n        x = 'a'\n    u.get(f'/{x}')  # <-",
    "for _ in repeat(3):\n    with when(r.status == 200):\n        u.get(f'/{x}')  # <-\n    x = r.json['next']",
    "for _ in repeat(3):\n    with pick() as p, p.weight(1):\n        u.get(f'/{x}')  # <-\n        x = rand.uuid()",
    "for _ in repeat(3):\n    u.get('/' + ''.join([x for _ in range(2)]))  # <-\n    x = r.json['next']",
    "for _ in repeat(3):\n    u.get(f'/{state[\"x\"]}')  # <-\n    state['x'] = r.json['next']",
    "with when(r.status == 200):\n    x = r.json['next']\nu.get(f'/{x}')  # <-",
    "with when(r.status == 200):\n    x = 'a'\nwith otherwise():\n    x = 'b'\nu.get(f'/{x}')  # <-",
    "with when(r.status == 200):\n    x, y = 1, 2\nif COUNT:\n    u.get(f'/{x}')  # <-",
    "with when(r.status == 200):\n    x = 'a'\nif COUNT > 3:\n    x = 'b'\nu.get(f'/{x}')  # <-",
    "with when(r.status == 200):\n    r = u.get('/b')\ncheck(r.status == 200, 'ok')  # <-",
    "with when(r.status == 200):\n    x = 'a'\nshow = lambda: u.get(f'/{x}')  # <-\nshow()",
    "with when(r.status == 200):\n    state['x'] = 'a'\nu.post('/', json=state)  # <-",
    "with when(r.status == 200):\n    state['x'] = 'a'\nu.post('/', json=dict(state.items()))  # <-",
    "for n in range(2):\n    u.get(f'/{x}')  # <-\n    with when(r.status == 200):\n        x = r.json['next']",
    "for n in 'ab':\n    with when(r.status == 200):\n        n = r.json['next']\n    u.get(f'/{n}')  # <-",
    "match COUNT:\n    case 3:\n        for _ in repeat(3):\n            u.get(f'/{x}')  # <-\n            x = 'a'",
    PAGES + "    with when(p.status == 200):\n        y = p.json['a']\nu.get(f'/{y}')  # <-",
    PAGES + "    with when(p.status == 200):\n        y = p.json['a']\n    u.get(f'/{y}')  # <-",
    PAGES + "    for _ in repeat(p.json['n']):\n        y = f\"{p.json['a']}\"\nu.get(y)  # <-",
    "for _ in repeat(3):\n    p = rand.uuid()\n    for _ in repeat(p):\n        u.get('/')\n        y = p\nx = y  # <-",
    "try:\n    pass\nfinally:\n    for _ in repeat(3):\n        u.get(f'/{x}')  # <-\n        x = 'a'",
]


@pytest.mark.parametrize("body", REFUSED)
def test_a_name_that_a_block_binds_anew_is_refused_where_it_is_read(body: str, tmp_path: Path) -> None:
    trouble = refused(tmp_path, HEAD, body)
    line = next(at for at, text in enumerate(body.splitlines()) if text.endswith("# <-"))
    assert trouble.kind == "AB121", str(trouble)
    assert trouble.line == len(HEAD.splitlines()) + 1 + line, str(trouble)
    assert "u.var(" in str(trouble)


FINE = [
    "for _ in repeat(3):\n    x = rand.uuid()\n    u.get(f'/{x}')",
    "for _ in repeat(3):\n    y = u.get(f'/{x}')\n    check(y.status == 200, 'ok')\nu.get('/b')",
    "for _ in repeat(3):\n    r = u.get('/b')\n    check(r.status < 9, 'b')\nr = u.get('/c')\ncheck(r.status < 9, 'c')",
    "for _ in repeat(3):\n    total = 0\n    for n in range(3):\n        total += n\n    u.get(f'/{total}')",
    "for n in range(3):\n    if n == 1:\n        x = 'a'\n    u.get(f'/{x}')",
    "for _ in repeat(3):\n    for n in range(3):\n        if n == 1:\n            continue\n        u.get(f'/{n}')",
    "for _ in repeat(3):\n    u.get('/' + ''.join([x for x in 'abc']))\n    y = (lambda x: x)('a')\nu.get(f'/{x}')",
    "for _ in repeat(3):\n    u.headers['X'] = u.get('/b').json['id']\nu.get('/c', headers={'Y': x})",
    "with when(r.status == 200):\n    state['y'] = 'a'\n    u.get('/b')\nu.get('/' + state['x'])",
    "with when(r.status == 200):\n    x = 'a'\n    u.get(f'/{x}')\nwith otherwise():\n    x = 'b'\n    u.get(f'/{x}')",
    "with pick() as p, p.weight(1):\n    u.get('/a')\nwith pick() as p, p.weight(1):\n    u.get('/b')",
    PAGES + "    with when(p.status == 200):\n        y = u.get(f'/{p.text}')\nu.get(f'/{y.text}')",
    PAGES + "    with when(p.status == 200):\n        y = p.json.random()\nu.get(f'/{y}')",
    "for _ in repeat(3):\n    with when(r.status):\n        p = u.get('/')\n        y = p.json['a']\nu.get(f'/{y}')",
    PAGES + "    for _ in repeat(between(1, 3)):\n        u.get('/c')\n        y = p.json['a']\nu.get(f'/{y}')",
    PAGES + "    with when(p.status == 200):\n        y = p.json['a']\n        u.get(f'/{y}')",
    "for _ in repeat(3):\n    last = u.get('/b')\ncheck(last.status == 200, 'ok')",
    "if COUNT:\n    with when(r.status == 200):\n        x = 'a'\n        u.get(f'/{x}')\nelse:\n    u.get(f'/{x}')",
]


@pytest.mark.parametrize("body", FINE)
def test_a_name_that_is_bound_before_it_is_read_is_no_matter(body: str, tmp_path: Path) -> None:
    read_python(str(write(tmp_path, HEAD, body)))


IN_A_HELPER = """\
from apibench import check, repeat, scenario, when

def looked(u, first, token=None):
    {helper}

def never_called(u):
    return u is None

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def journey(u):
    def inner(path):
        {inner}
    match 1:
        case 1:
            inner("/a")
            looked(u, first=u.get("/b"), token=u.get("/c").json["token"])
"""


@pytest.mark.parametrize(
    ("code", "helper", "inner"),
    [
        ("AB120", "return first.json['a'] is None", "u.get(path)"),
        (
            "AB121",
            "x = ''\n    for _ in repeat(2):\n        u.get(f'/{x}')\n        x = first.json['a']",
            "u.get(path)",
        ),
        ("AB106", "for _ in repeat(2):\n        return u.get('/a')", "u.get(path)"),
        ("AB130", "u.get('/a')", "try:\n            u.get(path)\n        finally:\n            pass"),
        (None, "return u.get('/a') if token is None else u.get(f'/{token}')", "return u.get(path)"),
    ],
)
def test_functions_that_a_scenario_calls_are_looked_at_too(
    code: str | None, helper: str, inner: str, tmp_path: Path
) -> None:
    path = tmp_path / "journey.py"
    path.write_text(IN_A_HELPER.format(helper=helper, inner=inner))
    if code is None:
        read_python(str(path))
        return
    with pytest.raises(NotTraceable) as caught:
        read_python(str(path))
    assert caught.value.kind == code


def write(folder: Path, head: str, body: str) -> Path:
    path = folder / "journey.py"
    path.write_text(head + textwrap.indent(body, "    "))
    return path


def refused(folder: Path, head: str, body: str) -> NotTraceable:
    with pytest.raises(NotTraceable) as caught:
        read_python(str(write(folder, head, body)))
    return caught.value
