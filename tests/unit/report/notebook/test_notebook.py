"""What a notebook is given: tables and pictures that do nothing, whatever names are in them, on light and on dark."""

import copy
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.report.runs import Run, closed_load, plan
from tests.unit.report.screens import SCREENS, steady

from apibench import Result
from apibench.report.data_table import Table
from apibench.report.notebook import markup
from apibench.report.notebook.pictures import POINTS

RESULTS = {name: Result(run.document()) for name, run in SCREENS.items()}
TAGS = {"div", "bdi", "span", "table", "tr", "th", "td", "svg", "path", "polyline", "rect", "text"}
ATTRIBUTES = {"class", "style", "role", "aria-label", "viewbox", "width", "height", "font-size", "font-family"} | {
    *("d", "fill", "stroke", "stroke-width", "opacity", "points", "x", "y", "text-anchor")
}
EMPTY = {"path", "polyline", "rect"}
HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</td></table><style>*{display:none}</style>",
    "&lt;b&gt;",
    "$\\href{javascript:alert(1)}{x}$",
    "\u202eevil\u0000\x1b[31m",
)


class Read(HTMLParser):
    """All tags and attributes, which must close in turn, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.styles += [value or "" for name, value in attrs if name == "style"]
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def harmless(html: str) -> Read:
    read = Read(html)
    assert read.tags <= TAGS
    assert read.attributes <= ATTRIBUTES
    assert not any("url(" in style or "expression" in style for style in read.styles)
    return read


def renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: renamed(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, old, new) for each in value]
    return new if value == old else value


@pytest.mark.parametrize("name", RESULTS)
def test_every_run_is_shown_by_tags_that_do_nothing(name: str) -> None:
    result = RESULTS[name]
    text = harmless(result._repr_html_()).text
    assert result.verdict.upper() in text
    for each in result.thresholds:
        assert each.expression in text
    for error in result.total.by_error:
        assert error in text
    for table in (result.series, result.endpoints, result.errors_by_name, result.histogram()):
        harmless(table._repr_html_())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text(name: str) -> None:
    document = renamed(copy.deepcopy(RESULTS["several_steps"].document), RESULTS["several_steps"].steps[0].name, name)
    document["run"]["name"] = document["scenarios"][0]["name"] = name
    document["requests"]["by_error"][name] = 1
    result = Result(document, notes=(name,))
    shown = re.sub("[\x00-\x1f]", "\ufffd", name)
    for html in (result._repr_html_(), result.endpoints._repr_html_()):
        assert shown in harmless(html).text


@given(st.text())
def test_any_text_is_read_as_itself(value: str) -> None:
    made = markup.whole([markup.paragraph(value), markup.table((value, "x"), [(value, value)])])
    shown = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\ufffd", value)
    assert harmless(made).text.count(shown) >= (4 if shown else 0)


def test_names_are_no_mathematics() -> None:
    # MathJax looks into every output of Jupyter, and its links may run scripts.
    assert 'class="tex2jax_ignore mathjax_ignore"' in RESULTS["passed_open"]._repr_html_()


def test_no_style_reaches_beyond_its_element_and_the_text_has_the_pages_colour() -> None:
    html = "".join(result._repr_html_() for result in RESULTS.values())
    used = set(re.findall(r"(?:[^-]color:|fill=\"|stroke=\")(#?[a-zA-Z0-9]+)", html))
    assert used <= {"inherit", "currentColor", "none", markup.GOOD, markup.BAD, markup.DOUBTFUL} | {
        *(markup.FIRST, markup.SECOND)
    }


@pytest.mark.parametrize("colour", [markup.GOOD, markup.BAD, markup.DOUBTFUL, markup.FIRST, markup.SECOND])
@pytest.mark.parametrize("ground", ["#ffffff", "#1e1e1e", "#111111"])
def test_our_colours_stand_out_on_light_and_dark(colour: str, ground: str) -> None:
    def light(text: str) -> float:
        parts = [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(colour), light(ground)))
    assert (high + 0.05) / (low + 0.05) >= 3, "as WCAG has it for large and bold text and for pictures"


def test_a_run_of_nothing_and_a_long_one_are_shown() -> None:
    nothing = Result(Run(plan([closed_load(1, 1)], [["GET /a"]]), []).document())
    assert "svg" not in harmless(nothing._repr_html_()).tags
    long = Result(Run(plan([closed_load(1, 1_000)], [["GET /a"]]), steady(1_000, 3, 2_000_000)).document())
    html = long._repr_html_()
    assert all(len(points.split()) <= POINTS for points in re.findall(r'points="([^"]*)"', html))
    assert len(html) < 60_000


def test_of_many_rows_the_first_are_shown() -> None:
    table = Table.of_rows({"n": "int64", "x": "float64"}, [(number, None) for number in range(1_000)])
    read = harmless(table._repr_html_())
    assert "1,000 rows" in read.text
    assert "999" not in read.text
    harmless(Table({}, {})._repr_html_())
