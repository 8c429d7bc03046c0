"""A result as a notebook shows it: what the last screen says, and how the run went over its seconds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apibench.model.figures import human_count, human_share
from apibench.model.histogram import Histogram, from_times
from apibench.report.figure_text import ABSENT, at, bounded, in_unit, rate
from apibench.report.notebook.markup import BAD, DOUBTFUL, GOOD, Cell, Html, coloured, paragraph, table, text, whole
from apibench.report.notebook.pictures import over_time, spread
from apibench.report.result import headline
from apibench.report.symbols import FAILED, HELD
from apibench.report.verdict_words import details, sentence, shape

Document = Mapping[str, Any]
_COLOURS = {"passed": GOOD, "failed": BAD, "invalid": DOUBTFUL}
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
_MOST_ROWS = 50
"""Of steps and errors: the rest is in the tables of the result."""


def result_html(document: Document, notes: Sequence[str] = ()) -> str:
    """The output of a cell whose value is a result."""
    return whole(
        [
            *_verdict(document, notes),
            *_thresholds(document),
            *_load(document),
            *_times(document),
            *_pictures(document),
            *_steps(document),
            *_groups(document),
            *_errors(document),
            *_checks(document),
        ]
    )


def _verdict(document: Document, notes: Sequence[str]) -> Iterator[Html]:
    status = document["verdict"]["status"]
    said = text(f"{document['run']['name']}: {sentence(document)}")
    yield paragraph(Html(f"{coloured(status.upper(), _COLOURS[status])} &nbsp; {said}"), "font-size:15px")
    yield paragraph(shape(document), "opacity:.75")
    yield from (paragraph(f"- {detail}") for detail in details(document))
    yield from (paragraph(f"Note: {note}", "opacity:.75") for note in notes)


def _thresholds(document: Document) -> Iterator[Html]:
    rows: list[Sequence[Cell]] = []
    for row in document["thresholds"]:
        value = "no data" if row["no_data"] else bounded(in_unit(row["value"], row["unit"]), censored=row["censored"])
        sign, colour = (HELD, GOOD) if row["passed"] else (FAILED, BAD)
        rows.append((Html(f"{coloured(sign, colour)} {text(row['expression'])}"), value))
    if rows:
        yield table(("Thresholds", "measured"), rows)


def _load(document: Document) -> Iterator[Html]:
    blocks = [("iterations", document["iterations"]), ("requests", document["requests"])]
    rows = [
        (
            name,
            human_count(block["started"]),
            human_count(block["ok"]),
            human_count(block["failed"]),
            human_count(block["unfinished"]),
            bounded(rate(block["ok_per_s"]), censored=block.get("at_least", False)),
        )
        for name, block in blocks
    ]
    dropped = sum(document["load"]["dropped"].values())
    yield table(("Load", "started", "ok", "failed", "unfinished", "ok a second"), rows)
    if dropped:
        yield paragraph(f"{human_count(dropped)} of {human_count(document['load']['offered'])} iterations were dropped")


def _times(document: Document) -> Iterator[Html]:
    names = ["response_time", "service_time"]
    if headline(document) == "service_time":
        names.reverse()
    yield table(
        ("Times", *_QUANTILES),
        ((name.replace("_", " "), *_quantiles(from_times(document[name]))) for name in names),
    )


def _quantiles(histogram: Histogram) -> list[str]:
    return [at(histogram, quantile) for quantile in _QUANTILES.values()]


def _pictures(document: Document) -> Iterator[Html]:
    kind = headline(document)
    brief = kind.removesuffix("_time")
    rows = [row for row in document["intervals"] if row["phase"] != "drain" and row["length_s"] > 0]
    rates = [(row["start_s"], row["ok"] / row["length_s"]) for row in rows]
    times = [
        (name, [(row["start_s"], float(row[brief]["quantiles"][quantile])) for row in rows if row[brief] is not None])
        for name, quantile in (("p50", "0.5"), ("p99", "0.99"))
    ]
    pictures = [
        over_time("ok a second", [("", rates)], "rate", log=False),
        over_time(f"{brief} time by second", times, "duration", log=True),
        spread(f"how {brief} times are spread, log scales", from_times(document[kind])),
    ]
    if any(pictures):
        yield Html(f"<div>{''.join(pictures)}</div>")


def _steps(document: Document) -> Iterator[Html]:
    steps = [(scenario["name"], step) for scenario in document["scenarios"] for step in scenario["steps"]]
    if len(steps) < 2:
        return
    several = len(document["scenarios"]) > 1
    rows = (
        (
            f"{scenario}: {step['name']}" if several else step["name"],
            human_count(step["requests"]["started"]),
            rate(step["requests"]["ok_per_s"]),
            _share(step["requests"]),
            *_quantiles(from_times(step[headline(document)])),
        )
        for scenario, step in steps[:_MOST_ROWS]
    )
    yield table(("Steps", "requests", "ok a second", "errors", *_QUANTILES), rows)
    yield from _rest(len(steps), "steps", "result.endpoints")


def _groups(document: Document) -> Iterator[Html]:
    # Earlier releases had none.
    groups = [(scenario["name"], group) for scenario in document["scenarios"] for group in scenario.get("groups", ())]
    if groups:
        several = len(document["scenarios"]) > 1
        rows = (
            (
                f"{scenario}: {group['name']}" if several else group["name"],
                human_count(group["passes"]),
                rate(group["ok_per_s"]),
                _share({**group, "started": group["passes"]}),
                *_quantiles(from_times(group["time"])),
            )
            for scenario, group in groups[:_MOST_ROWS]
        )
        yield table(("Groups", "passes", "ok a second", "errors", *_QUANTILES), rows)
        yield from _rest(len(groups), "groups", "result.scenarios")


def _share(requests: Document) -> Cell:
    bad = requests["failed"] + requests["unfinished"]
    share = human_share(bad, requests["started"])
    return coloured(share, BAD) if bad else share


def _errors(document: Document) -> Iterator[Html]:
    errors = sorted(document["requests"]["by_error"].items(), key=lambda item: (-item[1], item[0]))
    if errors:
        rows = ((name, human_count(count)) for name, count in errors[:_MOST_ROWS])
        yield table(("Errors", "requests"), rows)
        yield from _rest(len(errors), "errors", "result.errors_by_name")


def _checks(document: Document) -> Iterator[Html]:
    # Earlier releases had none.
    checks = document.get("checks", ())
    if checks:
        rows = (
            (
                each["name"],
                human_count(each["passed"]),
                human_count(each["failed"]),
                human_share(each["passed"], each["passed"] + each["failed"]) if each["passed"] else ABSENT,
            )
            for each in checks[:_MOST_ROWS]
        )
        yield table(("Checks", "passed", "failed", "share"), rows)
        yield from _rest(len(checks), "checks", "result.checks")


def _rest(count: int, noun: str, where: str) -> Iterator[Html]:
    if count > _MOST_ROWS:
        yield paragraph(f"{count - _MOST_ROWS:,} more {noun} are in {where}", "opacity:.75")
