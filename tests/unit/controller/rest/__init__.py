"""The REST face, over a memory store and orchestration that only remembers what it was asked for."""
