"""What the host did to the generator in one second. Counts since the sample before."""

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
