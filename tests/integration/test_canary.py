"""A secret is sent to the target and stays nowhere else: no file, screen, error or object has it."""

import base64
import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.canary import Canary, witness
from tests.integration.conftest import Command

from apibench.engine.rust import RustEngine
from apibench.model.validation import parse_plan

OUTPUTS = ("json", "ndjson", "csv", "hgrm", "junit")


@pytest.fixture
def canary() -> Canary:
    return Canary()


def kept(folder: Path) -> list[str]:
    """Every output into a file of its own."""
    return [word for kind in OUTPUTS for word in ("-o", f"{kind}={folder}/result.{kind}")]


def test_the_search_finds_what_was_written_in_any_way(tmp_path: Path, canary: Canary) -> None:
    value = canary.value
    texts = [value, quote(value, safe=""), json.dumps(value), value.encode().hex(), repr(value)]
    texts += [base64.b64encode(f"{'u' * length}:{value}".encode()).decode() for length in range(6)]
    assert [text for text in texts if not canary.is_in(text.encode())] == []
    with closing(sqlite3.connect(tmp_path / "rows.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE packed (content BLOB)")
        connection.execute("INSERT INTO packed VALUES (?)", [zlib.compress(b" " * 100 + value.encode())])
    assert canary.places(tmp_path) == ["rows.sqlite: packed"]
    assert not Canary().is_in(value.encode())


def test_a_named_secret_reaches_the_target_and_nothing_else(
    apibench: Command, environment: dict[str, str], tmp_path: Path, canary: Canary
) -> None:
    environment["APIBENCH_SECRET_SHOP"] = canary.value.replace("é", "")
    environment["APIBENCH_SECRETS"] = str(tmp_path / "mounted")
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "PIN").write_text(canary.value + "\n")
    plan = {
        "version": 1,
        "hosts": {"api": {"base_url": "BASE"}},
        "scenarios": [
            {
                "name": "main",
                "defaults": {"headers": {"Authorization": "Bearer ${secret:SHOP}", "Cookie": "a=1; s=${secret:SHOP}"}},
                "load": {"vus": 1, "iterations": 4},
                "steps": [
                    {"type": "request", "method": "POST", "path": "/a", "body": '{"pin": "${secret:PIN|json}"}'},
                    {"type": "request", "method": "POST", "path": "/fail", "body": "pin=${secret:PIN|url}"},
                ],
            }
        ],
    }
    said = []
    (tmp_path / "out").mkdir()
    with witness() as target:
        path = tmp_path / "out" / "plan.json"
        path.write_text(json.dumps(plan).replace("BASE", target.address))
        said.append(apibench("run", str(path), "--summary", "full", "--progress", "json", *kept(tmp_path / "out")))
        user = apibench(
            *("run", target.address, "-n", "2", "-c", "1", "-a", "ann:${secret:SHOP}"),
            *("--json-body", '{"pin": "${secret:PIN}"}', "--threshold", "p99 < 1ns", "--progress", "plain"),
        )
        said.append(user)
        said += [apibench("plan", str(path)), apibench("run", str(path), "--dry-run"), apibench("runs")]
        said += [apibench("show", "last"), apibench("show", "last", "--json")]
        environment["APIBENCH_SECRET_SHOP"] = f"{canary.value}\r\nX-Smuggled: yes"
        smuggled = apibench("run", str(path))
        said.append(smuggled)
        del environment["APIBENCH_SECRET_SHOP"]
        unknown = apibench("run", str(path))
        said.append(unknown)
    shop = environment.get("APIBENCH_SECRET_SHOP", canary.value.replace("é", ""))
    assert [head["Authorization"] for head in target.heads[:2]] == [f"Bearer {shop}"] * 2
    assert target.heads[0]["Cookie"] == f"a=1; s={shop}"
    assert json.loads(target.bodies[0]) == {"pin": canary.value}
    assert target.bodies[1].decode() == f"pin={quote(canary.value, safe='')}"
    assert target.heads[-1]["Authorization"] == "Basic " + base64.b64encode(f"ann:{shop}".encode()).decode()
    assert json.loads(target.bodies[-1]) == {"pin": canary.value}
    assert user.code == 99
    assert "the secret 'SHOP' holds a control character" in smuggled.stderr
    assert "scenarios[0].defaults.headers.Authorization: nobody here knows the secret 'SHOP'" in unknown.stderr
    assert (smuggled.code, unknown.code) == (2, 2)
    assert "Bearer ${secret:SHOP}" in said[2].stdout, "what only names a secret is shown"
    assert not [each for each in said if canary.is_in((each.stdout + each.stderr).encode())]
    assert canary.places(tmp_path / "out") == []
    assert canary.places(Path(environment["APIBENCH_DATA_DIR"])) == []


def test_a_secret_in_the_plan_itself_is_hidden_where_it_can_be_known(
    apibench: Command, environment: dict[str, str], tmp_path: Path, canary: Canary
) -> None:
    value = canary.value.encode("ascii", "ignore").decode().replace("&", "")
    headers = ("Authorization: Bearer", "Cookie: session=", "X-Api-Key:", "Proxy-Authorization: Basic")
    ways = (("-a", f"ann:{value}"), tuple(word for header in headers for word in ("-H", f"{header} {value}")))
    (tmp_path / "out").mkdir()
    with witness() as target:
        said = [
            apibench("run", f"{target.address}{path}", "-n", "2", "-c", "1", *way, "--summary", "full", *more)
            for path, more in (("/", kept(tmp_path / "out")), ("/fail", ["--progress", "json"]))
            for way in ways
        ]
        said.append(apibench("run", f"{target.address}/?api_key={quote(value)}&page=2", "-n", "2", "-c", "1"))
        assert len(target.heads) == 2 * (2 * len(ways) + 1)
        said.append(apibench("run", f"http://ann:{quote(value)}@{target.address[7:]}/", "-n", "2"))
        said += [apibench("run", target.address, *way, "--dry-run") for way in ways]
    said.append(apibench("run", "http://127.0.0.1:1/", "-n", "2", *ways[1]))
    said += [apibench("show", "last", "--json"), apibench("runs")]
    assert not [each for each in said if canary.is_in((each.stdout + each.stderr).encode())]
    assert canary.places(tmp_path / "out") == []
    assert canary.places(Path(environment["APIBENCH_DATA_DIR"])) == []


def test_objects_and_errors_of_a_prepared_plan_do_not_show_it(canary: Canary) -> None:
    value = canary.value.replace("é", "")
    with witness() as target:
        plan = parse_plan(
            {
                "version": 1,
                "hosts": {"api": {"base_url": target.address}},
                "scenarios": [
                    {
                        "name": "main ${secret:SHOP}",
                        "steps": [{"type": "request", "host": "api", "headers": [["X-Key", "${secret:SHOP}"]]}],
                        "load": {"model": "closed", "vus": 1, "ends": {"iterations": 1}},
                    }
                ],
            }
        )
        engine = RustEngine({"SHOP": value}.get)
        prepared = engine.prepare(plan)
    shown = [repr(each) for each in (engine, prepared, prepared._prepared, prepared.series, plan, plan.redacted())]
    shown += [plan.canonical().decode(), plan.to_engine_json().decode()]
    assert not [each for each in shown if canary.is_in(each.encode())]
    assert plan.sha256() == parse_plan(json.loads(plan.canonical())).sha256()
