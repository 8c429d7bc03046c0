"""Loads in tests: the plugin of pytest, and what its fixtures hand out."""
