"""
An API server and a Job controller that are made up, and a kubelet that runs each pod's worker as a process.

What Kubernetes does with a pod is done here: its own disk, SIGTERM and a grace period when it is taken away, and the
exit code as its Job hears it.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.unit.provider.fake_api import NAMESPACE, FakeApi, Object
from tests.unit.provider.fake_cluster import FakeCluster

T = TypeVar("T")
GRACE_S = 40.0


class Kubelet(FakeCluster):
    """Runs pods. Everything in it happens on the loop of its API."""

    def __init__(self, api: FakeApi, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(api)
        self.exit_codes: list[int] = []
        """Of all pods that have ended, in order."""
        self._folder = folder
        self._environment = environment
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pods: dict[str, asyncio.Task[None]] = {}
        """What goes on of each, by name."""

    @property
    def pids(self) -> list[int]:
        """Of the workers that run, in the order of their pods."""
        return [process.pid for process in self._processes.values()]

    def evict(self) -> None:
        """Take the first pod away, as a node does that is drained."""
        next(iter(self._processes.values())).terminate()

    async def stop(self) -> None:
        """End all that is left."""
        for process in self._processes.values():
            process.kill()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, pod: Object) -> None:
        uid = pod["metadata"]["ownerReferences"][0]["uid"]
        job = next(job for job in self.jobs if job["metadata"]["uid"] == uid)
        if "deletionTimestamp" not in job["metadata"]:  # else nothing of it is begun any more
            self._pods[pod["metadata"]["name"]] = self._start(self._run_pod(pod))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run_pod(self, pod: Object) -> None:
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]
        disk = self._folder / name
        disk.mkdir()
        with (disk / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "apibench",
                *container["args"],
                env={**self._environment, "APIBENCH_SPOOL": str(disk / "spool"), "APIBENCH_DATA_DIR": str(disk)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes[name] = process
        self.run(pod)
        code = await process.wait()
        del self._processes[name]
        code = 128 - code if code < 0 else code
        self.exit_codes.append(code)
        lines = (disk / "log").read_text(errors="replace").strip().splitlines()
        if name in self.api.objects["pods"]:
            self.end(pod, code, lines[-1] if lines else "")

    def _take_down(self, job: Object) -> None:
        """Its pods get their grace; then they are gone, and after the last the Job."""
        self._start(self._take_down_slowly(job))

    async def _take_down_slowly(self, job: Object) -> None:
        uid, name = job["metadata"]["uid"], job["metadata"]["name"]
        mine = [pod["metadata"]["name"] for pod in self.pods if pod["metadata"]["ownerReferences"][0]["uid"] == uid]
        for pod in mine:
            with contextlib.suppress(KeyError, ProcessLookupError):
                self._processes[pod].terminate()
        going = [self._pods[pod] for pod in mine if pod in self._pods]
        if going:
            await asyncio.wait(going, timeout=GRACE_S)
        for pod in self.pods:
            if pod["metadata"]["ownerReferences"][0]["uid"] == uid:
                self.api.remove("pods", pod["metadata"]["name"])
        if name in self.api.objects["jobs"]:
            self.api.remove("jobs", name)


class Cluster:
    """Both on a thread of their own."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        folder.mkdir()
        self.api = FakeApi()
        self.kubelet = Kubelet(self.api, folder, environment)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def kubeconfig(self) -> Path:
        """Of a user of it."""
        path = self.folder / "kubeconfig"
        path.write_text(
            f"""
apiVersion: v1
kind: Config
clusters: [{{name: tests, cluster: {{server: "{self.api.url}"}}}}]
users: [{{name: agent, user: {{token: of-the-agent}}}}]
contexts: [{{name: tests, context: {{cluster: tests, user: agent, namespace: {NAMESPACE}}}}}]
current-context: tests
"""
        )
        return path

    def ask(self, what: Callable[[], T]) -> T:
        """Look at something, or do it, on the loop of the API."""

        async def on_loop() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(10)

    def jobs(self) -> list[str]:
        """Names of the Jobs that there are."""
        return self.ask(lambda: list(self.api.objects["jobs"]))

    def kill_a_worker(self) -> None:
        """As the kernel does that has no memory left."""
        os.kill(self.ask(lambda: self.kubelet.pids)[0], signal.SIGKILL)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.api.start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        for work in (self.kubelet.stop(), self.api.stop()):
            asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def pod_template(folder: Path, controller: str) -> Path:
    """Of a worker of that controller, as an installation would say it."""
    path = folder / "pod.yaml"
    path.write_text(
        f"""
spec:
  containers:
    - name: worker
      image: registry.example/api-benchmark:1
      args: [worker, --controller={controller}]
"""
    )
    return path
