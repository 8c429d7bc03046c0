"""
Every block of code on every page is what it says: Python is run, plans are carried out, commands are understood.

What a block is follows from its language and its content, so that a new one is held to it without being named here.
What comes out, and what else cannot be run, is `text`. Some pages have tests of their own, which look at more.
"""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.conftest import PATIENCE_S, command_line
from tests.integration.pages import ROOT, TARGET, Block, all_blocks

from apibench.authoring.tracing.loads import Ends
from apibench.authoring.tracing.python_file import read_python
from apibench.cli.app import app, run_command
from apibench.engine.echo_server import EchoServer
from apibench.model.errors import NotTraceable

BLOCKS = [block for block in all_blocks() if block.language != "text"]
SECRET = "hunter2"
CARRIED_OUT = (0, 99)
"""Whether a threshold or a check holds against a target that knows nothing of the page, is not asked."""
SCENE = """\
import html
from os import environ
from uuid import uuid4
from apibench import *

FAST = False
users = csv("users.csv")

def sign(order, total):
    return f"{order}:{total}"

@scenario(base_url="http://127.0.0.1:8089", load="2 vus", iterations=2)
def shopper(u):
    r = page = order = stock = login = u.get("/first")
    path, item, name = "/a", r.json["item"], r.json["name"]
"""
"""In which steps stand that a page shows by themselves."""


def of(*languages: str, where: Callable[[Block], bool] = lambda _: True) -> list[object]:
    found = [block for block in BLOCKS if block.language in languages and where(block)]
    return [pytest.param(block, id=str(block)) for block in found]


def test_every_block_says_what_it_is_and_is_held_to_it_below() -> None:
    kinds = {"python", "yaml", "toml", "json", "console", "sh"}
    others = [str(block) for block in all_blocks() if block.language not in {*kinds, "text"} and not block.is_source]
    assert others == []
    assert len(BLOCKS) > 60


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files of data that the pages name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users.csv").write_text("user,name,password,pass word\nann,Ann,p,q\nbea,Bea,r,s\n")
    (tmp_path / "products.csv").write_text("id\n7\n8\n")
    return tmp_path


