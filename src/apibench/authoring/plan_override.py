"""
The words of a command line over a plan from a file: the same plan at another load, for a shorter run or a sharper goal.

Only where it is plain whose load is meant: a plan of several scenarios is changed in its file.
"""

from apibench.authoring.load_words import OF_THE_LOAD, LoadWords, load_document, parse_stage
from apibench.authoring.reading import Reading
from apibench.authoring.url_plan import whole_plan
from apibench.model.errors import ThresholdInvalid
from apibench.model.plan import Plan
from apibench.model.threshold import parse_threshold
from apibench.model.units import parse_count, parse_duration, parse_rate


def read_override(plan: Plan, load: LoadWords, *, base_url: str | None = None) -> Reading:
    """
    The plan's document with what the words say instead. `base_url`: where its requests go.

    A threshold takes the place of those that the plan has on the same metric of the same step; the others stay.
    """
    reading = Reading(document=plan.document())
    given = [word for word in OF_THE_LOAD if getattr(load, word) not in (None, ())]
    if load.connections is not None:
        # On a URL it is VUs of one connection each; here it might mean either, at any of the hosts.
        reading.refuse(
            ("connections",),
            "a plan says itself what connections it has",
            "Say -u for VUs, or change the host's `connections` in the plan.",
        )
    if given and len(plan.scenarios) > 1:
        for word in given:
            message = f"the plan has {len(plan.scenarios)} scenarios, and this does not say whose load it is"
            reading.refuse((word, 0) if word == "stages" else (word,), message, "Change the load in the plan.")
    elif given:
        scenario = reading.document["scenarios"][0]
        scenario["load"] = load_document(load, reading, scenario["load"])
    whole_plan(load, reading)
    if base_url is not None:
        _move(plan, base_url, reading)
    mine = {_subject(text) for text in load.thresholds}
    kept = [text for text in plan.thresholds if _subject(text) not in mine]
    # Ours first, so that their numbers are those of the words.
    reading.document["thresholds"] = [*load.thresholds, *kept]
    return reading


def _move(plan: Plan, base_url: str, reading: Reading) -> None:
    if len(plan.hosts) > 1:
        message = f"the plan has {len(plan.hosts)} hosts, and this does not say which of them is meant"
        reading.refuse(("base_url",), message, "Change it in the plan.")
        return
    (name,) = plan.hosts
    reading.document["hosts"][name]["base_url"] = base_url
    reading.said["hosts", name, "base_url"] = ("base_url",)


def read_alone(load: LoadWords) -> Reading:
    """
    What is wrong with the words themselves, where there is no plan that they could change.

    Without a document: what depends on the plan (its model, its steps, its scenarios) can't be told, and isn't.
    """
    reading = Reading()
    for word, parse in (
        ("iterations", parse_count),
        ("duration", parse_duration),
        ("rate", parse_rate),
        ("warmup", parse_duration),
        ("drain", parse_duration),
    ):
        text = getattr(load, word)
        if text is not None:
            reading.attempt(parse, text, (word,), None)
    for at, text in enumerate(load.stages):
        reading.attempt(parse_stage, text, ("stages", at), None)
    for at, text in enumerate(load.thresholds):
        reading.attempt(parse_threshold, text, ("thresholds", at), None)
    return reading


def _subject(text: str) -> tuple[str, str | None] | None:
    try:
        threshold = parse_threshold(text)
    except ThresholdInvalid:
        return None  # validation tells it
    return threshold.metric, threshold.step
