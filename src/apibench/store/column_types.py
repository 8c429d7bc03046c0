"""Types of columns that mean the same in every database; migrations use them too, so what one means never changes."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

from apibench.model.errors import StoreFailed

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits. SQLite's INTEGER has as many, and only that word makes a key count by itself there."""
BLOB = LargeBinary()


def words_fault(text: str) -> str | None:
    """Why a text can be kept by no database that we have; None if it can be."""
    if "\0" in text:
        return "holds a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair"
    return None


def refuse_unstorable(row: object) -> None:
    """Raises StoreFailed for a text, or a row with one, that not every database can keep: as Words does, for fakes."""
    fields = getattr(row, "__dataclass_fields__", None)
    for value in [row] if fields is None else [getattr(row, name) for name in fields]:
        fault = words_fault(value) if isinstance(value, str) else None
        if fault:
            raise StoreFailed(f"a text {fault}", "No database can keep it: take it out.")


class Words(TypeDecorator[str]):
    """A text. In the order of its code points everywhere, as Python sorts; PostgreSQL would ask the locale."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL is told the order; SQLite has no other."""
        return dialect.type_descriptor(Text(collation="C") if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the library's
        """Raises StoreFailed for a text that not every database can keep."""
        fault = None if value is None else words_fault(value)
        if fault:
            raise StoreFailed(f"a text {fault}", "No database can keep it: take it out.")
        return value


class Instant(TypeDecorator[datetime]):
    """A moment, to the microsecond: `timestamptz`, or microseconds since 1970 in SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL partitions by it and TimescaleDB buckets by it, so there it has its real type."""
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        """Moments that say their offset only."""
        if value is None or dialect.name == "postgresql":
            return value
        return microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """In UTC, whatever the session's time zone."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: datetime = value
            return moment.astimezone(UTC)
        return from_microseconds(value)


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly: `timestamp()` is a float."""
    span = moment - datetime.fromtimestamp(0, UTC)
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def from_microseconds(value: int) -> datetime:
    """The moment so long after 1970."""
    return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)
