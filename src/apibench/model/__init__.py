"""Floor 1: frozen data and pure rules. No clock, no file, no network, no engine."""
