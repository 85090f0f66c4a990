"""The Faust transport on librdkafka: slices of a partition, an own watermark, incremental rebalance."""
