"""Locustfiles become scenarios by their syntax tree: nothing in them is ever imported or run."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.authoring.importing.conftest import Import, Load
from tests.unit.authoring.importing.plans import all_steps

from apibench.model.errors import SourceUnreadable

HEAD = """\
import json, os, random, time, uuid
from locust import HttpUser, SequentialTaskSet, TaskSet, between, constant, constant_pacing, constant_throughput, task
SKUS = ["a", "b"]
"""
JSON = "[Content-Type: application/json]"
FORM = "[Content-Type: application/x-www-form-urlencoded]"


def task(body: str) -> str:
    users = "class Shopper(HttpUser):\n    host = 'http://127.0.0.1'\n    @task\n    def it(self):\n"
    return f"{HEAD}{users}{textwrap.indent(body, ' ' * 8)}\n"


BODIES = [
    ("self.client.get('/a')", ["GET /a"]),
    ("self.client.get('http://127.0.0.1/a?b=c d#e')", ["GET /a?b=c%20d"]),
    ("self.client.request('PUT', '/a')", ["PUT /a"]),
    ("self.client.get('/a', params={'q': 'a b', 'n': 1})", ["GET /a?q=a%20b&n=1"]),
    ("self.client.get('/a', headers={'X': 'y', 'N': 1})", ["GET /a [X: y] [N: 1]"]),
    ("self.client.post('/a', json={'a': [1, 2.5, None, True]})", [f'POST /a {JSON} {{"a": [1, 2.5, null, true]}}']),
    ("self.client.post('/a', data={'a': 'b c', 'n': 1})", [f"POST /a {FORM} a=b%20c&n=1"]),
    ("self.client.post('/a', 'text')", ["POST /a text"]),
    ("self.client.post('/a', data=json.dumps({'a': 1}))", [f'POST /a {JSON} {{"a": 1}}']),
    ("self.client.get('/a', auth=('ann', 'geheim'))", ["GET /a [Authorization: Basic ${secret:PASSWORD|basic:ann}]"]),
    (
        "with self.rest('GET', '/a') as r:\n    x = r.js['id']\nself.client.get(f'/b/{x}')",
        ["GET /a", "extract ['id'] to id", "GET /b/{id}"],
    ),
    (
        "r = self.client.get('/a')\nself.client.get('/b/' + r.json()['id'])",
        ["GET /a", "extract ['id'] to id", "GET /b/{id}"],
    ),
    (
        "r = self.client.get('/a')\nself.client.get('/b/%s' % r.json().get('id'))",
        ["GET /a", "extract ['id'] to id", "GET /b/{id}"],
    ),
    (
        "r = self.client.get('/a')\nself.client.get('/b/{}'.format(r.headers['X-Id']))",
        ["GET /a", "extract X-Id to x_id", "GET /b/{x_id}"],
    ),
    (
        "x = random.randint(1, 6)\nself.client.get(f'/{x}/{x}')",
        ["set number = random_integer(1, 6)", "GET /{number}/{number}"],
    ),
    ("self.client.get('/' + random.choice(SKUS))", ["set choice = random_choice(a, b)", "GET /{choice}"]),
    ("self.client.get(f'/{uuid.uuid4()}')", ["set uuid = random_uuid()", "GET /{uuid}"]),
    ("for i in range(3):\n    self.client.get('/a')", ["repeat 3: GET /a"]),
    ("for i in range(2):\n    self.client.get(f'/{i}')", ["GET /0", "GET /1"]),
    ("for sku in SKUS:\n    self.client.get(f'/{sku}')", ["GET /a", "GET /b"]),
    ("for _ in range(random.randint(2, 4)):\n    self.client.get('/a')", ["repeat random_integer(2, 4): GET /a"]),
    ("time.sleep(1.5)\nself.client.get('/a')", ["think 1.5", "GET /a"]),
    ("time.sleep(random.uniform(1, 2))\nself.client.get('/a')", ["think 1 to 2", "GET /a"]),
    (
        (
            "r = self.client.get('/a')\nif r.status_code == 503 or r.json()['n'] > 1:\n    self.client.get('/b')\n"
            "else:\n    self.client.get('/c')"
        ),
        [
            "GET /a",
            "extract status to status",
            "extract ['n'] to n",
            "when or(equal({status}, 503), greater({n}, 1)): GET /b else: GET /c",
        ],
    ),
    ("if len(SKUS) == 2:\n    pass\nself.client.get('/a')", None),
    ("self.client.headers['X'] = 'y'\nself.client.get('/a')", ["GET /a [X: y]"]),
    ("self.client.headers.update({'X': 'y'})\nself.client.get('/a')", ["GET /a [X: y]"]),
    ("print('hello')\nself.client.get('/a')", ["GET /a"]),
]


@pytest.mark.parametrize(("body", "told"), BODIES)
def test_a_task_becomes_steps(body: str, told: list[str] | None, imported: Import, load: Load) -> None:
    found = imported("locustfile", task(body))
    if told is None:
        assert found.left
        return
    assert all_steps(load(found)) == told
    assert found.left == ()


USERS = [
    ("wait_time = between(1, 2.5)", ["think 1 to 2.5"]),
    ("wait_time = constant(3)", ["think 3"]),
    ("wait_time = constant_pacing(3)", ["pace 3"]),
    ("wait_time = constant_throughput(4)", ["pace 0.25"]),
    ("pass", []),
]


@pytest.mark.parametrize(("line", "told"), USERS)
def test_a_wait_time_is_a_pause_behind_each_iteration(line: str, told: list[str], imported: Import, load: Load) -> None:
    plan = load(imported("locustfile", task("self.client.get('/a')") + f"    {line}\n"))
    assert all_steps(plan) == ["GET /a", *told]
    assert plan["scenarios"][0]["defaults"]["on_fail"] == "continue"


def test_tasks_are_drawn_by_weight_and_classes_are_scenarios(imported: Import, load: Load) -> None:
    text = f"""{HEAD}
