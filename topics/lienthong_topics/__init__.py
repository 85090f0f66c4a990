"""The map of the data: topics and the pipelines between them."""
