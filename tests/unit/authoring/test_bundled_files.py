"""What of a scenario goes to workers: its own file and the modules beside it, and nothing else that lies there."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from apibench.authoring.bundled_files import bundled_files
from apibench.authoring.tracing.python_file import read_python
from apibench.model.bundle import MAX_CODE_BYTES, MAX_FILES
from apibench.model.errors import BundleUnusable
from apibench.model.plan import Plan

SCENARIO = """\
from apibench import scenario
import bundled_pricing.tax
import bundled_helpers as helpers

@scenario(base_url="http://127.0.0.1:1", load="1 vu", iterations=1)
def shopper(u):
    u.get(f"/{u.py(helpers.sign)}")
"""
BESIDE = {
    "bundled_helpers.py": "def sign():\n    return 'é'\n",
    "bundled_pricing/__init__.py": "",
    "bundled_pricing/tax.py": "RATE = 7\n",
    "never_imported.py": "SECRET = 'hunter2'\n",
    "bundled_pricing/unused.py": "",
    "users.csv": "n\n1\n",
    ".env": "TOKEN=hunter2\n",
    "signing.key": "hunter2",
    ".venv/lib/site-packages/bundled_lib/__init__.py": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = set(sys.modules)
    for name, text in BESIDE.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "shop" / "shopper.py").write_text(SCENARIO)
    yield tmp_path / "shop"
    for name in set(sys.modules) - before:
        del sys.modules[name]


def loaded(path: Path) -> Plan:
    return read_python(str(path))


def test_its_own_file_and_what_it_has_imported_from_beside_go_and_nothing_else(folder: Path) -> None:
    loaded(folder / "shopper.py")
    sys.modules["bundled_lib"] = lib = ModuleType("bundled_lib")
    lib.__file__ = str(folder / ".venv/lib/site-packages/bundled_lib/__init__.py")
    entry, files = bundled_files(folder / "shopper.py", sys.modules)
    assert entry == "shopper.py"
    assert sorted(files) == [
        *("bundled_helpers.py", "bundled_pricing/__init__.py", "bundled_pricing/tax.py", "shopper.py"),
    ]
    assert files["bundled_helpers.py"] == BESIDE["bundled_helpers.py"]
    assert "hunter2" not in str(files)


def test_a_scenario_that_is_named_by_a_link_is_what_the_link_leads_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to(folder / "shopper.py")
    loaded(tmp_path / "link.py")
    entry, files = bundled_files(tmp_path / "link.py", sys.modules)
    assert entry == "link.py"
    assert sorted(files)[:2] == ["bundled_helpers.py", "bundled_pricing/__init__.py"]
    assert files["link.py"] == SCENARIO


def test_a_module_that_is_a_link_or_no_utf_8_is_told_with_all_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("def sign():\n    return 1\n")
    (folder / "bundled_helpers.py").unlink()
    (folder / "bundled_helpers.py").symlink_to(tmp_path / "outside.py")
    (folder / "bundled_pricing/tax.py").write_bytes(b"# -*- coding: latin-1 -*-\nNAME = '\xe9'\n")
    loaded(folder / "shopper.py")
    with pytest.raises(BundleUnusable) as caught:
        bundled_files(folder / "shopper.py", sys.modules)
    told = {Path(fault.place).name: fault.message for fault in caught.value.faults}
    assert told == {"bundled_helpers.py": "is a link", "tax.py": "is not UTF-8 (byte 34)"}


def test_a_package_that_is_a_link_leads_out_too(folder: Path, tmp_path: Path) -> None:
    (folder / "bundled_pricing").rename(tmp_path / "bundled_pricing")
    (folder / "bundled_pricing").symlink_to(tmp_path / "bundled_pricing")
    loaded(folder / "shopper.py")
    with pytest.raises(BundleUnusable) as caught:
        bundled_files(folder / "shopper.py", sys.modules)
    assert {fault.message for fault in caught.value.faults} == {"is a link"}


def test_what_is_too_large_or_too_many_is_refused(folder: Path) -> None:
    (folder / "bundled_helpers.py").write_text("def sign(): return 1\n" + "#" * MAX_CODE_BYTES)
    loaded(folder / "shopper.py")
    many: dict[str, ModuleType] = dict(sys.modules)
    for number in range(MAX_FILES):
        (folder / f"m{number}.py").write_text("")
        many[f"m{number}"] = module = ModuleType(f"m{number}")
        module.__file__ = str(folder / f"m{number}.py")
    with pytest.raises(BundleUnusable) as caught:
        bundled_files(folder / "shopper.py", many)
    assert "is too large: 2 MiB of code are the most that is sent" in str(caught.value)
    assert f"{MAX_FILES + 4} files were imported from its folder" in str(caught.value)


def test_what_has_gone_since_is_told(folder: Path) -> None:
    loaded(folder / "shopper.py")
    (folder / "bundled_helpers.py").unlink()
    with pytest.raises(BundleUnusable, match="can't be read: No such file"):
        bundled_files(folder / "shopper.py", sys.modules)


def test_nothing_of_ours_is_sent(tmp_path: Path) -> None:
    (tmp_path / "apibench").mkdir()
    (tmp_path / "apibench/own.py").write_text("")
    (tmp_path / "s.py").write_text("")
    module = ModuleType("apibench.own")
    module.__file__ = str(tmp_path / "apibench/own.py")
    assert bundled_files(tmp_path / "s.py", {"apibench.own": module}) == ("s.py", {"s.py": ""})
