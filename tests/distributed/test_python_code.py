"""Functions of Python on an installation of real processes: run where their signer is trusted, and nowhere else."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.distributed.processes import TOKEN, Processes
from tests.integration.conftest import Finished, command_line
from tests.integration.recording import Target
from tests.integration.recording import target as listening
from tests.patience import PATIENCE_S

from apibench.model.errors import WordsInvalid
from apibench.report.schema import result_schema
from apibench.report.schema_check import deviations

pytestmark = pytest.mark.timeout(180)
SCENARIO = """\
import os

from apibench import csv, scenario, secret
from pricing.tax import Tax

users = csv("users.csv")


def sign(order, key):
    return f"{order}-{Tax.of(21)}-{key}-{os.environ.get('APIBENCH_TOKEN', 'none')}"


def raises(number, key):
    raise ValueError(f"no key {key}")


@scenario(base_url="ADDRESS", load="1 vu", iterations=20)
def shopper(u):
    me = users.next()
    u.get(f"/{me.n}/{u.py(sign, 'a', secret('SHOP'))}")
MORE"""
TAX = """\
class Tax:
    @staticmethod
    def of(total):
        return total * 2
"""


@dataclass
class Shop:
    """An installation, and a folder with a scenario and keys."""

    here: Processes
    folder: Path
    target: Target

    def write(self, more: str = "") -> Path:
        """The scenario, and what lies beside it."""
        (self.folder / "pricing").mkdir(exist_ok=True)
        (self.folder / "pricing" / "tax.py").write_text(TAX)
        (self.folder / "users.csv").write_text("n\n" + "".join(f"{number}\n" for number in range(5)))
        path = self.folder / "shopper.py"
        path.write_text(SCENARIO.replace("ADDRESS", self.target.address).replace("MORE", more))
        return path

    def key(self, name: str) -> Path:
        """A key; its public half lies beside it."""
        assert self.command("keys", "--file", f"{name}.key").code == 0
        return self.folder / f"{name}.key"

    def command(self, *words: str, **environment: str) -> Finished:
        """The command line, in that folder."""
        begun = self.begin(*words, **environment)
        try:
            stdout, stderr = begun.communicate(timeout=PATIENCE_S)
        finally:
            begun.kill()
        return Finished(begun.returncode, stdout, stderr)

    def begin(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """The same, without waiting for its end."""
        own = {"APIBENCH_DATA_DIR": str(self.folder / "data"), "APIBENCH_TOKEN": TOKEN, "NO_COLOR": "1"}
        return subprocess.Popen(
            command_line(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, **own, **environment},
        )

    def run(self, *words: str, **environment: str) -> Finished:
        """Run the scenario on the installation."""
        url = f"http://{self.here.http}"
        return self.command("run", "shopper.py", "--controller", url, "-o", "json=-", *words, **environment)

    def code_left(self, name: str) -> list[Path]:
        """What lies on a worker's disk of code."""
        return list((self.here.folder / name / "worker" / "python").glob("*"))

    def processes_of(self, name: str) -> list[int]:
        """Those that call functions for a worker."""
        pid = self.here.pid(name)
        children = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(child) for each in children for child in each.read_text().split()]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Nothing runs yet."""
    (tmp_path / "shop").mkdir()
    made = Processes(tmp_path, f"sqlite:///{tmp_path}/store.sqlite")
    with listening() as target:
        yield Shop(made, tmp_path / "shop", target)
    made.close()


def serve(shop: Shop, *words: str) -> None:
    shop.here.environment_of["serve"] = {"APIBENCH_SECRET_SHOP": "hunter2"}
    shop.here.start("serve", "serve", "--http", shop.here.http, "--grpc", shop.here.grpc, *words)


def test_functions_of_a_signed_scenario_are_called_on_workers_that_trust_its_key(shop: Shop) -> None:
    key = shop.key("ann")
    shop.write()
    serve(shop, "--allow-python", "--python-keys", f"{key}.pub")
    shop.here.environment_of["elsewhere"] = {"APIBENCH_SECRET_SHOP": "hunter2", "APIBENCH_PYTHON_KEYS": f"{key}.pub"}
    shop.here.start_worker("elsewhere")
    shop.here.until_idle(2)
    done = shop.run("--workers", "2", "--vus", "2", "-n", "80", APIBENCH_SIGNING_KEY=str(key))
    assert done.code == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(shop.target.paths) == {f"/{number}/a-42-hunter2-none" for number in range(5)}
    assert document["requests"]["ok"] == 80
    assert (document["python"]["calls"], document["python"]["failed"]) == (80, 0)
    assert not list(deviations(document, result_schema()))
    assert (document["python"]["processes"], document["python"]["functions"][0]["time_ns"]) == (None, None)
    assert document["python"]["wait"]["count"] == document["python"]["time"]["count"] == 80
    assert {check["name"]: check["passed"] for check in document["checks"]}["python sign"] == 80
    for name in ("serve", "elsewhere"):
        shop.here.until("code is removed", lambda name=name: not shop.code_left(name))  # type: ignore[misc]
        shop.here.until("its processes have ended", lambda name=name: not shop.processes_of(name))  # type: ignore[misc]
        (line,) = (line for line in shop.here.log(name).splitlines() if "is signed by SHA256:" in line)
        assert json.loads(line)["run_id"] == document["run"]["id"]
        assert "hunter2" not in shop.here.log(name)
    deed = shop.here.ask("GET", "/v1/audit")["deeds"][-1]
    assert deed["detail"]["signed_by"].startswith("SHA256:")
    assert len(deed["detail"]["bundle_sha256"]) == 64


def test_where_nobody_trusts_the_key_nothing_is_run_and_the_command_says_why(shop: Shop) -> None:
    trusted, stranger = shop.key("ann"), shop.key("eve")
    shop.write()
    serve(shop, "--allow-python", "--python-keys", f"{trusted}.pub")
    shop.here.start_worker("closed")
    shop.here.until_idle(2)
    done = shop.run("--workers", "2", "--sign-with", str(stranger))
    assert done.code == 113, done.stderr
    assert "the run did not begin" in done.stderr
    assert "does not trust the key SHA256:" in done.stderr or "runs no code of others" in done.stderr
    shop.here.end("serve")
    serve(shop, "--allow-python")
    shop.here.until_idle(2)
    done = shop.run("--workers", "2", "--sign-with", str(trusted))
    assert done.code == 113, done.stderr
    assert "this worker runs no code of others. Its operator can name the keys that it trusts" in done.stderr
    assert not shop.target.paths
    assert shop.code_left("serve") == shop.code_left("closed") == []


def test_a_test_s_version_keeps_signed_code_and_is_run_without_its_signer(shop: Shop) -> None:
    key = shop.key("ann")
    shop.write()
    signed = json.loads(shop.command("plan", "shopper.py", "--sign-with", str(key), "--secrets").stdout)
    serve(shop, "--allow-python", "--python-keys", f"{key}.pub")
    shop.here.until_idle(1)
    test = shop.here.ask("POST", "/v1/tests", {"name": "shop", **signed})
    document = shop.here.result(shop.here.run(test={"id": test["id"]}))
    assert (document["python"]["calls"], document["requests"]["ok"]) == (20, 20)


def test_an_installation_that_allows_no_python_says_so_of_each_function(shop: Shop) -> None:
    key = shop.key("ann")
    shop.write()
    serve(shop, "--python-keys", f"{key}.pub")
    shop.here.until_idle(1)
    done = shop.run("--sign-with", str(key))
    assert done.code == 2
    assert "`sign` is Python, and this installation has none called" in done.stderr
    assert "--allow-python" in done.stderr
    done = shop.run()
    assert done.code == 104
    assert "`sign` is Python, and workers call only what somebody has signed" in done.stderr
    assert not shop.target.paths


def test_code_that_was_changed_on_its_way_is_refused_by_controller_and_worker(shop: Shop) -> None:
    key = shop.key("ann")
    shop.write()
    serve(shop, "--allow-python", "--python-keys", f"{key}.pub")
    shop.here.until_idle(1)
    assert shop.run("--sign-with", str(key)).code == 0
    sent = dict(shop.target.paths)
    (kept,) = stored(shop, "SELECT bundle FROM bundle")
    bundle = json.loads(kept[0])
    changed = {**bundle, "files": {**bundle["files"], "shopper.py": "import os\nsign = os.system\n"}}
    plan = json.loads(shop.command("plan", "shopper.py", "--sign-with", str(key), "--secrets").stdout)["plan"]
    refusal = refused(shop, plan, changed)
    assert "is not what the manifest says" in refusal
    stored(shop, "UPDATE bundle SET bundle = ?", json.dumps(changed))
    stored(shop, "UPDATE run SET state = 'queued', machine = '{\"results\": \"\"}', rev = rev + 1")
    shop.here.end("serve")
    serve(shop, "--allow-python", "--python-keys", f"{key}.pub")
    (run_id,) = [each["id"] for each in shop.here.ask("GET", "/v1/runs")["runs"]]
    shop.here.until("the run ends", lambda: shop.here.state(run_id) == "failed")
    reason = shop.here.ask("GET", f"/v1/runs/{run_id}")["reason"]
    assert 'bundle.files["shopper.py"]: is not what the manifest says' in reason
    assert dict(shop.target.paths) == sent


def stored(shop: Shop, statement: str, *values: str) -> list[Any]:
    """What somebody does who has the database."""
    with sqlite3.connect(shop.here.folder / "store.sqlite", timeout=30) as database:
        return list(database.execute(statement, values))


def refused(shop: Shop, plan: dict[str, Any], bundle: dict[str, Any]) -> str:
    with pytest.raises(WordsInvalid) as caught:
        shop.here.ask("POST", "/v1/runs", {"plan": plan, "bundle": bundle})
    return str(caught.value)


def test_a_worker_that_is_killed_leaves_no_process_and_its_next_life_no_code(shop: Shop) -> None:
    key = shop.key("ann")
    shop.write()
    serve(shop, "--allow-python", "--python-keys", f"{key}.pub", "--python-processes", "1")
    shop.here.until_idle(1)
    words = ("--controller", f"http://{shop.here.http}", "--sign-with", str(key), "-r", "20/s", "-d", "60s")
    running = shop.begin("run", "shopper.py", *words)
    try:
        shop.here.until("requests are sent", lambda: bool(shop.target.paths))
        (child,) = shop.processes_of("serve")
        assert len(shop.code_left("serve")) == 1
        shop.here.kill("serve")
        shop.here.until("its process has ended", lambda: not Path(f"/proc/{child}").exists())
        serve(shop, "--allow-python", "--python-keys", f"{key}.pub")
        shop.here.until("code is removed", lambda: not shop.code_left("serve"))
    finally:
        running.kill()
        running.communicate()


USER = """\
from apibench import csv, python_user
from pricing.login import log_in


