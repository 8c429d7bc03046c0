"""
The last screen: what the run came to, in the order in which a person wants to know it.

Verdict, thresholds, what was asked and what was done, both times, errors, steps, the generator's own health, files,
and what to try next. The same text with and without colour; made of the result document alone, so that a stored run
shows what the live one showed.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from rich.text import Text

from apibench.model.figures import human_count, human_duration, human_share
from apibench.model.histogram import Histogram, from_times
from apibench.model.units import NS_PER_S
from apibench.report import summary_full
from apibench.report.errand_words import errand_line, report_of
from apibench.report.figure_text import ABSENT, at, bounded, in_unit, plural, rate
from apibench.report.result import headline
from apibench.report.spread import spread
from apibench.report.symbols import DOT, FAILED, HELD, for_encoding
from apibench.report.table import Cell, fits, table
from apibench.report.verdict_words import details, next_steps, sentence, shape

Form = Literal["compact", "full", "none"]
Document = Mapping[str, Any]
Line = str | Text

_STYLES = {"passed": "bold green", "failed": "bold red", "invalid": "bold yellow"}
_WIDEST = 110
"""Beyond it the eye loses the row."""
_LABEL = 12
_ERRORS_SHOWN = 5
_QUANTILES = {
    "p50": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p99.9": 0.999,
    "p99.99": 0.9999,
    "max": 1.0,
}
_TAKEN = {
    "throttled": "stopped by a quota",
    "steal": "given to other machines by the hypervisor",
    "waited": "waited for a processor",
}
_WORTH_TELLING = 0.01
_COMPACT = (("p50", "p90", "p99", "p99.9", "max"),)
_FULL = (tuple(_QUANTILES), ("p50", "p90", "p99", "p99.9", "p99.99", "max"), *_COMPACT)


def summary(  # noqa: PLR0913 - the form of a text is these things
    document: Document,
    form: Form = "compact",
    *,
    written: Sequence[str] = (),
    width: int = 80,
    encoding: str | None = "utf-8",
    stored: bool | None = None,
    hints: bool = True,
) -> Text:
    """
    The screen of a result document. `str(...)` or `.plain` of it is the same text without colour.

    Args:
        document: of a run that is over.
        form: `compact`; `full` with phases, statuses, addresses and the warm-up; `none` is empty.
        written: files that the result was written to.
        width: columns of the terminal; lines are made for 80 to 110.
        encoding: what the stream can write; signs beyond it are replaced one for one.
        stored: whether the history has the run; None where it is shown out of it.
        hints: say what to try next, in words of the command.
    """
    if form == "none":
        return Text()
    width = max(min(width, _WIDEST), 60)
    full = form == "full"
    sections: list[list[Line]] = [
        list(_verdict(document, width)),
        list(_thresholds(document, width)),
        list(_load(document, width)),
        list(_times(document, width, full=full)),
        list(_errors(document, width)),
        list(_checks(document, width)),
        list(_steps(document, width)),
        list(_groups(document, width)),
        list(_python(document, width)),
        list(summary_full.sections(document, width)) if full else [],
        list(_generator(document)),
        list(_errands(document)),
        list(_closing(document, written, width, stored=stored, hints=hints)),
    ]
    return for_encoding(_joined(sections, width), encoding)


def judgement(document: Document, width: int = 100) -> str:
    """Of the screen what says why: the verdict, the thresholds, errors and checks."""
    parts = (_verdict, _thresholds, _errors, _checks)
    return _joined([list(part(document, width)) for part in parts], width).plain.strip("\n") + "\n"


def _joined(sections: Sequence[Sequence[Line]], width: int) -> Text:
    """A section below the other, with a line between those that have something."""
    text = Text("\n")
    for section in sections:
        for line in section:
            for part in [line] if isinstance(line, Text) else _folded(line, width):
                text.append(part)
                text.append("\n")
        if section:
            text.append("\n")
    text.right_crop(1)
    return text


def _verdict(document: Document, width: int) -> Iterator[Line]:
    status = document["verdict"]["status"]
    word = status.upper()
    said = _wrapped(f"{document['run']['name']}: {sentence(document)}", width, len(word) + 2)
    first = Text(word, style=_STYLES[status])
    first.append("  " + said[0].lstrip(), style="bold")
    yield first
    yield from (Text(line, style="bold") for line in said[1:])
    for detail in details(document):
        lines = _wrapped(detail, width, 4)
        yield f"  - {lines[0].lstrip()}"
        yield from lines[1:]
    yield from (Text(line, style="dim") for line in _wrapped(shape(document), width, 2))


def _folded(line: str, width: int) -> list[str]:
    """A sentence that is too long goes on below, further in."""
    if len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent="    ", break_on_hyphens=False)


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(text, width, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False) or [
        margin
    ]


def _thresholds(document: Document, width: int) -> Iterator[Line]:
    rows: list[Sequence[Cell]] = []
    for row in document["thresholds"]:
        held = row["passed"]
        value = ABSENT if row["no_data"] else bounded(in_unit(row["value"], row["unit"]), censored=row["censored"])
        late = "" if row["failed_at_s"] is None else f"first failed at {row['failed_at_s']:g} s"
        name = Text("  ")
        name.append(HELD if held else FAILED, style="green" if held else "bold red")
        name.append(f" {row['expression']}")
        rows.append((name, Text("no data" if row["no_data"] else value, style="" if held else "bold red"), late))
    if rows:
        yield Text("Thresholds", style="bold")
        yield from table(rows, width)


def _load(document: Document, width: int) -> Iterator[Line]:
    requests, iterations, load = document["requests"], document["iterations"], document["load"]
    # Our processors were busy, so that a closed run could have been faster. Earlier releases did not write it.
    at_least = requests.get("at_least", False)
    columns = ["asked", "started", "ok", "failed", "unfinished", "dropped"]
    single = all(requests[name] == iterations[name] for name in ("started", "ok", "failed", "unfinished"))
    of_iterations = _counted({**iterations, "offered_per_s": load["offered_per_s"]}, at_least=False)
    of_requests = _counted(requests, at_least=at_least)
    if single:
        # One request an iteration: what is asked of one is asked of the other.
        shared = [(its[0], *own[1:5], its[5]) for its, own in zip(of_iterations, of_requests, strict=True)]
        rows = [("Requests", *columns), ("  in all", *shared[0]), ("  rate, share", *shared[1])]
    else:
        rows = [
            ("Load", *columns),
            ("  iterations", *of_iterations[0]),
            ("", *of_iterations[1]),
            ("  requests", *of_requests[0]),
            ("", *of_requests[1]),
        ]
    if load["model"] == "closed":
        # Nothing is due in a closed run: it asks as it can.
        rows = [(row[0], *row[2:-1]) for row in rows]
    yield from table([_head(rows[0]), *rows[1:]], width)
    if at_least:
        yield Text("  >= : our processors were busy; with more of them the rate could be higher", style="dim")
    yield from _around(document)


def _counted(block: Document, *, at_least: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Counts, and under each its rate or share: asked, started, ok, failed, unfinished, dropped."""
    offered, started = block.get("offered"), block["started"]
    dropped = sum(block["dropped"].values()) if "dropped" in block else None
    counts = (offered, started, block["ok"], block["failed"], block["unfinished"], dropped)
    return (
        tuple("" if count is None else human_count(count) for count in counts),
        (
            "" if offered is None else rate(block["offered_per_s"]),
            rate(block["started_per_s"]),
            bounded(rate(block["ok_per_s"]), censored=at_least),
            human_share(block["failed"], started),
            human_share(block["unfinished"], started),
            "" if dropped is None or offered is None else human_share(dropped, offered),
        ),
    )


