"""
The links within a process: the same messages, from hand to hand.

An aggregator is its own AggregatorLink. Both links here can be cut and mended again, as a network can: everything that
goes on over them is lost at once, and nothing new begins until they are mended.
"""

import asyncio
import logging

from apibench.model.batch import IntervalAck, Pushed
from apibench.model.control import ControllerMessage, Prepare, WorkerMessage
from apibench.model.errors import ApibenchError
from apibench.wire.intake import Intake
from apibench.wire.limits import UNHEARD_MESSAGES, check_pushed, check_size
from apibench.wire.mailbox import Mailbox, lost
from apibench.wire.seam import IntervalHost, WorkerHost

logger = logging.getLogger(__name__)


class _Conversation:
    """What is said between a worker and the controller."""

    def __init__(self) -> None:
        self.to_controller: Mailbox[WorkerMessage] = Mailbox(UNHEARD_MESSAGES)
        self.to_worker: Mailbox[ControllerMessage] = Mailbox(UNHEARD_MESSAGES)

    def end(self, what: str) -> None:
        self.to_controller.close(lost(what))
        self.to_worker.close(lost(what))


class _ControllerSession:
    """A ControllerSession: the worker's end."""

    def __init__(self, conversation: _Conversation) -> None:
        self._conversation = conversation

    async def send(self, message: WorkerMessage) -> None:
        """Say something. Raises LinkLost."""
        await self._conversation.to_controller.put(message)

    async def receive(self) -> ControllerMessage:
        """Hear the next thing. Raises LinkLost."""
        return await self._conversation.to_worker.take()

    async def close(self) -> None:
        """Say nothing more."""
        self._conversation.end("the worker has ended the conversation")


class _WorkerSession:
    """A WorkerSession: the controller's end."""

    def __init__(self, conversation: _Conversation) -> None:
        self._conversation = conversation

    async def send(self, message: ControllerMessage) -> None:
        """Say something. Raises LinkLost, also where the worker has not listened for long."""
        if isinstance(message, Prepare):
            check_size("a plan", len(message.plan.encode()) + len(message.bundle.encode()))
        if not self._conversation.to_worker.post(message):
            self._conversation.end(f"the worker has left {UNHEARD_MESSAGES} messages unheard")
            raise lost(f"the worker has left {UNHEARD_MESSAGES} messages unheard")

    async def receive(self) -> WorkerMessage:
        """Hear the next thing. Raises LinkLost."""
        return await self._conversation.to_controller.take()


class InProcessControllerLink:
    """A ControllerLink to a host in this process."""

    def __init__(self, host: WorkerHost) -> None:
        self._host = host
        self._going_on: dict[asyncio.Task[None], _Conversation] = {}
        self._is_cut = False

    async def attach(self) -> _ControllerSession:
        """Begin a conversation. Raises LinkLost while the link is cut."""
        if self._is_cut:
            raise lost("the link to the controller is cut")
        conversation = _Conversation()
        task = asyncio.create_task(self._converse(conversation))
        self._going_on[task] = conversation
        task.add_done_callback(self._going_on.pop)
        return _ControllerSession(conversation)

    def cut(self) -> None:
        """Lose all conversations, and let none begin."""
        self._is_cut = True
        for conversation in self._going_on.values():
            conversation.end("the link to the controller is cut")

    def mend(self) -> None:
        """Let conversations begin again."""
        self._is_cut = False

    async def close(self) -> None:
        """Cut it for good, and wait until the host has let go of all conversations."""
        self.cut()
        if self._going_on:
            await asyncio.wait(list(self._going_on))

    async def _converse(self, conversation: _Conversation) -> None:
        try:
            await self._host.converse(_WorkerSession(conversation))
        except ApibenchError as error:
            conversation.end(f"the controller has ended the conversation: {error.message}")
        except Exception:
            logger.exception("a conversation with a worker broke")
        finally:
            conversation.end("the controller has ended the conversation")


class _IntervalSession:
    """An IntervalSession."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def push(self, pushed: Pushed) -> None:
        """Hand it over. Raises LinkLost, and Refused for what is too large."""
        check_pushed(pushed)
        await self._intake.accept(pushed)

    async def acknowledged(self) -> IntervalAck:
        """The next word on what is safe. Raises LinkLost."""
        return await self._intake.next_answer()

    async def close(self) -> None:
        """Push nothing more."""
        self._intake.end("the worker has ended the stream of results")


class InProcessIntervalSink:
    """An IntervalSink into a host in this process."""

    def __init__(self, host: IntervalHost) -> None:
        self._host = host
        self._intakes: list[Intake] = []
        self._is_cut = False

    async def open(self) -> _IntervalSession:
        """Begin a stream. Raises LinkLost while the link is cut."""
        if self._is_cut:
            raise lost("the link to the aggregator is cut")
        intake = Intake(self._host)
        self._intakes = [*(each for each in self._intakes if not each.is_over), intake]
        return _IntervalSession(intake)

    def cut(self) -> None:
        """Lose all streams, and let none begin."""
        self._is_cut = True
        for intake in self._intakes:
            intake.end("the link to the aggregator is cut")

    def mend(self) -> None:
        """Let streams begin again."""
        self._is_cut = False

    async def close(self) -> None:
        """Cut it for good, and wait until the host has taken or refused what it had begun to take."""
        self.cut()
        for intake in self._intakes:
            await intake.finish()
