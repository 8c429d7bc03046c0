"""What a run came to, in sentences: the verdict, what led to it, what the load was, and what to try next."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apibench.model.figures import human_count, human_duration
from apibench.model.histogram import from_times
from apibench.model.units import NS_PER_S, format_duration
from apibench.report.figure_text import bounded, in_unit, plural, rate, span
from apibench.report.result import headline
from apibench.report.symbols import DOT

Document = Mapping[str, Any]
_NICE = (1, 2, 5)


def sentence(document: Document) -> str:
    """The verdict's reason, or that there was nothing to hold against the run."""
    verdict, run, thresholds = document["verdict"], document["run"], document["thresholds"]
    if verdict["generator"] == "limited":
        return "the generator was the limit, so these are not the target's figures"
    others = _reasons(document)
    broken = [row["expression"] for row in thresholds if not row["passed"]]
    # Earlier releases did not write which threshold it was.
    ended_by = [row for row in thresholds if row.get("ended_the_run", row["expression"] in broken and _aborts(row))]
    if run["ended"] == "aborted" and ended_by:
        return _ended_by(ended_by[0])
    if others:
        return others[0]
    if broken and len(thresholds) == 1:
        return "its threshold failed"
    if broken:
        return f"{len(broken)} of {len(thresholds)} thresholds failed"
    if thresholds:
        held = {1: "its threshold", 2: "both thresholds"}
        return f"{held.get(len(thresholds), f'all {len(thresholds)} thresholds')} held"
    for word in ("request", "iteration"):
        block = document[f"{word}s"]
        if failed := block["failed"] + block["unfinished"]:
            return f"it ran to its end; no threshold judges its {plural(failed, f'failed or unfinished {word}')}"
    return "it ran to its end and every request was ok"


def _aborts(row: Document) -> bool:
    return bool(row["expression"].endswith(" abort"))


def _ended_by(row: Document) -> str:
    value = "no data" if row["no_data"] else bounded(in_unit(row["value"], row["unit"]), censored=row["censored"])
    when = "" if row["failed_at_s"] is None else f" at {row['failed_at_s']:g} s"
    return f"'{row['expression']}' ended the run{when}: it was {value}"


def details(document: Document) -> Iterator[str]:
    """What else led to the verdict, the most important first. Failed thresholds have a table of their own."""
    verdict, run = document["verdict"], document["run"]
    said = sentence(document)
    for finding in verdict["findings"]:
        yield f"{finding['message']}. {finding['remedy']}"
    yield from (reason for reason in _reasons(document) if reason != said)
    if run["ended"] != "complete" and run["planned_s"] is not None:
        ran, planned = round(run["actual_s"] * NS_PER_S), round(run["planned_s"] * NS_PER_S)
        rest = "what was measured by then is shown"
        # A stop ends them before the second in which it came. Earlier releases did not write it.
        window = round(run.get("window_s", run["actual_s"]) * NS_PER_S)
        if 0 < window < min(ran, planned):
            rest += f"; rates are of its first {span(window)}"
        yield f"it ran {human_duration(ran)} of {span(planned)}, and {rest}"


def shape(document: Document) -> str:
    """What was asked of whom, in one line."""
    run = document["run"]
    scenarios = document["scenarios"]
    warmup_ns = run["plan"]["warmup_ns"]
    parts = [
        load_text(scenarios[0]["load"]) if len(scenarios) == 1 else f"{len(scenarios)} scenarios, {_length(run)}",
        *([f"{span(warmup_ns)} warm-up"] if warmup_ns else []),
        *_targets(run["plan"]),
        f"seed {run['seed']}",
    ]
    return f" {DOT} ".join(parts)


def next_steps(document: Document, written: Sequence[str]) -> Iterator[str]:
    """What to try next, the most useful first; each line is complete."""
    requests, iterations, thresholds = document["requests"], document["iterations"], document["thresholds"]
    targets = _targets(document["run"]["plan"])
    if requests["started"] and not requests["ok"]:
        yield f"ask the target once by hand: curl -i {targets[0]}"
        return
    if iterations["started"] and not iterations["ok"]:
        yield "--once --trace shows one iteration step by step: what came back, and what is not there"
        return
    if document["verdict"]["generator"] == "limited":
        yield "ask for less, or give the generator a machine of its own, and run it again"
        return
    if iterations["started"] == 1:
        return  # a look, and no load
    if _takes_a_rate(document) and iterations["ok_per_s"]:
        most = max(int(_two_digits(iterations["ok_per_s"] * 0.8)), 1)
        yield f"--rate {most}/s (80 % of this) shows what users feel when the target stalls"
    if not thresholds:
        p99_ns = from_times(document[headline(document)]).quantile(0.99)
        if p99_ns:
            yield f"--threshold 'p99 < {format_duration(_nice(2 * p99_ns))}' makes it pass or fail"
    if not written:
        yield "-o json=run.json keeps every figure"


def _takes_a_rate(document: Document) -> bool:
    """Whether a word of the command could make the closed load an open one, of as many iterations a second."""
    scenarios = document["run"]["plan"]["scenarios"]
    return document["load"]["model"] == "closed" and len(scenarios) == 1


def _reasons(document: Document) -> list[str]:
    """The verdict's reasons without those that are said elsewhere: of thresholds, and of the generator."""
    expressions = tuple(f"{row['expression']}: " for row in document["thresholds"])
    findings = [f"{finding['message']}. {finding['remedy']}" for finding in document["verdict"]["findings"]]
    return [
        reason
        for reason in document["verdict"]["reasons"]
        if not reason.startswith(expressions) and reason not in findings
    ]


def load_text(load: Document) -> str:
    """A load in a few words: `open model, 200/s for 10 s`."""
    stages, ends = load["stages"], load["ends"]
    if load["model"] == "open":
        levels = [_per_s(load["rate"]), *(_per_s(stage["rate"]) for stage in stages)]
        amount = rate(levels[0]) if not stages else f"{rate(levels[0])} to {rate(max(levels))}"
    else:
        numbers = [load["vus"], *(stage["vus"] for stage in stages)]
        amount = (
            plural(numbers[0], "VU") if not stages else f"{human_count(numbers[0])} to {plural(max(numbers), 'VU')}"
        )
    steps = f" in {plural(len(stages), 'stage')}" if stages else ""
    limits = [
        *([f"for {span(ends['duration_ns'])}"] if ends["duration_ns"] is not None else []),
        *([f"until {plural(ends['iterations'], 'iteration')}"] if ends["iterations"] is not None else []),
    ]
    return f"{load['model']} model, {amount}{steps} {' or '.join(limits)}"


def _per_s(level: Document) -> float:
    return float(level["count"] * NS_PER_S / level["per_ns"])


def _length(run: Document) -> str:
    if run["planned_s"] is None:
        return human_duration(round(run["actual_s"] * NS_PER_S))
    return span(round(run["planned_s"] * NS_PER_S))


def _targets(plan: Document) -> list[str]:
    urls = [host["base_url"] for host in plan["hosts"].values()]
    return urls if len(urls) < 3 else [urls[0], f"{len(urls) - 1} more hosts"]


def _two_digits(value: float) -> float:
    """Rounded to two significant digits: a suggestion, not a measurement."""
    return float(f"{value:.2g}")


def _nice(duration_ns: int) -> int:
    """The least of 1, 2, 5, 10, 20, … microseconds that is not below it."""
    power = 1_000
    while True:
        for factor in _NICE:
            if factor * power >= duration_ns:
                return factor * power
        power *= 10
