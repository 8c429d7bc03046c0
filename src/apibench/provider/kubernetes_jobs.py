"""
Workers as Jobs of Kubernetes: one for each run, in the agent's own namespace.

What is wanted is told again and again, and compared with what two watches say is there; what is missing is made, what
is there and not wanted is deleted. A Job's name follows from its run, so that an agent that starts again finds what it
has made before, and two tries can't make two. One that was there and is gone is not made again: its workers would
begin another experiment in the middle of the first.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apibench.model.log_fields import about
from apibench.model.provision import Provision, ProvisionStatus
from apibench.provider.api_fault import ApiFault, ApiRefusal
from apibench.provider.backoff import Backoff
from apibench.provider.job_events import FAILED, OVER, REFUSED, JobEvents
from apibench.provider.job_form import JobForm
from apibench.provider.job_record import JobRecord
from apibench.provider.job_standing import has_failed, heard_of, owners, puzzle, standing
from apibench.provider.kind import JOBS, PODS, Object, at, uid_of
from apibench.provider.patience import Patience
from apibench.provider.watched import Watched

if TYPE_CHECKING:
    from apibench.provider.kubernetes_api import KubernetesApi

logger = logging.getLogger(__name__)
AT_ONCE = 4
"""Calls to the server beside the watches."""
LAST_WORDS_S = 2.0
"""For how long the failed pods of a failed Job are waited for, before an event tells why it has failed."""
GONE = "its Job is gone: somebody has deleted it, or it was over long ago"
Deed = Callable[[], Awaitable[None]]


class KubernetesJobs:
    """A WorkerProvider."""

    def __init__(self, api: "KubernetesApi", form: JobForm, max_workers: int, patience: Patience | None = None) -> None:
        """`max_workers`: at once, of all runs; 0: as many as the cluster has room for. The API is closed with it."""
        self._api = api
        self._form = form
        self._max_workers = max_workers
        self._patience = patience or Patience()
        self._jobs = Watched(api, JOBS, form.selector, self._patience)
        self._pods = Watched(api, PODS, form.selector, self._patience)
        self._events = JobEvents(api, form)
        self._records: dict[str, JobRecord] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def provide(self, wanted: Sequence[Provision]) -> tuple[ProvisionStatus, ...]:
        """Have a Job be there for each of these runs, and delete all others of this agent."""
        self._jobs.start()
        self._pods.start()
        by_name = {self._form.name(each.run_id): each for each in wanted}
        lacking: Mapping[str, str] = {}
        if self._jobs.listed:  # else nobody knows what is there
            for name, job in self._jobs.objects.items():
                self._record(name).seen = True
                if name not in by_name:
                    self._delete(name, job)
            lacking = self._lacking_room(by_name)
            for name, provision in by_name.items():
                if name not in lacking:
                    self._make(name, provision)
            self._forget(by_name.keys())
        pods = self._pods_by_owner()
        return tuple(self._status(name, each, lacking.get(name, ""), pods) for name, each in by_name.items())

    async def close(self) -> None:
        """Look no more. Jobs live without an agent, and another one finds them."""
        deeds = [record.deed for record in self._records.values() if record.deed is not None]
        for deed in deeds:
            deed.cancel()
        await asyncio.gather(*deeds, return_exceptions=True)
        await self._events.close()
        await self._jobs.close()
        await self._pods.close()
        await self._api.close()

    def _make(self, name: str, wanted: Provision) -> None:
        record = self._record(name)
        if record.was_made or record.refused:
            return

        async def create() -> None:
            try:
                await self._api.create(JOBS, self._form.document(wanted))
            except ApiRefusal as refusal:
                if refusal.is_taken:
                    await self._take_over(name, wanted.run_id, record)
                    return
                if refusal.is_for_good:
                    words = f"its Job can't be made: {refusal.message} ({refusal.status} {refusal.reason})"
                    self._refuse(record, name, wanted.run_id, words)
                    return
                raise
            record.made_at_s = self._now_s()
            logger.info("the Job %s is made, of %d workers", name, wanted.count, extra=self._about(wanted.run_id))

        self._begin(record, wanted.run_id, create, f"the Job {name} can't be made")

    async def _take_over(self, name: str, run_id: str, record: JobRecord) -> None:
        """One of that name is there: it is ours, of a try whose answer was lost, or it is somebody else's."""
        job = await self._api.read(JOBS, name)
        if self._form.is_ours(job, run_id):
            record.made_at_s = self._now_s()
        else:
            words = f"its Job can't be made: there is one named {name} which this agent has not made"
            self._refuse(record, name, run_id, words)

    def _refuse(self, record: JobRecord, name: str, run_id: str, words: str) -> None:
        record.refused = words
        logger.warning("%s", words, extra=self._about(run_id))
        self._events.say(name, run_id, REFUSED, words)

    def _delete(self, name: str, job: Object) -> None:
        record = self._record(name)
        uid, run_id = uid_of(job), self._form.run_of(job)
        if record.deleted == uid or at(job, "metadata", "deletionTimestamp"):
            return

        async def delete() -> None:
            try:
                await self._api.delete(JOBS, name, uid)
            except ApiRefusal as refusal:
                if refusal.status != 404:  # it is gone, and the watch will say so
                    raise
            record.deleted = uid
            logger.info("the Job %s is deleted: its run is over", name, extra=self._about(run_id))
            self._events.say(name, run_id, OVER, "its run is over: the Job is deleted", uid=uid)

        self._begin(record, run_id, delete, f"the Job {name} can't be deleted")

    def _begin(self, record: JobRecord, run_id: str, deed: Deed, failed: str) -> None:
        """Do it beside, unless something goes on for that Job, or it is too early for another try."""
        if not record.is_busy and self._now_s() >= record.due_s:
            record.deed = asyncio.create_task(self._carry_out(record, run_id, deed, failed))

    async def _carry_out(self, record: JobRecord, run_id: str, deed: Deed, failed: str) -> None:
        try:
            async with self._at_once:
                await deed()
        except ApiFault as fault:
            if str(fault) != record.fault:
                record.fault = str(fault)
                logger.warning("%s: %s", failed, fault, extra=self._about(run_id))
            record.due_s = self._now_s() + record.backoff.next_s(fault.retry_after_s)
        else:
            record.fault = ""
            record.backoff.reset()

    def _status(
        self, name: str, wanted: Provision, lacking: str, pods: Mapping[str, Sequence[Object]]
    ) -> ProvisionStatus:
        job = self._jobs.objects.get(name)
        record = self._record(name)
        trouble = self._jobs.trouble or self._pods.trouble
        if job is None:
            over = record.refused or lacking or (GONE if self._is_gone(record) else "")
            return ProvisionStatus(wanted.run_id, 0, over or _joined(record.fault, trouble), failed=bool(over))
        mine = pods.get(uid_of(job), ())
        self._wonder(record, job, mine)
        found = standing(wanted, job, mine, record.heard)
        if has_failed(job) and not record.has_said_failed and self._has_last_words(record, mine):
            record.has_said_failed = True
            self._events.say(name, wanted.run_id, FAILED, found.reason, uid=uid_of(job))
        return ProvisionStatus(wanted.run_id, found.started, _joined(found.reason, trouble), found.failed)

    def _has_last_words(self, record: JobRecord, pods: Sequence[Object]) -> bool:
        """Whether all is known of how a Job has failed: its pods are watched apart, and told of a moment later."""
        now_s = asyncio.get_running_loop().time()
        if record.failed_s is None:
            record.failed_s = now_s
        return any(at(pod, "status", "phase") == "Failed" for pod in pods) or now_s > record.failed_s + LAST_WORDS_S

    def _is_gone(self, record: JobRecord) -> bool:
        """Whether a Job that is not there was there before."""
        if record.seen or record.made_at_s is None or self._jobs.is_old:
            return record.seen
        return self._now_s() >= record.made_at_s + self._patience.appear_s

    def _lacking_room(self, by_name: Mapping[str, Provision]) -> dict[str, str]:
        """Which Jobs there is no room for beside the others, and why. Those that are there have it; then in turn."""
        if not self._max_workers:
            return {}
        room = self._max_workers - sum(each.count for name, each in by_name.items() if self._takes_room(name))
        lacking = {}
        for name, each in by_name.items():
            record = self._record(name)
            if self._takes_room(name) or record.was_made or record.refused:
                continue
            if each.count > room:
                lacking[name] = (
                    f"this agent makes up to {self._max_workers} workers at once, and {max(room, 0)} more now"
                )
            else:
                room -= each.count
        return lacking

    def _takes_room(self, name: str) -> bool:
        record = self._record(name)
        return name in self._jobs.objects or record.is_busy or (record.was_made and not self._is_gone(record))

    def _wonder(self, record: JobRecord, job: Object, pods: Sequence[Object]) -> None:
        """Ask for events of what does not go on, and does not say why."""
        found = None if self._pods.is_old else puzzle(job, pods)
        now_s = self._now_s()
        if found != record.puzzle:
            record.puzzle, record.ask_s, record.heard = found, now_s + self._patience.wonder_s, ""
        if found is None or now_s < record.ask_s:
            return

        async def ask() -> None:
            with contextlib.suppress(ApiFault):  # who may not see events goes without
                record.heard = heard_of(found, await self._api.events(found.kind, found.uid))

        record.ask_s = now_s + self._patience.ask_again_s
        self._begin(record, self._form.run_of(job), ask, f"events of {found.name} can't be read")

    def _pods_by_owner(self) -> Mapping[str, list[Object]]:
        """By the uid of their Job: another one of its name may have had others."""
        found = defaultdict(list)
        for pod in self._pods.objects.values():
            for uid in owners(pod):
                found[uid].append(pod)
        return found

    def _record(self, name: str) -> JobRecord:
        if name not in self._records:
            backoff = Backoff(self._patience.first_pause_s, self._patience.longest_pause_s)
            self._records[name] = JobRecord(backoff)
        return self._records[name]

    def _forget(self, wanted: Collection[str]) -> None:
        """Of Jobs that are neither wanted nor there, nothing is kept."""
        for name in self._records.keys() - set(wanted) - self._jobs.objects.keys():
            if not self._records[name].is_busy:
                del self._records[name]

    def _about(self, run_id: str) -> Mapping[str, Any]:
        return about(run_id, region=self._form.region)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


def _joined(*reasons: str) -> str:
    return "; ".join(dict.fromkeys(filter(None, reasons)))
