"""Messages, the tasks that take them, and SQS as their transport."""
