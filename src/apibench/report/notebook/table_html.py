"""A table as a notebook shows it: its first rows."""

from collections.abc import Mapping, Sequence

from apibench.report.notebook.markup import paragraph, table, whole

SHOWN = 20


def table_html(columns: Mapping[str, Sequence[int | float | str | None]]) -> str:
    """The output of a cell whose value is a table."""
    rows = list(zip(*(column[:SHOWN] for column in columns.values()), strict=True))
    count = len(next(iter(columns.values()), ()))
    parts = [table(list(columns), ([_shown(value) for value in row] for row in rows))]
    if count > SHOWN:
        parts.append(paragraph(f"{count:,} rows, of which these are the first", "opacity:.75"))
    return whole(parts)


def _shown(value: float | str | None) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
