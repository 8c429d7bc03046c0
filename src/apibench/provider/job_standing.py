"""
How far a Job is, from what Kubernetes says of it and of its pods: in numbers, and in words what is in the way.

Pure: what is looked at is told.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from apibench.model.provision import Provision, ProvisionStatus
from apibench.provider.kind import Object, at, name_of, uid_of
from apibench.provider.pod_template import WORKER

INDEX = "batch.kubernetes.io/job-completion-index"
BEGINNING = frozenset({"ContainerCreating", "PodInitializing"})
"""What every container waits for a short while."""
PULLING = frozenset({"ErrImagePull", "ErrImageNeverPull", "ImageInspectError", "ImagePullBackOff", "InvalidImageName"})
SAYS_NOTHING = frozenset({"Completed", "Error"})
"""Reasons of an end that its exit code tells better."""
MOST_OBSTACLES = 5
MAX_WORDS = 500
"""Of each reason, in characters."""


class Obstacle(NamedTuple):
    """What keeps a pod from working. Those of several pods that are the same are told once."""

    one: str
    many: str
    told: str


class Puzzle(NamedTuple):
    """An object that does not say itself why it does not go on: events of it may."""

    kind: str
    name: str
    uid: str


def standing(wanted: Provision, job: Object, pods: Sequence[Object], heard: str = "") -> ProvisionStatus:
    """How far a provision is. `pods`: of that Job; `heard`: what events say of it, in words, or nothing."""
    started = sum(map(_works, pods))
    ended = _end(job)
    reasons = [ended] if ended else []
    if started < wanted.count:
        reasons += [*_suspension(job), *_told(list(_obstacles(pods))), *([heard] if heard else [])]
    # A worker that has ended, well or badly, is not made again: then so many as are wanted are never there.
    failed = bool(ended or at(job, "status", "failedIndexes") or at(job, "status", "completedIndexes"))
    if failed and not reasons:
        reasons = ["one of its workers has ended"]
    return ProvisionStatus(wanted.run_id, started, "; ".join(reasons), failed)


def has_failed(job: Object) -> bool:
    """Whether a worker of it is missed for good, or all are: not, whether they have ended well."""
    return bool(at(job, "status", "failedIndexes") or _condition(job, "Failed") or _condition(job, "FailureTarget"))


def owners(pod: Object) -> list[str]:
    """The uids of what has made a pod."""
    return [str(at(each, "uid")) for each in at(pod, "metadata", "ownerReferences") or ()]


def puzzle(job: Object, pods: Sequence[Object]) -> Puzzle | None:
    """What is worth asking about, if it stays as it is; None where all is said."""
    if _end(job) or list(_suspension(job)):
        return None
    there = {_index(pod) for pod in pods}
    if len(there) < (at(job, "spec", "parallelism") or 0):
        return Puzzle("Job", name_of(job), uid_of(job))
    beginning = (pod for pod in pods if _is_beginning(pod))
    return next((Puzzle("Pod", name_of(pod), uid_of(pod)) for pod in beginning), None)


def heard_of(asked: Puzzle, events: Sequence[Object]) -> str:
    """The last warning among events, in words; empty where there is none."""
    warnings = sorted((event for event in events if event.get("type") == "Warning"), key=_moment)
    if not warnings:
        return ""
    said = _short(str(warnings[-1].get("message") or warnings[-1].get("reason") or "no more is said"))
    return f"not all of its pods are made: {said}" if asked.kind == "Job" else f"a pod is not started: {said}"


def _end(job: Object) -> str:
    """Why no more of its pods will come, in words; empty: they may."""
    if at(job, "metadata", "deletionTimestamp"):
        return "its Job is being deleted"
    for kind in ("Failed", "FailureTarget"):
        condition = _condition(job, kind)
        if condition is not None:
            why = condition.get("message") or "no more is said"
            return _short(f"its Job has failed: {why} ({condition.get('reason') or 'for no reason'})")
    if _condition(job, "Complete") or _condition(job, "SuccessCriteriaMet"):
        return "its workers have ended"
    return ""


def _suspension(job: Object) -> Iterator[str]:
    condition = _condition(job, "Suspended")
    if condition is not None:
        yield _short(f"its Job is suspended: {condition.get('message') or 'no more is said'}")


def _obstacles(pods: Sequence[Object]) -> Iterator[Obstacle]:
    """Of every pod that has one, and was not replaced."""
    alive = {_index(pod) for pod in pods if at(pod, "status", "phase") in ("Pending", "Running")}
    for pod in pods:
        phase = at(pod, "status", "phase")
        found = None
        if phase == "Failed" and _index(pod) not in alive:
            found = _fall(pod)
        elif phase == "Pending":
            found = _wait(pod)
        if found is not None:
            yield found._replace(told=_short(found.told))


def _told(obstacles: Sequence[Obstacle]) -> list[str]:
    counted = Counter(obstacles).most_common()
    told = [f"{count} {each.one if count == 1 else each.many}{each.told}" for each, count in counted[:MOST_OBSTACLES]]
    rest = sum(count for _, count in counted[MOST_OBSTACLES:])
    return [*told, f"and {rest} more for other reasons"] if rest else told


def _wait(pod: Object) -> Obstacle | None:
    """What a pod waits for that has not started yet."""
    scheduled = _condition(pod, "PodScheduled", "False")
    if scheduled is not None:
        return Obstacle(
            "pod waits", "pods wait", f": {scheduled.get('message') or scheduled.get('reason') or 'for a node'}"
        )
    for container in _containers(pod):
        waiting = at(container, "state", "waiting") or {}
        reason, message = waiting.get("reason") or "", waiting.get("message") or ""
        if reason in PULLING:
            said = f": image {container.get('image')} cannot be pulled ({reason})"
            return Obstacle("pod", "pods", f"{said}: {message}" if message else said)
        if reason and reason not in BEGINNING:
            return Obstacle("pod", "pods", f": {message} ({reason})" if message else f": {reason}")
    return None


def _fall(pod: Object) -> Obstacle:
    """How a pod has failed."""
    disrupted = _condition(pod, "DisruptionTarget")
    if disrupted is not None:
        said = f": {disrupted.get('message') or disrupted.get('reason') or 'no more is said'}"
        return Obstacle("pod was taken away", "pods were taken away", said)
    for container in _containers(pod):
        ended = at(container, "state", "terminated") or {}
        code, reason = ended.get("exitCode", 0), ended.get("reason") or "Error"
        if code:
            said = f" with {code}" if reason in SAYS_NOTHING else f" with {code} ({reason})"
            last = _last_line(ended.get("message") or "")
            return Obstacle("worker has ended", "workers have ended", f"{said}: {last}" if last else said)
    said = ": ".join(filter(None, (at(pod, "status", "reason"), at(pod, "status", "message")))) or "no more is said"
    return Obstacle("pod has failed", "pods have failed", f": {said}")


def _works(pod: Object) -> bool:
    """Whether the worker in it runs."""
    containers: Sequence[Object] = at(pod, "status", "containerStatuses") or ()
    worker = next((each for each in containers if each.get("name") == WORKER), next(iter(containers), None))
    return at(worker, "state", "running") is not None and at(pod, "status", "phase") == "Running"


def _is_beginning(pod: Object) -> bool:
    """Whether a node has it, and has not come to start it."""
    waiting = [at(each, "state", "waiting", "reason") for each in _containers(pod)]
    return at(pod, "status", "phase") == "Pending" and any(reason in BEGINNING for reason in waiting)


def _containers(pod: Object) -> list[Object]:
    status = at(pod, "status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _condition(value: Object, kind: str, status: str = "True") -> dict[str, Any] | None:
    conditions = at(value, "status", "conditions") or ()
    return next((each for each in conditions if each.get("type") == kind and each.get("status") == status), None)


def _index(pod: Object) -> str:
    """Which worker of its Job it is."""
    return str(at(pod, "metadata", "annotations", INDEX) or name_of(pod))


def _moment(event: Object) -> str:
    """When it was last; moments of Kubernetes sort as their texts do."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or at(event, "metadata", "creationTimestamp") or "")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _short(text: str) -> str:
    return text if len(text) <= MAX_WORDS else f"{text[: MAX_WORDS - 3]}..."
