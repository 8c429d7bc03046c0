"""The page of all public names is what its script makes of their docstrings, and says what each takes."""

import importlib.util
import inspect
import re
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import apibench

DOCS = Path(__file__).parents[2] / "docs"
PUBLIC = [name for name in apibench.__all__ if name != "__version__"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """It stands beside the page, and is no part of the package."""
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_makes(script: ModuleType) -> None:
    assert (DOCS / "reference.md").read_text(encoding="utf-8") == script.page(), "make reference"


def test_every_public_name_is_on_the_page(script: ModuleType) -> None:
    headings = set(re.findall(r"^### `(\w+)`", script.page(), flags=re.MULTILINE))
    assert set(PUBLIC) <= headings


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_says_what_it_is_and_its_members_too(name: str, script: ModuleType) -> None:
    found = getattr(apibench, name)
    assert inspect.getdoc(found)
    kind = found if isinstance(found, type) else type(found)
    for member, value in [] if isinstance(found, FunctionType) else script._members(kind):
        assert value.__doc__, f"{name}.{member}"


def test_every_argument_of_a_word_that_has_many_is_told() -> None:
    for name in PUBLIC:
        found = getattr(apibench, name)
        parameters = list(inspect.signature(found).parameters) if isinstance(found, FunctionType) else []
        text = inspect.getdoc(found) or ""
        untold = [each for each in parameters if len(parameters) > 3 and f"\n    {each}: " not in text]
        assert untold == [], name
