"""The Job that is made for a run's workers: how it is called, how it is found again, and what stands in it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apibench.model.exit_codes import ExitCode
from apibench.model.provision import Provision
from apibench.provider.kind import Object, at
from apibench.provider.pod_template import NAMED, PodTemplate, worker_place

AGENT, REGION, RUN = "apibench/agent", "apibench/region", "apibench/run"
MAX_NAME = 50
"""Kubernetes takes 63, and a pod's name has its index and five more letters."""
FINISHED_STAYS_S = 3600
"""For whoever wants to look at it: an agent deletes it earlier, when its run is over."""
TRIES_AGAIN = 1
"""Of each worker that has failed."""
UNDISTURBED = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}
"""No node with a worker on it is taken away to save money: that would be seen in what it measures."""
_DNS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class JobForm:
    """What all Jobs of an agent have in common."""

    agent: str
    """Its name. It has to be the same after a restart, or it does not know its Jobs again."""
    region: str
    """Where it stands; may be empty."""
    template: PodTemplate

    @property
    def selector(self) -> str:
        """Which objects are this agent's."""
        managed = "app.kubernetes.io/managed-by"
        return f"{managed}={NAMED[managed]},{AGENT}={label_value(self.agent)}"

    def name(self, run_id: str) -> str:
        """Of a run's Job: a DNS label of up to 50 characters, its own among all runs and regions."""
        told = "-".join(filter(None, ("apibench", run_id, self.region)))
        regional = not self.region or _DNS.fullmatch(self.region)
        if re.fullmatch("[a-z0-9]+", run_id) and regional and len(told) <= MAX_NAME:
            return told
        # Two dashes: what was made up can't be the name of another run.
        made_up = _shortened(f"{run_id}-{self.region}", f"{run_id}\0{self.region}", MAX_NAME - len("apibench--"))
        return f"apibench--{made_up.lower()}"

    def labels(self, run_id: str) -> dict[str, str]:
        """Of a run's Job, and of its pods."""
        labels = {**NAMED, AGENT: label_value(self.agent), RUN: label_value(run_id)}
        return labels | ({REGION: label_value(self.region)} if self.region else {})

    def is_ours(self, job: Object, run_id: str) -> bool:
        """Whether this agent has made it, for that run."""
        there = at(job, "metadata", "labels") or {}
        return all(there.get(key) == value for key, value in self.labels(run_id).items())

    @staticmethod
    def run_of(job: Object) -> str:
        """For which run a Job was made. The ids that we give are labels as they stand."""
        return str(at(job, "metadata", "labels", RUN) or "")

    def document(self, wanted: Provision) -> dict[str, Any]:
        """The Job of a run's workers, as it is created."""
        labels = self.labels(wanted.run_id)
        containers = self.template["spec"]["containers"]
        worker = containers[worker_place(containers)]["name"]
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": self.name(wanted.run_id), "labels": labels},
            "spec": {
                "completionMode": "Indexed",
                "completions": wanted.count,
                "parallelism": wanted.count,
                "backoffLimitPerIndex": TRIES_AGAIN,
                "maxFailedIndexes": wanted.count,  # one that is broken ends none of the others
                "podReplacementPolicy": "Failed",  # only who is gone is replaced: never two of one index at once
                "podFailurePolicy": {
                    "rules": [
                        {
                            "action": "Ignore",
                            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                        },
                        {
                            "action": "FailJob",
                            "onExitCodes": {
                                "containerName": worker,
                                "operator": "In",
                                "values": [int(ExitCode.USAGE)],
                            },
                        },
                    ]
                },
                "activeDeadlineSeconds": wanted.life_s,
                "ttlSecondsAfterFinished": FINISHED_STAYS_S,
                "template": self._pod(wanted.run_id, labels),
            },
        }

    def _pod(self, run_id: str, labels: Mapping[str, str]) -> dict[str, Any]:
        metadata = self.template.get("metadata") or {}
        spec = self.template["spec"]
        containers = list(spec["containers"])
        place = worker_place(containers)
        # Its last words are all that is left of a worker whose pod is gone.
        worker = {"terminationMessagePolicy": "FallbackToLogsOnError", **containers[place]}
        own = [f"--run={run_id}"]
        if self.region and not any(word.startswith("--region") for word in worker.get("args", ())):
            own.append(f"--region={self.region}")  # by which the run finds it
        containers[place] = {**worker, "args": [*worker.get("args", []), *own]}
        return {
            "metadata": {
                **metadata,
                "labels": {**(metadata.get("labels") or {}), **labels},
                "annotations": {**UNDISTURBED, **(metadata.get("annotations") or {})},
            },
            "spec": {**spec, "restartPolicy": "Never", "containers": containers},
        }


def label_value(text: str) -> str:
    """A text as a label can hold it: up to 63 characters, other ones for other texts."""
    return text if not text or _LABEL.fullmatch(text) else _shortened(text, text, 63)


def _shortened(text: str, whole: str, size: int) -> str:
    """What of a text a name can hold, up to so many characters, and a few that tell it from all others."""
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    head = re.sub("[^A-Za-z0-9]+", "-", text).strip("-")[: size - len(digest) - 1].rstrip("-")
    return f"{head}-{digest}" if head else digest
