"""What docs/operations.md says is to be typed."""

import re

from tests.integration.pages import ROOT, blocks_of

_BLOCKS = [block.text for block in blocks_of(ROOT / "docs" / "operations.md") if "docker compose" in block.text]
_LINES = [line for block in _BLOCKS for line in block.replace("\\\n", " ").splitlines()]

(MAKES_SECRETS,) = (line for line in _LINES if line.endswith("> .env)"))
(FIRST_RUN,) = (
    match[1]
    for line in _LINES
    if (match := re.fullmatch(r"docker compose run --rm apibench (run .*--controller .*)", line))
)
"""The words behind `apibench`."""
