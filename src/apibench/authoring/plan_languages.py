"""The languages that plans are written in. By themselves, because whoever runs a URL only asks whether it is none."""

LANGUAGES = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}
"""By the end of a file's name."""
