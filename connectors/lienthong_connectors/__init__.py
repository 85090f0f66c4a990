"""Built-in connectors: one sub-package for each remote system."""
