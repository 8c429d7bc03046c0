"""The kinds of Kubernetes' objects that an agent deals with."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Object = Mapping[str, Any]
"""One of them, as its JSON is."""


class Kind(NamedTuple):
    """Where objects of a kind are to be found."""

    group: str
    """The head of their paths: `apis/batch/v1`."""
    plural: str


JOBS = Kind("apis/batch/v1", "jobs")
PODS = Kind("api/v1", "pods")
EVENTS = Kind("api/v1", "events")
MANAGER = "apibench-agent"
"""Who makes objects and says things of them, as others see it: every agent."""


def at(value: object, *keys: str) -> Any:
    """What stands there in an object; None where nothing does."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def name_of(value: Object) -> str:
    """An object's name. Raises KeyError, TypeError for what is no object."""
    return str(value["metadata"]["name"])


def uid_of(value: Object) -> str:
    """An object's own for ever: another one of its name has another."""
    return str(at(value, "metadata", "uid") or "")
