"""
What an agent says of its Jobs to whoever looks at the cluster: as events of Kubernetes.

Kubernetes has no word of its own for what an agent has decided: that a Job can't be made (there is none to look at),
what its workers' last words were, that it was deleted because its run is over. It is said once in an agent's life, and
nothing waits for it.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from apibench.model.log_fields import about
from apibench.provider.api_fault import ApiFault
from apibench.provider.job_form import JobForm
from apibench.provider.kind import EVENTS, MANAGER

if TYPE_CHECKING:
    from apibench.provider.kubernetes_api import KubernetesApi

logger = logging.getLogger(__name__)
MAX_MESSAGE = 1_000
"""In bytes: Kubernetes takes 1,024 of an event as it is written today."""


class Saying(NamedTuple):
    """What has happened, as Kubernetes counts such things."""

    reason: str
    kind: str
    """`Normal` or `Warning`."""


REFUSED = Saying("RunRefused", "Warning")
"""There is no Job, and there will be none."""
FAILED = Saying("RunFailed", "Warning")
"""There will be no more workers."""
OVER = Saying("RunOver", "Normal")
"""The Job is deleted."""


def event_document(form: JobForm, job: Mapping[str, str], run_id: str, said: Saying, message: str) -> dict[str, Any]:
    """An event as it is created. `job`: name and namespace of a run's Job, and its uid where there is one."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{job['name']}.{secrets.token_hex(8)}", "labels": form.labels(run_id)},
        "involvedObject": {"apiVersion": "batch/v1", "kind": "Job", **job},
        "type": said.kind,
        "reason": said.reason,
        "message": message.encode("utf-8", "replace")[:MAX_MESSAGE].decode("utf-8", "ignore"),
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "reportingInstance": form.agent,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


class JobEvents:
    """Says what becomes of the Jobs of one agent. Who may not say it goes without."""

    def __init__(self, api: "KubernetesApi", form: JobForm) -> None:
        self._api = api
        self._form = form
        self._going_on: set[asyncio.Task[None]] = set()
        self._fault = ""
        """Why nothing could be said, as it was logged last."""

    def say(self, name: str, run_id: str, said: Saying, message: str, *, uid: str = "") -> None:
        """Begin to say it of the Job of that name; without `uid` where there is none."""
        job = {"name": name, "namespace": self._api.namespace} | ({"uid": uid} if uid else {})
        document = event_document(self._form, job, run_id, said, message)
        task = asyncio.create_task(self._say(run_id, document))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)

    async def close(self) -> None:
        """Say no more; what has not been said by now is left unsaid."""
        for task in self._going_on:
            task.cancel()
        await asyncio.gather(*self._going_on, return_exceptions=True)

    async def _say(self, run_id: str, document: dict[str, Any]) -> None:
        try:
            await self._api.create(EVENTS, document)
        except ApiFault as fault:
            if str(fault) != self._fault:
                extra = about(run_id, region=self._form.region)
                logger.warning("no event of it is made: %s", fault, extra=extra)
            self._fault = str(fault)
        else:
            self._fault = ""
