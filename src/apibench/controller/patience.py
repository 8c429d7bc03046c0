"""How long a run waits for what, and how long before something happens it is told."""

START_LEAD_NS = 1_000_000_000
"""From the word to start until the start: time for it to reach everybody, and for all to say so."""
ARM_MARGIN_NS = 200_000_000
"""Who has not said by then that it will start is not waited for: the start is called off."""
LETTING_GO_NS = 300_000_000
"""After its share has gone to others, a worker that leaves still sends what was due to it before."""
STILL_READY_NS = 2_000_000_000
"""After the start: what was said before it has arrived by then."""
STARTS_TRIED = 3
LIFE_MARGIN_S = 600
"""Beyond all that a run may take by its plan: workers that were made for it are ended then, even if nobody says so."""
LONGEST_S = 86_400
"""How long a run without a planned end is held to take at most, for those workers."""
