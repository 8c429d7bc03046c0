"""Where the workers of a run are to be made, if agents make them."""

from collections.abc import Mapping
from dataclasses import replace

from apibench.model.errors import LinkLost, UsageError
from apibench.model.provision import AgentFacts
from apibench.model.submission import RunSubmission


def placed(asked: RunSubmission, there: Mapping[str, AgentFacts]) -> RunSubmission:
    """
    The submission with a number for each region whose agent is to make workers. `there`: agents by region.

    Raises UsageError for a number that is missing or that no agent makes, and LinkLost where an agent is not there: it
    may come.
    """
    regions = asked.regions
    if not regions:
        number = _number(asked)
        regions = {_only_region(there): number}
    for region, count in regions.items():
        agent = there.get(region)
        if agent is None:
            known = ", ".join(f"`{each}`" for each in sorted(there) if each) or "none with a region"
            raise LinkLost(
                f"no agent of region `{region}` is there", f"Those that are: {known}. Start one: apibench agent."
            )
        if agent.max_workers and count > agent.max_workers:
            raise UsageError(
                f"{count} workers are more than the agent {agent.name} makes", f"It makes up to {agent.max_workers}."
            )
    return replace(asked, workers=None, regions=regions)


def _only_region(there: Mapping[str, AgentFacts]) -> str:
    if not there:
        raise LinkLost("no agent is there that could make workers", "Start one: apibench agent --controller HOST:PORT.")
    if len(there) > 1:
        known = ", ".join(f"`{region}`" for region in sorted(there))
        raise UsageError(f"agents are in several regions: {known}", "Say how many of each, like --region eu:2,us:1.")
    return next(iter(there))


def _number(asked: RunSubmission) -> int:
    if asked.workers is None:
        raise UsageError("nothing says how many workers are to be made", "Say it, like --workers 5.")
    return asked.workers
