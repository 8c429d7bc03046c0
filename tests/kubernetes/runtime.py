"""
Where a node's containers run: processes of this machine, or whatever else does as they would.

Of the image only what it starts is known: what deploy/image/Dockerfile says.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.compose.composed import stages
from tests.kubernetes.api import Object
from tests.kubernetes.container import in_container
from tests.network import Network

IMAGE = stages()["worker"]
_PROGRAMS = {"/usr/bin/python3.11": sys.executable}


@dataclass(frozen=True)
class Furnished:
    """All that the container of a pod is to have."""

    pod: Object
    """As the API server has it."""
    folder: Path
    """Of the pod. What its container says goes into `log` there."""
    environment: Mapping[str, str]
    mounts: Mapping[str, Path]
    """What is to be found where."""
    resolver: Path
    """What /etc/resolv.conf is."""

    @property
    def uid(self) -> str:
        """Of the pod."""
        uid: str = self.pod["metadata"]["uid"]
        return uid

    @property
    def words(self) -> list[str]:
        """What it starts."""
        (container,) = self.pod["spec"]["containers"]
        return [*container.get("command", IMAGE.entrypoint), *container.get("args", [])]


class Container(Protocol):
    """One that was started, as `subprocess` has processes."""

    def poll(self) -> int | None:
        """With which code it has ended; None while it goes on."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended. Raises subprocess.TimeoutExpired."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""
        ...


class Runtime(Protocol):
    """Of all nodes."""

    def join(self, pod: Object) -> str:
        """Have a pod be in the network; its address."""
        ...

    def leave(self, pod: Object) -> None:
        """Nothing of it is left."""
        ...

    def start(self, furnished: Furnished, ended: Callable[[], None]) -> Container:
        """Start a container. `ended` is called, from any thread, when it has ended."""
        ...


class ProcessRuntime:
    """Each container a process, in a network and a file system of its own."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def join(self, pod: Object) -> str:
        """By its uid."""
        return self._network.join(pod["metadata"]["uid"])

    def leave(self, pod: Object) -> None:
        """Its process has ended."""
        self._network.leave(pod["metadata"]["uid"])

    def start(self, furnished: Furnished, ended: Callable[[], None]) -> "subprocess.Popen[bytes]":
        """Start it."""
        spec = furnished.pod["spec"]
        (container,) = spec["containers"]
        root = furnished.folder / "root"
        root.mkdir(exist_ok=True)
        sysctls = {each["name"]: each["value"] for each in spec.get("securityContext", {}).get("sysctls", [])}
        prefix = in_container(
            root,
            furnished.mounts,
            furnished.resolver,
            sysctls,
            read_only=container.get("securityContext", {}).get("readOnlyRootFilesystem", False),
        )
        with (furnished.folder / "log").open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [
                    *self._network.entered(furnished.uid),
                    *prefix,
                    *(_PROGRAMS.get(each, each) for each in furnished.words),
                ],
                env=dict(furnished.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

        def await_its_end() -> None:
            process.wait()
            ended()

        threading.Thread(target=await_its_end, name=f"end of {furnished.uid}", daemon=True).start()
        return process
