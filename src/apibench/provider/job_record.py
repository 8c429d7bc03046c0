"""What an agent remembers of one Job beside what the API server says of it."""

import asyncio
from dataclasses import dataclass, field

from apibench.provider.backoff import Backoff
from apibench.provider.job_standing import Puzzle


@dataclass
class JobRecord:
    """One Job, by its name. Moments are those of the event loop, in seconds."""

    backoff: Backoff
    made_at_s: float | None = None
    """When the server said that it has it."""
    seen: bool = False
    """Whether a watch has told of it: then it was made, by whomever."""
    deleted: str = ""
    """The uid of that one of its name which the server has been told to delete."""
    refused: str = ""
    """Why it is not tried again, in words."""
    failed_s: float | None = None
    """Since when it is known to have failed."""
    has_said_failed: bool = False
    """Whether an event tells that it has failed."""
    fault: str = ""
    """What the last try failed with, in words."""
    due_s: float = 0.0
    """There is no other try before."""
    deed: "asyncio.Task[None] | None" = field(default=None, repr=False)
    """What goes on."""
    puzzle: Puzzle | None = None
    ask_s: float = 0.0
    """When it is asked why that does not go on."""
    heard: str = ""
    """What events say of the puzzle, in words."""

    @property
    def is_busy(self) -> bool:
        """Whether something goes on. Raises what is our own fault and has ended it."""
        if self.deed is None:
            return False
        if not self.deed.done():
            return True
        deed, self.deed = self.deed, None
        deed.result()
        return False

    @property
    def was_made(self) -> bool:
        """Whether it is there, or was."""
        return self.seen or self.made_at_s is not None
