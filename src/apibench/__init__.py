"""
API Benchmark: a distributed load tester for HTTP APIs. Python to use and to extend, a Rust engine to measure with.

This file is the face: it imports no service and nothing heavy, so that `apibench --version`
answers before pydantic or the engine have been loaded.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
