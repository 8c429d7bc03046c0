"""What the host did to the generator: in one second, counts since the sample before, and in all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostSample:
    """Taken once an interval."""

    throttled_ns: int = 0
    """Time for which the control group's quota stopped us."""
    steal_ns: int = 0
    """Time that our threads wanted and the hypervisor gave to other machines, as far as it can be told apart."""
    waited_ns: int = 0
    """Time for which our threads were ready to run and had no processor."""
    threads: int = 0
    """How many made the load, at the end of the interval; 0 where that is not told."""


@dataclass(frozen=True, slots=True)
class HostTotals:
    """Over all seconds so far."""

    throttled_ns: int = 0
    throttled_batches: int = 0
    """In how many seconds that was."""
    steal_ns: int = 0
    waited_ns: int = 0
    threads: int = 0
    """The most that made the load at once; 0 where that is not told."""

    def then(self, sample: HostSample) -> "HostTotals":
        """And one second more."""
        return HostTotals(
            self.throttled_ns + sample.throttled_ns,
            self.throttled_batches + (sample.throttled_ns > 0),
            self.steal_ns + sample.steal_ns,
            self.waited_ns + sample.waited_ns,
            max(self.threads, sample.threads),
        )

    def beside(self, other: "HostTotals") -> "HostTotals":
        """Of two hosts together."""
        return HostTotals(
            self.throttled_ns + other.throttled_ns,
            self.throttled_batches + other.throttled_batches,
            self.steal_ns + other.steal_ns,
            self.waited_ns + other.waited_ns,
            self.threads + other.threads,
        )