@python_user(base_url="ADDRESS", load="2 vus", iterations=40, data={"me": csv("users.csv")}, helpers=[log_in])
async def buyer(u, me):
    await log_in(u, me)
    answer = await u.get(f"/products/{me['n']}")
    u.check(answer.status == 200, "is there")
    if me["n"] == "3":
        raise ValueError("sold out")


@buyer.setup
def opened(u):
    return {"shop": u.post("/shop").text}
"""
LOG_IN = """\
async def log_in(u, me):
    await u.post(f"/login/{me['n']}", data=u.shared["shop"])
"""


def test_users_in_python_live_on_workers_that_trust_their_signer(shop: Shop) -> None:
    key = shop.key("ann")
    path = shop.write()
    (shop.folder / "pricing" / "login.py").write_text(LOG_IN)
    path.write_text(USER.replace("ADDRESS", shop.target.address))
    serve(shop, "--allow-python", "--python-keys", f"{key}.pub")
    shop.here.environment_of["elsewhere"] = {"APIBENCH_PYTHON_KEYS": f"{key}.pub"}
    shop.here.start_worker("elsewhere")
    shop.here.until_idle(2)
    done = shop.run("--workers", "2", "--sign-with", str(key))
    document = json.loads(done.stdout)
    assert not list(deviations(document, result_schema()))
    steps = {step["name"]: step["requests"]["ok"] for step in document["scenarios"][0]["steps"]}
    assert steps == {"POST /login/{n}": 40, "GET /products/{n}": 40}
    checks = {check["name"]: (check["passed"], check["failed"]) for check in document["checks"]}
    assert checks["is there"] == (40, 0)
    assert sum(checks["python buyer"]) == 40
    assert checks["python buyer"][1] == document["iterations"]["failed"] > 0
    assert len([each for each in document["run"]["workers"] if each["batches"]]) == 2
    assert not shop.run().stdout
    logs = shop.here.log("serve") + shop.here.log("elsewhere")
    assert "calls of `buyer` failed: ValueError: sold out" in logs


SPY = """
def look(_):
    from pathlib import Path

    found = []
    for name in ("environ", "mem", "maps"):
        try:
            with Path(f"/proc/{os.getppid()}/{name}").open("rb") as file:
                file.read(1)
            found.append(name)
        except PermissionError:
            pass
    return "-".join(found) or "closed"
