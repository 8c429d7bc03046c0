"""`python -m apibench.controller.rest.openapi` writes the published document to standard output: `make openapi`."""

import json
import sys

from apibench import __version__
from apibench.controller.rest.app import openapi_document


def openapi_text(version: str = __version__) -> str:
    """The document as it is kept in docs/openapi.json."""
    return json.dumps(openapi_document(version), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
