"""Real runs of the command against real servers on loopback."""
