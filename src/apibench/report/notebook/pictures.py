"""Small pictures of a run: SVG without scripts, fonts or links, in the page's own colour and two of ours."""

import math
from collections.abc import Sequence

from apibench.model.figures import human_duration
from apibench.model.histogram import Histogram
from apibench.report.notebook.markup import FIRST, SECOND, Html, text

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 460, 150, 62, 20, 18
POINTS = 230
"""More than that, and two would share a pixel."""
_COLUMNS_PER_DECADE = 24
Points = Sequence[tuple[float, float]]


def over_time(title: str, lines: Sequence[tuple[str, Points]], label: str, *, log: bool) -> Html:
    """
    Lines over the seconds of a run; empty where there are not two points.

    Args:
        title: what is shown.
        lines: up to two, each with its name.
        label: `duration` for nanoseconds, `rate` for events a second.
        log: a logarithmic scale, for times.
    """
    points = [point for _, line in lines for point in line if point[1] > 0 or not log]
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return Html("")
    begin, end = min(at for at, _ in points), max(at for at, _ in points)
    highest = max(value for _, value in points)
    lowest = min(value for _, value in points) if log else 0.0
    scale = _Scale(lowest, highest, log=log)
    drawn = [_axis(scale, label), _seconds(begin, end)]
    for (name, line), colour, at in zip(lines, (FIRST, SECOND), (0, 1), strict=False):
        shown = [(at_s, value) for at_s, value in _fewer(line) if value > 0 or not log]
        path = " ".join(
            f"{LEFT + (at_s - begin) / (end - begin) * (WIDTH - LEFT - 6):.1f},{scale.y(value):.1f}"
            for at_s, value in shown
        )
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        drawn.append(_label(name, WIDTH - 6 - 70 * at, 11, colour=colour, anchor="end"))
    return _picture(title, drawn)


def spread(title: str, histogram: Histogram) -> Html:
    """A bar for every equal factor of time, both scales logarithms; empty where one bar would hold all."""
    columns: dict[int, int] = {}
    for up_to_ns, count in histogram.cells():
        column = math.floor(math.log10(max(up_to_ns, 1)) * _COLUMNS_PER_DECADE)
        columns[column] = columns.get(column, 0) + count
    if len(columns) < 2:
        return Html("")
    first, last = min(columns), max(columns)
    width = (WIDTH - LEFT - 6) / (last - first + 1)
    scale = _Scale(0.5, max(columns.values()), log=True)
    bars = [
        f'<rect x="{LEFT + (column - first) * width:.1f}" y="{scale.y(count):.1f}" width="{max(width - 0.5, 0.5):.1f}" '
        f'height="{HEIGHT - BOTTOM - scale.y(count):.1f}" fill="{FIRST}"/>'
        for column, count in sorted(columns.items())
    ]
    ends = [
        _label(human_duration(histogram.min_ns), LEFT, HEIGHT - 5),
        _label(human_duration(histogram.max_ns), WIDTH - 6, HEIGHT - 5, anchor="end"),
        _label(f"{max(columns.values()):,}", LEFT - 5, TOP + 8, anchor="end"),
        _label("1", LEFT - 5, scale.y(1) + 3, anchor="end"),
    ]
    return _picture(title, [*bars, *ends])


class _Scale:
    """From a value to a height."""

    def __init__(self, lowest: float, highest: float, *, log: bool) -> None:
        self._log = log
        self.lowest, self.highest = lowest, highest

    def y(self, value: float) -> float:
        low, high, at = (math.log10(each) if self._log else each for each in (self.lowest, self.highest, value))
        share = (at - low) / (high - low) if high > low else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _fewer(line: Points) -> Points:
    """As many points as there is room for: of those that would share a place the highest is shown."""
    size = math.ceil(len(line) / POINTS)
    groups = (line[at : at + size] for at in range(0, len(line), size)) if size else ()
    return [(group[0][0], max(value for _, value in group)) for group in groups]


def _axis(scale: _Scale, label: str) -> str:
    def shown(value: float) -> str:
        return human_duration(round(value)) if label == "duration" else f"{value:,.0f}/s"

    return (
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 6}" fill="none" stroke="currentColor" opacity=".35"/>'
        + _label(shown(scale.highest), LEFT - 5, TOP + 8, anchor="end")
        + _label(shown(scale.lowest), LEFT - 5, HEIGHT - BOTTOM, anchor="end")
    )


def _seconds(begin: float, end: float) -> str:
    return _label(f"{begin:g} s", LEFT, HEIGHT - 5) + _label(f"{end:g} s", WIDTH - 6, HEIGHT - 5, anchor="end")


def _label(value: str, x: float, y: float, *, colour: str = "currentColor", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{_plain(value)}</text>'


def _plain(value: str) -> str:
    # No <bdi> in SVG.
    return text(value).removeprefix("<bdi>").removesuffix("</bdi>")


def _picture(title: str, drawn: Sequence[str]) -> Html:
    return Html(
        f'<svg role="img" aria-label="{_plain(title)}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" style="display:inline-block;max-width:100%;color:inherit;background:none" font-size="11" '
        f'font-family="system-ui,sans-serif">{_label(title, LEFT, 11)}{"".join(drawn)}</svg>'
    )
