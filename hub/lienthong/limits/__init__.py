"""What a target allows: calls per interval and per day, shared by all workers, and the hours at which it is closed."""
