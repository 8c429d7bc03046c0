"""Plan files: three formats with one meaning, faults with line and column, and files that mean harm."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apibench.authoring import plan_file
from apibench.authoring.marks import json_marks
from apibench.authoring.plan_file import parse_plan_text, read_plan
from apibench.model.errors import PlanInvalid, PlanUnreadable

YAML = """\
version: 1
hosts: {api: 'http://127.0.0.1:8080'}
scenarios:
  - name: main
    steps:
      - type: request
        path: /items
    load: {rate: 500/s, duration: 30s}
"""
TOML = """\
version = 1
hosts.api = "http://127.0.0.1:8080"
[[scenarios]]
name = "main"
steps = [{type = "request", path = "/items"}]
load = {rate = "500/s", duration = "30s"}
"""
JSON_TEXT = """\
{"version": 1,
 "hosts": {"api": "http://127.0.0.1:8080"},
 "scenarios": [
   {"name": "main",
    "steps": [{"type": "request", "path": "/items"}],
    "load": {"rate": "500/s", "duration": "30s"}}]}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_all_formats_give_the_same_plan(tmp_path: Path) -> None:
    files = {"a.yaml": YAML, "b.yml": YAML, "c.toml": TOML, "d.json": JSON_TEXT, "e.JSON": "\ufeff" + JSON_TEXT}
    names = {read_plan(write(tmp_path, name, text)).sha256() for name, text in files.items()}
    assert len(names) == 1


def faults(text: str, language: str) -> list[tuple[str, int | None, int | None]]:
    with pytest.raises(PlanInvalid) as caught:
        parse_plan_text(text.encode(), language, "plan")
    assert all(fault.file == "plan" for fault in caught.value.faults)
    return [(fault.place, fault.line, fault.column) for fault in caught.value.faults]


def test_faults_in_yaml_have_line_and_column() -> None:
    text = YAML.replace("/items", "items").replace("500/s", "500").replace("type:", "heders: 1\n        type:")
    assert faults(text, "yaml") == [
        ("scenarios[0].steps[0].heders", 6, 9),
        ("scenarios[0].steps[0].path", 8, 9),
        ("scenarios[0].load.rate", 9, 12),
    ]


def test_faults_in_json_have_line_and_column() -> None:
    text = JSON_TEXT.replace("/items", "items").replace("500/s", "500").replace('"version"', '"vesion": 1, "version"')
    assert faults(text, "json") == [
        ("vesion", 1, 2),
        ("scenarios[0].steps[0].path", 5, 35),
        ("scenarios[0].load.rate", 6, 14),
    ]


def test_a_missing_word_is_marked_where_what_should_hold_it_stands() -> None:
    assert faults(YAML.replace("    load: {rate: 500/s, duration: 30s}\n", ""), "yaml") == [("scenarios[0].load", 4, 5)]


def test_faults_in_toml_have_their_place() -> None:
    assert faults(TOML.replace("/items", "items"), "toml") == [("scenarios[0].steps[0].path", None, None)]


KEYS = st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=20,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """Every place of a document with the text that a mark there must point at."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    if isinstance(value, dict):
        for key, each in value.items():
            found += [((*path, key), json.dumps(key)), *places(each, (*path, key))]
    elif isinstance(value, list):
        for index, each in enumerate(value):
            found += [((*path, index), json.dumps(each)[:1]), *places(each, (*path, index))]
    return found


@given(VALUES, st.sampled_from([None, 1, 3, "\t"]))
def test_every_mark_in_json_points_at_its_key_or_item(value: Any, indent: int | str | None) -> None:
    text = json.dumps(value, indent=indent)
    locate, lines = json_marks(text), text.split("\n")
    for path, expected in places(value):
        line, column = locate(path)
        assert lines[line - 1][column - 1 :].startswith(expected)


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("json", '{"version" 1}', "plan:1:12"),
        ("json", '{"version": 1, "version": 1}', "`version` stands twice"),
        ("json", '{"seed": NaN}', "NaN is no number"),
        ("json", '{"seed": ' + "9" * 5_000 + "}", "no JSON we read"),
        ("json", "[" * 200_000, "no JSON we read"),
        ("json", "", "plan:1:1"),
        ("yaml", "a: [1,", "plan:1:7"),
        ("yaml", "a: 1\na: 2\n", "plan:2:1"),
        ("yaml", "a: 1\n---\nb: 2\n", "plan:2:1"),
        ("yaml", "a: !!python/object/apply:os.system ['true']\n", "plan:1:4"),
        ("yaml", "a: &a [*a]\n", "holds itself"),
        ("yaml", "a: " + "[" * 60 + "]" * 60, "nested deeper"),
        ("toml", "a = ", "plan: "),
    ],
)
def test_what_is_no_document_is_refused_where_it_breaks(language: str, text: str, words: str) -> None:
    with pytest.raises(PlanUnreadable) as caught:
        parse_plan_text(text.encode(), language, "plan")
    assert words in str(caught.value)


def test_a_yaml_bomb_is_refused_before_it_unfolds() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    with pytest.raises(PlanUnreadable, match="unfolds to more than"):
        parse_plan_text("\n".join(lines).encode(), "yaml", "plan")


def test_anchors_and_merge_keys_are_read() -> None:
    text = YAML.replace("version: 1\n", "version: 1\nwarmup: &time 5s\ndrain: *time\n")
    assert parse_plan_text(text.encode(), "yaml").warmup_ns == 5_000_000_000


@pytest.mark.parametrize("text", ["", "# nothing\n", "null"])
def test_an_empty_file_is_no_plan(text: str) -> None:
    with pytest.raises(PlanInvalid, match="is no object"):
        parse_plan_text(text.encode(), "yaml", "plan")


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(PlanUnreadable, match="not UTF-8"):
        parse_plan_text(b"\xff", "json")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanUnreadable, match="No such file"):
        read_plan(tmp_path / "none.json")


def test_a_name_without_a_known_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanUnreadable, match=r"\.json, \.yaml or \.toml"):
        read_plan(write(tmp_path, "plan.txt", YAML))


@pytest.mark.parametrize(("name", "limit"), [("a.json", "MAX_BYTES"), ("a.yaml", "MAX_YAML_BYTES")])
def test_a_file_that_is_too_large_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: str
) -> None:
    monkeypatch.setattr(plan_file, limit, 10)
    with pytest.raises(PlanUnreadable, match="larger than 10 bytes"):
        read_plan(write(tmp_path, name, " " * 11))