def know_secrets(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that it names, and variables that stand for them."""
    for name in re.findall(r"secret(?::|\([\"'])(\w+)", text):
        monkeypatch.setenv(f"APIBENCH_SECRET_{name}", SECRET)
    for name in re.findall(r"\bAPIBENCH_\w+", text):
        monkeypatch.setenv(name, SECRET)


def carry_out(*words: str) -> subprocess.CompletedProcess[str]:
    """A command, here."""
    return subprocess.run(command_line(*words), capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def inside(steps: str) -> str:
    return SCENE + "".join(f"    {line}\n" for line in steps.splitlines())


def whole(block: Block) -> str:
    """A block of Python with what is before it on its page, or around it."""
    if block.imports:
        return block.text
    if block.scenarios:
        return f"from apibench import *\n{block.text}"
    functions = [each for each in block.tree.body if isinstance(each, ast.FunctionDef) and each.decorator_list]
    if not functions:
        return inside(block.text)
    decorators = [each for function in functions for each in function.decorator_list]
    of = {each.id for decorator in decorators for each in ast.walk(decorator) if isinstance(each, ast.Name)}
    above = (each for each in reversed(block.above) if each.language == "python" and of & each.scenarios)
    before = next(above, None)
    # What users do once is of a closed load.
    return re.sub(r'load=(?:\[[^]]*\]|"[^"]*")', 'load="2 vus"', whole(before) if before else inside("")) + block.text


def is_wrong(block: Block) -> bool:
    return block.before == "Instead of"


def is_test(block: Block) -> bool:
    return "pytest" in block.imports


def is_script(block: Block) -> bool:
    """Whether it makes loads itself, or goes on with what one before it has made."""
    first = next((each for each in (*block.above, block) if each.language == "python"), block)
    return "apibench" in {each.partition(".")[0] for each in first.imports} and "run(" in first.text


def is_scenario(block: Block) -> bool:
    return not (is_wrong(block) or is_test(block) or is_script(block) or block.is_source)


@pytest.mark.parametrize("block", of("python", where=is_scenario))
def test_a_scenario_is_loaded_and_one_with_a_target_done_once(
    block: Block, folder: Path, echo: EchoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_secrets(block.text, monkeypatch)
    path = folder / "page.py"
    path.write_text(whole(block).replace(TARGET, echo.address))
    assert read_python(str(path), Ends(duration="1s")).scenarios
    if TARGET in block.text:
        done = carry_out("run", "page.py", "--once", "--no-store")
        assert done.returncode in CARRIED_OUT, done.stdout + done.stderr
        assert echo.counts()["requests"] > 0


@pytest.mark.parametrize("block", of("python", where=is_wrong))
def test_what_is_shown_to_be_wrong_is_refused_by_the_code_that_it_is_shown_for(block: Block, folder: Path) -> None:
    kinds = set()
    for text in (inside(block.text), SCENE + "    pass\n" + block.text):
        (folder / "page.py").write_text(text)
        try:
            read_python(str(folder / "page.py"))
        except NotTraceable as refused:
            kinds.add(refused.kind)
    assert block.heading.partition(":")[0] in kinds


PAGES_OF_SCRIPTS = sorted({block.page for block in BLOCKS if block.language == "python" and is_script(block)})


@pytest.mark.parametrize("page", PAGES_OF_SCRIPTS)
def test_scripts_of_a_page_run_one_behind_the_other(
    page: str, folder: Path, echo: EchoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    for block in BLOCKS:
        if (block.page, block.language) == (page, "python") and not is_test(block):
            path = folder / f"line_{block.line}.py"
            path.write_text(block.text.replace(TARGET, echo.address))
            exec(compile(path.read_text(), str(path), "exec"), vars(module))  # noqa: S102 - that is the test


@pytest.mark.parametrize("block", of("python", where=is_test))
def test_tests_are_found_by_pytest(block: Block, folder: Path) -> None:
    """tests/integration/test_python_page.py runs them."""
    (folder / "test_page.py").write_text(block.text)
    assert collected(["test_page.py"]) == 0


@pytest.mark.parametrize("block", of("yaml", "toml", "json", where=lambda block: not block.is_source))
def test_a_plan_is_carried_out(block: Block, folder: Path, echo: EchoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    know_secrets(block.text, monkeypatch)
    path = folder / f"plan.{block.language}"
    path.write_text(block.text.replace(TARGET, echo.address))
    done = carry_out("run", path.name, "--once", "--no-store")
    assert done.returncode in CARRIED_OUT, done.stdout + done.stderr
    assert echo.counts()["requests"] > 0


@pytest.mark.parametrize("block", [pytest.param(block, id=str(block)) for block in BLOCKS if block.is_source])
def test_what_another_tool_has_written_down_is_imported(
    block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "source").write_text(block.text)
    assert run_command(["import", block.heading.lower(), "source", "-o", "made.py"]) == 0, capsys.readouterr().err
    know_secrets((folder / "made.py").read_text(), monkeypatch)
    assert list(read_python(str(folder / "made.py")).requests())


@pytest.mark.parametrize("block", of("console", "sh"))
def test_a_command_is_understood(
    block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert block.commands
    subprocess.run(["bash", "-n"], input="\n".join(block.commands), text=True, check=True)
    for other in (each for each in BLOCKS if each.page == block.page):
        name_files(other, folder)
    know_secrets(block.text, monkeypatch)
    for command in block.commands:
        program, *words = shlex.split(command, comments=True)
        assert program in UNDERSTAND, f"a test has to know what `{program}` is"
        UNDERSTAND[program]([word for word in words if word != "&"])
        capsys.readouterr()


def name_files(block: Block, folder: Path) -> None:
    """The files that commands of its page call by name."""
    if block.language == "yaml":
        (folder / "plan.yaml").write_text(block.text)
    if block.language == "python" and not block.is_source:
        for name in block.scenarios:
            (folder / f"{name}.py").write_text(block.text)


def understand_ours(words: list[str]) -> None:
    verb = words[0]
    if verb == "run":
        assert run_command([*words, "--dry-run"]) == 0
    elif verb in ("import", "plan", "explain", "certs"):
        assert run_command([*words, *(["--force"] if verb == "import" else [])]) == 0
    else:
        app.parse_args(words, exit_on_error=False, print_error=False)


def understand_curl(words: list[str]) -> None:
    """Of the REST face: there is such a resource. tests/distributed/test_rest_page.py asks for it."""
    url = next(word for word in words if "/v1/" in word)
    path = url[url.index("/v1/") :].partition("?")[0]
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if "-d" in words else "GET"
    known = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    patterns = {re.sub(r"\{\w+\}", r"[^/]+", each): methods for each, methods in known.items()}
    (methods,) = (methods for each, methods in patterns.items() if re.fullmatch(each, path))
    assert method.lower() in methods
    if "-d" in words:
        json.loads(re.sub(r"\$\([^)]*\)", "{}", words[words.index("-d") + 1]))


def understand_make(words: list[str]) -> None:
    known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(words) <= set(known)


def understand_pytest(words: list[str]) -> None:
    nothing_is_there = 5
    assert collected(words) == nothing_is_there


def collected(words: list[str]) -> int:
    """The exit code of pytest, which looks for tests and runs none."""
    command = [sys.executable, "-m", "pytest", "-p", "apibench.testing.plugin", "--collect-only", *words]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment, check=False)
    return done.returncode


UNDERSTAND: dict[str, Callable[[list[str]], None]] = {
    "apibench": understand_ours,
    "curl": understand_curl,
    "export": lambda _: None,
    "make": understand_make,
    "pytest": understand_pytest,
}
