"""
Columns for other libraries, through the C stream interface of Apache Arrow, without any of them.

The stream is made in Rust: who takes it may let go of it on any thread, and after Python itself has ended.
"""

from apibench._engine import arrow_stream

__all__ = ["arrow_stream"]
