"""Floor 2: what users write (plan files) becomes a `Plan`."""
