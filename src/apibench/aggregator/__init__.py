"""Adds up what all workers measured, and judges it."""
