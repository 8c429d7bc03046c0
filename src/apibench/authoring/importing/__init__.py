"""What other tools have written down becomes a scenario in Python. Inputs are read, and never run."""
