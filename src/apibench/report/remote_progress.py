"""
A run that goes on elsewhere, as its windows tell: a block of lines for a terminal, a line for a log, an object for a
program.

Pure, like `LiveState`, whose words it uses. It has what the windows carry: brief times of each second, and a summary
of the run so far.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from apibench.model.figures import human_count, human_duration
from apibench.model.plan import Plan
from apibench.model.timeline import Timeline, model_of
from apibench.model.units import NS_PER_S
from apibench.report.figure_text import plural, rate, span
from apibench.report.spread import spark
from apibench.report.symbols import DOT, FAILED, HELD, for_encoding

REMEMBERED = 60
_SHOWN = 3
_QUANTILES = ("0.5", "0.9", "0.99", "0.999")
_NAMES = {"0.5": "p50", "0.9": "p90", "0.99": "p99", "0.999": "p99.9"}


class RemoteProgress:
    """What a run has come to so far."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._timeline = Timeline.of(plan)
        self._headline = "service" if model_of(plan) == "closed" else "response"
        self._recent: deque[Mapping[str, Any]] = deque(maxlen=REMEMBERED)
        self.windows = 0

    def add(self, window: Mapping[str, Any]) -> bool:
        """Take a window; one that comes again takes the place of the one before. Whether it is a new one."""
        for at, known in enumerate(self._recent):
            if known["start_s"] == window["start_s"]:
                self._recent[at] = window
                return False
        if self._recent and window["start_s"] < self._recent[-1]["start_s"]:
            return False
        self._recent.append(window)
        self.windows += 1
        return True

    def plain_line(self) -> str:
        """A line for a log, of the last window; empty before the first."""
        if not self._recent:
            return ""
        last = self._recent[-1]
        phase = {"warmup": ["warm-up"], "drain": ["drain"]}.get(last["phase"], [])
        figures = [
            _clock(last["start_s"] + last["length_s"]),
            *phase,
            *([f"asked {_per_s(last, 'offered')}"] if self._headline == "response" else []),
            f"ok {_per_s(last, 'ok')}",
            *(f"{_NAMES[name]} {_time(last[self._headline], name)}" for name in ("0.5", "0.99")),
            f"in flight {human_count(last['in_flight'])}",
            f"failed {human_count(self._failed())}",
            f"workers {last['segments_present']} of {last['segments_expected']}",
        ]
        return "  ".join(figures) + "\n"

    def json_line(self) -> str:
        """One JSON object of the last window, with a line's end; empty before the first."""
        if not self._recent:
            return ""
        last = self._recent[-1]
        times = last[self._headline]
        return (
            json.dumps(
                {
                    "type": "progress",
                    "end_s": last["start_s"] + last["length_s"],
                    "phase": last["phase"],
                    **{name: last[name] for name in ("offered", "started", "ok", "failed", "dropped", "lost")},
                    "ok_per_s": last["ok"] / last["length_s"],
                    "in_flight": last["in_flight"],
                    "waiting": last["waiting"],
                    "headline": f"{self._headline}_time",
                    "quantiles": {} if times is None else times["quantiles"],
                    "workers": last["segments_present"],
                    "workers_expected": last["segments_expected"],
                }
            )
            + "\n"
        )

    def block(self, state: str, *, stopping: bool = False, width: int = 80, encoding: str | None = "utf-8") -> Text:
        """Some lines for a terminal. `state`: where the run stands, in the controller's word."""
        lines = [self._title(state, stopping=stopping)]
        if self._recent:
            lines += [self._rates(width), *self._times(), *self._errors(), *self._goals(), self._workers()]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return for_encoding(Text("\n").join(lines), encoding)

    def _title(self, state: str, *, stopping: bool) -> Text:
        line = Text(f"{self._plan.name}  ", style="bold")
        if stopping:
            return line.append("stopping: waiting for what is in flight; Ctrl-C again aborts it", style="yellow")
        if not self._recent:
            return line.append(state, style="cyan")
        end_ns, at_s = self._timeline.planned_end_ns, self._recent[-1]["start_s"] + self._recent[-1]["length_s"]
        if end_ns is None or state != "running":
            return line.append(f"{state}, {_clock(at_s)}", style="not bold")
        left_s = max(end_ns / NS_PER_S - at_s, 0)
        return line.append(f"{_clock(left_s)} left of {span(end_ns)}", style="not bold")

    def _rates(self, width: int) -> Text:
        last = self._recent[-1]
        line = _labelled("Requests")
        if self._headline == "response":
            line.append(f"asked {_per_s(last, 'offered')}  ")
        line.append(f"ok {_per_s(last, 'ok')}", style="bold")
        line.append(f"  in flight {human_count(last['in_flight'])}  waiting {human_count(last['waiting'])}  ")
        rates = [each["ok"] / each["length_s"] for each in self._recent]
        return line.append(spark(rates, max(width - line.cell_len, 0)), style="cyan")

    def _times(self) -> list[Text]:
        last = self._recent[-1]
        rows = [("last second", last[self._headline])]
        if (so_far := last.get("summary")) is not None:
            rows.append(("the run", so_far[f"{self._headline}_time"]))
        return [
            _labelled(self._headline.capitalize() if not at else "").append(
                f"{label:<13}" + "  ".join(f"{_NAMES[name]} {_time(times, name)}" for name in _QUANTILES)
            )
            for at, (label, times) in enumerate(rows)
        ]

    def _errors(self) -> list[Text]:
        found: dict[str, int] = {}
        so_far = self._recent[-1].get("summary")
        if so_far is not None:
            found = so_far["requests"].get("by_error", {})
        top = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
        told = f" {DOT} ".join(f"{name} {human_count(count)}" for name, count in top)
        return [_labelled("Errors").append(told, style="not bold red")] if told else []

    def _goals(self) -> list[Text]:
        rows: Sequence[Mapping[str, Any]] = self._recent[-1].get("thresholds", ())
        ranked = sorted(rows, key=lambda row: row["passed"] or row["no_data"])
        lines = []
        for at, row in enumerate(ranked[:_SHOWN]):
            line = _labelled("" if at else "Thresholds")
            if row["no_data"]:
                line.append(f"{DOT} {row['expression']}  no data yet", style="not bold dim")
            else:
                line.append(HELD if row["passed"] else FAILED, style="not bold green" if row["passed"] else "red")
                line.append(f" {row['expression']}")
            lines.append(line)
        if len(ranked) > _SHOWN:
            lines.append(_labelled("").append(f"and {plural(len(ranked) - _SHOWN, 'more threshold')}", style="dim"))
        return lines

    def _workers(self) -> Text:
        last = self._recent[-1]
        line = _labelled("Workers").append(f"{last['segments_present']} of {last['segments_expected']}")
        if last.get("lost"):
            line.append(f"  lost {human_count(last['lost'])} in this second", style="not bold red")
        return line

    def _failed(self) -> int:
        so_far = self._recent[-1].get("summary")
        if so_far is not None:
            return int(so_far["requests"]["failed"])
        return sum(each["failed"] for each in self._recent)


def _labelled(label: str) -> Text:
    return Text().append(f"{label:<12}", style="bold")


def _per_s(window: Mapping[str, Any], name: str) -> str:
    return rate(window[name] / window["length_s"])


def _time(times: Mapping[str, Any] | None, quantile: str) -> str:
    value = None if times is None else times["quantiles"].get(quantile)
    return "-" if value is None else human_duration(value)


def _clock(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{left:02}" if minutes >= 60 else f"{minutes:02}:{left:02}"
