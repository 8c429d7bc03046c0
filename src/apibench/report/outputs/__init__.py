"""The files that a result can be written to, each made of the document alone."""

from collections.abc import Callable, Mapping
from typing import Any

from apibench.report.outputs.csv import csv_text
from apibench.report.outputs.hgrm import hgrm_text
from apibench.report.outputs.json import json_text, ndjson_text
from apibench.report.outputs.junit import junit_text

RENDERERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "json": json_text,
    "ndjson": ndjson_text,
    "csv": csv_text,
    "hgrm": hgrm_text,
    "junit": junit_text,
}


def render(kind: str, document: Mapping[str, Any]) -> str:
    """The text of a result document in one of the forms."""
    return RENDERERS[kind](document)
