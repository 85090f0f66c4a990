"""The fault suite: breaks one thing after the other under load, then proves that nothing was lost or repeated."""
