"""The demonstration: the whole hub in real processes, a generated week, and a check of every number at the end."""
