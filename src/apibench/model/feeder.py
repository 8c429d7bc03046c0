"""Feeders: rows of data that iterations take, one each."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, field_validator, model_validator

from apibench.model.part import Name, Part, Text, fault

MAX_ROWS_TEXT = 2 * 1024 * 1024
"""Characters of rows that stand in a plan itself; of what goes to an installation a message has to hold it."""
MAX_COLUMNS = 1_000
_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl"}


def format_of(path: str) -> str:
    """How the rows of a file are written, by its name's ending: CSV where it says nothing else."""
    return next((kind for ending, kind in _ENDINGS.items() if path.lower().endswith(ending)), "csv")


def _is_one_sign(text: str) -> str:
    if not text.isascii() or text in '"\r\n':
        raise fault("feeder.delimiter", f"{text!r} can't stand between fields", 'Write one sign: "," or ";" or "\\t".')
    return text


class Feeder(Part):
    """Where rows come from, in which order they are handed out, and what happens behind the last."""

    format: Literal["csv", "jsonl"] = "csv"
    path: Annotated[Text, Field(min_length=1, max_length=4_096)] | None = None
    """A file, where the load is made."""
    text: Annotated[Text, Field(max_length=MAX_ROWS_TEXT)] | None = None
    """The rows themselves, as a file would have them."""
    columns: tuple[Name, ...] = Field(default=(), max_length=MAX_COLUMNS)
    """Of CSV, what its columns are called. None: its first line says it."""
    delimiter: Annotated[str, Strict(), Field(min_length=1, max_length=1), AfterValidator(_is_one_sign)] = ","
    order: Literal["sequential", "shuffle", "random", "unique"] = "sequential"
    """`shuffle`: each once before any comes again; `random`: any at any time; `unique`: each once at most in a run."""
    when_dry: Annotated[Literal["recycle", "stop", "fail"], Field(validate_default=True)] = "recycle"
    """When all were handed out: they come again, or who needs one stops, or fails. Unique ones fail unless told."""

    @model_validator(mode="before")
    @classmethod
    def _what_follows(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        told = dict(value)
        if isinstance(told.get("path"), str):
            told.setdefault("format", format_of(told["path"]))
        if told.get("order") == "unique":
            told.setdefault("when_dry", "fail")
        return told

    @field_validator("columns")
    @classmethod
    def _no_column_twice(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None:
            raise fault("feeder.columns", f"two columns are called `{twice}`", "Give each a name of its own.")
        return columns

    @model_validator(mode="after")
    def _fits_together(self) -> "Feeder":
        if (self.path is None) == (self.text is None):
            raise fault("feeder.which", "rows are either in a file or in `text`", "Give exactly one of them.")
        if self.columns and self.format == "jsonl":
            raise fault("feeder.columns", "lines of JSON name their members themselves", "Leave `columns` out.")
        if self.order == "unique" and self.when_dry == "recycle":
            raise fault("feeder.dry", "a unique row does not come again", "Choose `stop` or `fail`, or another order.")
        if self.order == "random" and self.when_dry != "recycle":
            raise fault("feeder.dry", "random rows are never used up", "Leave `when_dry` out, or choose another order.")
        return self
