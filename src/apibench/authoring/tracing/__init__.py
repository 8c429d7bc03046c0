"""Scenarios in Python: functions that are run when they are loaded, with late values, and leave a plan behind."""
