"""The service that makes workers where it stands, for a controller that it dials."""