def _around(document: Document) -> Iterator[Line]:
    dropped = {reason: count for reason, count in document["load"]["dropped"].items() if count}
    if dropped:
        words = {
            "cap": "no VU was allowed",
            "deadline": "waited too long",
            "ended": "still waiting at the end",
            "dry": "found no row left, where their load ended",
        }
        yield "  dropped: " + ", ".join(f"{human_count(count)} {words[reason]}" for reason, count in dropped.items())
    warmup = document["warmup"]["requests"]
    if warmup["started"]:
        run = document["run"]
        # Earlier releases did not write how long the window was.
        end_s = run["plan"]["warmup_ns"] / NS_PER_S + run.get("window_s", float("inf"))
        window = [row for row in document["intervals"] if row["phase"] == "main" and row["start_s"] < end_s]
        late = sum(row["warmup"]["ok"] for row in window if "warmup" in row)
        # The target served them inside the window, so a rate without them would be too low.
        rest = f"; {human_count(late)} of them ended later and count in the rates" if late else ""
        yield f"  warm-up: {plural(warmup['started'], 'request')} before that, counted apart{rest}"
    rows = [row for row in document["intervals"] if row["phase"] == "drain"]
    late = {name: sum(row[name] for row in rows) for name in ("ok", "failed", "unfinished")}
    if any(late.values()):
        length = human_duration(round(sum(row["length_s"] for row in rows) * NS_PER_S))
        came = ", ".join(f"{human_count(count)} {name}" for name, count in late.items() if count)
        yield f"  drain: {length} after the end, {came} in it; no rate counts them"


