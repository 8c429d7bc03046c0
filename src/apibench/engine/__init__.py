"""The engine behind its seam: a plan goes down once, sealed intervals come up."""
