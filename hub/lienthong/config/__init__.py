"""Configuration: models, files, environment and secrets."""