def alone(user):
    user.client.get("/alone")

class Base(HttpUser):
    abstract = True
    host = "http://127.0.0.1:81"
    @task(3)
    def browse(self):
        self.client.get("/browse")

class Steps(SequentialTaskSet):
    @task
    def first(self):
        self.client.get("/first")
    @task
    def second(self):
        self.helper("x")
    def helper(self, word):
        self.client.get(f"/second/{{word}}")

class Buyer(Base):
    tasks = {{alone: 2, Steps: 1}}

class Looker(Base):
    @task
    def look(self):
        self.client.get("/look")
"""
    found = imported("locustfile", text)
    plan = load(found)
    assert [all_steps(plan, at) for at in (0, 1)] == [
        ["pick 3: GET /browse | 2: GET /alone | 1: GET /first; GET /second/x"],
        ["pick 3: GET /browse | 1: GET /look"],
    ]
    assert [each["name"] for each in plan["scenarios"]] == ["buyer", "looker"]
    assert found.left == ()


def test_what_users_do_once_is_done_once_and_what_it_keeps_is_known_to_tasks(imported: Import, load: Load) -> None:
    text = (
        task("self.client.get(f'/a/{self.me.json()[\"id\"]}', headers={'X': self.token})")
        + """\
    def on_start(self):
        self.token = self.client.post('/login').json()['token']
        self.client.headers['Y'] = self.token
        self.me = self.client.get('/me')
        return
    def on_stop(self):
        self.client.post('/logout', json={'token': self.token})
"""
    )
    found = imported("locustfile", text)
    plan = load(found)
    assert all_steps(plan, part="on_start") == [
        *("POST /login", "extract ['token'] to token", "GET /me [Y: {token}]", "extract ['id'] to id"),
    ]
    assert all_steps(plan) == ["GET /a/{id} [Y: {token}] [X: {token}]"]
    assert all_steps(plan, part="on_stop") == [
        f'POST /logout [Y: {{token}}] {JSON} {{"token": json_encoded({{token}})}}'
    ]
    assert found.left == ()


def test_nothing_is_taken_out_of_what_comes_from_the_environment(imported: Import, load: Load) -> None:
    text = task("self.client.get(f'/{self.me[\"id\"]}')") + (
        "    def on_start(self):\n        self.me = self.client.get('\\ue000').json()['me']\n"
    )
    found = imported("locustfile", text)
    assert all_steps(load(found)) == ["GET /APIBENCH_VARIABLE_ANSWER"]
    assert (
        "shop: 'answer' is set elsewhere, after it or for another host: it is read from APIBENCH_VARIABLE_ANSWER"
        in [str(each) for each in found.left]
    )


def test_a_set_of_tasks_that_is_never_left_begins_once(imported: Import, load: Load) -> None:
    text = f"""{HEAD}
class Things(TaskSet):
    def on_start(self):
        self.client.get("/begin")
    def on_stop(self):
        self.client.get("/end")
    @task
    def it(self):
        self.client.get("/it")

class Users(HttpUser):
    host = "http://127.0.0.1"
    tasks = [Things]

class Others(Users):
    @task
    def other(self):
        self.client.get("/other")
