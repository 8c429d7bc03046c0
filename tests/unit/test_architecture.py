"""Rules of the house that import-linter can't hold: it sees Python files, and the engine is a binary."""

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
MAY_IMPORT_THE_ENGINE = {
    "apibench.engine.rust",
    "apibench.engine.echo_server",
    "apibench.engine.pace",
    "apibench.model.arrow",
    "apibench.model.counts",
    "apibench.model.extraction",
    "apibench.model.histogram",
    "apibench.model.seeded_random",
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((SOURCE / "apibench").rglob("*.py")):
        yield ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_those_modules_import_the_engine_s_binary() -> None:
    importers = {
        name for name, path in modules() if any(f"{each}.".startswith("apibench._engine.") for each in imports(path))
    }
    assert importers <= MAY_IMPORT_THE_ENGINE


def test_the_check_above_sees_every_form_of_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("import apibench._engine\nfrom apibench import _engine\nfrom apibench._engine import run\n")
    assert all(f"{each}.".startswith("apibench._engine.") for each in imports(path))


def test_every_room_stands_on_a_floor() -> None:
    linter = configparser.ConfigParser()
    linter.read(SOURCE.parent / ".importlinter")
    layers = (
        linter["importlinter:contract:floors"]["layers"].replace("|", " ").replace("(", " ").replace(")", " ").split()
    )
    rooms = {f"apibench.{path.parent.name}" for path in (SOURCE / "apibench").glob("*/__init__.py")}
    assert rooms <= set(layers)


LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def lines_of_logs(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"logger.{level}" for level in LEVELS}:
            yield node


def names_a_run(call: ast.Call) -> bool:
    """Whether it has a run's id among its words."""
    words = [inner for word in call.args for inner in ast.walk(word)]
    named = {inner.id if isinstance(inner, ast.Name) else getattr(inner, "attr", "") for inner in words}
    return any(name.strip("_") == "run_id" for name in named)


def test_the_run_that_a_log_s_line_is_about_stands_in_a_field_and_not_in_its_words() -> None:
    found = [(name, call.lineno) for name, path in modules() for call in lines_of_logs(path) if names_a_run(call)]
    assert found == []


def test_the_check_above_sees_every_form_of_it(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        'logger.info("run %s", run_id)\nlogger.warning("run %s", self.row.run_id)\n'
        'logger.exception(f"{self._run_id}")\nlogger.info("it is over", extra=about(run_id))\n'
    )
    assert [names_a_run(call) for call in lines_of_logs(path)] == [True, True, True, False]


def test_no_file_is_longer_than_the_house_allows() -> None:
    too_long = {name for name, path in modules() if len(path.read_text(encoding="utf-8").splitlines()) > 500}
    assert too_long == set()
