"""The document itself, whole or a line a second."""

import json
from collections.abc import Mapping
from typing import Any


def json_text(document: Mapping[str, Any]) -> str:
    """One JSON document. Its first key is `schema`, so that the first line tells what it is."""
    return json.dumps(document, ensure_ascii=False) + "\n"


def ndjson_text(document: Mapping[str, Any]) -> str:
    """A line for every interval (`type` is `interval`), then one for the rest of the document (`result`)."""
    rest = {key: value for key, value in document.items() if key != "intervals"}
    lines = [{"type": "interval", **row} for row in document["intervals"]]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [*lines, {"type": "result", **rest}])
