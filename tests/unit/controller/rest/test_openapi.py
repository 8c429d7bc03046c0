"""The published document is what the application is, and says what each resource needs."""

import json
from pathlib import Path

from apibench.controller.rest.app import openapi_document
from apibench.controller.rest.openapi import openapi_text

DOCS = Path(__file__).parents[4] / "docs"


def test_the_published_document_is_the_application_s() -> None:
    published = (DOCS / "openapi.json").read_text(encoding="utf-8")
    assert published == openapi_text(), "python -m apibench.controller.rest.openapi > docs/openapi.json"


def test_every_resource_stands_in_the_page_for_people() -> None:
    page = (DOCS / "rest.md").read_text(encoding="utf-8")
    paths = openapi_document("0")["paths"]
    asked = {f"`{method.upper()} {path}`" for path, methods in paths.items() for method in methods}
    assert {each for each in asked if each not in page} == set()


def test_only_health_is_open_to_everybody() -> None:
    paths = json.loads(openapi_text("0"))["paths"]
    without = {path for path, methods in paths.items() for each in methods.values() if not each.get("security")}
    assert without == {"/healthz", "/readyz"}
