"""The document itself, whole or a line a second."""

import json
from collections.abc import Mapping
from typing import Any


def json_text(document: Mapping[str, Any]) -> str:
    """One JSON document. Its first key is `schema`, so that the first line tells what it is."""
    return json.dumps(document, ensure_ascii=False) + "\n"


def ndjson_text(document: Mapping[str, Any]) -> str:
    """A line for every interval (`type` is `interval`), then one for the rest of the document (`result`)."""
    return "".join([*(interval_line(row) for row in document["intervals"]), result_line(document)])


def interval_line(row: Mapping[str, Any]) -> str:
    """The line of an interval, with its end: what can be written as soon as it is sealed."""
    return json.dumps({"type": "interval", **row}, ensure_ascii=False) + "\n"


def result_line(document: Mapping[str, Any]) -> str:
    """The last line: the document without its intervals."""
    rest = {key: value for key, value in document.items() if key != "intervals"}
    return json.dumps({"type": "result", **rest}, ensure_ascii=False) + "\n"
