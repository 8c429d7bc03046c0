"""Values as Python: whatever a text holds, Python reads it as that text, and formatters leave the file as it is."""

import ast
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.authoring.importing.conftest import check_nodes

from apibench.authoring.importing.journey import Behaviour, Comment, Journey, Left, Request
from apibench.authoring.importing.lifting import Lifting
from apibench.authoring.importing.python_text import comment, quoted, written
from apibench.authoring.importing.scenario_text import duration_text, scenario_text
from apibench.authoring.importing.values import Known, Mapping, Named, drawn, joined, method, of_document
from apibench.model.units import parse_duration

TEXTS = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        '"',
        "'",
        '"""',
        "\\",
        "\\N{DIGIT ONE}",
        "{x}",
        "}}{{",
        "\n",
        "\r\n",
        "\u2028",
        "\u202e",
        "\x00",
        "#",
        "${secret:X}",
    ]
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(TEXTS)
def test_a_text_is_read_as_what_it_was(text: str) -> None:
    assert ast.literal_eval(quoted(text)) == text


@given(TEXTS)
def test_a_text_shows_nothing_but_itself(text: str) -> None:
    assert quoted(text).isprintable()


@given(DOCUMENTS, st.integers(0, 20))
def test_a_document_is_read_as_what_it_was(document: object, indent: int) -> None:
    assert ast.literal_eval(written(of_document(document), indent)) == document


@given(st.lists(TEXTS | st.just(None), min_size=1, max_size=6))
def test_late_parts_stand_in_texts_and_texts_stay_what_they_are(parts: list[str | None]) -> None:
    value = joined(*(Named("token") if part is None else part for part in parts))
    text = written(value)
    assert isinstance(ast.parse(text, mode="eval").body, ast.Constant | ast.JoinedStr)
    assert eval(text, {"token": "<token>"}) == "".join("<token>" if part is None else part for part in parts)  # noqa: S307


@given(TEXTS, TEXTS)
def test_what_cannot_stand_within_a_text_gets_a_name_before_it(first: str, second: str) -> None:
    class Rand:
        def choice(self, value: str) -> str:
            return value

    names = count(1)
    lifting = Lifting(lambda: f"_{next(names)}")
    choice = drawn("choice", second)
    value = lifting.lifted(joined(first, choice, choice, drawn("choice", first)))
    known: dict[str, object] = {"rand": Rand()}
    for name, each in lifting.before:
        known[name] = eval(written(each), known)  # noqa: S307
    assert eval(written(value), known) == first + second * 2 + first  # noqa: S307


@given(TEXTS)
def test_a_comment_is_one_line(text: str) -> None:
    assert len(f"# {comment(text)}".splitlines()) == 1
    assert ast.parse(f"# {comment(text)}\n").body == []


@given(TEXTS, DOCUMENTS, TEXTS, TEXTS)
def test_no_text_puts_words_into_a_file(text: str, document: object, name: str, place: str) -> None:
    request = Request("POST", Known(text), headers=[(name, Known(text))], json=of_document(document), name=text)
    late = Request("GET", joined(text, drawn("uuid"), text), query=[(name, method(Named("token"), "urlquote"))])
    scenario = Behaviour(name, text, [Comment(text), request, late], thresholds=[text], duration=text)
    check_nodes(scenario_text(Journey("curl", text, [scenario], [Left(place, text)])).text)


@given(st.integers(0, 10**15))
def test_a_pause_is_read_back_as_long_as_it_was(length_ns: int) -> None:
    assert parse_duration(duration_text(length_ns)) == length_ns


RUFF = shutil.which("ruff") or shutil.which(str(Path(sys.executable).parent / "ruff"))


@pytest.mark.skipif(RUFF is None, reason="ruff is not there")
def test_a_formatter_leaves_a_file_as_it_is(tmp_path: Path) -> None:
    long = Mapping((("a", Known("x" * 60)), ("b", Known("y" * 60)), ('"c"', of_document({"d": [1, 2.5, None, True]}))))
    steps = [
        Request("POST", joined("/a/", Named("item"), "?b={}"), json=long, headers=[("X-It's", Known('a "b" c'))]),
        Request("GET", Known("/" + "z" * 90), query=[("q", drawn("int", 1, 10))], expect=("2xx", 404), name="it"),
    ]
    journey = Journey(
        "curl", "shop", [Behaviour("shop", "http://127.0.0.1", list(steps), thresholds=["p99 < 1s"] * 20)]
    )
    (tmp_path / "shop.py").write_text(scenario_text(journey).text)
    words = [str(RUFF), "format", "--check", "--diff", "--isolated", "--line-length=120", "shop.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
