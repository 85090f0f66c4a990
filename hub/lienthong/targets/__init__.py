"""What all callers of remote systems share, in pipelines and at the counter: connector, turns, access log."""
