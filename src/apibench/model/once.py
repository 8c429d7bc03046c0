"""A plan of which each scenario is done once: to see whether it does what it should, before there is a load."""

from apibench.model.load import Closed, Ends
from apibench.model.plan import Plan


def once(plan: Plan) -> Plan:
    """The same with one iteration of one virtual user in each scenario, all at once, and nothing to pass or fail by."""
    load = Closed(model="closed", vus=1, ends=Ends(iterations=1))
    scenarios = tuple(each.model_copy(update={"load": load, "start_ns": 0}) for each in plan.scenarios)
    return plan.model_copy(update={"scenarios": scenarios, "warmup_ns": 0, "thresholds": ()})
