"""Pieces of HTML out of texts, all of them escaped here and nowhere else."""

import html
import re
from collections.abc import Iterable, Sequence

GOOD, BAD, DOUBTFUL, FIRST, SECOND = "#2a8f57", "#d64545", "#b37400", "#3f7fd0", "#c2569b"
"""Each stands out from white and from nearly black."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CELL = "padding:2px 10px;border:0;background:none;white-space:nowrap;"
_LINE = "border-bottom:1px solid rgba(127,127,127,.25);background:none;"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Cell = str | Html


def text(value: str) -> Html:
    """What a reader sees is the text, whatever is in it: no tags, and no marks that turn what stands beside it."""
    return Html(f"<bdi>{html.escape(_CONTROLS.sub(chr(0xFFFD), value), quote=True)}</bdi>")


def coloured(value: str, colour: str) -> Html:
    """A text in a colour of ours."""
    return Html(f'<span style="color:{colour};font-weight:600">{text(value)}</span>')


def paragraph(value: Cell, style: str = "") -> Html:
    """A line of its own."""
    return Html(f'<div style="margin:2px 0;{style}">{_escaped(value)}</div>')


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Html:
    """The first column is text, at the left; the others are figures."""
    lines = [_row([Html(f'<span style="opacity:.65">{text(each)}</span>') for each in head], "th")]
    lines += [_row(row, "td") for row in rows]
    return Html(
        '<table style="border-collapse:collapse;border:0;margin:8px 0;font-variant-numeric:tabular-nums">'
        f"{''.join(lines)}</table>"
    )


def whole(parts: Iterable[Html]) -> str:
    """The output of a cell. Its classes keep `$` in names from being taken for mathematics, which can hold links."""
    style = "font:13px/1.45 system-ui,sans-serif;color:inherit;background:none;max-width:960px;overflow-x:auto"
    return f'<div class="tex2jax_ignore mathjax_ignore" style="{style}">{"".join(parts)}</div>'


def _row(cells: Sequence[Cell], tag: str) -> str:
    made = (
        f'<{tag} style="{_CELL}{"font-weight:400;" if tag == "th" else ""}text-align:{"right" if at else "left"}">'
        f"{_escaped(cell)}</{tag}>"
        for at, cell in enumerate(cells)
    )
    return f'<tr style="{_LINE}">{"".join(made)}</tr>'


def _escaped(value: Cell) -> Html:
    return value if isinstance(value, Html) else text(value)