"""
    found = imported("locustfile", text)
    plan = load(found)
    assert [all_steps(plan, part=part) for part in ("on_start", "steps", "on_stop")] == [
        *(["GET /begin"], ["GET /it"], ["GET /end"]),
    ]
    assert [all_steps(plan, 1, part) for part in ("on_start", "steps")] == [
        *([], ["pick 1: GET /begin; GET /it | 1: GET /other"]),
    ]
    assert [str(each) for each in found.left] == [
        "line 5: on_start of Things is done each time that it is drawn",
        "line 5: on_stop of Things was left out: users have other tasks, too",
        "line 5: of Things one task is done, then another is drawn among all: it is never stayed in",
    ]


def test_what_a_task_leaves_in_its_user_is_told_to_be_gone(imported: Import, load: Load) -> None:
    text = task("self.n = self.client.get('/a').text\nself.client.get(f'/{self.n}')") + (
        "    def on_start(self):\n        self.n = self.client.get('/n').text\n"
    )
    found = imported("locustfile", text)
    assert all_steps(load(found)) == ["GET /a", "extract body to body", "GET /{body}"]
    assert [str(each) for each in found.left] == [
        "line 7: what is put into self.n holds to the end of its iteration only"
    ]


def test_a_task_that_returns_ends_its_iteration_behind_its_pause(imported: Import, load: Load) -> None:
    body = "r = self.client.get('/a')\nif r.status_code == 409:\n    return\nself.client.get('/b')"
    found = imported("locustfile", task(body) + "    wait_time = constant(3)\n")
    assert all_steps(load(found)) == [
        *("GET /a", "extract status to status", "when equal({status}, 409): think 3; end", "GET /b", "think 3"),
    ]
    assert found.left == ()


def test_a_function_that_returns_ends_no_iteration(imported: Import, load: Load) -> None:
    helper = "    def one(self):\n        if self.client.get('/a').status_code == 409:\n            return\n"
    found = imported("locustfile", task("self.one()\nself.client.get('/b')") + helper)
    assert "end" not in all_steps(load(found))
    assert [str(each) for each in found.left] == [
        "line 11: the end of the function here was left out: what follows is done all the same"
    ]


def test_a_loop_over_the_items_of_an_answer_goes_through_them(imported: Import, load: Load) -> None:
    body = """
for item in self.client.get('/a').json()['items']:
    if item['left'] == 0:
        break
    self.client.get(f"/b/{item['id']}")
"""
    found = imported("locustfile", task(body))
    assert [line.strip() for line in found.text.splitlines()[-5:]] == [
        'a = u.get("/a")',
        'for item in each(a.json["items"]):',
        'with when(item["left"] == 0):',
        "leave_loop()",
        """u.get(f"/b/{item['id']}")""",
    ]
    assert load(found)["scenarios"]
    assert found.left == ()


def test_what_says_which_answers_are_ok_is_said_of_the_request(imported: Import, load: Load) -> None:
    body = """
with self.client.get("/a", catch_response=True) as r:
    if r.status_code == 404:
        r.success()
with self.client.get("/b", catch_response=True) as r:
    if r.status_code != 200:
        r.failure("no")
with self.client.get("/c", catch_response=True) as r:
    if r.json()["state"] != "open":
        r.failure("is open")
