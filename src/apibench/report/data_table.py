"""
Figures as rows and columns: for loops of Python, and for polars, pandas, DuckDB and pyarrow by the Arrow C stream.

`polars.DataFrame(table)`, `pandas.DataFrame.from_arrow(table)`, `duckdb.sql("from table")` and `pyarrow.table(table)`
take it as it is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from apibench.model.arrow import arrow_stream
from apibench.model.suggestion import did_you_mean

Kind = Literal["int64", "float64", "utf8"]
Value = int | float | str | None


class NoSuchName(KeyError):
    """There is nothing of that name; the message says what was probably meant."""

    @classmethod
    def among(cls, known: Iterable[str], what: str, name: object) -> "NoSuchName":
        """`what`: of which kind those known are."""
        names = list(known)
        remedy = did_you_mean(str(name), names) if names else "There are none."
        return cls(f"there is no {what} '{name}'. {remedy}")

    def __str__(self) -> str:
        # A KeyError shows its argument as `repr` does, in quotes.
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Table:
    """
    Columns of as many values each: `table["ok"]` is one of them, `for row in table` goes through rows, each a
    dictionary, and `len(table)` is how many. What was not measured is None. polars, pandas, DuckDB and pyarrow take
    it as it is, through the Arrow C stream.
    """

    kinds: Mapping[str, Kind]
    """By name, in order."""
    columns: Mapping[str, Sequence[Value]]
    """By name, in order."""

    @classmethod
    def of_rows(cls, kinds: Mapping[str, Kind], rows: Iterable[Sequence[Value]]) -> "Table":
        """From rows, each with a value for every column."""
        columns: dict[str, list[Value]] = {name: [] for name in kinds}
        for row in rows:
            for name, value in zip(kinds, row, strict=True):
                columns[name].append(value)
        return cls(kinds, columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> Sequence[Value]:
        """A column. Raises NoSuchName, a KeyError."""
        try:
            return self.columns[name]
        except KeyError:
            raise NoSuchName.among(self.columns, "column", name) from None

    def __iter__(self) -> Iterator[dict[str, Value]]:
        """Its rows, each by the columns' names."""
        for row in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, row, strict=True))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> object:
        """
        A capsule of the Arrow C stream interface, with a copy of its own of what is here.

        `requested_schema`: is not followed, as the interface allows.
        """
        return arrow_stream([(name, kind, self.columns[name]) for name, kind in self.kinds.items()])

    def _repr_html_(self) -> str:
        """What a notebook shows: the first rows, without scripts."""
        from apibench.report.notebook.table_html import table_html  # noqa: PLC0415 - only notebooks ask

        return table_html(self.columns)

    def __repr__(self) -> str:
        return f"<Table of {len(self):,} rows: {', '.join(self.columns)}>"
