"""
The equations that every run keeps (DESIGN of its numbers), checked on the document: nothing lost unsaid, nothing twice.

    iterations   offered = started + dropped + lost            started = ok + failed + unfinished
    schedule     offered = what the plan owes, of an open load that came to its end; at most that where its rows ran out
    requests     started = ok + failed + unfinished            attempts = started + stale retries
    levels       in_flight' = in_flight + started - ok - failed - unfinished
                 waiting'   = waiting + offered - started - dropped - lost
                 iterations in flight = started - ok - failed - unfinished, by then: never below 0, and 0 at the end
    sums         by_error = failed; steps = run; scenarios = run; intervals = run
    times        values that are no lower bound = ok; the slowest are some of them, in order
    groups       passes = ok + failed + unfinished = those of the intervals; values that are no lower bound = ok

A violation is a fault of ours: the run that shows one can't be trusted, whatever else it says.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from apibench.report.due import iterations_due

_ENDS = ("ok", "failed", "unfinished")
_REQUESTS = ("started", *_ENDS, "attempts", "stale_retries")
_ITERATIONS = ("offered", "started", *_ENDS)

Document = Mapping[str, Any]


def violations(document: Document) -> list[str]:
    """Every equation that does not hold, in a sentence with its figures; empty for a sound run."""
    return [
        *run_violations(document),
        *schedule_violations(document),
        *interval_violations(document["intervals"]),
        *iteration_violations(document["intervals"]),
        *slowest_violations(document),
        *group_violations(document),
    ]


def run_violations(document: Document) -> Iterator[str]:
    """Those of the whole run."""
    load, warmup = document["load"], document["warmup"]
    dropped = sum(load["dropped"].values())
    yield from _equal("the run: offered", load["offered"], load["started"] + dropped + load["lost"])
    yield from _equal("the run: the load's started iterations", load["started"], document["iterations"]["started"])
    if load["model"] == "closed":
        yield from _equal("the run: offered in the closed model", load["offered"], load["started"])
    yield from _block("the run", document)
    yield from _block("the warm-up", warmup)
    scenarios = document["scenarios"]
    steps = [step for scenario in scenarios for step in scenario["steps"]]
    for scenario in scenarios:
        yield from _iterations(f"scenario '{scenario['name']}'", scenario["iterations"])
        for step in scenario["steps"]:
            yield from _requests(f"step '{step['name']}'", step)
    for name in _ITERATIONS:
        total = sum(scenario["iterations"][name] for scenario in scenarios)
        yield from _equal(f"the scenarios: iterations {name}", total, document["iterations"][name])
    for name in _REQUESTS:
        yield from _equal(
            f"the steps: {name}", sum(step["requests"][name] for step in steps), document["requests"][name]
        )
    yield from _sums_of_intervals(document, warmup)


def schedule_violations(document: Document) -> Iterator[str]:
    """
    Those of the run against its plan. What fell due before an early end is in no plan, and neither are rates that were
    changed on the way; of a run that lost workers those who know what each of them owed say it.
    """
    run = document["run"]
    changed, lost = run.get("revisions", ()), any(each["fate"] == "lost" for each in run.get("workers", ()))
    if run["ended"] != "complete" or changed or lost:
        return
    dry = {each["scenario"] for row in document["intervals"] for each in row["scenarios"] if each["dropped"].get("dry")}
    for index, (scenario, due) in enumerate(zip(document["scenarios"], iterations_due(run["plan"]), strict=True)):
        if due is not None:
            offered = scenario["iterations"]["offered"]
            # Where its rows have run out a load ends, and whatever would have fallen due behind that has not.
            if offered > due or index not in dry:
                yield from _equal(f"scenario '{scenario['name']}': offered", offered, due)


def iteration_violations(rows: Sequence[Document]) -> Iterator[str]:
    """Those of the iterations of each scenario and phase, from each interval to the next."""
    in_flight: Counter[tuple[int, str]] = Counter()
    waiting: Counter[tuple[int, str]] = Counter()
    for row in rows:
        for each in row["scenarios"]:
            key = (each["scenario"], each["phase"])
            where = f"the second from {row['start_s']:g} s, scenario {each['scenario']}, {each['phase']}"
            in_flight[key] += each["started"] - sum(each[name] for name in _ENDS)
            waiting[key] += each["offered"] - each["started"] - _never_started(each)
            if in_flight[key] < 0:
                yield f"{where}: more iterations ended than had started, by {-in_flight[key]:,}"
            yield from _equal(f"{where}: waiting iterations", each["waiting"], waiting[key])
            in_flight[key], waiting[key] = max(in_flight[key], 0), each["waiting"]
    for (scenario, phase), count in in_flight.items():
        yield from _equal(f"the last second, scenario {scenario}, {phase}: iterations in flight", count, 0)


def interval_violations(rows: Sequence[Document]) -> Iterator[str]:
    """Those of each interval, and from each to the next."""
    in_flight = waiting = 0
    end_s = None
    for row in rows:
        where = f"the second from {row['start_s']:g} s"
        if end_s is not None and abs(row["start_s"] - end_s) > 1e-9:
            yield f"{where}: the row before it ended at {end_s:g} s"
        end_s = row["start_s"] + row["length_s"]
        both = [row, *([row["warmup"]] if "warmup" in row else [])]
        in_flight += sum(part["started"] - sum(part[name] for name in _ENDS) for part in both)
        waiting += sum(part["offered"] - part["iterations_started"] - _never_started(part) for part in both)
        yield from _equal(f"{where}: in flight", row["in_flight"], in_flight)
        yield from _equal(f"{where}: waiting", row["waiting"], waiting)
        in_flight, waiting = row["in_flight"], row["waiting"]
        for part in both:
            yield from _equal(f"{where}: errors by name", sum(part["by_error"].values()), part["failed"])
            yield from _equal(f"{where}: attempts", part["attempts"], part["started"] + part["stale_retries"])
            for name in ("response", "service"):
                yield from _known_values(f"{where}: {name} times", part[name], part["ok"])
        for name in _REQUESTS:
            total = sum(step[name] for step in row["steps"])
            yield from _equal(f"{where}: {name} of its steps", total, sum(part[name] for part in both))
    if rows:
        # What never ended was counted as unfinished or dropped, so nothing is left over.
        yield from _equal("the last second: in flight", in_flight, 0)
        yield from _equal("the last second: waiting", waiting, 0)


def slowest_violations(document: Document) -> Iterator[str]:
    """Those of the slowest requests. An arrival that was never sent has a response time too, and is none of them."""
    # Documents of earlier releases tell of none.
    found = [each["response_ns"] for each in document.get("slowest", ())]
    times = document["response_time"]
    if len(found) > times["count"]:
        yield f"the slowest: {len(found):,} of {times['count']:,} times"
    if found and found[0] > times["max_ns"]:
        yield f"the slowest: {found[0]:,} ns where the longest time is {times['max_ns']:,} ns"
    if found != sorted(found, reverse=True):
        yield "the slowest: not in order"


def _block(where: str, block: Document) -> Iterator[str]:
    yield from _iterations(where, block["iterations"])
    yield from _requests(where, block)


def _iterations(where: str, counts: Document) -> Iterator[str]:
    yield from _equal(f"{where}: offered", counts["offered"], counts["started"] + _never_started(counts))
    yield from _equal(f"{where}: started iterations", counts["started"], sum(counts[name] for name in _ENDS))


def _never_started(counts: Document) -> int:
    # Documents of releases before there were several workers have no `lost` in these blocks.
    return int(sum(counts["dropped"].values()) + counts.get("lost", 0))


def _requests(where: str, block: Document) -> Iterator[str]:
    counts = block["requests"]
    yield from _equal(f"{where}: started requests", counts["started"], sum(counts[name] for name in _ENDS))
    yield from _equal(f"{where}: attempts", counts["attempts"], counts["started"] + counts["stale_retries"])
    yield from _equal(f"{where}: errors by name", sum(counts["by_error"].values()), counts["failed"])
    for name in ("response_time", "service_time"):
        yield from _known_values(f"{where}: {name}", block[name], counts["ok"])


def _known_values(where: str, times: Document | None, ok: int) -> Iterator[str]:
    """Every ok request has a time, and the others in the distribution are lower bounds."""
    known = 0 if times is None else times["count"] - times["censored"]
    yield from _equal(f"{where} that are no lower bounds", known, ok)


def _sums_of_intervals(document: Document, warmup: Document) -> Iterator[str]:
    rows = document["intervals"]
    early = [row["warmup"] for row in rows if "warmup" in row]
    for where, parts, block in (("the run", rows, document), ("the warm-up", early, warmup)):
        for name in _REQUESTS:
            yield from _equal(f"{where}: {name} of its intervals", _sum(parts, name), block["requests"][name])
        for name in _ITERATIONS:
            key = name if name == "offered" else f"iterations_{name}"
            yield from _equal(
                f"{where}: iterations {name} of its intervals", _sum(parts, key), block["iterations"][name]
            )


def _sum(rows: Iterable[Document], name: str) -> int:
    return sum(row[name] for row in rows)


def _equal(what: str, found: int, expected: int) -> Iterator[str]:
    if found != expected:
        yield f"{what}: {found:,} where {expected:,} was due"


def group_violations(document: Document) -> Iterator[str]:
    """Those of groups of steps. Documents of earlier releases tell of none."""
    for number, scenario in enumerate(document["scenarios"]):
        for group in scenario.get("groups", ()):
            where = f"group '{group['name']}'"
            yield from _equal(f"{where}: passes", group["passes"], sum(group[name] for name in _ENDS))
            yield from _known_values(where, group["time"], group["ok"])
            key = (number, group["name"], "main")
            rows = [each for row in document["intervals"] for each in row["groups"] if _group_key(each) == key]
            for name in _ENDS:
                yield from _equal(f"{where}: {name} of its intervals", _sum(rows, name), group[name])


def _group_key(row: Document) -> tuple[int, str, str]:
    return row["scenario"], row["group"], row["phase"]
