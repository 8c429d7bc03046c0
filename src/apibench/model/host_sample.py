"""What the host did to the generator: in one second, counts since the sample before, and in all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostSample:
    """Taken once an interval."""

    throttled_ns: int = 0
    """Time for which the control group's quota stopped us."""
    steal_ns: int = 0
    """Time that the hypervisor gave to others."""
    waited_ns: int = 0
    """Time for which our threads were ready to run and had no processor."""


@dataclass(frozen=True, slots=True)
class HostTotals:
    """Over all seconds so far."""

    throttled_ns: int = 0
    throttled_batches: int = 0
    """In how many seconds that was."""
    steal_ns: int = 0
    waited_ns: int = 0

    def then(self, sample: HostSample) -> "HostTotals":
        """And one second more."""
        return HostTotals(
            self.throttled_ns + sample.throttled_ns,
            self.throttled_batches + (sample.throttled_ns > 0),
            self.steal_ns + sample.steal_ns,
            self.waited_ns + sample.waited_ns,
        )
