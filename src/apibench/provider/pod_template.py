"""
What an installation says of its workers' pods, in a YAML file: a PodTemplateSpec of Kubernetes.

It is looked at when an agent starts, so that what can't be does not wait for the first run to say so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from apibench.model.errors import UsageError

WORKER = "worker"
"""The container that is told which run it works for; the first, if none is called so."""
OUR_PREFIX = "apibench/"
"""Labels that only an agent writes."""
NAMED = {
    "app.kubernetes.io/name": "api-benchmark",
    "app.kubernetes.io/component": "worker",
    "app.kubernetes.io/managed-by": "apibench-agent",
}
"""Labels of all Jobs of agents, and of their pods."""
MAX_BYTES = 1 << 20

PodTemplate = Mapping[str, Any]
"""One that was found to be good. Nobody changes it."""


def read_pod_template(path: Path) -> PodTemplate:
    """The template in a file. Raises UsageError for what can't be read, or is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"the pod template {path} cannot be read: {(error.strerror or str(error)).lower()}",
            "Name a YAML file with a pod template of Kubernetes.",
        ) from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"the pod template {path} is larger than {MAX_BYTES:,} bytes", "Make it smaller.")
    try:
        document = YAML(typ="safe", pure=True).load(data)
    except (YAMLError, UnicodeDecodeError) as error:
        said = error.problem if isinstance(error, MarkedYAMLError) else str(error).partition("\n")[0]
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise UsageError(f"the pod template {path} is no YAML{place}: {said}", "Mend it.") from error
    return checked_template(document)


def checked_template(document: object) -> PodTemplate:
    """A template, as a document of its own. Raises UsageError that names the key."""
    template = _mapping(_plain(document, ""), "")
    for key in template.keys() - {"metadata", "spec"}:
        raise _no(key, "is no key of a pod template", "It has `metadata` and `spec`, as under `template:` of a Job.")
    _check_metadata(_mapping(template.get("metadata") or {}, "metadata"))
    if "spec" not in template:
        raise _no("spec", "is missing", "Say of which containers a worker's pod is made.")
    spec = _mapping(template["spec"], "spec")
    if spec.get("restartPolicy", "Never") != "Never":
        raise _no("spec.restartPolicy", "is not Never", "Leave it out: a Job replaces a pod that has failed, once.")
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers:
        raise _no("spec.containers", "is no list with a container in it", "Say in which image a worker is.")
    for number, container in enumerate(containers):
        _check_container(_mapping(container, f"spec.containers[{number}]"), f"spec.containers[{number}]")
    number = worker_place(containers)
    _check_worker(containers[number], f"spec.containers[{number}]")
    return template


def worker_place(containers: list[Any]) -> int:
    """Which of them is the worker."""
    return next((number for number, each in enumerate(containers) if each["name"] == WORKER), 0)


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    for key in metadata.keys() - {"labels", "annotations"}:
        raise _no(f"metadata.{key}", "can't be given", "Its pods get labels and annotations, and names of their Job's.")
    for part in ("labels", "annotations"):
        for key, value in _mapping(metadata.get(part) or {}, f"metadata.{part}").items():
            if not isinstance(value, str):
                raise _no(f"metadata.{part}.{key}", "is no text", "Write it in quotes.")
    for key, value in (metadata.get("labels") or {}).items():
        if key.startswith(OUR_PREFIX) or value != NAMED.get(key, value):
            raise _no(f"metadata.labels.{key}", "is a label that the agent writes", "Leave it out.")


def _check_container(container: Mapping[str, Any], place: str) -> None:
    for key in ("name", "image"):
        value = container.get(key)
        if not isinstance(value, str) or not value:
            raise _no(f"{place}.{key}", "is missing, or no text", "Say it.")
    for key in ("command", "args"):
        words = container.get(key, [])
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise _no(f"{place}.{key}", "is no list of texts", "Write each word of it in quotes.")


def _check_worker(container: Mapping[str, Any], place: str) -> None:
    words = [*container.get("command", []), *container.get("args", [])]
    if not words:
        raise _no(f"{place}.args", "is missing", "Say what starts a worker, like [worker, --controller=HOST:PORT].")
    if any(word == "--run" or word.startswith("--run=") for word in words):
        raise _no(f"{place}.args", "names a run", "Leave --run out: the agent says which.")


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _no(place, "is no mapping", "Write keys with values.")
    return value


def _plain(value: object, place: str) -> object:
    """A copy of it, if JSON can hold it: a date of YAML, for one, has no meaning to Kubernetes."""
    match value:
        case dict():
            for key in value:
                if not isinstance(key, str):
                    raise _no(f"{place}.{key}".lstrip("."), "is a key that is no text", "Write it in quotes.")
            return {key: _plain(each, f"{place}.{key}".lstrip(".")) for key, each in value.items()}
        case list():
            return [_plain(each, f"{place}[{number}]") for number, each in enumerate(value)]
        case None | bool() | int() | float() | str():
            return value
    raise _no(place, "is neither text nor number", "Write it in quotes.")


def _no(key: str, matter: str, hint: str) -> UsageError:
    return UsageError(f"the pod template can't be used: {key or 'it'} {matter}", hint)
