"""What the full form of the last screen has beside the compact one."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from apibench.model.figures import human_count, human_duration, human_share, human_size
from apibench.model.histogram import Histogram, from_times
from apibench.report.blocks import GENERATOR_TIMES, PHASES
from apibench.report.figure_text import ABSENT, at, bounded, plural
from apibench.report.table import table

Document = Mapping[str, Any]

_SLOWEST_SHOWN = 5


def times(document: Document) -> Iterator[tuple[str, Histogram]]:
    """Further rows of the table of times; those of which nothing was recorded are left out."""
    found = [
        ("failed requests", from_times(document["failed_time"])),
        ("iteration", from_times(document["iterations"]["time"])),
        *((name.replace("_", " "), from_times(document["phases"][name])) for name in PHASES),
        *((name.replace("_", " "), from_times(document["generator"][name])) for name in GENERATOR_TIMES),
    ]
    yield from ((label, histogram) for label, histogram in found if histogram.count)


def sections(document: Document, width: int) -> Iterator[str | Text]:
    """Statuses, bytes, addresses, the slowest requests and the warm-up."""
    requests = document["requests"]
    head = [Text("Statuses", style="bold"), Text("responses", style="dim"), Text("of started", style="dim")]
    rows = [
        (f"  {status}", human_count(count), human_share(count, requests["started"]))
        for status, count in requests["by_status"].items()
    ]
    yield from table([head, *(rows or [("  none", "0", "0 %")])], width)
    yield ""
    yield Text("Traffic", style="bold")
    size = document["bytes"]
    yield f"  {human_size(size['sent'])} sent, {human_size(size['received'])} received"
    if requests["stale_retries"]:
        again = human_count(requests["stale_retries"])
        yield f"  {plural(requests['attempts'], 'attempt')}: {again} of them again, their connection was closed"
    for each in document["run"]["addresses"]:
        yield f"  {each['address']}, {plural(each['connections'], 'connection')} opened"
    yield from _slowest(document, width)
    yield from _warmup(document)
    tags = document["run"]["tags"]
    if tags:
        yield ""
        yield Text("Tags", style="bold")
        yield from (f"  {name} = {value}" for name, value in tags.items())


def _slowest(document: Document, width: int) -> Iterator[str | Text]:
    # Earlier releases did not tell of any.
    found = document.get("slowest", ())[:_SLOWEST_SHOWN]
    if not found:
        return
    yield ""
    head = ("Slowest", "response", "service", "ended at", "status", "address")
    rows: list[tuple[str, ...]] = []
    for each in found:
        lower_bound = each["unfinished"] or each["error"] is not None
        service_ns = each["service_ns"]
        rows.append(
            (
                f"  {each['step']}",
                bounded(human_duration(each["response_ns"]), censored=lower_bound),
                ABSENT if service_ns is None else bounded(human_duration(service_ns), censored=lower_bound),
                f"{each['at_s']:.1f} s",
                "unfinished" if each["unfinished"] else str(each["error"] or each["status"]),
                each["address"] or ABSENT,
            )
        )
    styled = [Text(name, style="dim" if number else "bold") for number, name in enumerate(head)]
    yield from table([styled, *rows], width)


def _warmup(document: Document) -> Iterator[str | Text]:
    warmup = document["warmup"]
    counts = warmup["requests"]
    if not counts["started"]:
        return
    yield ""
    yield Text("Warm-up", style="bold")
    yield "  " + ", ".join(
        [f"{human_count(counts[name])} {name}" for name in ("started", "ok", "failed", "unfinished")]
    )
    for name, label in (("response_time", "response"), ("service_time", "service")):
        histogram = from_times(warmup[name])
        figures = ", ".join(f"{word} {at(histogram, quantile)}" for word, quantile in (("p50", 0.5), ("p99", 0.99)))
        yield f"  {label}: {figures}, max {at(histogram, 1.0)}"
