"""The plan of the page on journeys runs, and the target has seen what our counts say."""

import gzip
import hmac
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import PATIENCE_S, command_line
from tests.integration.recording import PRODUCT, target

from apibench.engine.echo_server import EchoServer

DOCS = Path(__file__).parents[2] / "docs"
PLAN, FORM, _, _, SIGN_UP, SIGNED, UPLOAD, *_ = re.findall(
    r"```yaml\n(.*?)```", (DOCS / "journeys.md").read_text(), flags=re.DOTALL
)
SCENARIO, *OTHERS = re.findall(r"```python\n(.*?)```", (DOCS / "scenarios.md").read_text(), flags=re.DOTALL)
(SIGN_UP_IN_PYTHON,) = (text for text in OTHERS if "sign_up" in text)
LIVES = next(text for text in OTHERS if "@shopper.on_start" in text)


def run(plan: str, environment: dict[str, str], folder: Path, name: str = "plan.yaml") -> dict[str, Any]:
    (folder / name).write_text(plan)
    done = subprocess.run(
        command_line("run", name, "-o", "json=-", "--progress", "none"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=folder,
        env=environment,
        check=False,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_journey_of_the_page_is_seen_by_the_target_request_for_request(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with EchoServer() as server:
        document = run(PLAN.replace("http://127.0.0.1:8089", server.address), environment, tmp_path)
        counted = server.counts()
    steps = {step["name"]: step["requests"]["started"] for step in document["scenarios"][0]["steps"]}
    assert document["requests"]["started"] == counted["requests"]
    assert steps["GET /products/{id}"] == steps["POST /login"] == 100
    assert 0 < steps["POST /orders"] < 100, "the cheap ones are bought"
    checks = {check["name"]: (check["passed"], check["failed"]) for check in document["checks"]}
    assert checks["there is something to buy"] == (100, 0)
    assert checks["extract price"] == (100, 0)


@pytest.mark.parametrize("on_fail", ["end_iteration", "continue"])
def test_what_a_response_lacks_is_told_by_name_and_nothing_is_sent_half_filled(
    on_fail: str, environment: dict[str, str], tmp_path: Path
) -> None:
    plan = f"""
        version: 1
        hosts: {{shop: ADDRESS}}
        scenarios:
          - name: s
            load: {{vus: 2, iterations: 10}}
            defaults: {{on_fail: {on_fail}}}
            steps:
              - {{type: request, path: /products/7}}
              - {{type: extract, of: $.colour, to: colour}}
              - {{type: request, name: never, path: "/paint/${{colour}}"}}
              - {{type: request, path: /products/8}}
        """
    with EchoServer() as server:
        document = run(plan.replace("ADDRESS", server.address), environment, tmp_path)
        counted = server.counts()["requests"]
    iterations, requests = document["iterations"], document["requests"]
    assert (iterations["ok"], iterations["failed"]) == (0, 10)
    assert requests["started"] == requests["ok"] == counted == (10 if on_fail == "end_iteration" else 20)
    checks = {check["name"]: (check["passed"], check["failed"]) for check in document["checks"]}
    expected = {"extract colour": (0, 10)}
    if on_fail == "continue":
        expected["values of never"] = (0, 10)
    assert checks == expected


def test_the_scenario_of_the_page_is_seen_by_the_target_request_for_request(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with EchoServer() as server:
        text = SCENARIO.replace("http://127.0.0.1:8089", server.address)
        document = run(text, environment, tmp_path, "shopper.py")
        counted = server.counts()
    assert document["requests"]["started"] == document["requests"]["ok"] == counted["requests"]
    assert document["iterations"]["ok"] == document["load"]["offered"] == 100
    steps = {step["name"]: step["requests"]["started"] for step in document["scenarios"][0]["steps"]}
    assert set(steps) == {"POST /login", "GET /products", "GET /products/{id}", "POST /orders"}
    assert steps["GET /products"] == steps["GET /products/{id}"]
    checks = {check["name"]: (check["passed"], check["failed"]) for check in document["checks"]}
    assert checks["has a price"] == (steps["GET /products/{id}"], 0)


@pytest.mark.parametrize(("name", "text"), [("plan.yaml", SIGN_UP), ("sign_up.py", SIGN_UP_IN_PYTHON)])
def test_made_up_people_sign_up_under_a_number_of_their_own(
    name: str, text: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with target(PRODUCT) as told:
        document = run(text.replace("http://127.0.0.1:8089", told.address), environment, tmp_path, name)
    people = [json.loads(body) for body in told.bodies if body]
    assert len(people) == 40 == document["iterations"]["ok"]
    assert sorted(each["number"] for each in people) == list(range(1_000, 1_040))
    assert all(re.fullmatch(r"\w+ \w+", each["name"]) for each in people)
    assert all("1950-01-01" <= each["born"] <= "2005-12-31" for each in people)
    assert len({each["born"] for each in people}) > 30


def test_users_of_the_page_s_open_load_log_in_before_their_first_arrival_and_out_behind_the_last(
    environment: dict[str, str], tmp_path: Path
) -> None:
    text = (
        SCENARIO.partition("@scenario")[0]
        + """
@scenario(base_url="ADDRESS", load="50/s", duration="1s")
def shopper(u):
    u.get(f"/{u.basket}")
"""
    )
    # That target's answers have neither, and what is not there ends what needs it.
    lives = LIVES.replace("['token']", "['price_cents']").replace('["basket"]', '["price_cents"]')
    with target(PRODUCT) as told:
        document = run(text.replace("ADDRESS", told.address) + lives, environment, tmp_path, "shopper.py")
    users = told.paths["/login"]
    assert told.paths == {"/login": users, "/7": 50, "/logout": users}
    assert document["iterations"]["ok"] == document["load"]["offered"] == 50
    assert document["requests"]["started"] == 50 + 2 * users
    assert document["intended_from"] == "mixed"


def test_a_load_ends_where_its_rows_do_and_says_so(environment: dict[str, str], tmp_path: Path) -> None:
    plan = """
        version: 1
        hosts: {shop: ADDRESS}
        feeders: {users: {text: "n\\n1\\n2\\n3\\n", order: unique, when_dry: stop}}
        scenarios:
          - name: s
            load: {rate: 50/s, duration: 1h}
            steps:
              - {type: feed, feeder: users}
              - {type: request, path: "/${users.n}"}
        thresholds: ["dropped == 0%"]
        """
    with target(PRODUCT) as told:
        document = run(plan.replace("ADDRESS", told.address), environment, tmp_path)
        screen = subprocess.run(
            command_line("run", "plan.yaml", "--progress", "none"),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd=tmp_path,
            env=environment,
            check=False,
        )
    assert set(told.paths) == {"/1", "/2", "/3"}
    load = document["load"]
    assert (load["started"], load["offered"]) == (3, 3 + load["dropped"]["dry"])
    assert 1 <= load["dropped"]["dry"] <= document["run"]["engine"]["threads"]
    assert (document["verdict"]["status"], document["run"]["ended"]) == ("passed", "complete")
    assert "found no row left, where their load ended" in screen.stdout
    assert screen.returncode == 0


def test_a_variable_of_the_user_has_in_each_pass_what_the_pass_before_made_of_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    text = """
from apibench import check, repeat, scenario

@scenario(base_url="ADDRESS", load="2 vus", iterations=10)
def counting(u):
    number = u.var("number", 1)
    for _ in repeat(3):
        product = u.get(f"/products/{number}")
        check(product.json["id"] == number, "asked for")
        number.set(number + 1)
    check(number == 4, "counted")
"""
    with EchoServer() as server:
        document = run(text.replace("ADDRESS", server.address), environment, tmp_path, "counting.py")
    checks = {check["name"]: (check["passed"], check["failed"]) for check in document["checks"]}
    assert (checks["asked for"], checks["counted"]) == ((30, 0), (10, 0))


@pytest.mark.parametrize(("said", "later"), [("", 9), ('cookies="iteration",', 0), ('cookies="off",', 0)])
def test_a_user_sends_the_cookies_that_it_was_given(
    said: str, later: int, environment: dict[str, str], tmp_path: Path
) -> None:
    text = f"""
from apibench import scenario

@scenario(base_url="ADDRESS", load="1 vu", iterations=10, {said})
def shopper(u):
    u.post("/login")
    u.get("/basket")
"""
    with target() as told:
        told.answers["/login"] = ({"Set-Cookie": "sid=7; Path=/; HttpOnly"}, b"")
        run(text.replace("ADDRESS", told.address), environment, tmp_path, "shopper.py")
    within = 0 if "off" in said else 10
    assert (told.cookies["/login", "sid=7"], told.cookies["/login", ""]) == (later, 10 - later)
    assert (told.cookies["/basket", "sid=7"], told.cookies["/basket", ""]) == (within, 10 - within)


def test_a_user_logs_in_once_and_out_once(environment: dict[str, str], tmp_path: Path) -> None:
    text = """
from apibench import scenario

@scenario(base_url="ADDRESS", load="3 vus", iterations=12)
def shopper(u):
    u.get(f"/products/{u.price}")

@shopper.on_start
def log_in(u):
    login = u.post("/login")
    u.price = login.json["price_cents"]

@shopper.on_stop
def log_out(u):
    u.post("/logout")
"""
    with target(PRODUCT) as told:
        document = run(text.replace("ADDRESS", told.address), environment, tmp_path, "shopper.py")
    assert told.paths == {"/login": 3, "/products/7": 12, "/logout": 3}
    assert (document["iterations"]["ok"], document["requests"]["ok"]) == (12, 18)
    steps = {step["name"]: step["requests"]["ok"] for step in document["scenarios"][0]["steps"]}
    assert steps == {"POST /login": 3, "GET /products/{price_cents}": 12, "POST /logout": 3}


def test_loops_go_through_all_items_are_left_and_iterations_ended(environment: dict[str, str], tmp_path: Path) -> None:
    text = """
from apibench import each, leave_loop, repeat, scenario, when

@scenario(base_url="ADDRESS", load="1 vu", iterations=2)
def shopper(u):
    page = u.get("/products?page=2")
    for item in each(page.json["items"]):
        u.get(f"/products/{item['id']}", name="all")
    for item in each(page.json["items"]):
        with when(item["id"] == 13):
            leave_loop()
        u.get(f"/products/{item['id']}", name="some")
    for _ in repeat(5):
        u.get("/products/1", name="once")
        with when(page.json["page"] == 2):
            u.end()
    u.get("/products/9", name="never")
"""
    with EchoServer() as server:
        document = run(text.replace("ADDRESS", server.address), environment, tmp_path, "shopper.py")
    steps = {step["name"]: step["requests"]["ok"] for step in document["scenarios"][0]["steps"]}
    assert steps == {"GET /products": 2, "all": 20, "some": 4, "once": 2, "never": 0}
    assert document["iterations"]["ok"] == 2


def test_the_signed_requests_of_the_page_are_signed_with_the_secret(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with target() as told:
        text = SIGNED.replace("http://127.0.0.1:8089", told.address)
        document = run(text, {**environment, "APIBENCH_SECRET_SHOP_KEY": "hunter2"}, tmp_path)
    assert document["requests"]["ok"] == len(told.received) == 10
    for request in told.received:
        text = f"{request.headers['X-Timestamp']} GET /products/7"
        assert request.headers["X-Proof"] == hmac.new(b"hunter2", text.encode(), "sha256").hexdigest()
        assert request.headers["Authorization"].startswith("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")
    assert "hunter2" not in json.dumps(document)


def test_the_uploads_of_the_page_are_signed_anew_each_time(environment: dict[str, str], tmp_path: Path) -> None:
    secrets = {"APIBENCH_SECRET_AWS_ACCESS_KEY": "AKID", "APIBENCH_SECRET_AWS_SECRET_KEY": "hunter2"}
    with target() as told:
        document = run(UPLOAD.replace("http://127.0.0.1:8089", told.address), {**environment, **secrets}, tmp_path)
    assert document["requests"]["ok"] == len({each.headers["Authorization"] for each in told.received}) == 10
    assert "hunter2" not in json.dumps(document)


def test_the_form_of_the_page_is_filled_in_with_what_was_in_it(environment: dict[str, str], tmp_path: Path) -> None:
    offers = {"offers": [{"id": 1, "price": 1_500}, {"id": 2, "price": 500}]}
    with target() as told:
        told.answers["GET /login"] = ({"Set-Cookie": "sid=s1; Path=/"}, b'<input name=csrf value="a&#43;b">')
        told.answers["POST /login"] = ({"Content-Encoding": "gzip"}, gzip.compress(json.dumps(offers).encode()))
        document = run(FORM.replace("http://127.0.0.1:8089", told.address), environment, tmp_path)
    assert document["iterations"]["ok"] == 10
    first = told.received[:3]
    assert [each.path for each in first] == ["/login", "/login", "/products/2"]
    assert (first[1].body, first[1].headers["Cookie"]) == (b"user=ann&csrf=a%2Bb", "sid=s1")
