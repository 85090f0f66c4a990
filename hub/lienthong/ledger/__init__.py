"""The ledger: a projection of receipts and access log into SQLite or PostgreSQL, rebuilt from Kafka at will."""
