"""
The last screen: what the run came to, in the order in which a person wants to know it.

Verdict, thresholds, what was asked and what was done, both times, errors, steps, the generator's own health, files,
and what to try next. The same text with and without colour; made of the result document alone, so that a stored run
shows what the live one showed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apibench.model.figures import human_count, human_duration, human_rate, human_share, human_size
from apibench.model.histogram import Histogram, from_times

_WORDS = {"passed": "PASSED", "failed": "FAILED", "invalid": "INVALID"}
_COMPACT = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999))
_FULL = (("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999))
_SPARKS = "▁▂▃▄▅▆▇█"
_NAME_WIDTH = 34
_ERRORS_SHOWN = 5


def summary(document: Mapping[str, Any], form: str = "compact", *, written: Sequence[str] = ()) -> str:
    """The screen of a result document; `form` is `compact` or `full`."""
    full = form == "full"
    lines = [
        "",
        *_verdict(document),
        "",
        *_thresholds(document),
        *_load(document),
        *_times(document, _FULL if full else _COMPACT),
        *_tail(document),
        *_errors(document),
        *_steps(document),
        *(_details(document) if full else ()),
        *_generator(document),
        *_closing(document, written),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _verdict(document: Mapping[str, Any]) -> Iterator[str]:
    verdict, run, load = document["verdict"], document["run"], document["load"]
    yield f"{_WORDS[verdict['status']]}   {run['name']}   {_shape(document)}   seed {run['seed']}"
    reasons = list(verdict["reasons"])
    if run["ended"] == "aborted":
        reasons.insert(0, "a threshold ended it early")
    for reason in reasons:
        yield f"  - {reason}"
    if load["model"] != "open" and not reasons and run["ended"] == "complete":
        return


def _shape(document: Mapping[str, Any]) -> str:
    model = document["load"]["model"]
    length = human_duration(round(document["run"]["actual_s"] * 1e9))
    loads = [scenario["load"] for scenario in document["scenarios"]]
    if len(loads) > 1:
        return f"{len(loads)} scenarios, {length}"
    load = loads[0]
    if model == "open":
        rate = load["rate"]
        at = human_rate(rate["count"], rate["per_ns"]) if not load["stages"] else "a changing rate"
        return f"open model, {at} for {length}"
    vus = load["vus"] if not load["stages"] else max(load["vus"], *(stage["vus"] for stage in load["stages"]))
    return f"closed model, {human_count(vus)} VUs for {length}"


def _thresholds(document: Mapping[str, Any]) -> Iterator[str]:
    for row in document["thresholds"]:
        value = (
            "no data" if row["no_data"] else ((">= " if row["censored"] else "") + _in_unit(row["value"], row["unit"]))
        )
        late = "" if row["failed_at_s"] is None else f"   first at {row['failed_at_s']:g} s"
        yield f"  {'ok  ' if row['passed'] else 'FAIL'}  {row['expression']:<40} {value}{late}"
    if document["thresholds"]:
        yield ""


def _in_unit(value: float, unit: str) -> str:
    if unit == "ns":
        return human_duration(round(value))
    return (
        human_rate(round(value * 1000), 1_000_000_000_000)
        if unit == "per_s"
        else human_share(round(value * 10**9), 10**9)
    )


def _load(document: Mapping[str, Any]) -> Iterator[str]:
    requests, load, iterations = document["requests"], document["load"], document["iterations"]
    at_least = "at least " if document.get("at_least") else ""
    rate = "-" if requests["ok_per_s"] is None else at_least + _rate(requests["ok_per_s"])
    share = human_share(requests["failed"] + requests["unfinished"], requests["started"])
    yield (
        f"Requests    {human_count(requests['ok'])} ok ({rate})   {human_count(requests['failed'])} failed   "
        f"{human_count(requests['unfinished'])} unfinished   errors {share}"
    )
    dropped = sum(load["dropped"].values())
    if load["model"] != "closed":
        asked = "-" if load["offered_per_s"] is None else _rate(load["offered_per_s"])
        reasons = ", ".join(f"{human_count(count)} {reason}" for reason, count in load["dropped"].items() if count)
        yield (
            f"Iterations  {human_count(load['offered'])} due ({asked})   {human_count(load['started'])} started   "
            f"{human_count(dropped)} dropped{f' ({reasons})' if reasons else ''}"
        )
    elif iterations["started"] != requests["started"]:
        yield (
            f"Iterations  {human_count(iterations['ok'])} ok   {human_count(iterations['failed'])} failed   "
            f"{human_count(iterations['unfinished'])} unfinished"
        )
    warmup = document["warmup"]["requests"]["started"]
    if warmup:
        yield f"Warm-up     {human_count(warmup)} requests before that, counted apart"


def _rate(per_s: float) -> str:
    return human_rate(round(per_s * 1000), 1_000_000_000_000)


def _times(document: Mapping[str, Any], quantiles: Sequence[tuple[str, float]]) -> Iterator[str]:
    open_model = document["load"]["model"] != "closed"
    yield ""
    yield f"{'':<24}" + "".join(f"{name:>11}" for name, _ in quantiles) + f"{'max':>11}"
    from_arrival = "response (from arrival)" if document["intended_from"] == "arrival" else "response (from ready)"
    rows = [(from_arrival, "response_time"), ("service (from send)", "service_time")]
    for label, name in rows if open_model else reversed(rows):
        histogram = from_times(document[name])
        yield (
            f"  {label:<22}"
            + "".join(f"{_at(histogram, quantile):>11}" for _, quantile in quantiles)
            + (f"{_at(histogram, 1.0):>11}")
        )


def _at(histogram: Histogram, quantile: float) -> str:
    value = histogram.quantile(quantile)
    if value is None:
        return "-"
    return (">=" if histogram.quantile_is_censored(quantile) else "") + human_duration(value)


def _tail(document: Mapping[str, Any]) -> Iterator[str]:
    """How the times are spread, on a logarithmic scale: a column for every third of a power of ten."""
    histogram = from_times(document["service_time" if document["load"]["model"] == "closed" else "response_time"])
    if histogram.count < 2 or histogram.max_ns <= 0:
        return
    columns: dict[int, int] = {}
    for highest_ns, count in histogram.cells():
        columns[_column(highest_ns)] = columns.get(_column(highest_ns), 0) + count
    first, last = min(columns), max(columns)
    most = max(columns.values())
    bars = "".join(_bar(columns.get(column, 0), most) for column in range(first, last + 1))
    yield f"  spread                {human_duration(histogram.min_ns)} {bars} {human_duration(histogram.max_ns)}"


def _column(value_ns: int) -> int:
    column, bound = 0, 1.0
    while bound < value_ns:
        bound *= 10 ** (1 / 6)
        column += 1
    return column


def _bar(count: int, most: int) -> str:
    if not count:
        return " "
    # One in a million still shows.
    share = 1 + (count * 7) // most
    return _SPARKS[min(share, 8) - 1]


def _errors(document: Mapping[str, Any]) -> Iterator[str]:
    errors = sorted(document["requests"]["by_error"].items(), key=lambda item: (-item[1], item[0]))
    if not errors:
        return
    yield ""
    shown = "   ".join(f"{human_count(count)} {name}" for name, count in errors[:_ERRORS_SHOWN])
    more = len(errors) - _ERRORS_SHOWN
    yield f"Errors      {shown}" + (f"   and {more} other kinds" if more > 0 else "")


def _steps(document: Mapping[str, Any]) -> Iterator[str]:
    steps = [(scenario, step) for scenario in document["scenarios"] for step in scenario["steps"]]
    if len(steps) < 2:
        return
    name = "service_time" if document["load"]["model"] == "closed" else "response_time"
    yield ""
    yield f"{'Step':<{_NAME_WIDTH}}{'requests':>12}{'errors':>10}{'p50':>11}{'p99':>11}{'max':>11}"
    several = len(document["scenarios"]) > 1
    for scenario, step in steps:
        label = f"{scenario['name']}: {step['name']}" if several else step["name"]
        label = label if len(label) < _NAME_WIDTH else label[: _NAME_WIDTH - 2] + "…"
        requests, histogram = step["requests"], from_times(step[name])
        share = human_share(requests["failed"] + requests["unfinished"], requests["started"])
        yield (
            f"{label:<{_NAME_WIDTH}}{human_count(requests['started']):>12}{share:>10}"
            f"{_at(histogram, 0.5):>11}{_at(histogram, 0.99):>11}{_at(histogram, 1.0):>11}"
        )


def _details(document: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    statuses = "   ".join(
        f"{status} {human_count(count)}" for status, count in document["requests"]["by_status"].items()
    )
    yield f"Statuses    {statuses or '-'}"
    size = document["bytes"]
    yield f"Bytes       {human_size(size['sent'])} sent   {human_size(size['received'])} received"
    for name, label in (("dns", "dns"), ("connect", "connect"), ("tls", "tls"), ("first_byte", "first byte")):
        histogram = from_times(document["phases"][name])
        if histogram.count:
            yield f"  {label:<22}" + "".join(f"{_at(histogram, quantile):>11}" for _, quantile in _COMPACT)
    addresses = "   ".join(
        f"{each['address']} ({human_count(each['connections'])})" for each in document["run"]["addresses"]
    )
    yield f"Addresses   {addresses}   connections opened to each"


def _generator(document: Mapping[str, Any]) -> Iterator[str]:
    generator, run = document["generator"], document["run"]
    lag = from_times(generator["schedule_lag"])
    wait = from_times(generator["connection_wait"])
    elapsed_s = sum(row["length_s"] for row in document["intervals"])
    cpu = generator["cpu_s"] / elapsed_s if elapsed_s else 0.0
    opened, reused = generator.get("connections_opened", 0), generator.get("connections_reused", 0)
    threads = run["engine"]["threads"]
    word = "valid" if document["verdict"]["generator"] == "valid" else "LIMITED"
    shared = "   target on this machine" if run["host"]["co_located"] else ""
    yield ""
    yield (
        f"Generator   {word}   schedule lag p50 {_at(lag, 0.5)} p99 {_at(lag, 0.99)}   "
        f"connection wait p99 {_at(wait, 0.99)}"
    )
    yield (
        f"            {threads} thread{'s' if threads > 1 else ''}, {cpu:.0%} of a processor"
        f"   {human_count(opened)} connections opened, {human_count(reused)} requests on a used one{shared}"
    )


def _closing(document: Mapping[str, Any], written: Sequence[str]) -> Iterator[str]:
    yield ""
    for path in written:
        yield f"Written     {path}"
    yield f"Run         {document['run']['id']}   {_next(document)}"


def _next(document: Mapping[str, Any]) -> str:
    if document["verdict"]["generator"] == "limited":
        return "next: ask for less, or give the generator more; docs/verdict.md tells how"
    if document["load"]["model"] == "closed":
        return "next: --rate 500/s shows what users feel when the target stalls"
    if not document["thresholds"]:
        return "next: --threshold 'p99 < 200ms' makes it pass or fail"
    return "next: -o json=run.json keeps every figure"
