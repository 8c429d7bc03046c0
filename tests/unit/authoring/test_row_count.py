"""How many rows a feeder has: as many as the engine hands out."""

from pathlib import Path

import pytest

from apibench.authoring.row_count import row_count
from apibench.model.feeder import Feeder


@pytest.mark.parametrize(
    ("feeder", "text", "count"),
    [
        ({}, "a,b\n1,2\n3,4\n", 2),
        ({}, "\ufeffa,b\r\n1,2\r\n\r\n3,4", 2),
        ({}, 'a,b\n"1\n2",3\n', 1),
        ({}, "a,b\n", 0),
        ({}, "", 0),
        ({"columns": ["a", "b"]}, "1,2\n3,4\n", 2),
        ({"delimiter": ";"}, 'a;b\n"x;y";2\n', 1),
        ({"format": "jsonl"}, '{"a": 1}\n\n{"a": 2}', 2),
    ],
)
def test_rows_are_counted_wherever_they_stand(feeder: dict[str, object], text: str, count: int, tmp_path: Path) -> None:
    file = tmp_path / "rows"
    file.write_text(text, encoding="utf-8", newline="")
    assert row_count(Feeder.model_validate({**feeder, "path": str(file)})) == count
    if text and not text.startswith("\ufeff"):
        assert row_count(Feeder.model_validate({**feeder, "text": text})) == count


def test_what_cannot_be_read_has_no_count(tmp_path: Path) -> None:
    assert row_count(Feeder.model_validate({"path": str(tmp_path / "none.csv")})) is None
    (tmp_path / "bytes.csv").write_bytes(b"a\n\xff\n")
    assert row_count(Feeder.model_validate({"path": str(tmp_path / "bytes.csv")})) is None
