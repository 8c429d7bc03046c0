"""Columns of text: the first at the left and cut where it must be, figures at the right and never cut."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

Cell = str | Text
_GAPS = (3, 2, 1)
_LEAST_NAME = 12


def table(rows: Sequence[Sequence[Cell]], width: int) -> list[Text]:
    """A line a row, at most `width` wide as long as the first column has 12 characters to give."""
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    if not cells:
        return []
    widths = _widths(cells)
    gap = next((gap for gap in _GAPS if _total(widths, gap) <= width), _GAPS[-1])
    widths[0] = max(widths[0] - max(_total(widths, gap) - width, 0), min(widths[0], _LEAST_NAME))
    return [_line(row, widths, gap) for row in cells]


def fits(rows: Sequence[Sequence[Cell]], width: int) -> bool:
    """Whether nothing would have to be cut, with two spaces between columns."""
    return (
        _total(_widths([[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]), 2) <= width
    )


def _widths(cells: Sequence[Sequence[Text]]) -> list[int]:
    return [max(cell_len(row[index].plain) for row in cells) for index in range(len(cells[0]))]


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _line(row: Sequence[Text], widths: Sequence[int], gap: int) -> Text:
    line = Text()
    for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
        fitted = cell.copy()
        if index == 0:
            fitted.truncate(width, overflow="ellipsis", pad=True)
        else:
            line.append(" " * (gap + width - cell_len(cell.plain)))
        line.append_text(fitted)
    line.rstrip()
    return line
