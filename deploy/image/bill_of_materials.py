"""Writes what an image is made of as a bill of materials (CycloneDX 1.6), from the lists that its build has made."""

import json
import sys
from pathlib import Path
from typing import Any

DEBIAN = "bookworm"


def main(debian: str, python: str) -> None:
    """`debian`: a line of name, version and architecture for each package; `python`: what `pip list` says as JSON."""
    components = [_of_debian(*line.split()) for line in Path(debian).read_text().splitlines()]
    components += [_of_python(each["name"], each["version"]) for each in json.loads(Path(python).read_text())]
    ours = next(each for each in components if each["name"] == "api-benchmark")
    components.remove(ours)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": ours | {"type": "application"}},
        "components": sorted(components, key=lambda each: each["purl"]),
    }
    json.dump(document, sys.stdout, indent=1)


def _of_debian(name: str, version: str, architecture: str) -> dict[str, Any]:
    purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch={architecture}&distro={DEBIAN}"
    return {"type": "library", "name": name, "version": version, "purl": purl}


def _of_python(name: str, version: str) -> dict[str, Any]:
    return {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name.lower()}@{version}"}


if __name__ == "__main__":
    main(*sys.argv[1:])