"""
    found = imported("locustfile", task(body))
    steps = load(found)["scenarios"][0]["steps"]
    assert [step["expect"]["status"] for step in steps[:2]] == [
        [{"first": 100, "last": 399}, {"first": 404, "last": 404}],
        [{"first": 200, "last": 200}],
    ]
    assert all_steps(load(found))[2:] == ["GET /c", "extract ['state'] to state", "check is open: equal({state}, open)"]
    assert [str(each) for each in found.left] == ["line 16: a failure of the answer became a check"]


LEFT = [
    (
        "for x in self.client.get('/a').json():\n    self.client.get(f\"/{x['${secret:X}']}\")",
        "line 9: a request was left out: its path is too long, or has characters that we use",
    ),
    (
        "while True:\n    self.client.get('/a')\nself.client.get('/b')",
        "line 8: there are no words for this: self.client.get(…)",
    ),
    (
        "self.client.get('http://other/a')\nself.client.get('/b')",
        "line 8: there are no words for this: self.client.get(…)",
    ),
    ("self.client.get('/a', timeout=3)", "line 8: timeout= was left out"),
    ("self.client.post('/a', json=MISSING)", "line 8: json= was left out: there are no words for its value"),
    ("self.client.get('/a', files={'f': open('x')})", "line 8: files= was left out"),
    ("self.interrupt()\nself.client.get('/a')", "line 8: there are no words for this: self.interrupt(…)"),
    (
        "for x in SKUS:\n    if self.client.get('/a').status_code == 1:\n        break",
        "line 10: there are no words for this: break",
    ),
    ("try:\n    self.client.get('/a')\nexcept Exception:\n    pass", "line 10: what is done about errors was left out"),
]


@pytest.mark.parametrize(("body", "told"), LEFT)
def test_what_is_not_converted_is_told_with_its_line(body: str, told: str, imported: Import, load: Load) -> None:
    found = imported("locustfile", task(body))
    assert told in [str(each) for each in found.left]
    assert load(found)["scenarios"]


@pytest.mark.parametrize(
    "line",
    ["ROWS = list(csv.DictReader(open('a.csv')))", "with open('a.csv') as f:\n    ROWS = list(csv.DictReader(f))"],
)
def test_files_of_data_are_told_with_the_words_for_them(line: str, imported: Import) -> None:
    found = imported("locustfile", f"{line}\n" + task("self.client.get('/a')"))
    told = "line 1: what is read from a file was left out: csv(…).next() and jsonl(…).next() are its rows"
    assert told in [str(each) for each in found.left]


def test_functions_that_call_one_another_end(imported: Import, load: Load) -> None:
    calls = "".join(f"    def f{at}(self):\n        self.f{at + 1}()\n        self.f{at + 1}()\n" for at in range(19))
    found = imported(
        "locustfile",
        task("self.client.get('/a')\nself.f0()\nself.again()")
        + calls
        + ("    def f19(self):\n        pass\n    def again(self):\n        self.again()\n"),
    )
    assert all_steps(load(found)) == ["GET /a"]
    assert "what comes behind 20,000 statements was left out" in [str(each) for each in found.left]


def test_nothing_in_it_is_run(imported: Import, load: Load, tmp_path: Path) -> None:
    text = f"open({str(tmp_path / 'made')!r}, 'w')\nraise SystemExit\n" + task("self.client.get('/a')")
    found = imported("locustfile", text)
    assert all_steps(load(found)) == ["GET /a"]
    assert not (tmp_path / "made").exists()
    assert "line 1: what is done when the file is loaded was left out" in [str(each) for each in found.left]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def f(:", "shop.txt:1:7: no Python: "),
        ("x = 1", "has no class of HttpUser or FastHttpUser"),
        (
            "class A(HttpUser):\n    pass",
            "has no request that can be sent: line 1: a class of users without tasks was left out",
        ),
        ("(" * 5_000, "no Python"),
        ("-" * 500_000 + "1", "no Python"),
        ("a\0b", "no Python"),
        ("x = 1\n" * 200_000, "is larger than 1,048,576 characters"),
    ],
)
def test_what_is_no_locustfile_is_refused(text: str, told: str, imported: Import) -> None:
    with pytest.raises(SourceUnreadable) as refused:
        imported("locustfile", text)
    assert told in str(refused.value)


TEXT = st.text(st.characters(), max_size=10) | st.sampled_from(
    ['")\nimport os#', "{x}", "{{", "${secret:X}", "\ue000", "\ud800", "%s", "/a", "http://127.0.0.1/", "http://x:y/"]
)
NAMES = st.sampled_from(["u", "rand", "environ", "class_", "_1", "p", "é", "print", "x"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(texts=st.lists(TEXT, min_size=6, max_size=6), name=NAMES)
def test_no_locustfile_puts_words_into_a_file_and_every_file_is_loaded(
    texts: list[str], name: str, imported: Import, load: Load
) -> None:
    path, key, value, called, header, word = (ascii(each) for each in texts)
    body = f"""
{name} = self.client.get({path}, name={called}, headers={{{header}: {value}}})
self.client.post({path} + {name}.json()[{key}], json={{{key}: {name}.text, {value}: [{word}]}})
self.client.post("/{{}}/b".format({name}.json()[{key}]), data={{{key}: {word}}}, params={{{key}: {value}}})
self.client.put("/h", data={{"n": {name}.headers[{header}]}})
if {name}.json()[{key}] == {value}:
    self.{name} = random.choice([{word}, {value}])
    self.client.put("/a", data={word} + self.{name})
for {name} in {name}.json()[{word}]:
    if {name}[{key}] == {value}:
        break
    self.client.get("/each/" + {name}[{value}], headers={{{header}: self.begun[{word}]}})
self.client.get("/end/" + str(self.{name}))
"""
    once = f"""
    def on_start(self):
        self.begun = self.client.get({path}).json()[{key}]
        self.{name} = self.client.post({path}, data={{{key}: {value}}}).headers[{header}]
        self.client.headers[{header}] = self.{name}
    def on_stop(self):
        self.client.get({path} + self.begun[{word}], name=self.{name})
"""
    found = imported("locustfile", task(body) + once)
    assert load(found)["scenarios"]
