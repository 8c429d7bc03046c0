"""Screens, documents and files of runs."""
