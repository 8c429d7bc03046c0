"""docs/kubernetes.md: its table of values is made of the schema and the defaults of the chart."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.chart.chart import CHART, EVERYTHING, TOP, rendered

PAGE = TOP / "docs" / "kubernetes.md"
HEAD = "| value | default | |\n|---|---|---|\n"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = YAML(typ="safe").load((CHART / "values.yaml").read_text())


def described(schema: dict[str, Any], default: Any, path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Each value: its path, its default and what it is; of groups only what they are."""
    if "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    if "properties" not in schema or path.rpartition(".")[2] in ("affinity", "resources"):
        yield path, default, schema["description"]
        return
    if path:
        yield path, None, schema["description"]
    for name, each in schema["properties"].items():
        if name != "global":
            yield from described(each, default[name], f"{path}.{name}".lstrip("."))


def table() -> str:
    rows = []
    for path, default, text in described(SCHEMA, DEFAULTS):
        shown = (
            ""
            if default is None or default in ("", {}, [])
            else f"`{default if isinstance(default, str) else json.dumps(default)}`"
        )
        rows.append(f"| `{path}` | {shown} | {text} |")
    return HEAD + "\n".join(rows) + "\n"


def test_the_table_of_values_is_that_of_the_schema() -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(HEAD)
    after = re.sub(r"\A(\|.*\n)*", "", rest)
    if os.environ.get("APIBENCH_REWRITE_SNAPSHOTS") == "1":
        page = before + table() + after
        PAGE.write_text(page, encoding="utf-8")
    assert table() in page


def test_every_value_has_a_default_and_a_word_of_its_own() -> None:
    for path, _, text in described(SCHEMA, DEFAULTS):
        assert len(text) > 5, path
    assert keys(DEFAULTS) == keys(SCHEMA["properties"], "properties")


def keys(values: Any, within: str = "") -> set[str]:
    """Paths of all groups and values, two deep; of a schema those of its properties."""
    found = set()
    for name, each in values.items():
        inner = each.get(within, {}) if within and isinstance(each, dict) else each
        found |= {name} | {f"{name}.{key}" for key in (inner if isinstance(inner, dict) else {})}
    return found - {"global"}


@pytest.mark.parametrize("name", ["kubernetes.md", "eks.md"])
def test_a_page_that_installs_it_names_every_secret_and_every_name_of_a_certificate(name: str) -> None:
    page = PAGE.with_name(name).read_text(encoding="utf-8")
    for path, default, _ in described(SCHEMA, DEFAULTS):
        if path.endswith(("existingSecret", "controllerSecret", "aggregatorSecret", "workerSecret")):
            assert f"secret generic {default}" in page, default
    dialled = {
        word.rpartition("=")[2].rpartition(":")[0]
        for _, container in rendered("", EVERYTHING).services
        for word in container["args"]
        if word.startswith(("--controller=", "--advertise="))
    }
    for host in dialled | {"load-controller"}:
        assert f"--host {host}" in page
