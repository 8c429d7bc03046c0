"""What a cluster does with Jobs: a controller that makes pods of them, nodes that run them, and what both do wrong."""

from collections import Counter
from typing import Any

from tests.unit.provider.fake_api import FakeApi, Object

INDEX = "batch.kubernetes.io/job-completion-index"


class FakeCluster:
    """Makes of Jobs what Kubernetes would, whenever a client has changed something, and when it is told to."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.makes_pods = True
        self.runs_pods = False
        """Whether pods run as soon as they are made."""
        self.exits: int | None = None
        """The exit code of every worker, as soon as it runs; None: they run on."""
        self.heals = False
        """Whether only the first one ends like that."""
        self.made = 0
        """Pods, ever."""
        api.on_change = self.settle

    @property
    def pods(self) -> list[Object]:
        return list(self.api.objects["pods"].values())

    @property
    def jobs(self) -> list[Object]:
        return list(self.api.objects["jobs"].values())

    def settle(self) -> None:
        """Do all that there is to do."""
        for job in self.jobs:
            if "deletionTimestamp" in job["metadata"]:
                self._take_down(job)
            elif self.makes_pods:
                self._make_pods(job)

    def add_pod(self, job: Object, index: int) -> Object:
        self.made += 1
        container = job["spec"]["template"]["spec"]["containers"][0]
        metadata = {
            "name": f"{job['metadata']['name']}-{index}-{self.made:05}",
            "labels": job["spec"]["template"]["metadata"]["labels"],
            "annotations": {INDEX: str(index)},
            "ownerReferences": [{"kind": "Job", "uid": job["metadata"]["uid"], "controller": True}],
            "managedFields": [{"manager": "kube-controller-manager"}],
        }
        spec = {"containers": [container]}
        return self.api.put("pods", {"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}})

    def run(self, pod: Object) -> None:
        """Its container runs."""
        self._have(pod, "Running", {"running": {"startedAt": "2026-01-02T03:04:05Z"}})

    def wait(self, pod: Object, reason: str, message: str = "") -> None:
        """Its container waits."""
        self._have(pod, "Pending", {"waiting": {"reason": reason, "message": message}})

    def unschedulable(self, pod: Object, message: str) -> None:
        """No node takes it."""
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        pod["status"] = {"phase": "Pending", "conditions": [condition]}
        self.api.put("pods", pod)

    def end(self, pod: Object, code: int, message: str = "", reason: str = "") -> None:
        """Its container ends, and its Job hears of it."""
        terminated = {"exitCode": code, "reason": reason or ("Error" if code else "Completed"), "message": message}
        self._have(pod, "Failed" if code else "Succeeded", {"terminated": terminated})
        uid = pod["metadata"]["ownerReferences"][0]["uid"]
        job = next(job for job in self.jobs if job["metadata"]["uid"] == uid)
        self._judge(job, code)

    def finish(self, job: Object, kind: str, reason: str, message: str) -> None:
        """A Job comes to its end."""
        conditions = job.setdefault("status", {}).setdefault("conditions", [])
        conditions.append({"type": kind, "status": "True", "reason": reason, "message": message})
        self.api.put("jobs", job)

    def warn(self, kind: str, value: Object, reason: str, message: str) -> None:
        """An event of an object."""
        involved = {"kind": kind, "name": value["metadata"]["name"], "uid": value["metadata"]["uid"]}
        number = len(self.api.objects["events"])
        self.api.put(
            "events",
            {
                "metadata": {"name": f"event-{number}"},
                "involvedObject": involved,
                "type": "Warning",
                "reason": reason,
                "message": message,
                "lastTimestamp": f"2026-01-02T03:04:{number:02}Z",
            },
        )

    def _have(self, pod: Object, phase: str, state: dict[str, Any]) -> None:
        container = pod["spec"]["containers"][0]
        stands = {"name": container["name"], "image": container["image"], "state": state}
        pod["status"] = {"phase": phase, "containerStatuses": [stands]}
        self.api.put("pods", pod)

    def _make_pods(self, job: Object) -> None:
        if job.get("status", {}).get("conditions"):
            return
        uid = job["metadata"]["uid"]
        mine = [pod for pod in self.pods if pod["metadata"]["ownerReferences"][0]["uid"] == uid]
        there = {int(pod["metadata"]["annotations"][INDEX]) for pod in mine}
        for index in set(range(job["spec"]["completions"])) - there:
            self._begin(self.add_pod(job, index))

    def _begin(self, pod: Object) -> None:
        if self.runs_pods:
            self.run(pod)
            if self.exits is not None and not (self.heals and self.made > 1):
                self.end(pod, self.exits, "what it said last")

    def _judge(self, job: Object, code: int) -> None:
        """By the policy of its pods' failures, as the Job says it."""
        (ignore, fail) = job["spec"]["podFailurePolicy"]["rules"]
        assert (ignore["action"], fail["action"]) == ("Ignore", "FailJob")
        if code in fail["onExitCodes"]["values"]:
            message = f"Container {fail['onExitCodes']['containerName']} failed with exit code {code}"
            self.finish(job, "Failed", "PodFailurePolicy", message)
            return
        mine = [pod for pod in self.pods if pod["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]]
        phases: dict[str, Counter[str]] = {}
        for pod in mine:
            phases.setdefault(pod["metadata"]["annotations"][INDEX], Counter())[pod["status"]["phase"]] += 1
        done = sorted(index for index, counts in phases.items() if counts["Succeeded"])
        most = job["spec"]["backoffLimitPerIndex"]
        failed = sorted(index for index, counts in phases.items() if counts["Failed"] > most)
        job.setdefault("status", {}).update(completedIndexes=",".join(done), failedIndexes=",".join(failed))
        self.api.put("jobs", job)
        if len(done) + len(failed) == job["spec"]["completions"]:
            if failed:
                self.finish(job, "Failed", "FailedIndexes", "Job has failed indexes")
            else:
                self.finish(job, "Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        for index, counts in phases.items():
            if not counts["Succeeded"] + counts["Pending"] + counts["Running"] and index not in failed:
                self._begin(self.add_pod(job, int(index)))

    def _take_down(self, job: Object) -> None:
        """Its pods first, then the Job: as `Foreground` has it."""
        uid = job["metadata"]["uid"]
        for pod in self.pods:
            if pod["metadata"]["ownerReferences"][0]["uid"] == uid:
                self.api.remove("pods", pod["metadata"]["name"])
        self.api.remove("jobs", job["metadata"]["name"])
