"""Whole users in Python: coroutines that are run while the load goes, of which the engine sends the requests."""
