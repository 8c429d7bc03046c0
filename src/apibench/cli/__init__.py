"""Floor 5: the verbs of the user."""
