"""`@python_user`: whole users in Python, and whatever they may do to a load."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import PATIENCE_S, Command, command_line
from tests.integration.recording import target
from tests.integration.test_python_calls import by_name, ran

from apibench.engine.echo_server import EchoServer

FILE = """\
import asyncio
import os
import time

from apibench import RequestFailed, between, csv, python_user, scenario, status

KEPT = []


@python_user(base_url="ADDRESS", WORDS)
async def shopper(PARAMETERS):
BODY
"""


def write(
    folder: Path, address: str, body: str, words: str = 'load="1 vu", iterations=4', parameters: str = "u"
) -> Path:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    path = folder / "shop.py"
    text = FILE.replace("ADDRESS", address).replace("WORDS", words).replace("PARAMETERS", parameters)
    path.write_text(text.replace("BODY", lines))
    return path


def steps(document: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Requests by their names; no two scenarios here have the same."""
    return {each["name"]: each["requests"] for one in document["scenarios"] for each in one["steps"]}


def reasons(document: dict[str, Any]) -> dict[str, int]:
    return {each["reason"]: each["count"] for each in document["python"]["failures"]}


def test_what_a_user_sends_is_counted_by_its_names_and_is_what_the_target_has_counted(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
page = await u.get("/products", params={"page": u.random.randint(1, 9)})
for item in page.json["items"][:2]:
    product = await u.get(f"/products/{item['id']}", headers={"X-Number": 7})
    u.check(product.json["price_cents"] > 0, "has a price")
await u.think("1ms")
order = await u.post("/login", json={"user": "ann"})
u.check(order.status == 404, "is not there")
"""
    document = ran(write(tmp_path, echo.address, body, 'load="3 vus", iterations=30'), apibench)
    assert document["iterations"]["ok"] == 30, reasons(document)
    counted = {name: count["ok"] for name, count in steps(document).items()}
    assert counted == {"GET /products": 30, "GET /products/{id}": 60, "POST /login": 30}
    assert echo.counts()["requests"] == document["requests"]["ok"] == 120
    assert by_name(document) == {
        "python shopper": (30, 0),
        "has a price": (60, 0),
        "is not there": (0, 30),
    }
    # Begun and told of four requests and a pause.
    assert document["python"]["wait"]["count"] == 30 * 6


def test_what_users_send_is_what_they_wrote(apibench: Command, tmp_path: Path) -> None:
    body = """
u.headers["Authorization"] = "Bearer é"
u.headers["X-Own"] = "lasting"
await u.put("/a b".replace(" ", "%20"), name="PUT a", data=b"\\x00\\xff", headers={"x-own": "7", "Content-Type": "raw"})
await u.post("/q?a=1", params={"b": "x y&é", "c": 2}, json={"é": [1, None]})
await u.request("DELETE", "/p")
"""
    with target() as told:
        document = ran(write(tmp_path, told.address, body, 'load="1 vu", iterations=1'), apibench)
    assert document["iterations"]["ok"] == 1, reasons(document)
    put, post, deleted = told.received
    assert (put.method, put.path, put.body) == ("PUT", "/a%20b", b"\x00\xff")
    assert (put.headers["x-own"], put.headers["Content-Type"]) == ("7", "raw")
    assert put.headers["Authorization"].encode("latin-1").decode() == "Bearer é"
    assert (post.path, post.body.decode()) == ("/q?a=1&b=x%20y%26%C3%A9&c=2", '{"é":[1,null]}')
    assert (post.headers["X-Own"], post.headers["Content-Type"]) == ("lasting", "application/json")
    assert deleted.method == "DELETE"
    assert "Content-Length" not in deleted.headers


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ('u.get("/a", headers={"X": "a\\r\\nY: b"})', "ValueError: the value of the header X holds CR, LF, NUL"),
        ("elsewhere.get(u, '/a')", "LookupError: nobody saw the request in line"),
    ],
)
def test_what_cannot_be_sent_fails_its_iteration_by_name_and_nothing_of_it_is_sent(
    echo: EchoServer, apibench: Command, tmp_path: Path, call: str, reason: str
) -> None:
    (tmp_path / "elsewhere.py").write_text("def get(user, path):\n    return user.get(path)\n")
    path = write(tmp_path, echo.address, f'await {call}\nawait u.get("/never")', 'load="1 vu", iterations=2')
    path.write_text(f"import elsewhere\n{path.read_text()}")
    document = ran(path, apibench)
    ((told, count),) = reasons(document).items()
    assert told.startswith(reason), told
    assert count == 2
    assert echo.counts()["requests"] == 0


def test_a_request_that_is_not_ok_is_told_to_the_user_and_its_iteration_has_failed(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
missing = await u.get("/?status=404")
assert (missing.status, missing.ok, missing.failure) == (404, False, "http.4xx")
asked = await u.get("/?status=404", name="asked", expect=status(404))
assert (asked.ok, asked.failure) == (True, None)
assert asked.seconds > 0
assert asked.headers["content-TYPE"] == asked.headers.all("Content-Type")[0]
assert "x-none" not in asked.headers
"""
    document = ran(write(tmp_path, echo.address, body), apibench)
    assert reasons(document) == {}
    assert document["iterations"]["failed"] == 4
    assert {name: count["failed"] for name, count in steps(document).items()} == {"GET /": 4, "asked": 0}


def test_where_no_answer_comes_a_user_is_told_by_the_name_of_results(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
try:
    await u.get("/?truncate=1")
except RequestFailed as error:
    u.check(error.error == "tcp.closed", "is named")
    KEPT.append(error.error)
await u.get("/products/7")
"""
    document = ran(write(tmp_path, echo.address, body), apibench)
    assert reasons(document) == {}
    assert document["iterations"]["failed"] == 4
    assert by_name(document)["is named"] == (4, 0)


def test_rows_come_as_arguments_and_what_a_user_keeps_lasts(apibench: Command, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,age\nann,1\nbob,2\ncid,3\ndan,4\n")
    body = """
if not hasattr(u, "count"):
    u.count = 0
u.count += 1
await u.post(f"/{me['user']}", json={"age": me["age"], "count": u.count}, name="POST user")
"""
    words = 'load="1 vu", iterations=4, data={"me": csv("users.csv", order="sequential")}'
    with target() as told:
        document = ran(write(tmp_path, told.address, body, words, "u, me"), apibench)
    assert document["iterations"]["ok"] == 4, reasons(document)
    assert told.bodies == {f'{{"age":"{n}","count":{n}}}': 1 for n in range(1, 5)}


def test_a_user_keeps_its_cookies_and_no_other_has_them(apibench: Command, tmp_path: Path) -> None:
    body = """
if not hasattr(u, "name"):
    u.name = str(u.random.random())
    await u.get("/login")
await u.get("/page", headers={"X-Name": u.name})
await u.get("/own", headers={"Cookie": "own=1"})
"""
    with target() as told:
        told.answers["/login"] = ({"Set-Cookie": "sid=7; Path=/"}, b"")
        ran(write(tmp_path, told.address, body, 'load="2 vus", iterations=8'), apibench)
    pages = [each.headers.get("Cookie") for each in told.received if each.path == "/page"]
    assert pages == ["sid=7"] * 8
    assert [each.headers.get("Cookie") for each in told.received if each.path == "/own"] == ["own=1"] * 8


def test_random_values_are_the_same_for_the_same_seed(apibench: Command, tmp_path: Path) -> None:
    paths = []
    for seed in (1, 1, 2):
        with target() as told:
            path = write(tmp_path, told.address, 'await u.get(f"/{u.random.random()}")', 'load="2 vus", iterations=10')
            ran(path, apibench, "--seed", str(seed))
        paths.append(told.paths)
    assert paths[0] == paths[1] != paths[2]
    assert len(paths[0]) == 10


def test_a_user_may_await_what_else_it_likes_and_does_one_thing_after_the_other(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
await asyncio.sleep(0.001)
(answer,) = await asyncio.gather(u.get("/products/7"))
u.check(answer.ok, "through a task")
slow = asyncio.ensure_future(u.get("/?delay=50ms"))
await asyncio.sleep(0.01)
try:
    await u.get("/products/8")
except RuntimeError as error:
    u.kept = str(error)
await slow
u.check(u.kept.startswith("a user does one thing after the other"), "is told")
try:
    async with asyncio.timeout(0.01):
        await u.get("/?delay=100ms", name="given up")
except TimeoutError:
    pass
"""
    document = ran(write(tmp_path, echo.address, body), apibench)
    assert reasons(document) == {}
    assert document["iterations"]["ok"] == 4
    assert by_name(document)["is told"] == by_name(document)["through a task"] == (4, 0)
    counted = {name: count["ok"] for name, count in steps(document).items()}
    # The iteration is over when the answer has come that nobody waits for.
    assert counted["given up"] == 4
    assert "GET /products/8" not in {name for name, count in counted.items() if count}


def test_what_raises_costs_its_own_iterations_by_name(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    body = """
u.n = getattr(u, "n", 0) + 1
await u.get("/products/7")
if u.n % 2:
    raise [ValueError("odd"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()][u.n // 2]
"""
    document = ran(write(tmp_path, echo.address, body, 'load="1 vu", iterations=8'), apibench)
    assert reasons(document) == {"ValueError: odd": 1, "SystemExit: 3": 1, "KeyboardInterrupt": 1, "CancelledError": 1}
    assert (document["iterations"]["ok"], document["iterations"]["failed"]) == (4, 4)
    assert document["requests"]["ok"] == 8
    assert document["python"]["replaced"] == {}


def test_a_user_that_holds_its_process_up_is_ended_by_name_and_the_load_goes_on(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
await u.get("/products/7")
if u.random.random() < 0.2:
    time.sleep(3600)
"""
    path = write(tmp_path, echo.address, body, 'load="2 vus", iterations=30')
    document = ran(path, apibench, "--python-timeout", "300ms", "--seed", "3")
    assert document["python"]["replaced"]["hung"] >= 1
    assert reasons(document).keys() == {"TimeoutError: `shopper` took longer than 300 ms"}
    assert document["iterations"]["ok"] > 10
    assert document["iterations"]["started"] == 30


def test_a_process_that_dies_takes_its_own_iterations_and_another_comes(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
await u.get("/products/7")
if u.random.random() < 0.1:
    os.kill(os.getpid(), 11)
await u.get("/products/8")
"""
    path = write(tmp_path, echo.address, body, 'load="2 vus", iterations=30')
    document = ran(path, apibench, "--seed", "3")
    assert document["python"]["replaced"].keys() == {"died by SIGSEGV"}
    assert reasons(document).keys() == {"its process died"}
    assert document["iterations"]["ok"] > 10
    assert document["iterations"]["started"] == 30
    assert echo.counts()["requests"] == document["requests"]["started"]


def test_a_process_that_leaks_is_replaced_and_no_iteration_fails(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    body = """
KEPT.append(bytearray(4 << 20))
await u.get("/products/7")
await u.think("20ms")
"""
    path = write(tmp_path, echo.address, body, 'load="2 vus", iterations=80')
    document = ran(path, apibench, "--python-processes", "1", "--python-memory", "120MiB")
    assert document["iterations"]["ok"] == 80
    assert document["python"]["replaced"]["too large"] >= 1


def test_at_the_end_users_are_let_go_of_and_may_tidy_up(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    body = f"""
try:
    await u.get("/products/7")
    await asyncio.sleep(3600)
finally:
    with open({str(notes)!r}, "a") as file:
        file.write("tidy\\n")
"""
    path = write(tmp_path, echo.address, body, 'load="3 vus", duration="1s"')
    document = ran(path, apibench, "--drain", "200ms")
    assert document["iterations"]["unfinished"] == 3
    assert notes.read_text() == "tidy\n" * 3


def test_set_up_hands_over_and_users_stand_beside_other_scenarios(
    echo: EchoServer, apibench: Command, tmp_path: Path
) -> None:
    path = write(tmp_path, echo.address, "await u.get(f\"/products/{u.shared['number']}\")")
    more = f"""

@shopper.setup
def prepare(u):
    page = u.get("/products?page=1")
    return {{"number": page.json["items"][0]["id"]}}


def double(number):
    return 2 * number


@scenario(base_url="{echo.address}", load="1 vu", iterations=5)
def native(u):
    u.get(f"/products/{{u.py(double, 4)}}")
"""
    path.write_text(path.read_text() + more)
    document = ran(path, apibench)
    assert {name: count["ok"] for name, count in steps(document).items()} == {
        "GET /products/{number}": 4,
        "GET /products/{double}": 5,
    }
    assert document["iterations"]["ok"] == 9, reasons(document)


def test_one_iteration_is_shown_request_by_request(echo: EchoServer, apibench: Command, tmp_path: Path) -> None:
    body = 'page = await u.get("/products?page=2")\nu.check(page.ok, "is there")\nawait u.think("1ms")'
    finished = apibench("run", str(write(tmp_path, echo.address, body)), "--once", "--trace")
    assert finished.code == 0, finished.stdout + finished.stderr
    for text in ("GET /products?page=2 HTTP/1.1", "✓ is there", "shopper"):
        assert text in finished.stdout


def test_a_controller_gets_no_plan_of_users_in_python(apibench: Command, tmp_path: Path) -> None:
    path = write(tmp_path, "http://127.0.0.1:1", 'await u.get("/a")')
    finished = apibench("run", str(path), "--controller", "http://127.0.0.1:1")
    assert finished.code == 104
    assert "`shopper` is Python" in finished.stderr


def test_no_process_outlives_the_command(echo: EchoServer, environment: dict[str, str], tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    body = f"""
with open({str(pids)!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
await u.get("/products/7")
time.sleep(3600)
"""
    path = write(tmp_path, echo.address, body, 'load="2 vus", duration="1h"')
    command = command_line("run", str(path), "--progress", "none", "--python-processes", "2", "--python-timeout", "1h")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        until_s = time.monotonic() + PATIENCE_S
        while not (pids.exists() and len(pids.read_text().splitlines()) == 2) and time.monotonic() < until_s:
            running.poll()
        running.send_signal(signal.SIGKILL)
    for pid in map(int, pids.read_text().split()):
        while time.monotonic() < until_s and Path(f"/proc/{pid}").exists():
            os.sched_yield()
        assert not Path(f"/proc/{pid}").exists()
