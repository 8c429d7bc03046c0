"""Importers: each kind of input, and what they have in common."""
