"""Part of the hub."""
