"""What may be said of the processes that functions of Python are called by, beside a plan."""

from dataclasses import dataclass

from apibench.authoring.reading import Reading
from apibench.model.python_options import PythonOptions
from apibench.model.units import parse_duration, parse_size

MAX_PROCESSES = 256
LEAST_TIMEOUT_NS = 100_000_000
"""They are looked at twenty times a second."""
LEAST_MEMORY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class PythonWords:
    """As they were given."""

    python_processes: int | None = None
    python_timeout: str | None = None
    python_memory: str | None = None

    def given(self) -> tuple[tuple[str, object], ...]:
        """Each with its word."""
        return (
            ("python_processes", self.python_processes),
            ("python_timeout", self.python_timeout),
            ("python_memory", self.python_memory),
        )

    def read(self, reading: Reading, *, calls: bool) -> PythonOptions:
        """What they come to; what can't be is refused in `reading`. `calls`: whether anything is called."""
        usual = PythonOptions()
        for word, value in self.given():
            if value is not None and not calls:
                reading.refuse((word,), "is of calls of Python, and this has none", "Leave it out.")
        count = self.python_processes
        if count is not None and not 1 <= count <= MAX_PROCESSES:
            reading.refuse(("python_processes",), f"{count} processes can call nothing", f"Use 1 to {MAX_PROCESSES}.")
        timeout_ns, memory_bytes = usual.timeout_ns, usual.memory_bytes
        if self.python_timeout is not None:
            timeout_ns = reading.attempt(parse_duration, self.python_timeout, ("python_timeout",), usual.timeout_ns)
            if timeout_ns < LEAST_TIMEOUT_NS:
                message = "is shorter than anybody looks: processes are looked at twenty times a second"
                reading.refuse(("python_timeout",), message, "Use 100ms or more.")
        if self.python_memory is not None:
            memory_bytes = reading.attempt(parse_size, self.python_memory, ("python_memory",), usual.memory_bytes)
            if memory_bytes < LEAST_MEMORY_BYTES:
                reading.refuse(("python_memory",), "is less than Python itself needs", "Use 64MiB or more.")
        return PythonOptions(count, timeout_ns, memory_bytes)
