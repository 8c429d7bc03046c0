"""Which files a worker's plans reach, and what goes with a plan."""

import tracemalloc
from pathlib import Path

import pytest

from apibench.assembly.row_files import rows_within, with_rows
from apibench.model.errors import UsageError
from apibench.model.feeder import MAX_ROWS_TEXT, Feeder
from apibench.model.plan import Plan
from apibench.model.validation import parse_plan


def plan(**feeders: Path) -> Plan:
    return parse_plan(
        {
            "version": 1,
            "hosts": {"api": {"base_url": "http://localhost"}},
            "feeders": {name: {"path": str(path)} for name, path in feeders.items()},
            "scenarios": [
                {
                    "name": "s",
                    "steps": [{"type": "request", "host": "api"}],
                    "load": {"model": "closed", "vus": 1, "ends": {"iterations": 1}},
                }
            ],
        }
    )


def test_a_plan_reaches_files_of_the_folder_and_no_others(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_text("a\n1\n")
    (data / "link").symlink_to(tmp_path / "secret")
    place = rows_within(data)
    assert place("users.csv") == str(data / "users.csv")
    assert place("deep/../users.csv") == str(data / "users.csv")
    for path in ("/etc/passwd", "../secret", "deep/../../secret", "link"):
        with pytest.raises(UsageError, match="leads out"):
            place(path)
    with pytest.raises(UsageError, match="no folder of data"):
        rows_within(None)("users.csv")


def test_small_files_go_with_a_plan_and_of_large_ones_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large, last = (tmp_path / name for name in ("small.csv", "large.csv", "last.csv"))
    small.write_text("a\né\n")
    large.write_text("a\n" + "x" * MAX_ROWS_TEXT)
    last.write_text("a\n1\n")
    sent = with_rows(plan(small=small, large=large, last=last)).feeders
    assert {name: (each.path, each.text) for name, each in sent.items()} == {
        "small": (None, "a\né\n"),
        "large": ("large.csv", None),
        "last": (None, "a\n1\n"),
    }
    assert "large.csv is too large" in capsys.readouterr().err
    assert all(isinstance(each, Feeder) for each in sent.values())


def test_large_files_of_one_name_are_refused_and_one_that_is_read_twice_is_not(tmp_path: Path) -> None:
    files = [tmp_path / folder / "users.csv" for folder in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_text("a\n" + "x" * MAX_ROWS_TEXT)
    sent = with_rows(plan(one=files[0], two=files[0])).feeders
    assert {each.path for each in sent.values()} == {"users.csv"}
    with pytest.raises(UsageError, match=r"are both users\.csv to workers"):
        with_rows(plan(one=files[0], two=files[1]))


def test_a_file_for_which_there_is_no_room_is_not_read_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    with path.open("wb") as file:
        file.truncate(64 * MAX_ROWS_TEXT)
    texts = {name: Feeder(text=name * MAX_ROWS_TEXT) for name in "ab"}
    crowded = plan().model_copy(update={"feeders": texts | {"users": Feeder(path=str(path))}})
    tracemalloc.start()
    try:
        assert with_rows(crowded).feeders["users"].path == "users.csv"
        assert tracemalloc.get_traced_memory()[1] < MAX_ROWS_TEXT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("content", "says"), [(None, "can't be read"), (b"a\n\xff\n", "is not UTF-8")])
def test_a_file_that_can_t_go_is_refused(content: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=says):
        with_rows(plan(users=path))
