"""Carries out a share of a run: drives the engine and hands on what it measures."""