def _times(document: Document, width: int, *, full: bool) -> Iterator[Line]:
    named = [
        (_intended(document), from_times(document["response_time"])),
        ("  service from send", from_times(document["service_time"])),
    ]
    if headline(document) == "service_time":
        named.reverse()
    first = named[0][1]
    if full:
        named.extend((f"  {label}", histogram) for label, histogram in summary_full.times(document))
    yield from times_table("Times", named, width, _FULL if full else _COMPACT)
    bars = spread(first, width - 52)
    if bars:
        line = Text(f"  {human_duration(first.min_ns)} ")
        line.append(bars, style="cyan")
        line.append(f" {human_duration(first.max_ns)}")
        line.append(f"   {headline(document).replace('_', ' ')}, log scales", style="dim")
        yield line
    if first.censored:
        yield Text(
            f"  >= : {human_count(first.censored)} of {human_count(first.count)} never ended; "
            "their age is a lower bound",
            style="dim",
        )


def _intended(document: Document) -> str:
    return {"arrival": "  response from arrival", "ready": "  response from ready", "mixed": "  response from due"}[
        document["intended_from"]
    ]


def times_table(
    title: str, named: Sequence[tuple[str, Histogram]], width: int, sets: Sequence[Sequence[str]]
) -> list[Text]:
    """Quantiles of these histograms, with the first set of columns that fits."""
    forms: list[list[Sequence[Cell]]] = [
        [
            _head((title, *columns)),
            *((label, *(at(histogram, _QUANTILES[column]) for column in columns)) for label, histogram in named),
        ]
        for columns in sets
    ]
    return table(next((rows for rows in forms if fits(rows, width)), forms[-1]), width)


def _errors(document: Document, width: int) -> Iterator[Line]:
    requests = document["requests"]
    errors = sorted(requests["by_error"].items(), key=lambda item: (-item[1], item[0]))
    if not errors:
        return
    rows: list[Sequence[Cell]] = [_head(("Errors", "requests", "of started"))]
    for name, count in errors[:_ERRORS_SHOWN]:
        rows.append((f"  {name}", Text(human_count(count), style="red"), human_share(count, requests["started"])))
    rest = errors[_ERRORS_SHOWN:]
    if rest:
        count = sum(count for _, count in rest)
        rows.append((f"  {len(rest)} more kinds", human_count(count), human_share(count, requests["started"])))
    yield from table(rows, width)


