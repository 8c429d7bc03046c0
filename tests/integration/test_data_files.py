"""The page on files of data runs: every row is sent once, by one machine and by an installation."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import PATIENCE_S, command_line
from tests.integration.recording import PRODUCT, Target
from tests.integration.recording import target as listening

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "data.md").read_text()
(SCENARIO,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
(PLAN,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
ROWS = 200


@pytest.fixture
def target() -> Iterator[Target]:
    """It answers while a test lasts."""
    with listening(PRODUCT) as made:
        yield made


def user(number: int) -> str:
    return json.dumps({"user": f'u "{number}"', "password": f"p,{number}\né"}, ensure_ascii=False)


def write_rows(folder: Path) -> None:
    users = "".join(f'"u ""{number}""","p,{number}\né"\n' for number in range(ROWS))
    (folder / "users.csv").write_text(f"user,pass word\n{users}")
    (folder / "products.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(50)))


@pytest.mark.parametrize(("name", "text"), [("buyer.py", SCENARIO), ("buyer.yaml", PLAN)])
def test_each_user_logs_in_once_and_products_come_equally_often(
    name: str, text: str, target: Target, environment: dict[str, str], tmp_path: Path
) -> None:
    write_rows(tmp_path)
    (tmp_path / name).write_text(text.replace("http://127.0.0.1:8089", target.address))
    document = run(tmp_path, environment, name)
    assert {body: count for body, count in target.bodies.items() if body} == {user(number): 1 for number in range(ROWS)}
    products = {path: count for path, count in target.paths.items() if path.startswith("/products/")}
    assert products == {f"/products/{number}": ROWS / 50 for number in range(50)}
    assert document["iterations"]["ok"] == ROWS
    assert document["run"]["plan"]["feeders"]["users"]["order"] == "unique"


def test_what_is_wrong_with_rows_is_told_all_at_once_and_nothing_is_sent(
    target: Target, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "users.csv").write_text('user,pass word\nann\nbea,x,y\n"open,1\n')
    (tmp_path / "products.csv").write_text("id\n")
    (tmp_path / "buyer.yaml").write_text(PLAN.replace("http://127.0.0.1:8089", target.address))
    done = subprocess.run(
        command_line("run", "buyer.yaml"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 104
    for said in (
        "users.csv: line 2: 1 fields, where there are 2 columns",
        "users.csv: line 3: 3 fields, where there are 2 columns",
        "users.csv: line 4: 1 fields, where there are 2 columns",
        "products.csv: there are no rows in it",
    ):
        assert said in done.stderr
    assert not target.paths


def run(folder: Path, environment: dict[str, str], name: str) -> dict[str, Any]:
    done = subprocess.run(
        command_line("run", name, "-o", "json=-", "--progress", "none"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document
