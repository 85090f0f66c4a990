"""Benchmarks: ratios of things run side by side in one run, never absolute times."""