def _checks(document: Document, width: int) -> Iterator[Line]:
    # Earlier releases had none.
    checks = document.get("checks", ())
    if not checks:
        return
    several = len(document["scenarios"]) > 1
    rows: list[Sequence[Cell]] = [_head(("Checks", "passed", "failed", "share"))]
    for check in checks:
        passed, failed = check["passed"], check["failed"]
        name = f"{check['scenario']}: {check['name']}" if several else check["name"]
        share = Text(human_share(passed, passed + failed), style="red" if failed else "")
        rows.append((f"  {name}", human_count(passed), human_count(failed), share))
    yield from table(rows, width)


def _steps(document: Document, width: int) -> Iterator[Line]:
    steps = [(scenario, step) for scenario in document["scenarios"] for step in scenario["steps"]]
    if len(steps) < 2:
        return
    wide = width >= 100
    several = len(document["scenarios"]) > 1
    columns = ("p50", "p90", "p99", "p99.9", "max") if wide else ("p50", "p99", "max")
    rows: list[Sequence[Cell]] = [_head(("Steps", "requests", *(("ok",) if wide else ()), "errors", *columns))]
    for scenario, step in steps:
        requests, histogram = step["requests"], from_times(step[headline(document)])
        name = f"{scenario['name']}: {step['name']}" if several else step["name"]
        share = human_share(requests["failed"] + requests["unfinished"], requests["started"])
        bad = requests["failed"] or requests["unfinished"]
        rows.append(
            (
                f"  {name}",
                human_count(requests["started"]),
                *((rate(requests["ok_per_s"]),) if wide else ()),
                Text(share, style="red" if bad else ""),
                *(at(histogram, _QUANTILES[column]) for column in columns),
            )
        )
    yield from table(rows, width)


def _groups(document: Document, width: int) -> Iterator[Line]:
    # Earlier releases had none.
    groups = [(scenario, group) for scenario in document["scenarios"] for group in scenario.get("groups", ())]
    if not groups:
        return
    several = len(document["scenarios"]) > 1
    columns = ("p50", "p90", "p99", "p99.9", "max") if width >= 100 else ("p50", "p99", "max")
    rows: list[Sequence[Cell]] = [_head(("Groups", "passes", "errors", *columns))]
    for scenario, group in groups:
        histogram, bad = from_times(group["time"]), group["failed"] + group["unfinished"]
        rows.append(
            (
                f"  {scenario['name']}: {group['name']}" if several else f"  {group['name']}",
                human_count(group["passes"]),
                Text(human_share(bad, group["passes"]), style="red" if bad else ""),
                *(at(histogram, _QUANTILES[column]) for column in columns),
            )
        )
    yield from table(rows, width)


def _python(document: Document, width: int) -> Iterator[Line]:
    # Earlier releases had none.
    python = document.get("python")
    if python is None:
        return
    named = [(f"  {word}", from_times(python[word.partition(" ")[2]])) for word in ("python wait", "python time")]
    yield from times_table("Python", named, width, _COMPACT)
    called = [f"{plural(row['calls'], 'call')} of {row['function']}" for row in python["functions"]]
    # On an installation each worker has its own.
    by = "" if python["processes"] is None else f" {DOT} by {_processes(python['processes'])}"
    yield f"  {', '.join(called)}{by}"
    for why, count in python["replaced"].items():
        yield Text(f"  {_processes(count)} replaced: {why}", style="red")
    for each in python["failures"][:_ERRORS_SHOWN]:
        yield Text(f"  {human_count(each['count'])} {FAILED} python {each['function']}: {each['reason']}", style="red")
    if len(python["failures"]) > _ERRORS_SHOWN:
        yield f"  {len(python['failures']) - _ERRORS_SHOWN} more reasons"


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{human_count(count)} processes"