"""


def test_code_can_t_look_into_the_worker_that_runs_it(shop: Shop) -> None:
    key = shop.key("ann")
    path = shop.write()
    path.write_text(
        path.read_text().replace("\n\n\ndef raises", f"\n\n{SPY}\n\ndef raises").replace("sign, 'a'", "look, 'a'")
    )
    path.write_text(path.read_text().replace(", secret('SHOP'))", ")"))
    if os.geteuid() == 0:
        # Whoever is root may trace all: here it may not.
        shop.here.prefix_of["serve"] = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    serve(shop, "--allow-python", "--python-keys", f"{key}.pub")
    shop.here.until_idle(1)
    assert shop.run("--sign-with", str(key)).code == 0
    assert {name.rpartition("/")[2] for name in shop.target.paths} == {"closed"}


def test_why_calls_have_failed_is_in_the_worker_s_log_without_secrets(shop: Shop) -> None:
    key = shop.key("ann")
    shop.write("    u.py(raises, 1, secret('SHOP'))\n")
    serve(shop, "--allow-python", "--python-keys", f"{key}.pub")
    shop.here.until_idle(1)
    document = json.loads(shop.run("--sign-with", str(key)).stdout)
    assert document["python"]["failed"] == 20
    shop.here.until("it is said", lambda: "20 calls of `raises` failed" in shop.here.log("serve"))
    assert "ValueError: no key [redacted]" in shop.here.log("serve")
    assert "hunter2" not in shop.here.log("serve")
