"""Pipelines: their declaration, the two engines, and the worker that runs one."""