def _generator(document: Document) -> Iterator[Line]:
    generator, run = document["generator"], document["run"]
    limited = document["verdict"]["generator"] == "limited"
    title = Text("Generator   ", style="bold")
    title.append("LIMITED, see above" if limited else "valid", style="bold yellow" if limited else "green")
    yield title
    lags = ((name, from_times(generator[name])) for name in ("schedule_lag", "receive_lag", "connection_wait"))
    yield "  p99 of " + f" {DOT} ".join(f"{name.replace('_', ' ')} {at(times, 0.99)}" for name, times in lags)
    pace = run["host"]["pace"]
    if pace["p99_ns"]:
        p50, p99 = human_duration(pace["p50_ns"]), human_duration(pace["p99_ns"])
        yield f"  this host's own timers, the floor of these: late by p50 {p50} {DOT} p99 {p99}"
    reused = generator["connections_reused"]
    elapsed_s = sum(row["length_s"] for row in document["intervals"])
    processors = generator["cpu_s"] / elapsed_s if elapsed_s else 0.0
    yield (
        f"  {plural(run['engine']['threads'], 'thread')}, {processors:.0%} of a processor".replace("%", " %")
        + f" {DOT} {plural(generator['connections_opened'], 'connection')} opened, "
        + f"reuse {human_share(reused, generator['connections_opened'] + reused)}"
    )
    yield from _taken(run, elapsed_s)
    if workers := run.get("workers"):
        error_ns = max(row["clock_error_ns"] for row in workers)
        yield f"  {_workers(len(workers))} known to within {human_duration(error_ns)}"
    if run["host"]["co_located"]:
        yield "  the target is on this machine: the two shared its processors"


def _taken(run: Document, elapsed_s: float) -> Iterator[Line]:
    """Processor time that the threads wanted and others had; not a word of what is usual."""
    whole_ns = round(elapsed_s * NS_PER_S) * run["engine"]["threads"]
    # Earlier releases did not tell.
    taken = [(run["host"].get(f"{name}_ns", 0), words) for name, words in _TAKEN.items()]
    told = [f"{human_share(ns, whole_ns)} {words}" for ns, words in taken if ns > _WORTH_TELLING * whole_ns]
    if told:
        yield f"  of its threads' time {f' {DOT} '.join(told)}"


def _workers(count: int) -> str:
    return "1 worker, its clock" if count == 1 else f"{human_count(count)} workers, their clocks"


def _errands(document: Document) -> Iterator[Line]:
    run = document["run"]
    # Earlier releases had none.
    done = (("Set-up", report_of(run.get("setup"))), ("Tear-down", report_of(run.get("teardown"))))
    for label, report in done:
        if report is not None:
            line = Text(f"{label:<{_LABEL}}", style="bold")
            yield line.append(errand_line(report), style="not bold" if report.ok else "bold red")


def _closing(
    document: Document, written: Sequence[str], width: int, *, stored: bool | None, hints: bool
) -> Iterator[Line]:
    for number, path in enumerate(written):
        yield _labelled("Written" if number == 0 else "", path)
    run_id = document["run"]["id"]
    kept = {True: f"{run_id}   (apibench show {run_id} shows it again)", False: f"{run_id}   (not kept in the history)"}
    yield _labelled("Run", run_id if stored is None else kept[stored])
    for number, step in enumerate(next_steps(document, written) if hints else ()):
        first, *rest = _wrapped(step, width, _LABEL)
        yield _labelled("Next" if number == 0 else "", first.lstrip())
        yield from rest


def _labelled(label: str, text: str) -> Text:
    line = Text(f"{label:<{_LABEL}}", style="bold")
    line.append(text, style="not bold")
    return line


def _head(row: Sequence[str]) -> list[Text]:
    return [Text(row[0], style="bold"), *(Text(name, style="dim") for name in row[1:])]
