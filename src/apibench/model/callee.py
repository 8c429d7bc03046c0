"""A function of Python as another process finds it. No part of a plan: who reads a plan is never led to code by it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Callee:
    """What a scenario has called while the load runs."""

    module: str
    """As Python imports it."""
    file: str | None
    """The file that is loaded in its place, where it is none that can be imported by its name."""
    name: str
    """Qualified, within the module: `Signer.sign`."""
    path: tuple[str, ...] = ()
    """Where modules are looked for."""
