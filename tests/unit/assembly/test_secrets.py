"""Where this machine looks for its secrets."""

from pathlib import Path

import pytest

from apibench.assembly.secrets import MAX_SECRET_BYTES, secret_of
from apibench.model.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APIBENCH_SECRETS", str(tmp_path))
    return tmp_path


def test_the_environment_comes_before_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "SHOP").write_text("of the folder")
    assert secret_of("SHOP") == "of the folder"
    monkeypatch.setenv("APIBENCH_SECRET_SHOP", "of the environment")
    assert secret_of("SHOP") == "of the environment"


def test_what_is_nowhere_is_unknown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secret_of("SHOP") is None
    monkeypatch.delenv("APIBENCH_SECRETS")
    (folder / "SHOP").write_text("x")
    assert secret_of("SHOP") is None


@pytest.mark.parametrize(("content", "value"), [("a b\n", "a b"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("", "")])
def test_one_line_end_is_an_editor_s(folder: Path, content: str, value: str) -> None:
    (folder / "SHOP").write_bytes(content.encode())
    assert secret_of("SHOP") == value


def test_what_can_t_be_read_is_told_without_its_content(folder: Path) -> None:
    (folder / "ODD").write_bytes(b"hidden \xff")
    (folder / "LONG").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    (folder / "FOLDER").mkdir()
    for name, why in (("ODD", "is no UTF-8"), ("LONG", "is longer than 65,536 bytes"), ("FOLDER", "can't be read")):
        with pytest.raises(UsageError, match=why) as refused:
            secret_of(name)
        assert "hidden" not in repr(refused.value)
        assert refused.value.__cause__ is None or isinstance(refused.value.__cause__, OSError)
