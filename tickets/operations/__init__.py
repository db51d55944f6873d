"""Whether the system is ready, and how much work waits."""
