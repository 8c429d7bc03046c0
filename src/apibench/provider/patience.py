"""How long Jobs of Kubernetes and their API server are waited for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """All in seconds."""

    watch_s: tuple[int, int] = (240, 360)
    """A watch is ended by the server after a time between these: not those of all agents at one moment."""
    silence_s: float = 150.0
    """A watch that has said nothing for so long has stalled. A server says once a minute how far it is."""
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    """Between two tries of the same."""
    calm_s: float = 5.0
    """A watch that has lasted so long was a good one: the next fault is the first again."""
    bear_s: float = 3.0
    """For so long nobody is told that what is known is old."""
    appear_s: float = 30.0
    """A Job that was made and has not been seen by then is gone again."""
    wonder_s: float = 5.0
    """When pods have been missing, or not been started, for so long, it is asked why."""
    ask_again_s: float = 15.0
    """Why, that is."""
