"""What docs/importing.md shows is what comes out."""

import re
from pathlib import Path

import pytest
from tests.unit.authoring.importing.conftest import Import, Load

PAGE = (Path(__file__).parents[4] / "docs" / "importing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\nis made of\n\n```([\w ]+)\n(.*?)```", PAGE, flags=re.DOTALL)
KINDS = {
    "bash": ("curl", "orders.sh"),
    "json": ("har", "shop.har"),
    "json postman": ("postman", "shop.json"),
    "yaml": ("openapi", "shop.yaml"),
    "python": ("locustfile", "shop.py"),
    "js": ("k6", "shop.js"),
}


@pytest.mark.parametrize(("written", "language", "source"), EXAMPLES, ids=[each[1] for each in EXAMPLES])
def test_an_example_is_what_comes_out(written: str, language: str, source: str, imported: Import, load: Load) -> None:
    kind, name = KINDS[language]
    found = imported(kind, source, source.replace("token-1", "token-2") if kind == "har" else None, name=name)
    assert found.text[found.text.index("\nfrom ") + 1 :] == written
    assert load(found)["scenarios"]


def test_every_kind_with_a_part_of_its_own_has_an_example() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^## (?!What)", PAGE, flags=re.MULTILINE))
