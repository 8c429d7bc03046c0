"""compose.yaml as an engine of containers would read it: variables filled in, and what the images say beside it."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILE = ROOT / "compose.yaml"
DOCKERFILE = ROOT / "deploy" / "image" / "Dockerfile"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])((?:[^{}]|\{[^{}]*\})*))?\}")
_NO_CHECK = ["NONE"]


class VariableMissing(Exception):
    """A variable that has to be there is not, or is empty."""


@dataclass(frozen=True)
class Image:
    """What a stage of the Dockerfile says of how it runs."""

    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Container:
    """One that a service of the file starts."""

    service: str
    entrypoint: list[str]
    command: list[str]
    environment: dict[str, str]
    health: list[str]
    """The command that asks for it; empty where nobody does."""
    mounts: dict[str, str]
    """Where in it what is found: a file of the repository, a volume by its name, or nothing but room."""
    waits_for: dict[str, str]
    """Services, and what for."""


def document(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file; with an environment its variables are filled in. Raises VariableMissing."""
    read: dict[str, Any] = YAML(typ="safe").load(FILE.read_text())
    return read if environment is None else _filled_in(read, environment)


def containers(environment: Mapping[str, str], of: str) -> Iterator[Container]:
    """Those of a service; of an image that is not ours the program has the service's name."""
    service = document(environment)["services"][of]
    image = stages()[service["build"]["target"]] if "build" in service else Image([of])
    asked = service["healthcheck"].get("test", _NO_CHECK)
    container = Container(
        of,
        service.get("entrypoint", image.entrypoint),
        service.get("command", image.command),
        {**image.environment, **service.get("environment", {})},
        asked[1:],
        dict(_mounts(service)),
        {name: told["condition"] for name, told in service.get("depends_on", {}).items()},
    )
    for _ in range(service["deploy"].get("replicas", 1)):
        yield container


def stages() -> dict[str, Image]:
    """Those of the Dockerfile that have a name."""
    found: dict[str, Image] = {}
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]:
        base, _, name = stage.splitlines()[0].partition(" AS ")
        above = found.get(base, Image())
        said = dict(re.findall(r"^(ENTRYPOINT|CMD) (\[.*\])$", stage, flags=re.MULTILINE))
        told = [pair for line in re.findall(r"^ENV (.*)$", stage, flags=re.MULTILINE) for pair in shlex.split(line)]
        found[name] = Image(
            json.loads(said["ENTRYPOINT"]) if "ENTRYPOINT" in said else above.entrypoint,
            json.loads(said["CMD"]) if "CMD" in said else above.command,
            {**above.environment, **dict(pair.split("=", 1) for pair in told)},
        )
    return found


def _mounts(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for room in service.get("tmpfs", []):
        yield room.partition(":")[0], ""
    for volume in service.get("volumes", []):
        source, _, target = volume.removesuffix(":ro").rpartition(":")
        yield target, source


def _filled_in(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled_in(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled_in(each, environment) for each in value]
    return _text(value, environment) if isinstance(value, str) else value


def _text(text: str, environment: Mapping[str, str]) -> str:
    def of(match: re.Match[str]) -> str:
        name, kind, words = match.groups()
        if environment.get(name):
            return environment[name]
        if kind == "?":
            raise VariableMissing(f"{name}: {words}")
        return _text(words or "", environment)

    return _VARIABLE.sub(of, text)
